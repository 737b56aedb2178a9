"""Scans of a series that are fitted by themselves, with what all scans share as the series left it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xrdfit.data import RefineSettings
from xrdfit.series.joint.chain import Chain, SeriesModel
from xrdfit.series.joint.decisions import Decisions, Regime, Statuses, changed_cells, with_status
from xrdfit.series.joint.errors import JointErrors, joint_errors
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.lone_scan import settle_scan
from xrdfit.series.joint.pose import hold_cells, pose
from xrdfit.series.joint.problem import JointProblem
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.solver import TOLERANCE, minimise_joint
from xrdfit.series.state import Status

# Part of half the FWHM by which the lines of a held phase may stand off where their neighbours now put them.
_MISPLACED = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsAlone:
    """Fits scans by themselves; `problem` and `errors` are those of the scans that were fitted together."""

    model: SeriesModel
    settings: RefineSettings
    regime: Regime
    decisions: Decisions
    problem: JointProblem
    errors: JointErrors

    def fit(
        self, index: int, state: SeriesState, status: tuple[Status, ...], *, tolerance: float = TOLERANCE
    ) -> JointScanFit:
        """A scan from `state`, which is of it alone, on; once more where other cells turn out to be refined."""
        chain = self.model.chain([index], deviations=self.regime.deviations, linked=False)
        fit = self._fit(chain, state, status, tolerance)
        decided = self.decisions.of(index, fit, self.regime)
        if changed_cells({index: decided}, {index: status}):
            fit = self._fit(chain, fit.solution.state, decided, tolerance)
            decided = self.decisions.of(index, fit, self.regime)
        return with_status(fit, decided)

    def _fit(self, chain: Chain, state: SeriesState, status: tuple[Status, ...], tolerance: float) -> JointScanFit:
        start = state.copy()
        problem = pose(chain, self.settings, self.regime, start, {chain.indices[0]: status}, shared=self.problem)
        n_steps = settle_scan(problem, start, 0, tolerance)
        solution = minimise_joint(problem, start, tolerance=tolerance)
        solution = replace(solution, iterations=solution.iterations + n_steps)
        return JointScanFit(
            chain=chain,
            position=0,
            solution=solution.without_equations(),
            errors=joint_errors(chain, solution, self.settings, self.errors),
            values=solution.state.values(chain.layout, 0),
            status=status,
            alone=True,
        )


def misplaced_scans(
    chain: Chain, problem: JointProblem, state: SeriesState, status: Statuses
) -> dict[int, SeriesState]:
    """States to go on from, of scans whose held phase is there but stood where a neighbour that has changed put it.

    Where a cell that was imagined in a weak scan put it, the phase of the next one is too weak to be refined.

    state : of the scans of the chain, changed in place.
    """
    before = state.local.copy()
    hold_cells(chain, state, status)
    moved = np.abs(state.local - before) > _MISPLACED * problem.longest
    found: dict[int, SeriesState] = {}
    for phase in range(chain.layout.n_phases):
        own = chain.layout.of_phase(phase)
        for position in np.flatnonzero(moved[:, own].any(axis=1)):
            index = chain.indices[position]
            if status[index][phase] == Status.HELD:
                found[index] = SeriesState(state.local[[position]], state.shared.copy(), state.fixed[[position]])
    return found
