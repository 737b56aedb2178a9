"""The measured series refined jointly, beside the same scans refined one by one.

python benchmarks/real_joint.py ti64       # jumping intensities: does the program say so, and what comes of it?
python benchmarks/real_joint.py co2sio4    # by how much the scatter about a smooth curve shrinks, and the esds
"""

from __future__ import annotations

import argparse

import numpy as np
from real_series import job_of, with_settings

import xrdfit
from xrdfit.data import SeriesResult
from xrdfit.io import header_lines
from xrdfit.recipe import Job

# Widths of a specimen that recrystallises are its own in every scan.
SIZES = {f"{phase}_lorentz_size": "scan" for phase in ("alpha", "beta", "steel")}
STRAINS = {f"{phase}_lorentz_strain": "fixed" for phase in ("alpha", "beta", "steel")}


def refined(job: Job, mode: str, intensities: str, scope: dict[str, str]) -> SeriesResult:
    return xrdfit.refine_series(
        with_settings(job, mode=mode, intensities=intensities, scope={**job.settings.scope, **scope})
    )


def ti64() -> None:
    with job_of("ti64") as job:
        shared = refined(job, "series", "shared", SIZES | STRAINS)
        joint = refined(job, "series", "hierarchical", SIZES | STRAINS)
        free = refined(job, "series", "lebail", SIZES | STRAINS)
        alone = refined(job, "sequential", "lebail", {})
    print("shared intensities, what the program says:")
    for line in shared.warnings:
        print(f"  {line}")
    print("hierarchical:")
    for line in joint.notes:
        if line.startswith("intensities"):
            print(f"  {line}")
    for phase in ("alpha", "beta", "steel"):
        print(f"  {phase} present: {''.join(str(int(p)) for p in joint.columns[f'{phase}_present'])}")
    print("hierarchical against free intensities: difference in combined esds, and in 1e-3 Å (RMS)")
    for name in ("alpha_a", "alpha_c", "beta_a", "steel_a"):
        words = []
        for label, other in (("in series", free), ("scan by scan", alone)):
            apart = joint.columns[name] - other.columns[name]
            combined = np.hypot(joint.columns[f"{name}_esd"], other.columns[f"{name}_esd"])
            known = np.isfinite(apart)
            z = apart[known] / combined[known]
            words.append(
                f"{label}: {known.sum()} scans, RMS {np.sqrt(np.mean(z**2)):.2f}, largest {np.abs(z).max():.2f}, "
                f"{1e3 * np.sqrt(np.mean(apart[known] ** 2)):.2f}"
            )
        print(f"  {name:8} {'; '.join(words)}")


def co2sio4() -> None:
    with job_of("co2sio4") as job:
        heads = [header_lines(path) for path in job.stack.paths]  # type: ignore[attr-defined]
        runs = {
            "scan by scan, zero its own": refined(job, "sequential", "lebail", {"zero_shift": "scan"}),
            "scan by scan, zero once": refined(job, "sequential", "lebail", {}),
            "series, shared": refined(job, "series", "shared", {}),
            "series, hierarchical": refined(job, "series", "hierarchical", {}),
        }
    temperature = np.array([float(next(line for line in head if line.startswith("TEMP")).split()[1]) for head in heads])
    first: dict[str, tuple[float, float]] = {}
    print("Co2SiO4: scatter about a smooth curve and median esd, 1e-3 Å (how much smaller than in the first row)")
    for label, result in runs.items():
        words = []
        for name in ("a", "b", "c"):
            scatter, esd = scatter_of(result, name, temperature)
            first.setdefault(name, (scatter, esd))
            words.append(
                f"{name} {1e3 * scatter:.3f} ({first[name][0] / scatter:.2f}), "
                f"{1e3 * esd:.3f} ({first[name][1] / esd:.2f})"
            )
        print(f"  {label:28} {'; '.join(words)}")
        for line in result.warnings:
            print(f"    {line}")


def scatter_of(result: SeriesResult, name: str, temperature: np.ndarray) -> tuple[float, float]:
    order = np.argsort(temperature)
    scaled = np.interp(temperature, (temperature.min(), temperature.max()), (-1.0, 1.0))[order]
    value, esd = result.columns[f"CSO_{name}"][order], result.columns[f"CSO_{name}_esd"][order]
    degree = 8
    smooth = np.polynomial.chebyshev.chebval(scaled, np.polynomial.chebyshev.chebfit(scaled, value, degree))
    return float(np.sqrt(np.sum((value - smooth) ** 2) / (value.size - degree - 1))), float(np.median(esd))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ti64", "co2sio4"))
    {"ti64": ti64, "co2sio4": co2sio4}[parser.parse_args().what]()
