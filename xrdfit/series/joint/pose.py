"""From what was decided of the phases of each scan to what moves in a fit of a chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.series.joint.chain import Chain, make_problem
from xrdfit.series.joint.decisions import Regime, Statuses
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.neighbours import between_neighbours
from xrdfit.series.joint.problem import JointProblem
from xrdfit.series.state import Status

# Part of half the FWHM that a held line may stand off from where its neighbours have gone.
_FOLLOWED = 1e-4


def hold_cells(chain: Chain, state: SeriesState, status: Statuses) -> None:
    """Put what a scan cannot say of a phase to what its neighbours say; `state` is changed in place."""
    layout = chain.layout
    refined = _refined(chain, status)
    for phase in range(layout.n_phases):
        own = np.flatnonzero(layout.model.of_phase(phase)[layout.local])
        if own.size:
            state.local[:, own] = between_neighbours(chain.times, state.local[:, own], refined[:, phase])


class HeldCells:
    """Cells that scans take from their neighbours, and follow when these move.

    Parameters
    ----------
    problem : of the chain, posed at `start` with these statuses: there the lines of held phases have been pinned.
    """

    def __init__(self, chain: Chain, problem: JointProblem, start: SeriesState, status: Statuses) -> None:
        layout = chain.layout
        held = _held(chain, _refined(chain, status))
        own = np.array([layout.of_phase(phase) for phase in range(layout.n_phases)])
        own[:, layout.local.size :] = False
        self.chain, self.status, self.held = chain, status, held
        self.where = (held[:, :, None] & own).any(axis=1)
        self.least = _FOLLOWED * problem.longest
        self.pinned_at = start.local.copy()

    def follow(self, state: SeriesState) -> None:
        """Move cells where their neighbours have moved far enough, and pin their lines there; `state` is changed."""
        hold_cells(self.chain, state, self.status)
        moved = (self.where & (np.abs(state.local - self.pinned_at) > self.least)).any(axis=1)
        for position in np.flatnonzero(moved):
            self.chain.scans[position].pin(state, self.held[position])
            self.pinned_at[position] = state.local[position]
        state.local[self.where] = self.pinned_at[self.where]

    def renewed(self, state: SeriesState) -> SeriesState:
        """As cells move, held ones follow, and so do the geometry factors of the lines; `state` is changed."""
        self.follow(state)
        return self.chain.with_geometry_of(state)


def _refined(chain: Chain, status: Statuses) -> NDArray[np.bool_]:
    """(N, P) in which scans which phases have a cell of their own."""
    return np.array([[state == Status.REFINED for state in status[i]] for i in chain.indices])


def _held(chain: Chain, refined: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, P) phases whose lines stay where they are: their cell is not refined in a scan."""
    layout = chain.layout
    has_cell = [layout.of_phase(phase)[: layout.local.size].any() for phase in range(layout.n_phases)]
    return np.array(has_cell) & ~refined


def pose(
    chain: Chain,
    settings: RefineSettings,
    regime: Regime,
    start: SeriesState,
    status: Statuses,
    *,
    shared: JointProblem | None = None,
) -> JointProblem:
    """The problem of fitting a chain from `start`, by which its scans are settled.

    shared : the fit of other scans of the series, from which what all share is taken as it is, and which knows how far
    variables may go; None where that moves, too.
    """
    layout, spread = chain.layout, regime.spread
    refined = _refined(chain, status)
    deviates = refined & (np.zeros(layout.n_phases) if spread is None else spread > 0.0).astype(np.bool_)
    own = np.array([layout.of_phase(phase) for phase in range(layout.n_phases)])
    own[:, layout.scale] = False
    free = ~(~refined[:, :, None] & own).any(axis=1)
    free[:, layout.deviation] &= deviates[:, layout.lines.phase[: layout.deviation.stop - layout.deviation.start]]
    free[:, layout.scale] &= np.bincount(layout.lines.phase, minlength=layout.n_phases) > 0
    if regime.free:
        free[:, layout.scale] &= ~deviates
    for phase in range(layout.n_phases if layout.tied is not None else 0):
        # What expressions read of another phase moves for the sake of this one.
        free[np.ix_(refined[:, phase], layout.feeding(phase))] = True
    chain.settle(start, deviates=deviates, spread=spread, held=_held(chain, refined))
    if layout.deviations:
        _take_areas(chain, start)
    if shared is not None:
        nothing = np.zeros(layout.n_shared, dtype=np.bool_)
        return replace(shared, layout=layout, scans=chain.scans, free=free, free_shared=nothing)
    free_shared = np.ones(layout.n_shared, dtype=np.bool_)
    if regime.free:
        free_shared[layout.intensity] = False
    return make_problem(chain, settings, free=free, free_shared=free_shared, start=start)


def _take_areas(chain: Chain, state: SeriesState) -> None:
    """Areas of lines that do not deviate are what the shared model says, in case they will."""
    layout = chain.layout
    for position, scan in enumerate(chain.scans):
        held = ~scan.deviates[layout.lines.phase]
        state.local[position, layout.deviation] = np.where(
            held, scan.areas(state), state.local[position, layout.deviation]
        )
