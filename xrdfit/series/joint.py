"""The joint least-squares fit of a series: block-arrow normal equations, damped steps, a merit that never goes up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.block_arrow import solve_block_arrow
from xrdfit.series.joint_scan import JointScan
from xrdfit.series.layout import Layout, SeriesState

# Fall in the merit, of any one scan, below which a series stands still: its variables are then within a few thousandths
# of their esds.
TOLERANCE = 2e-6
# The same where no step, however short, lowers the merit: near a limit, or between lines that hardly differ.
_STALLED = 1e-2
_MAX_ITERATIONS = 100
_FIRST_DAMPING = 1e-7
_LARGEST_DAMPING = 1e6
# Part of the fall that a step promises below which the next is damped more.
_LEAST_KEPT = 0.25
# Times that a step is solved again because variables stop at their limits.
_MAX_STOPPED = 10
# How much firmer than the data the conventions hold that the intensities of a phase sum to 1.
_GAUGE = 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Normal equations of a series of N scans: see `xrdfit.kernels.block_arrow`; `merit` (N,) of each scan."""

    diagonal: NDArray[np.float64]
    below: NDArray[np.float64]
    border: NDArray[np.float64]
    corner: NDArray[np.float64]
    right: NDArray[np.float64]
    right_corner: NDArray[np.float64]
    merit: NDArray[np.float64]
    merit_shared: float

    @property
    def total(self) -> float:
        return float(self.merit.sum()) + self.merit_shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Gaussian knowledge from outside the patterns: mean and weight (1 / variance, 0 for none) of every variable.

    local, local_weight : (n_local,), the same in every scan. shared, shared_weight : (n_shared,).
    """

    local: NDArray[np.float64]
    local_weight: NDArray[np.float64]
    shared: NDArray[np.float64]
    shared_weight: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointProblem:
    """What is minimised, and over which variables.

    Attributes
    ----------
    free : (N, n_local), free_shared (n_shared,): what moves. limits : as `Layout.limits` gives them.
    longest : (n_local,) and longest_shared (n_shared,): longest step of each variable.
    """

    layout: Layout
    scans: Sequence[JointScan]
    free: NDArray[np.bool_]
    free_shared: NDArray[np.bool_]
    limits: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    longest: NDArray[np.float64]
    longest_shared: NDArray[np.float64]
    priors: Priors


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSolution:
    """The minimum, its normal equations, and what moved: limits that hold a variable are taken off `free`."""

    state: SeriesState
    blocks: Blocks
    free: NDArray[np.bool_]
    free_shared: NDArray[np.bool_]
    converged: bool
    iterations: int
    n_blind: int


def merit_of(problem: JointProblem, state: SeriesState) -> tuple[NDArray[np.float64], float]:
    """Quasi-deviance of every scan, its priors included, and what the shared variables' priors add."""
    merit = np.array([scan.pattern(state) for scan in problem.scans])
    merit += [scan.bind(state, None) for scan in problem.scans]
    merit += ((state.local - problem.priors.local) ** 2) @ problem.priors.local_weight
    return merit, _merit_shared(problem, state)


