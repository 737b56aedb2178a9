"""Does what the series shares hold in every scan? A score test of every shared parameter, scan by scan.

If a parameter of scope series or drift were free in one scan, where would it go? The residual of that scan says so
without a further fit: the score of the parameter once the scan's own variables have had their say, over its
information, is the step it would make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.criticism.jumps import Jumps, jumps
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.elimination import regression_on_own
from xrdfit.series.joint.errors import JointErrors
from xrdfit.series.joint.run import fill_run, runs
from xrdfit.series.joint.solver import JointSolution
from xrdfit.series.state import Status

# Chance of a false alarm for one parameter of a series.
_LEVEL = 3e-4
# Standard deviations of a position parameter beyond which the lines of a scan are not where the series has them.
_OUT_OF_PLACE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeTest:
    """One shared parameter: what it would change by in each scan (N,), its esd, and whether that is noise."""

    row: int
    step: NDArray[np.float64]
    esd: NDArray[np.float64]
    jumps: Jumps

    @property
    def holds(self) -> bool:
        return not min(self.jumps.p_smooth, self.jumps.p_change) < _LEVEL


class FreedParameters:
    """The steps that shared parameters would make in each scan, gathered run by run from the equations of the scans.

    Of every parameter of the table that the series shares.
    """

    def __init__(self, chain: Chain, solution: JointSolution, errors: JointErrors) -> None:
        layout = chain.layout
        columns = np.zeros((layout.n_shared, 0))
        self.rows: list[int] = []
        self.orders: list[int] = []
        for i, row in enumerate(layout.series):
            if solution.free_shared[i] and not errors.blind_shared[i]:
                columns = np.column_stack([columns, np.eye(layout.n_shared)[:, i]])
                self.rows.append(int(row))
                self.orders.append(0)
        for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
            if solution.free_shared[where].all():
                # Coefficients that together are 1 in every scan: the parameter itself.
                one = np.zeros(layout.n_shared)
                one[where] = np.linalg.lstsq(basis, np.ones(len(basis)), rcond=None)[0]
                columns = np.column_stack([columns, one])
                self.rows.append(row)
                self.orders.append(basis.shape[1] - 1)
        self.steps = _Steps(chain, solution, errors, columns)


def scope_tests(freed: FreedParameters, status: Sequence[tuple[Status, ...]]) -> list[ScopeTest]:
    """A test of every parameter that was freed, made of its steps; status of each scan's phases."""
    layout, rows, orders = freed.steps.chain.layout, freed.rows, freed.orders
    step, esd = freed.steps.step, freed.steps.esd
    for j, row in enumerate(rows):
        owner = [phase for phase in range(layout.n_phases) if layout.model.of_phase(phase)[row]]
        if owner:
            weak = np.array([state[owner[0]] != Status.REFINED for state in status])
            step[weak, j] = np.nan
    for j, order in enumerate(orders):
        # Each step is of unit variance by itself; their smooth part has been taken out by the fit.
        known = int(np.isfinite(step[:, j]).sum())
        esd[:, j] *= np.sqrt(known / max(known - order - 1, 1))
    return [
        ScopeTest(row=row, step=step[:, j], esd=esd[:, j], jumps=jumps(step[:, j], esd[:, j], order=order))
        for j, (row, order) in enumerate(zip(rows, orders, strict=True))
    ]


def positions_hold(chain: Chain, solution: JointSolution, errors: JointErrors) -> NDArray[np.bool_]:
    """(N,) whether the lines of each scan stand where the shared position parameters put them, beyond all doubt."""
    layout = chain.layout
    kinds = [spec.kind for spec in layout.model.table]
    columns = [np.eye(layout.n_shared)[i] for i, row in enumerate(layout.series) if kinds[row] == "position"]
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        if kinds[row] == "position":
            one = np.zeros(layout.n_shared)
            one[where] = np.linalg.lstsq(basis, np.ones(len(basis)), rcond=None)[0]
            columns.append(one)
    if not columns:
        return np.ones(len(chain.scans), dtype=np.bool_)
    steps = _Steps(chain, solution, errors, np.array(columns).T).of_all()
    step, esd = steps.step, steps.esd
    return np.asarray(~(np.abs(step) > _OUT_OF_PLACE * esd).any(axis=1))


class _Steps:
    """(N, k) steps and esds of k combinations (n_shared, k) of shared variables, each freed in one scan."""

    def __init__(
        self, chain: Chain, solution: JointSolution, errors: JointErrors, columns: NDArray[np.float64]
    ) -> None:
        self.chain, self.solution, self.errors, self.columns = chain, solution, errors, columns
        self.step, self.esd = np.full((2, len(chain.scans), columns.shape[1]), np.nan)
        self._shared = errors.shared / errors.factor_shared**2

    def of_all(self) -> _Steps:
        """All scans taken."""
        for run in runs(self.chain.scans):
            gram, right, _ = fill_run(self.chain.layout, self.chain.scans, self.solution.state, run)
            self.take(run, gram, right)
        return self

    def take(self, run: slice, gram: NDArray[np.float64], right: NDArray[np.float64]) -> None:
        """A run of scans by their equations, as `fill_run` gives them."""
        layout, solution, columns = self.chain.layout, self.solution, self.columns
        size, edge = layout.n_local, gram.shape[1] - layout.n_shared
        own, border, corner = gram[:, :size, :size], gram[:, :size, edge:], gram[:, edge:, edge:]
        if layout.deviations:
            own, border, corner, right = own.copy(), border.copy(), corner.copy(), right.copy()
            for i, scan in enumerate(self.chain.scans[run]):
                scan.bind(solution.state, (own[i], border[i], corner[i], right[i, :size], right[i, edge:]))
        through = regression_on_own(own, border, solution.free[run])
        information = corner - through @ border
        score = right[:, edge:] - (through @ right[:, :size, None])[:, :, 0]
        found = columns.T @ information @ columns
        # What the shared variables have taken up of this scan's score is not left to be seen in it.
        variance = found - columns.T @ information @ self._shared @ information @ columns
        seen, spread = (np.diagonal(each, axis1=1, axis2=2) for each in (found, variance))
        good = (seen > 0.0) & (spread > 1e-6 * seen)
        reach = np.where(good, spread, 1.0)
        self.step[run] = np.where(good, score @ columns / reach, np.nan)
        self.esd[run] = np.where(good, self.errors.factor[run, None] / np.sqrt(reach), np.nan)
