"""The joint least-squares fit of a series: block-arrow normal equations, damped steps, a merit that never goes up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.block_arrow import solve_block_arrow
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.lone_scan import settle_scan
from xrdfit.series.joint.problem import Blocks, JointProblem, assemble

# Fall in the merit, of any one scan, below which a series stands still: its variables are then within a few thousandths
# of their esds.
TOLERANCE = 2e-6
# The same where no step, however short, lowers the merit: near a limit, or between lines that hardly differ.
_STALLED = 1e-2
_MAX_ITERATIONS = 100
_FIRST_DAMPING = 1e-7
_LARGEST_DAMPING = 1e6
# Fall in the merit of a scan whose variables are within a hundredth of their esds.
_ALL_BUT = 1e-4
# Times that what a fit does not differentiate is taken again, and by what that may change the merit of each scan on
# average: less than any step that counts, but in a long series more than the last of them bring.
_MOST_RENEWED, _OTHER_MERIT = 5, 1e-3
# A scan that could still gain this much is restless where most of them still gain a little; so many are few.
_RESTLESS = 1e-4
_FEW = 0.2
# Part of the fall that a step promises below which the next is damped more.
_LEAST_KEPT = 0.25
# Times that a step is solved again because variables stop at their limits.
_MAX_STOPPED = 10


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

    def without_equations(self) -> JointSolution:
        """Without what takes most of its memory, and is not wanted any more once its errors are known."""
        return replace(self, blocks=self.blocks.without_equations())


def minimise_joint(
    problem: JointProblem,
    start: SeriesState,
    *,
    tolerance: float = TOLERANCE,
    left_over: float = 0.0,
    renewed: Callable[[SeriesState], SeriesState] | None = None,
) -> JointSolution:
    """Levenberg and Marquardt on all scans together; every accepted step lowers the merit of the series.

    Each scan has a damping of its own, so that one far from its place does not hold the others back; a few that still
    move when the others stand go on by themselves between the steps.

    tolerance : fall in the merit, of any one scan, below which the series stands still. left_over : share of the scans,
    if not 0 one at least, that may still move then, for a fit that is not the last: the more there are, the longer the
    last one takes. Such a fit ends, too, where a step lowers the merit by no more than that for each of them.
    renewed : takes what the fit does not differentiate again at a state, and returns that with scales that make up for
    it. Asked after the first steps, as long as they promise some scan more than a hundredth of an esd.
    """
    still = partial(_stands_still, tolerance=tolerance, left_over=left_over)
    state = _moved(problem, start, np.zeros_like(start.local), np.zeros_like(start.shared))
    blocks = assemble(problem, state)
    damping = np.full(len(problem.scans), _FIRST_DAMPING)
    converged = refused = False
    iteration = 0
    n_blind = n_renewed = 0
    free, free_shared = _movable(problem, state, blocks)
    while not converged and iteration < _MAX_ITERATIONS:
        iteration += 1
        step, step_shared, n_blind = _bounded_step(problem, state, blocks, free, free_shared, damping)
        promised = _promised(blocks, step, step_shared)
        if still(promised):
            # A damped step promises little anywhere: only a free one tells.
            *whole, n_blind = _bounded_step(problem, state, blocks, free, free_shared, np.zeros(damping.size))
            if still(_promised(blocks, *whole)):
                converged = True
                break
        trial = _moved(problem, state, step, step_shared)
        for position in _restless(promised[:-1], tolerance):
            settle_scan(problem, trial, int(position), tolerance)
        slack = 1e-13 * abs(blocks.total)
        again = renewed if n_renewed < _MOST_RENEWED and float(np.abs(promised).max()) >= _ALL_BUT else None
        if again is not None:
            trial = again(trial)
            slack, n_renewed = _OTHER_MERIT * len(problem.scans), n_renewed + 1
        # Not more than two of them at a time: in a long series they take most of the memory.
        tried = assemble(problem, trial)
        fall = blocks.total + slack - tried.total
        if np.isfinite(tried.total) and fall > 0.0:
            worse = tried.merit > blocks.merit + np.maximum(1.0, 0.1 * np.abs(blocks.merit - tried.merit))
            # Steps that keep little of what they promise overshoot, forth and back across a valley.
            worse |= fall < _LEAST_KEPT * promised.sum() and promised.sum() > tolerance
            damping = np.where(worse, np.maximum(damping, 1e-5) * 10.0, np.where(damping > 1e-9, damping * 0.1, 0.0))
            # A few scans in a valley that noise has made promise much again and again, and hardly ever keep it.
            moving = max(int(np.count_nonzero(promised[:-1] >= tolerance)), 1)
            converged = bool(left_over) and fall < tolerance * moving
            state, blocks, refused = trial, tried, False
            del tried
            free, free_shared = _movable(problem, state, blocks)
        else:
            # Those scans step shorter that have lost; if it is not they, it is what all share.
            lost = ~(tried.merit <= blocks.merit)
            del tried
            damping = np.where(lost | refused | (not lost.any()), np.maximum(damping, 1e-5) * 10.0, damping)
            refused = True
            if again is not None:
                state = again(state)
                del blocks
                blocks = assemble(problem, state)
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


def _stands_still(promised: NDArray[np.float64], *, tolerance: float, left_over: float) -> bool:
    """Whether what a step promises each scan, and what they share (the last), is nothing any more."""
    n_scans = promised.size - 1
    moving = np.count_nonzero(np.abs(promised[:-1]) >= tolerance)
    if not left_over:
        return bool(np.abs(promised[-1]) < tolerance and moving == 0)
    # What all share moves each scan by a small part of what it promises.
    return bool(np.abs(promised[-1]) < tolerance * n_scans and moving <= max(left_over * n_scans, 1.0))


def _restless(promised: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Positions of the scans that go on by themselves: those that could still gain something, if they are few."""
    for least in (tolerance, _RESTLESS):
        restless = np.flatnonzero(promised > max(least, tolerance))
        if restless.size <= _FEW * promised.size:
            return restless
    return np.empty(0, dtype=np.int64)


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
    step[~free], step_shared[~free_shared] = 0.0, 0.0
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