def assemble(problem: JointProblem, state: SeriesState) -> Blocks:
    """The normal equations at `state`, scan after scan."""
    layout, scans = problem.layout, problem.scans
    n, size, shared = len(scans), layout.n_local, layout.n_shared
    n_phases, scale = layout.n_phases, layout.scale
    swept = bool(n) and scans[0].share.shape[0] == 3
    diagonal = np.zeros((n, size, size))
    below = np.zeros((n - 1 if swept else 0, size, size))
    border = np.zeros((n, size, shared))
    corner = np.zeros((shared, shared))
    right = np.zeros((n, size))
    right_corner = np.zeros(shared)
    merit = np.zeros(n)
    edge = size + (2 * n_phases if swept else 0)
    for s, scan in enumerate(scans):
        merit[s] = scan.block(state)
        gram, gradient = scan.work.gram, scan.work.right
        diagonal[s] += gram[:size, :size]
        border[s] += gram[:size, edge:]
        corner += gram[edge:, edge:]
        right[s] += gradient[:size]
        right_corner += gradient[edge:]
        merit[s] += scan.bind(state, (diagonal[s], border[s], corner, right[s], right_corner))
        if swept:
            for neighbour, first in ((s - 1, size), (s + 1, size + n_phases)):
                if not 0 <= neighbour < n:
                    continue
                there = slice(first, first + n_phases)
                diagonal[neighbour, scale, scale] += gram[there, there]
                border[neighbour, scale] += gram[there, edge:]
                right[neighbour, scale] += gradient[there]
                if neighbour < s:
                    below[neighbour][:, scale] += gram[:size, there]
                else:
                    below[s][scale, :] += gram[there, :size]
    priors = problem.priors
    index = np.arange(size)
    diagonal[:, index, index] += priors.local_weight
    right += priors.local_weight * (priors.local - state.local)
    merit += ((state.local - priors.local) ** 2) @ priors.local_weight
    _add_gauge(problem, state, corner, right_corner)
    np.fill_diagonal(corner, np.diag(corner) + priors.shared_weight)
    right_corner += priors.shared_weight * (priors.shared - state.shared)
    return Blocks(
        diagonal=diagonal,
        below=below,
        border=border,
        corner=corner,
        right=right,
        right_corner=right_corner,
        merit=merit,
        merit_shared=_merit_shared(problem, state),
    )


def _merit_shared(problem: JointProblem, state: SeriesState) -> float:
    priors = problem.priors
    return float(((state.shared - priors.shared) ** 2) @ priors.shared_weight)


def _add_gauge(
    problem: JointProblem, state: SeriesState, corner: NDArray[np.float64], right: NDArray[np.float64]
) -> None:
    """The convention that a phase's intensities sum to 1, as an observation far firmer than any in the data.

    The scale of the phase takes up whatever the sum is, so that nothing resists and the merit does not change.
    """
    where = problem.layout.intensity
    variables = state.shared[where]
    information = np.diag(corner)[where]
    for row in problem.layout.intensities.gauge:
        own = row > 0.0
        if own.any():
            weight = _GAUGE * max(float(information[own].max()), 1e-300)
            corner[where, where] += weight * np.outer(row, row)
            right[where] += weight * (1.0 - float(row @ variables)) * row


def minimise_joint(problem: JointProblem, start: SeriesState) -> JointSolution:
    """Levenberg and Marquardt on all scans together; every accepted step lowers the merit of the series.

    Each scan has a damping of its own, so that one far from its place does not hold the others back.
    """
    state = start
    blocks = assemble(problem, state)
    damping = np.full(len(problem.scans), _FIRST_DAMPING)
    converged = refused = False
    iteration = 0
    n_blind = 0
    free, free_shared = _movable(problem, state, blocks)
    while iteration < _MAX_ITERATIONS:
        iteration += 1
        step, step_shared, n_blind = _bounded_step(problem, state, blocks, free, free_shared, damping)
        promised = _promised(blocks, step, step_shared)
        if np.abs(promised).max() < TOLERANCE:
            # A damped step promises little anywhere: only a free one tells.
            *whole, n_blind = _bounded_step(problem, state, blocks, free, free_shared, np.zeros(damping.size))
            if np.abs(_promised(blocks, *whole)).max() < TOLERANCE:
                converged = True
                break
        trial = _moved(problem, state, step, step_shared)
        tried = assemble(problem, trial)
        if np.isfinite(tried.total) and tried.total < blocks.total + 1e-13 * abs(blocks.total):
            worse = tried.merit > blocks.merit + np.maximum(1.0, 0.1 * np.abs(blocks.merit - tried.merit))
            # Steps that keep little of what they promise overshoot, forth and back across a valley.
            worse |= blocks.total - tried.total < _LEAST_KEPT * promised.sum() and promised.sum() > TOLERANCE
            damping = np.where(worse, np.maximum(damping, 1e-5) * 10.0, np.where(damping > 1e-9, damping * 0.1, 0.0))
            state, blocks, refused = trial, tried, False
            free, free_shared = _movable(problem, state, blocks)
        else:
            # Those scans step shorter that have lost; if it is not they, it is what all share.
            lost = ~(tried.merit <= blocks.merit)
            damping = np.where(lost | refused | (not lost.any()), np.maximum(damping, 1e-5) * 10.0, damping)
            refused = True
            if damping.min() > _LARGEST_DAMPING:
                converged = bool(np.abs(promised).max() < _STALLED)
                break
    return JointSolution(
        state=state,
        blocks=blocks,
        free=free,
        free_shared=free_shared,
        converged=converged and bool(np.isfinite(blocks.total)),
        iterations=iteration,
        n_blind=n_blind,
    )


