"""What the comparisons with known truth have in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xrdfit
from xrdfit.data import SeriesResult
from xrdfit.model.instrument import Detector
from xrdfit.recipe import Job
from xrdfit.simulate import LEAST_FRACTION, SimulatedStack, write_simulated

PHASES = ("LFP", "FP")
CELLS = tuple(f"{phase}_{axis}" for phase in PHASES for axis in "abc")

Columns = Mapping[str, NDArray[Any]]


def job_of(simulated: SimulatedStack, *, detector: Detector | None = None, **settings: Any) -> Job:
    """The job that a user would have, stack and recipe having been files; `settings` of `RefineSettings` replaced."""
    with TemporaryDirectory() as folder:
        job = xrdfit.build_job(xrdfit.load_recipe(written(Path(folder), simulated)))
    instrument = job.instrument if detector is None else replace(job.instrument, detector=detector)
    return replace(job, stack=simulated, instrument=instrument, settings=replace(job.settings, **settings))


def written(folder: Path, simulated: SimulatedStack, mode: str = "series") -> Path:
    """The recipe of a series that stands in files, refined together or one after the other."""
    write_simulated(folder / "stack.h5", simulated)
    text = simulated.recipe_text
    if mode == "sequential":
        text = text.partition("[refine.scope]")[0] + '[refine]\nmode = "sequential"\n'
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return folder / "recipe.toml"


def refine(simulated: SimulatedStack, *, detector: Detector | None = None, **settings: Any) -> SeriesResult:
    return xrdfit.refine_series(job_of(simulated, detector=detector, **settings))


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


@dataclass(slots=True)
class CellScores:
    """Errors of cells in scans with more than 10 % of the phase, in Å and in esds, and what was printed wrongly."""

    errors: dict[str, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[str, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    outcomes: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    ghosts: int = 0

    def add(self, simulated: SimulatedStack, columns: Columns) -> None:
        self.outcomes.update(columns["outcome"])
        for name in CELLS:
            fraction = simulated.truth[f"{name[:-2]}_fraction"]
            error = columns[name] - simulated.truth[name]
            counted = fraction > LEAST_FRACTION
            self.lost += int(np.count_nonzero(counted & ~np.isfinite(error)))
            self.ghosts += int(np.count_nonzero((fraction == 0.0) & np.isfinite(error)))
            counted &= np.isfinite(error)
            self.errors[name].append(error[counted])
            self.scores[name].append((error / columns[f"{name}_esd"])[counted])

    def error(self, name: str) -> float:
        return rms(np.concatenate(self.errors[name]))

    def z(self, name: str) -> float:
        return rms(np.concatenate(self.scores[name]))

    @property
    def overall_z(self) -> float:
        return rms(np.concatenate([part for name in CELLS for part in self.scores[name]]))

    def print(self, bounds: Mapping[str, float]) -> None:
        """The table of errors beside their bounds, and the counts."""
        print(f"  {'':6} {'RMS error':>10} {'bound':>8} {'ratio':>6} {'RMS z':>6}   (1e-3 Å)")
        for name in CELLS:
            error, bound = self.error(name), bounds[name]
            print(f"  {name:6} {1e3 * error:10.2f} {1e3 * bound:8.2f} {error / bound:6.3f} {self.z(name):6.3f}")
        print(
            f"  RMS z of all {self.overall_z:.3f}; outcomes {dict(self.outcomes)}; "
            f"cells missing above {LEAST_FRACTION:.0%}: {self.lost}; cells of absent phases: {self.ghosts}"
        )
