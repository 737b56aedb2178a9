"""How often a phase is seen that is not there, and how little of one is found."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace

import numpy as np
import truth
from numpy.typing import NDArray

import xrdfit
from xrdfit.simulate import WELL_BEHAVED, Scenario, simulate_stack, single_phase

# One-sided 1 %.
NOMINAL, THRESHOLD = 0.01, 2.326
# Of a normal variable, what 95 % lie above.
_Z_95 = 1.645
# Scans in a stack of one phase.
_ALONE = 50
COUNTS = (0.25, 0.5, 1.0, 2.0, 4.0)
# Everything converts, and the cell rests for 60 h with one phase and with the other; 110 scans of 2 h.
FULL = replace(
    WELL_BEHAVED, name="full cycles with long rests", charged=1.0, discharged=0.0, rest_hours=(60.0, 60.0, 60.0)
)
_FULL_SCANS = 110


def resting_with(lfp: float, fp: float) -> Scenario:
    """A cycle whose charge ends with this mole fraction of LFP left, and its discharge with this of FP; long rests."""
    name = f"rests with {lfp:.2%} LFP, {fp:.2%} FP"
    return replace(WELL_BEHAVED, name=name, charged=1.0 - lfp, discharged=fp, rest_hours=(3.0, 60.0, 60.0))


@dataclass(slots=True)
class Alarms:
    tested: int = 0
    present: int = 0
    above: int = 0
    blank: int = 0

    def add(self, nothing: NDArray[np.bool_], columns: truth.Columns, phase: str) -> None:
        z = columns[f"{phase}_presence_z"][nothing]
        self.tested += int(nothing.sum())
        self.present += int(np.count_nonzero(columns[f"{phase}_present"][nothing] == 1))
        self.above += int(np.count_nonzero(z > THRESHOLD))
        self.blank += int(np.count_nonzero(~np.isfinite(z)))

    def __str__(self) -> str:
        expected = math.sqrt(NOMINAL * (1.0 - NOMINAL) / self.tested)
        return (
            f"{self.tested} scans without the phase: called present {self.present / self.tested:.2%}, "
            f"z above {THRESHOLD} {self.above / self.tested:.2%} (nominal {NOMINAL:.0%} +- {expected:.2%}); "
            f"z not given in {self.blank}"
        )


def presence(seeds: range, options: argparse.Namespace) -> None:
    wanted = options.scans
    first = seeds.start
    for here, other in (truth.PHASES, truth.PHASES[::-1]):
        found = Alarms()
        for seed in range(first, first + math.ceil(wanted / 2 / _ALONE)):
            simulated = simulate_stack(single_phase(here), seed=seed, n_scans=_ALONE)
            # Only its structure says how a phase would look that is nowhere in the series.
            job = replace(truth.job_of(simulated), phases=simulated.phases)
            found.add(np.ones(_ALONE, dtype=np.bool_), xrdfit.refine_series(job).columns, other)
        print(f"{other} in stacks that hold {here} alone: {found}", flush=True)
    both = {phase: Alarms() for phase in truth.PHASES}
    seed = first
    while sum(found.tested for found in both.values()) < wanted:
        simulated = simulate_stack(FULL, seed=seed, n_scans=_FULL_SCANS)
        columns = truth.refine(simulated).columns
        for phase, found in both.items():
            found.add(simulated.truth[f"{phase}_fraction"] == 0.0, columns, phase)
        seed += 1
    for phase, found in both.items():
        print(f"{phase} at the ends of full cycles: {found}", flush=True)
    _detection(seeds)


def _detection(seeds: range) -> None:
    print(f"\n2 % of a phase after full cycles, {len(seeds)} series at each counting time")
    print(f"{'counts':>7} {'phase':>6} {'found':>7} {'mean z':>7} {'found in 95 % of scans':>23} {'there found':>12}")
    for counts in COUNTS:
        share, z = _found(resting_with(0.02, 0.02), seeds, counts)
        limit = {phase: 0.02 * (THRESHOLD + _Z_95) / z[phase] for phase in truth.PHASES}
        at_limit, _ = _found(resting_with(limit["LFP"], limit["FP"]), seeds, counts)
        for phase in truth.PHASES:
            print(
                f"{counts:7g} {phase:>6} {share[phase]:7.1%} {z[phase]:7.2f} {limit[phase]:23.3%} "
                f"{at_limit[phase]:12.1%}",
                flush=True,
            )


def _found(course: Scenario, seeds: range, counts: float) -> tuple[dict[str, float], dict[str, float]]:
    """Share of the scans at rest in which the minor phase is called present, and the mean of its z."""
    present: dict[str, list[float]] = {phase: [] for phase in truth.PHASES}
    z: dict[str, list[float]] = {phase: [] for phase in truth.PHASES}
    knots = course.knots_s
    for seed in seeds:
        simulated = simulate_stack(course, seed=seed, n_scans=round(knots[-1] / 7200.0), counts=counts)
        columns = truth.refine(simulated).columns
        time_s = simulated.truth["time_s"]
        for phase, first in zip(truth.PHASES, (2, 4), strict=True):
            resting = (time_s > knots[first]) & (time_s < knots[first + 1])
            present[phase] += (columns[f"{phase}_present"][resting] == 1).tolist()
            z[phase] += columns[f"{phase}_presence_z"][resting].tolist()
    return ({phase: float(np.mean(present[phase])) for phase in present}, {p: float(np.nanmean(z[p])) for p in z})