def _promised(blocks: Blocks, step: NDArray[np.float64], step_shared: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N + 1,) by how much a step should lower the merit: each scan's part, and that of what they share."""
    return np.append((step * blocks.right).sum(axis=1), step_shared @ blocks.right_corner)


def _bounded_step(
    problem: JointProblem,
    state: SeriesState,
    blocks: Blocks,
    free: NDArray[np.bool_],
    free_shared: NDArray[np.bool_],
    damping: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The damped step; variables that it drives out of their limits stop there, and the rest is solved again."""
    lower, upper, shared_lower, shared_upper = problem.limits
    free, free_shared = free.copy(), free_shared.copy()
    stopped, stopped_shared = np.zeros(free.shape), np.zeros(free_shared.size)
    for _ in range(_MAX_STOPPED):
        step, step_shared, n_blind = _step(blocks, free, free_shared, stopped, stopped_shared, damping)
        target, target_shared = state.local + step, state.shared + step_shared
        outside = free & ((target < lower) | (target > upper))
        outside_shared = free_shared & ((target_shared < shared_lower) | (target_shared > shared_upper))
        if not outside.any() and not outside_shared.any():
            break
        stopped[outside] = (np.clip(target, lower, upper) - state.local)[outside]
        stopped_shared[outside_shared] = (np.clip(target_shared, shared_lower, shared_upper) - state.shared)[
            outside_shared
        ]
        free &= ~outside
        free_shared &= ~outside_shared
    return step + stopped, step_shared + stopped_shared, n_blind


def _step(
    blocks: Blocks,
    free: NDArray[np.bool_],
    free_shared: NDArray[np.bool_],
    stopped: NDArray[np.float64],
    stopped_shared: NDArray[np.float64],
    damping: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """The damped step of what is free, when the rest makes the steps `stopped`."""
    right = blocks.right - blocks.border @ stopped_shared
    right_corner = blocks.right_corner - blocks.corner @ stopped_shared
    if stopped.any():
        right -= np.einsum("sij,sj->si", blocks.diagonal, stopped)
        right_corner -= np.einsum("sib,si->b", blocks.border, stopped)
        if len(blocks.below):
            right[1:] -= np.einsum("sij,sj->si", blocks.below, stopped[:-1])
            right[:-1] -= np.einsum("sji,sj->si", blocks.below, stopped[1:])
    step, step_shared, n_blind = solve_block_arrow(
        blocks.diagonal,
        blocks.below,
        blocks.border,
        blocks.corner,
        right,
        right_corner,
        free,
        free_shared,
        damping,
        float(np.min(damping)),
    )
    return step, step_shared, n_blind


def _movable(problem: JointProblem, state: SeriesState, blocks: Blocks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What moves and is not at a limit that the descent pushes against."""
    lower, upper, shared_lower, shared_upper = problem.limits
    held = ((state.local <= lower) & (blocks.right < 0.0)) | ((state.local >= upper) & (blocks.right > 0.0))
    held_shared = ((state.shared <= shared_lower) & (blocks.right_corner < 0.0)) | (
        (state.shared >= shared_upper) & (blocks.right_corner > 0.0)
    )
    return problem.free & ~held, problem.free_shared & ~held_shared


def _moved(
    problem: JointProblem, state: SeriesState, step: NDArray[np.float64], step_shared: NDArray[np.float64]
) -> SeriesState:
    lower, upper, shared_lower, shared_upper = problem.limits
    trial = state.copy()
    trial.local += np.clip(step, -problem.longest, problem.longest)
    trial.shared += np.clip(step_shared, -problem.longest_shared, problem.longest_shared)
    trial.local = np.where(problem.free, np.clip(trial.local, lower, upper), state.local)
    trial.shared = np.where(problem.free_shared, np.clip(trial.shared, shared_lower, shared_upper), state.shared)
    return trial
