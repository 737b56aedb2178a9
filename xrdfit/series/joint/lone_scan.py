"""A scan of a joint fit that goes on by itself, while everything that it shares stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.least_squares import damped_step
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import JointProblem

_MAX_STEPS = 12
_FIRST_DAMPING = 1e-4
_LARGEST_DAMPING = 1e6
_LEAST_DAMPING = 1e-4
# A step that keeps less of the fall that it promised was too long, one that keeps more might have been longer.
_LITTLE, _MOST = 0.25, 0.75


def settle_scan(problem: JointProblem, state: SeriesState, position: int, tolerance: float) -> int:
    """Lower the merit of one scan by its own variables; `state` is changed in place, and only for the better.

    The scale of a sweeping scan stays: its neighbours lean on it. Returns how many steps were tried.
    """
    layout, scan = problem.layout, problem.scans[position]
    lower, upper, _, _ = problem.limits
    own = problem.free[position].copy()
    if scan.share.shape[0] == 3:
        own[layout.scale] = False
    damping = _FIRST_DAMPING
    merit, matrix, right = _normal_equations(problem, state, position)
    for tried_before in range(_MAX_STEPS):
        here = state.local[position].copy()
        free = own & ~((here <= lower) & (right < 0.0)) & ~((here >= upper) & (right > 0.0))
        step = damped_step(matrix, right, free, damping)
        if float(step @ right) < tolerance:
            return tried_before
        moved = np.clip(here + np.clip(step, -problem.longest, problem.longest), lower, upper)
        state.local[position] = np.where(own, moved, here)
        tried = _merit(problem, state, position)
        if tried < merit:
            made = state.local[position] - here
            slope, curvature = float(right @ made), float(made @ matrix @ made)
            fall = merit - tried
            if fall < _LITTLE * (2.0 * slope - curvature):
                # What the curvature along the step was, normal equations know but a part of.
                lacking = 2.0 * slope - fall - curvature
                damping = max(damping, _LEAST_DAMPING, lacking / float(np.diag(matrix) @ made**2))
            elif fall > _MOST * (2.0 * slope - curvature):
                damping *= 0.1
            merit, matrix, right = _normal_equations(problem, state, position)
        else:
            state.local[position] = here
            damping = max(damping, _LEAST_DAMPING) * 10.0
            if damping > _LARGEST_DAMPING:
                return tried_before + 1
    return _MAX_STEPS


def _merit(problem: JointProblem, state: SeriesState, position: int) -> float:
    scan, priors = problem.scans[position], problem.priors
    prior = float(((state.local[position] - priors.local) ** 2) @ priors.local_weight)
    merit = scan.pattern(state) + scan.bind(state, None) + prior
    return merit if np.isfinite(merit) else np.inf


def _normal_equations(
    problem: JointProblem, state: SeriesState, position: int
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Merit, normal matrix (n_local, n_local) and right side of one scan."""
    layout, scan, priors = problem.layout, problem.scans[position], problem.priors
    size, shared = layout.n_local, layout.n_shared
    work = scan.on_grid.own_rows.work
    merit = scan.block(state, own=True)
    matrix, right = work.gram[:size, :size].copy(), work.right[:size].copy()
    merit += scan.bind(state, (matrix, np.zeros((size, shared)), np.zeros((shared, shared)), right, np.zeros(shared)))
    apart = state.local[position] - priors.local
    matrix[np.diag_indices(size)] += priors.local_weight
    right -= priors.local_weight * apart
    return merit + float(apart**2 @ priors.local_weight), matrix, right
