"""Least squares of one scan: line areas solved exactly at every step, everything else by Levenberg-Marquardt.

The areas enter linearly, so they are eliminated (variable projection: Golub & Pereyra 1973, doi:10.1137/0710036, with
Kaufman's 1975 Jacobian, doi:10.1007/BF01932995): at given positions and widths they are the non-negative least-squares
solution, and the normal equations of the other parameters are those of the joint problem after the elimination, so that
their inverse is the marginal covariance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.evaluation import Workspace, calculate, compare, reweigh, update_weights, weights_to_come
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel
from xrdfit.kernels.linear import cholesky, cholesky_solve
from xrdfit.kernels.lines import place_lines, slot_kind
from xrdfit.kernels.normal_equations import normal_equations, weights_ahead
from xrdfit.kernels.pattern import background_start
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.rows import dot, put

CONVERGED = 0
STALLED = 1
TOO_MANY = 2
NOT_FINITE = 3

_MAX_WEIGHT_UPDATES = 24
# Weights go ahead with a step that leaves this part of chi^2, so does not make another pattern of the model, and at
# most `_CLEAR` times the number of points. Else misfit rules, and weights that follow it would change which minimum is
# the nearest.
_NEAR_PART = 0.5
_CLEAR = 2.0
# Where they do not, they are brought up to date as soon as a step promises no more than this fall of chi^2.
_DONE = 0.1
# Weights that could bring this part of such a fall are those of the model at hand.
_SETTLED = 0.1
# Part of chi^2 that is rounding: no fall smaller than that is waited for.
_ROUNDING = 1e-12
# A gradient that promises no more than this fall of chi^2 (a tenth of an esd), where no step brings one, is rounding or
# the nodes of a quadrature.
_NEAR = 1e-2
# A step that keeps less of the fall that it promised was too long, one that keeps more might have been longer.
_LITTLE, _MOST = 0.25, 0.75
# So many steps one after the other that lower chi^2 by nothing, whatever they promised, are the end: a valley is curved
# there, where noise has made it.
_SLOW = 3


@kernel
def damped_step(
    matrix: NDArray[np.float64], right: NDArray[np.float64], free: NDArray[np.bool_], damping: float
) -> NDArray[np.float64]:
    """Solve ``(M + damping diag M) x = right`` over the free variables; the others, and blind ones, get zero."""
    size = right.size
    step = np.zeros(size)
    index = np.empty(size, dtype=np.int64)
    count = 0
    for i in range(size):
        if free[i] and matrix[i, i] > 0.0:
            index[count] = i
            count += 1
    sub = np.empty((count, count))
    vector = np.empty(count)
    for extra in (0.0, 1e-9, 1e-6, 1e-3):
        for i in range(count):
            root = math.sqrt(matrix[index[i], index[i]])
            vector[i] = right[index[i]] / root
            for j in range(count):
                sub[i, j] = matrix[index[i], index[j]] / (root * math.sqrt(matrix[index[j], index[j]]))
            sub[i, i] = 1.0 + damping + extra
        if cholesky(sub, 1e-13) < 0:
            cholesky_solve(sub, vector)
            for i in range(count):
                step[index[i]] = vector[i] / math.sqrt(matrix[index[i], index[i]])
            return step
    return step


@kernel
def longest_steps(
    problem: Problem, slots: NDArray[np.float64], slot_mapping: NDArray[np.float64], work: Workspace
) -> NDArray[np.float64]:
    """Steps of the variables that move no line by more than half its FWHM, nor its width by as much.

    Position and width answer linearly only that far; beyond, a step is a leap in the dark.

    Parameters
    ----------
    slot_mapping : (n_slots, n_variables) derivative of the slots with respect to the variables.
    work : lines are placed in it.
    """
    place_lines(problem, slots, work.position, work.gauss, work.lorentz, work.by_theta, work.by_slot)
    motion = np.zeros(slots.size)
    _relative_motion(problem, work, motion)
    first = background_start(problem) + problem.chebyshev.shape[0]
    for hump in range(problem.n_humps):
        motion[first + slot.N_HUMP * hump] = motion[first + slot.N_HUMP * hump + 1] = (
            4.0 / slots[first + slot.N_HUMP * hump + 1]
        )
    longest = np.empty(slot_mapping.shape[1])
    for j in range(longest.size):
        rate = 0.0
        for index in range(motion.size):
            rate += motion[index] * abs(slot_mapping[index, j])
        longest[j] = math.inf if rate == 0.0 else 1.0 / rate
    return longest


@lean_kernel
def _relative_motion(problem: Problem, work: Workspace, out: NDArray[np.float64]) -> None:
    """(n_slots,) how far a slot moves or widens a line at most, in half its FWHM."""
    for line in range(work.position.shape[0]):
        base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
        for e in range(work.position.shape[1]):
            half = 0.5 * (work.gauss[line, e] + work.lorentz[line, e])
            for k in range(work.by_slot.shape[2]):
                by = abs(work.by_slot[line, e, k]) / half
                if slot_kind(k) == slot.ON_THETA:
                    by *= abs(work.by_theta[line, e, 0])
                index = k if k < slot.N_GLOBAL else base + k - slot.N_GLOBAL
                out[index] = max(out[index], by)


@lean_kernel
def _promised(
    matrix: NDArray[np.float64], right: NDArray[np.float64], here: NDArray[np.float64], there: NDArray[np.float64]
) -> float:
    """By how much chi^2 falls from here to there, if the normal equations tell."""
    fall = 0.0
    for i in range(here.size):
        fall += (there[i] - here[i]) * (2.0 * right[i] - dot(matrix[i], there) + dot(matrix[i], here))
    return fall


@inlined_kernel
def _inside(
    variables: NDArray[np.float64],
    right: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    free: NDArray[np.bool_],
) -> None:
    """Mark the variables that may move: not those at a limit that the descent pushes against."""
    for i in range(variables.size):
        free[i] = not ((variables[i] <= lower[i] and right[i] < 0.0) or (variables[i] >= upper[i] and right[i] > 0.0))


@kernel
def _slots_at(
    base: NDArray[np.float64], slot_mapping: NDArray[np.float64], variables: NDArray[np.float64]
) -> NDArray[np.float64]:
    slots = np.empty(base.size)
    for index in range(base.size):
        slots[index] = base[index] + dot(slot_mapping[index], variables)
    return slots


@kernel
def _moved(mapping: NDArray[np.float64], here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_rows,) by how much the slots in use differ."""
    moved = np.empty(mapping.shape[0])
    for row in range(moved.size):
        moved[row] = dot(mapping[row], there) - dot(mapping[row], here)
    return moved


