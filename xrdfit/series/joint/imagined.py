"""Phases that a joint fit has only imagined: noise, at the place and of the width that suit it best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import JointErrors
from xrdfit.series.joint.solver import JointSolution
from xrdfit.series.search import CHANCE, search_for


def imagined_phases(
    chain: Chain, solution: JointSolution, errors: JointErrors, *, doubtful: Sequence[int], known_intensities: bool
) -> list[int]:
    """Of the `doubtful` phases, those of which noise would bring as much.

    Two questions are asked, each at half the rate: is there as much of it in all scans, and is there much in one of
    them? Both of the scales at the place, the width and the intensities that were found, everything else uncertain.
    """
    layout, found = chain.layout, []
    for phase in doubtful:
        amount, covariance = _scales(chain, solution, errors, phase)
        values = solution.state.values(layout, 0)
        two_theta = chain.scans[0].kept.grid.chosen
        search = search_for(
            layout.model,
            values,
            phase,
            two_theta=two_theta,
            moving=layout.touched,
            known_intensities=known_intensities,
        )
        single = float((amount / np.sqrt(np.diag(covariance))).max())
        weight = np.linalg.solve(covariance, np.ones(amount.size))
        together = float(weight @ amount / np.sqrt(weight.sum()))
        chance = 2.0 * min(amount.size * search.chance(single), search.chance(together))
        if chance > CHANCE:
            found.append(phase)
    return found


def _scales(
    chain: Chain, solution: JointSolution, errors: JointErrors, phase: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) scales of a phase and (N, N) their covariance, what the scans share of the phase being held."""
    layout = chain.layout
    model, column = layout.model, layout.local.size + phase
    own = np.zeros(layout.n_shared, dtype=np.bool_)
    own[: layout.series.size] = model.of_phase(phase)[layout.series]
    for (row, _), where in zip(layout.drifts, layout.drift_slices, strict=True):
        own[where] = model.of_phase(phase)[row]
    acts_on = layout.intensities.derivative(solution.state.shared[layout.intensity])
    own[layout.intensity] = (acts_on[layout.lines.phase == phase] != 0.0).any(axis=0)
    held, others = np.flatnonzero(own & (np.diag(errors.shared) > 0.0)), np.flatnonzero(~own)
    esd = np.sqrt(np.diag(errors.shared)[held])
    across = errors.shared[np.ix_(others, held)] / esd
    inner = np.linalg.pinv(errors.shared[np.ix_(held, held)] / np.outer(esd, esd))
    shared = errors.shared[np.ix_(others, others)] - across @ inner @ across.T
    response = -errors.response[:, column, :][:, others]
    covariance = np.diag(errors.local[:, column, column]) + response @ shared @ response.T
    for position, beside in enumerate(errors.neighbour):
        covariance[position, position + 1] += beside[column, column]
        covariance[position + 1, position] += beside[column, column]
    return solution.state.local[:, column], covariance
