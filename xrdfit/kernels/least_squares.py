"""Least squares of one scan: line areas solved exactly at every step, everything else by Levenberg-Marquardt.

The areas enter linearly, so they are eliminated (variable projection: Golub & Pereyra 1973, doi:10.1137/0710036, with
Kaufman's 1975 Jacobian, doi:10.1007/BF01932995): at given positions and widths they are the non-negative least-squares
solution, and the normal equations of the other parameters are those of the joint problem after the elimination, so that
their inverse is the marginal covariance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.jacobian import jacobian
from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.linear import (
    cholesky,
    cholesky_solve,
    dot,
    factor_subset,
    nonnegative_solve,
    unit_scale,
    weighted_dot,
    weighted_gram,
    weighted_products,
)
from xrdfit.kernels.lines import place_lines, slot_kind
from xrdfit.kernels.pattern import add_lines, add_scaled, background, background_start, line_profiles
from xrdfit.kernels.problem import Problem

CONVERGED = 0
STALLED = 1
TOO_MANY = 2
NOT_FINITE = 3

_MAX_WEIGHT_UPDATES = 24
# Weights follow the model from step to step where a step leaves this part of chi^2, so has not made another pattern of
# it, and where chi^2 is at most `CLEAR` times the number of points. Else misfit rules, and weights that follow it would
# change which minimum is the nearest.
_NEAR_PART = 0.5
CLEAR = 2.0
# Where they do not follow, they are brought up to date as soon as a step promises no more than this fall of chi^2.
_DONE = 0.1
# Part of chi^2 that is rounding: no fall smaller than that is waited for.
_ROUNDING = 1e-12
# A gradient that promises no more than this fall of chi^2 (a tenth of an esd), where no step brings one, is rounding or
# the nodes of a quadrature.
_NEAR = 1e-2


class Workspace(NamedTuple):
    """Buffers of one scan, filled by `calculate` and `normal_equations`; shapes as in `make_workspace`."""

    position: NDArray[np.float64]
    gauss: NDArray[np.float64]
    lorentz: NDArray[np.float64]
    by_theta: NDArray[np.float64]
    by_slot: NDArray[np.float64]
    profiles: NDArray[np.float64]
    background: NDArray[np.float64]
    model: NDArray[np.float64]
    residual: NDArray[np.float64]
    weight: NDArray[np.float64]
    gram: NDArray[np.float64]
    right: NDArray[np.float64]
    area: NDArray[np.float64]
    active: NDArray[np.bool_]
    jacobian: NDArray[np.float64]


def make_workspace(problem: Problem, n_rows: int) -> Workspace:
    """Buffers for a problem of m lines and n points with `n_rows` slots in use."""
    m, n, n_lines = problem.hkl.shape[0], problem.two_theta.size, problem.wavelength.size
    return Workspace(
        position=np.empty((m, n_lines)),
        gauss=np.empty((m, n_lines)),
        lorentz=np.empty((m, n_lines)),
        by_theta=np.zeros((m, n_lines, 3)),
        by_slot=np.zeros((m, n_lines, slot.n_line_slots(problem))),
        profiles=np.empty((m, n)),
        background=np.empty(n),
        model=np.empty(n),
        residual=np.empty(n),
        weight=np.ones(n),
        gram=np.empty((m, m)),
        right=np.empty(m),
        area=np.zeros(m),
        active=np.ones(m, dtype=np.bool_),
        jacobian=np.empty((n_rows, n)),
    )


@lean_vector_kernel
def update_weights(problem: Problem, work: Workspace) -> None:
    """Weights ``1 / variance`` from the model just calculated."""
    for i in range(work.weight.size):
        level = max(work.model[i], problem.variance_floor)
        work.weight[i] = 1.0 / (problem.variance_constant[i] + problem.variance_slope * level)


@kernel
def calculate(problem: Problem, slots: NDArray[np.float64], work: Workspace, solve_areas: bool) -> float:
    """Fill the workspace for these parameters and return chi^2.

    The areas are solved for if asked, which needs the profiles of the lines; at given areas they are not filled.
    """
    place_lines(problem, slots, work.position, work.gauss, work.lorentz, work.by_theta, work.by_slot)
    background(problem, slots, work.background)
    if solve_areas:
        fill_profiles(problem, slots, work)
        return weigh(problem, work, True)
    model = work.model.reshape(1, work.model.size)
    model[0] = work.background
    rows = np.zeros(work.area.size, dtype=np.int64)
    add_lines(problem, slots, work.position, work.gauss, work.lorentz, work.area, rows, model)
    n_ties = problem.ties.shape[1]
    for tie in range(n_ties):
        at = work.model.size - n_ties + tie
        work.model[at] = 0.0
        for line in range(work.area.size):
            work.model[at] += work.area[line] * problem.ties[line, tie]
    return compare(problem, work)


@kernel
def fill_profiles(problem: Problem, slots: NDArray[np.float64], work: Workspace) -> None:
    """Profiles of the lines as they are placed in the workspace."""
    line_profiles(problem, slots, work.position, work.gauss, work.lorentz, work.profiles)
    n_ties = problem.ties.shape[1]
    if n_ties > 0:
        work.profiles[:, work.profiles.shape[1] - n_ties :] = problem.ties


@kernel
def weigh(problem: Problem, work: Workspace, solve_areas: bool) -> float:
    """The part of `calculate` that answers to the weights: areas and with them the model, if asked for, and chi^2."""
    if solve_areas:
        for i in range(work.residual.size):
            work.residual[i] = problem.intensity[i] - work.background[i]
        weighted_gram(work.profiles, work.weight, work.gram)
        for line in range(work.right.size):
            work.right[line] = weighted_dot(work.profiles[line], work.weight, work.residual)
        nonnegative_solve(work.gram, work.right, work.area, work.active)
        add_up(work)
    return compare(problem, work)


@lean_vector_kernel
def add_up(work: Workspace) -> None:
    """The model from profiles, areas and background at hand."""
    model = work.model
    for i in range(model.size):
        model[i] = work.background[i]
    for line in range(work.area.size):
        if work.area[line] != 0.0:
            add_scaled(work.area[line], work.profiles[line], model)


@lean_vector_kernel
def compare(problem: Problem, work: Workspace) -> float:
    """Residual of the model at hand; returns chi^2."""
    total = 0.0
    for i in range(work.model.size):
        work.residual[i] = problem.intensity[i] - work.model[i]
        total += work.weight[i] * work.residual[i] * work.residual[i]
    return total


@kernel
def fill_jacobian(
    problem: Problem, slots: NDArray[np.float64], row_of_slot: NDArray[np.int64], work: Workspace
) -> None:
    """The Jacobian of the slots in use, at the lines and areas in the workspace."""
    jacobian(
        problem,
        slots,
        row_of_slot,
        work.area,
        work.position,
        work.gauss,
        work.lorentz,
        work.by_theta,
        work.by_slot,
        work.jacobian,
    )


@kernel
def eliminated(
    problem: Problem, slots: NDArray[np.float64], row_of_slot: NDArray[np.int64], work: Workspace
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Eliminate the active lines from the Jacobian, which is filled first (`fill_jacobian`).

    Returns the Cholesky factor of the active lines' Gram matrix (scaled to unit diagonal), ``factor^-1`` times the
    scaled products of active lines with the Jacobian, a row of the Jacobian in each row (n_rows, n_active), and the
    active lines' index.
    """
    fill_jacobian(problem, slots, row_of_slot, work)
    scale = unit_scale(work.gram)
    index = np.nonzero(work.active & (scale > 0.0))[0]
    factor, dependent = factor_subset(work.gram, scale, index, index.size)
    while dependent >= 0:
        index = np.delete(index, dependent)
        factor, dependent = factor_subset(work.gram, scale, index, index.size)
    n_rows = work.jacobian.shape[0]
    cross = np.empty((n_rows, work.area.size))
    weighted_products(work.jacobian, work.profiles, work.weight, cross)
    half = np.empty((n_rows, index.size))
    _forward(factor, cross, scale, index, half)
    return factor, half, index