@kernel
def minimise(
    problem: Problem,
    base: NDArray[np.float64],
    slot_mapping: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    variables: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    longest: NDArray[np.float64],
    work: Workspace,
    chi2: float,
    areas_free: bool,
    tolerance: float,
    max_evaluations: int,
) -> tuple[float, int, int, NDArray[np.float64], NDArray[np.float64]]:
    """Bounded Levenberg-Marquardt, weights brought up to date with the model until nothing moves.

    The weights go ahead of the model as soon as a step no longer makes another pattern of it: each step is tried under
    those of the pattern that the equations promise, so that weights settle together with the parameters. At the answer
    they are those of its own pattern.

    Parameters
    ----------
    base, slot_mapping : slots = base + slot_mapping @ variables; (n_slots,) and (n_slots, n_variables).
    row_of_slot : (n_slots,) Jacobian row of the slots in use, -1 elsewhere.
    variables : (n_variables,) start on entry, answer on return.
    lower, upper : limits. longest : longest step of each variable (it keeps lines from jumping past each other).
    work : holds the pattern of the start, whose chi^2 is `chi2`, and the weights to begin with; on return the answer's.
    areas_free : whether the areas are solved for (else they stay as they are in `work`).
    tolerance : stop when the step would lower chi^2 by less than this, or by less than rounding can show.

    Returns
    -------
    chi^2; evaluations; CONVERGED, STALLED, TOO_MANY or NOT_FINITE; normal matrix (n_variables, n_variables) and right
    side (n_variables,), those of the answer if it has converged.
    """
    n_rows = work.jacobian.shape[0]
    mapping = np.empty((n_rows, variables.size))
    for index in range(base.size):
        if row_of_slot[index] >= 0:
            put(slot_mapping[index], mapping[row_of_slot[index]])
    free = np.empty(variables.size, dtype=np.bool_)
    matrix, right = np.zeros((variables.size, variables.size)), np.zeros(variables.size)
    slots = _slots_at(base, slot_mapping, variables)
    evaluations = 1
    weight_updates = 0
    damping = 1e-3
    slow = 0
    # Whether the weights are as good as those of the model at hand.
    settled = weights_to_come(problem, work) < _SETTLED * max(tolerance, _ROUNDING * chi2)
    # Whether they went ahead with the last step.
    ahead = False
    while True:
        if not math.isfinite(chi2):
            return chi2, evaluations, NOT_FINITE, matrix, right
        matrix, right = normal_equations(problem, slots, row_of_slot, mapping, work, areas_free)
        _inside(variables, right, lower, upper, free)
        full = damped_step(matrix, right, free, 0.0)
        predicted = dot(right, full)
        enough = max(tolerance, _ROUNDING * chi2)
        spare = weight_updates < _MAX_WEIGHT_UPDATES
        if (predicted < enough or slow >= _SLOW) and (settled or not spare):
            return chi2, evaluations, CONVERGED, matrix, right
        if predicted < (enough if ahead else max(enough, _DONE)) and not settled and spare:
            chi2 = reweigh(problem, slots, work, areas_free)
            weight_updates += 1
            evaluations += 1
            settled = True
            continue
        if evaluations == 1 and chi2 > _CLEAR * work.weight.size:
            # Misfit, or a start far off: weights that the data alone set lead from there to other minima. They give the
            # first step, but do not judge it.
            update_weights(problem, work)
            chi2 = compare(problem, work)
        first, ahead = True, False
        while True:
            if evaluations >= max_evaluations:
                return chi2, evaluations, TOO_MANY, matrix, right
            step = full if damping < 1e-7 else damped_step(matrix, right, free, damping)
            shrink = 1.0
            for i in range(variables.size):
                if abs(step[i]) * shrink > longest[i]:
                    shrink = longest[i] / abs(step[i])
            trial = np.empty(variables.size)
            for i in range(variables.size):
                trial[i] = min(max(variables[i] + shrink * step[i], lower[i]), upper[i])
            promised = _promised(matrix, right, variables, trial)
            spare = weight_updates < _MAX_WEIGHT_UPDATES // 2
            if first and spare and _NEAR_PART * chi2 < chi2 - promised < _CLEAR * work.weight.size:
                chi2 = weights_ahead(problem, slots, _moved(mapping, variables, trial), work, areas_free)
                weight_updates += 1
                ahead = True
            trial_slots = _slots_at(base, slot_mapping, trial)
            trial_chi2 = calculate(problem, trial_slots, work, areas_free)
            evaluations += 1
            first = False
            if trial_chi2 < chi2:
                fall = chi2 - trial_chi2
                slow = slow + 1 if fall < enough else 0
                put(trial, variables)
                slots = trial_slots
                chi2 = trial_chi2
                if fall < _LITTLE * promised:
                    damping = max(damping, 1e-4) * 4.0
                elif fall > _MOST * promised:
                    damping = damping * 0.1 if damping > 1e-12 else 0.0
                settled = weights_to_come(problem, work) < _SETTLED * enough
                break
            damping = max(damping, 1e-3) * 8.0
            if damping > 1e6:
                chi2 = calculate(problem, slots, work, areas_free)
                near = predicted < max(1e3 * enough, _NEAR)
                return chi2, evaluations, CONVERGED if near else STALLED, matrix, right
