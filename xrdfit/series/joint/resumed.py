"""A fit of a chain that goes on where one left off that was rough: what that knew of most scans still holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.decisions import Regime, Statuses
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import Blocks, JointProblem, scans_anew
from xrdfit.series.joint.solver import JointSolution
from xrdfit.series.state import Status

# Share of the scans above which it is not worth while to take the equations of those anew that have changed.
_MANY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RoughFit:
    """The last fit of a chain, with its equations; `status` of the phases that it was made with."""

    chain: Chain
    regime: Regime
    status: Statuses
    solution: JointSolution

    def equations(
        self, chain: Chain, regime: Regime, problem: JointProblem, start: SeriesState, status: Statuses
    ) -> Blocks | None:
        """The equations at the start of the next fit, nearly; None where too much is another.

        They are to begin with: what scans that have changed say of what all share is in them as it was before.
        """
        end = self.solution.state
        if chain is not self.chain or regime is not self.regime or not np.array_equal(end.shared, start.shared):
            return None
        same = (end.local == start.local).all(axis=1) & (end.fixed == start.fixed).all(axis=1)
        for position, index in enumerate(chain.indices):
            # Where lines of held phases stand was settled for each fit.
            cells = all(state == Status.REFINED for state in status[index])
            same[position] &= cells and status[index] == self.status[index]
        stale = np.flatnonzero(~same)
        return None if stale.size > _MANY * same.size else scans_anew(problem, start, self.solution.blocks, stale)