@lean_vector_kernel
def _forward(
    factor: NDArray[np.float64],
    cross: NDArray[np.float64],
    scale: NDArray[np.float64],
    index: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """``factor^-1`` times the scaled columns `index` of each row of `cross`, in the rows of `out`."""
    for row in range(out.shape[0]):
        solved = out[row]
        for i in range(index.size):
            total = cross[row, index[i]] * scale[index[i]]
            for k in range(i):
                total -= factor[i, k] * solved[k]
            solved[i] = total / factor[i, i]


@kernel
def normal_equations(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    mapping: NDArray[np.float64],
    work: Workspace,
    areas_free: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normal matrix and right side of the variables, the active areas eliminated if they are free.

    mapping : (n_rows, n_variables) derivative of the slots in use with respect to the variables.
    """
    n_rows = work.jacobian.shape[0]
    matrix = np.empty((n_rows, n_rows))
    right = np.empty(n_rows)
    if areas_free:
        half = eliminated(problem, slots, row_of_slot, work)[1]
    else:
        fill_jacobian(problem, slots, row_of_slot, work)
    weighted_gram(work.jacobian, work.weight, matrix)
    for row in range(n_rows):
        right[row] = weighted_dot(work.jacobian[row], work.weight, work.residual)
    if areas_free:
        # At the solution for the areas their own right side is zero, so only the matrix changes.
        for row in range(n_rows):
            for other in range(row + 1):
                matrix[row, other] -= dot(half[row], half[other])
                matrix[other, row] = matrix[row, other]
    n_variables = mapping.shape[1]
    mapped = np.zeros((n_variables, n_variables))
    mapped_right = np.zeros(n_variables)
    partial = np.zeros((n_variables, n_rows))
    # Most slots are variables of their own.
    for row in range(n_rows):
        for i in range(n_variables):
            if mapping[row, i] != 0.0:
                mapped_right[i] += mapping[row, i] * right[row]
                add_scaled(mapping[row, i], matrix[row], partial[i])
    for row in range(n_rows):
        for j in range(n_variables):
            if mapping[row, j] != 0.0:
                for i in range(n_variables):
                    mapped[i, j] += partial[i, row] * mapping[row, j]
    return mapped, mapped_right


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
        longest[j] = 1.0 / rate
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
    areas_free: bool,
    tolerance: float,
    max_evaluations: int,
) -> tuple[float, int, int, NDArray[np.float64], NDArray[np.float64]]:
    """Bounded Levenberg-Marquardt, weights brought up to date with the model until nothing moves.

    The weights follow the model from step to step as soon as a step no longer makes another pattern of it, so that
    they settle together with the parameters; at the answer they are those of its own pattern.

    Parameters
    ----------
    base, slot_mapping : slots = base + slot_mapping @ variables; (n_slots,) and (n_slots, n_variables).
    row_of_slot : (n_slots,) Jacobian row of the slots in use, -1 elsewhere.
    variables : (n_variables,) start on entry, answer on return.
    lower, upper : limits. longest : longest step of each variable (it keeps lines from jumping past each other).
    work : its weights are those to begin with; on return it holds the answer's pattern.
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
            mapping[row_of_slot[index]] = slot_mapping[index]
    free = np.empty(variables.size, dtype=np.bool_)
    matrix, right = np.zeros((variables.size, variables.size)), np.zeros(variables.size)
    slots = base + slot_mapping @ variables
    chi2 = calculate(problem, slots, work, areas_free)
    evaluations = 1
    weight_updates = 0
    # Whether the weights are those of the model at hand.
    settled = problem.variance_slope == 0.0
    damping = 1e-3
    while True:
        if not math.isfinite(chi2):
            return chi2, evaluations, NOT_FINITE, matrix, right
        matrix, right = normal_equations(problem, slots, row_of_slot, mapping, work, areas_free)
        _inside(variables, right, lower, upper, free)
        full = damped_step(matrix, right, free, 0.0)
        predicted = np.dot(right, full)
        enough = max(tolerance, _ROUNDING * chi2)
        spare = weight_updates < _MAX_WEIGHT_UPDATES
        if predicted < enough and (settled or not spare):
            return chi2, evaluations, CONVERGED, matrix, right
        if predicted < max(enough, _DONE) and not settled and spare:
            chi2 = _reweigh(problem, work, areas_free)
            weight_updates += 1
            evaluations += 1
            settled = True
            continue
        while True:
            if evaluations >= max_evaluations:
                return chi2, evaluations, TOO_MANY, matrix, right
            step = full if damping < 1e-7 else damped_step(matrix, right, free, damping)
            shrink = 1.0
            for i in range(variables.size):
                if abs(step[i]) * shrink > longest[i]:
                    shrink = longest[i] / abs(step[i])
            trial = variables + shrink * step
            for i in range(variables.size):
                trial[i] = min(max(trial[i], lower[i]), upper[i])
            trial_slots = base + slot_mapping @ trial
            trial_chi2 = calculate(problem, trial_slots, work, areas_free)
            evaluations += 1
            if trial_chi2 < chi2:
                follow = _NEAR_PART * chi2 < trial_chi2 < CLEAR * work.weight.size
                variables[:] = trial
                slots = trial_slots
                chi2 = trial_chi2
                damping = damping * 0.1 if damping > 1e-12 else 0.0
                settled = problem.variance_slope == 0.0
                spare = weight_updates < _MAX_WEIGHT_UPDATES // 2 and evaluations < max_evaluations
                if follow and not settled and spare:
                    chi2 = _reweigh(problem, work, areas_free)
                    weight_updates += 1
                    evaluations += 1
                    settled = True
                break
            damping = max(damping, 1e-7) * 8.0
            if damping > 1e6:
                chi2 = calculate(problem, slots, work, areas_free)
                near = predicted < max(1e3 * enough, _NEAR)
                return chi2, evaluations, CONVERGED if near else STALLED, matrix, right


@kernel
def _reweigh(problem: Problem, work: Workspace, areas_free: bool) -> float:
    """Bring the weights up to date with the model at hand; returns chi^2."""
    update_weights(problem, work)
    return weigh(problem, work, areas_free)
