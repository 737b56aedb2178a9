"""From what was decided of the phases of each scan to what moves in a fit of a chain."""

from __future__ import annotations

import numpy as np

from xrdfit.data import RefineSettings
from xrdfit.series.joint.chain import Chain, make_problem
from xrdfit.series.joint.decisions import Regime, Statuses
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.neighbours import between_neighbours
from xrdfit.series.joint.problem import JointProblem
from xrdfit.series.state import Status


def hold_cells(chain: Chain, state: SeriesState, status: Statuses) -> None:
    """Put what a scan cannot say of a phase to what its neighbours say; `state` is changed in place."""
    layout = chain.layout
    for phase in range(layout.n_phases):
        known = np.array([status[i][phase] == Status.REFINED for i in chain.indices])
        own = np.flatnonzero(layout.model.of_phase(phase)[layout.local])
        if own.size:
            state.local[:, own] = between_neighbours(chain.times, state.local[:, own], known)


def pose(
    chain: Chain, settings: RefineSettings, regime: Regime, start: SeriesState, status: Statuses, *, shared: bool
) -> JointProblem:
    """The problem of fitting a chain from `start`, by which its scans are settled; shared : whether that moves, too."""
    layout, spread = chain.layout, regime.spread
    refined = np.array([[state == Status.REFINED for state in status[i]] for i in chain.indices])
    deviates = refined & (np.zeros(layout.n_phases) if spread is None else spread > 0.0).astype(np.bool_)
    free = np.ones((len(chain.scans), layout.n_local), dtype=np.bool_)
    for phase in range(layout.n_phases):
        scale = layout.local.size + phase
        own = layout.of_phase(phase)
        own[scale] = False
        free[np.ix_(~refined[:, phase], own)] = False
        lines = layout.lines.phase == phase
        if layout.deviations:
            free[np.ix_(~deviates[:, phase], layout.deviation.start + np.flatnonzero(lines))] = False
        if regime.free:
            free[deviates[:, phase], scale] = False
        if not lines.any():
            free[:, scale] = False
    for phase in range(layout.n_phases):
        # What expressions read of another phase moves for the sake of this one.
        free[np.ix_(refined[:, phase], layout.feeding(phase))] = True
    free_shared = np.full(layout.n_shared, shared)
    if regime.free:
        free_shared[layout.intensity] = False
    has_cell = np.array([layout.of_phase(phase)[: layout.local.size].any() for phase in range(layout.n_phases)])
    chain.settle(start, deviates=deviates, spread=spread, held=has_cell & ~refined)
    if layout.deviations:
        _take_areas(chain, start)
    return make_problem(chain, settings, free=free, free_shared=free_shared, start=start)


def _take_areas(chain: Chain, state: SeriesState) -> None:
    """Areas of lines that do not deviate are what the shared model says, in case they will."""
    layout = chain.layout
    for position, scan in enumerate(chain.scans):
        held = ~scan.deviates[layout.lines.phase]
        state.local[position, layout.deviation] = np.where(
            held, scan.areas(state), state.local[position, layout.deviation]
        )
