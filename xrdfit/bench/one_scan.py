"""What a pattern, its Jacobian and a warm scan cost; `benchmarks/` times the same calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.bench.cases import Case
from xrdfit.bench.timing import timed, timed_again
from xrdfit.data import RefineSettings
from xrdfit.fit import PreparedScan, ScanFit, fit_scan, prepare_scan, with_seeded_background
from xrdfit.kernels.evaluation import Workspace, calculate, make_workspace
from xrdfit.kernels.jit import kernel
from xrdfit.kernels.normal_equations import fill_jacobian
from xrdfit.kernels.problem import Problem

SOLVERS = ("compiled", "leastsq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The kernels' view of a case at its truth: everything that a call of theirs needs.

    Attributes
    ----------
    slots : parameter vector. rows : (n_slots,) row of the Jacobian for each slot, or -1. work : filled.
    mapping : (n_rows, n_variables) of the refined parameters.
    """

    problem: Problem
    slots: NDArray[np.float64]
    rows: NDArray[np.int64]
    mapping: NDArray[np.float64]
    work: Workspace

    @classmethod
    def of(cls, case: Case) -> Kernels:
        table = case.model.table
        mapping = table.slot_mapping[:, case.vary]
        used = np.abs(mapping).sum(axis=1) > 0.0
        rows = np.where(used, np.cumsum(used) - 1, -1).astype(np.int64)
        problem, slots = case.problem(), table.slots(case.values)
        work = make_workspace(problem, int(used.sum()))
        work.area[:] = case.areas
        work.weight[:] = 1.0 / case.expected
        calculate(problem, slots, work, False)
        return cls(problem=problem, slots=slots, rows=rows, mapping=np.ascontiguousarray(mapping[used]), work=work)

    def patterns(self, times: int) -> None:
        """The pattern again and again, called by compiled code as a fit calls it: from Python a call costs more."""
        _patterns(self.problem, self.slots, self.work, False, times)

    def patterns_and_jacobians(self, times: int) -> None:
        """The same of the pattern with its Jacobian."""
        _patterns_and_jacobians(self.problem, self.slots, self.rows, self.work, False, times)

    def pattern(self) -> None:
        calculate(self.problem, self.slots, self.work, False)

    def pattern_and_jacobian(self) -> None:
        calculate(self.problem, self.slots, self.work, False)
        fill_jacobian(self.problem, self.slots, self.rows, self.work)


@kernel
def _patterns(problem: Problem, slots: NDArray[np.float64], work: Workspace, areas_free: bool, times: int) -> float:
    total = 0.0
    for _ in range(times):
        total += calculate(problem, slots, work, areas_free)
    return total


@kernel
def _patterns_and_jacobians(
    problem: Problem,
    slots: NDArray[np.float64],
    rows: NDArray[np.int64],
    work: Workspace,
    areas_free: bool,
    times: int,
) -> float:
    total = 0.0
    for _ in range(times):
        total += calculate(problem, slots, work, areas_free)
        fill_jacobian(problem, slots, rows, work)
    return total


@dataclass(frozen=True)
class WarmScan:
    """A scan to be refined from the answer of the scan before it."""

    case: Case

    @cached_property
    def start(self) -> NDArray[np.float64]:
        """(n_parameters,) the neighbour's answer, as far from this scan as neighbours are."""
        settings = RefineSettings()
        prepared = prepare_scan(self.case.counts(1), settings)
        found = self._fit(prepared, settings, with_seeded_background(self.case.model, prepared, self.case.values))
        return found.values + (self.case.neighbour - self.case.values)

    def fit(self, solver: str, *, extraction: str = "joint") -> Callable[[], ScanFit]:
        """A call that fits the scan, esds included, from its used points on."""
        settings = RefineSettings(solver=solver, extraction=extraction)  # type: ignore[arg-type]
        return partial(self._fit, prepare_scan(self.case.counts(0), settings), settings, self.start)

    def _fit(self, prepared: PreparedScan, settings: RefineSettings, start: NDArray[np.float64]) -> ScanFit:
        present = (True,) * len(self.case.model.phases)
        return fit_scan(self.case.model, prepared, settings, start=start, present=present, vary=self.case.vary)


def measure(case: Case, *, seconds: float) -> dict[str, Any]:
    """Times of one case, with what they were spent on; each for about `seconds`."""
    kernels, warm = Kernels.of(case), WarmScan(case)
    kernels.patterns(1)
    kernels.patterns_and_jacobians(1)
    told: dict[str, Any] = {
        "points": case.two_theta.size,
        "phases": len(case.model.phases),
        "lines": case.lines.phase.size,
        "wavelengths": len(case.model.instrument.lines),
        "refined": int(case.vary.sum()),
        "pattern": timed_again(kernels.patterns, seconds=seconds).as_json(),
        "pattern_and_jacobian": timed_again(kernels.patterns_and_jacobians, seconds=seconds).as_json(),
        "warm_scan": {},
    }
    for solver in SOLVERS:
        fit = warm.fit(solver)
        found = fit()
        told["warm_scan"][solver] = timed(fit, seconds=seconds).as_json() | {
            "evaluations": found.minimum.nfev,
            "converged": found.success,
            "chi2_reduced": found.agreement.chi2_reduced,
        }
    return told
