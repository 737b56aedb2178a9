"""The measured series with reference results: what the main job makes of them.

    python benchmarks/real_series.py pbso4       # Le Bail against JANA2006, under three weightings
    python benchmarks/real_series.py ti64        # phases that come and go; forward against backward; MAUD's last scan
    python benchmarks/real_series.py co2sio4     # Pnma over temperature
    python benchmarks/real_series.py drivers     # compiled against lmfit's leastsq on all three

The data are read where they lie: ``XRDFIT_REAL_DATA``, or ``../shared/data`` beside the project.
"""

from __future__ import annotations

import argparse
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from known_truth import largest_difference

import xrdfit
from xrdfit.data import ScanResult, SeriesResult
from xrdfit.io import header_lines
from xrdfit.recipe import Job

PROJECT = Path(__file__).resolve().parents[1]
RECIPES = PROJECT / "tests" / "real" / "recipes"
DATA = Path(os.environ.get("XRDFIT_REAL_DATA", PROJECT.parent / "shared" / "data"))

JANA = {"a": (8.466523, 643e-6), "b": (5.395564, 405e-6), "c": (6.952746, 513e-6)}
JANA_R_WP = 0.2315
MAUD = {"alpha_a": 2.92752, "alpha_c": 4.67691, "beta_a": 3.23004, "steel_a": 3.59911}


@contextmanager
def job_of(name: str) -> Iterator[Job]:
    """The job of a recipe in tests/real/recipes, its data found where they lie."""
    with TemporaryDirectory() as folder:
        recipe = Path(folder) / f"{name}.toml"
        text = (RECIPES / f"{name}.toml").read_text()
        recipe.write_text(text.replace("../../../../shared/data", DATA.as_posix()))
        if name == "co2sio4":
            with zipfile.ZipFile(DATA / "co2sio4-temperature" / "ed-26.zip") as packed:
                packed.extractall(folder)
        yield xrdfit.build_job(xrdfit.load_recipe(recipe))


class Keep:
    """Keeps the last finished scan."""

    last: ScanResult | None = None

    def write_scan(self, index: int, result: ScanResult) -> None:
        self.last = result


def with_settings(job: Job, **changes: object) -> Job:
    return replace(job, settings=replace(job.settings, **changes))


def pbso4() -> None:
    print("PbSO4, Le Bail: difference from JANA2006 in 1e-3 Å (own esd), and in combined esds")
    with job_of("pbso4") as job:
        freed = {
            "zero shift": job.settings.scope,
            "displacement": {"zero_shift": "fixed", "sample_displacement": "scan"},
        }
        for position, scope in freed.items():
            for weights in ("estimated", "poisson", "unit"):
                keep = Keep()
                result = xrdfit.refine_series(with_settings(job, weights=weights, scope=scope), writer=keep)
                cells = []
                for name, (value, esd) in JANA.items():
                    own = float(result.columns[f"PbSO4_{name}_esd"][0])
                    error = float(result.columns[f"PbSO4_{name}"][0]) - value
                    cells.append(f"{name} {1e3 * error:+.2f}({1e3 * own:.2f}) {abs(error) / np.hypot(own, esd):.2f}")
                assert keep.last is not None
                r_wp = inverse_intensity_r_wp(keep.last)
                zero = keep.last.values["zero_shift"]
                print(
                    f"  {position:12} {weights:9}: {', '.join(cells)}; zero {zero:+.4f} deg; "
                    f"R_wp with 1/y weights {r_wp:.4f} (JANA {JANA_R_WP}); d {keep.last.durbin_watson:.2f}"
                )


def inverse_intensity_r_wp(result: ScanResult) -> float:
    """R_wp with weights 1/y over the points above zero, whatever the fit's own weights were."""
    curves = result.curves
    assert curves is not None
    used = curves.used & (curves.observed > 0.0)
    y, residual = curves.observed[used], (curves.observed - curves.calculated)[used]
    return float(np.sqrt(np.sum(residual**2 / y) / np.sum(y)))


def ti64() -> None:
    with job_of("ti64") as job:
        runs = {way: xrdfit.refine_series(with_settings(job, direction=way)) for way in ("forward", "backward")}
    forward = runs["forward"].columns
    print("scan  outcome    alpha beta steel   (1 present, 0 absent; z of the presence test where one was needed)")
    for row, source in enumerate(forward["source"]):
        marks = []
        for phase in ("alpha", "beta", "steel"):
            z = forward[f"{phase}_presence_z"][row]
            cell = "" if np.isfinite(forward[f"{phase}_a"][row]) else " no cell"
            marks.append(f"{int(forward[f'{phase}_present'][row])}" + (f" (z {z:.1f}{cell})" if np.isfinite(z) else ""))
        print(f"{source[10:14]}  {forward['outcome'][row]:9}  {'  '.join(marks)}  R_wp {forward['r_wp'][row]:.3f}")
    print(f"forward against backward: at most {largest_difference(forward, runs['backward'].columns):.1e} esd apart")
    print("last scan against MAUD, 1e-3 Å (esd):")
    for name, value in MAUD.items():
        print(f"  {name}: {1e3 * (forward[name][-1] - value):+.2f} ({1e3 * forward[f'{name}_esd'][-1]:.2f})")


def co2sio4() -> None:
    with job_of("co2sio4") as job:
        result = xrdfit.refine_series(job)
        heads = [header_lines(path) for path in job.stack.paths]  # type: ignore[attr-defined]
    temperature = np.array([float(next(line for line in head if line.startswith("TEMP")).split()[1]) for head in heads])
    scatter_about_curve(result, temperature)


def scatter_about_curve(result: SeriesResult, temperature: np.ndarray) -> None:
    print(f"Co2SiO4: {len(temperature)} scans, outcomes {sorted(set(result.columns['outcome']))}")
    order = np.argsort(temperature)
    scaled = np.interp(temperature, (temperature.min(), temperature.max()), (-1.0, 1.0))[order]
    for name in ("a", "b", "c"):
        value, esd = result.columns[f"CSO_{name}"][order], result.columns[f"CSO_{name}_esd"][order]
        degree = 8
        smooth = np.polynomial.chebyshev.chebval(scaled, np.polynomial.chebyshev.chebfit(scaled, value, degree))
        scatter = float(np.sqrt(np.sum((value - smooth) ** 2) / (value.size - degree - 1)))
        median = float(np.median(esd))
        print(
            f"  {name}: scatter {1e3 * scatter:.3f}e-3 Å, median esd {1e3 * median:.3f}e-3 Å, "
            f"ratio {scatter / median:.2f}"
        )


def drivers() -> None:
    for name in ("pbso4", "ti64", "co2sio4"):
        with job_of(name) as job:
            one = xrdfit.refine_series(job).columns
            other = xrdfit.refine_series(with_settings(job, solver="leastsq")).columns
        print(f"{name}: compiled against leastsq: at most {largest_difference(one, other):.1e} esd apart", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pbso4", "ti64", "co2sio4", "drivers"))
    {"pbso4": pbso4, "ti64": ti64, "co2sio4": co2sio4, "drivers": drivers}[parser.parse_args().what]()
