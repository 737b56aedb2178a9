"""The normal equations of one scan, line areas eliminated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.evaluation import Workspace, put_pattern, update_weights, weight_of_points
from xrdfit.kernels.jacobian import jacobian
from xrdfit.kernels.jit import inlined_kernel, kernel
from xrdfit.kernels.line_row_products import products_with_rows
from xrdfit.kernels.linear import backward, forward_rows, unit_scale, weighted_gram, weighted_products
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.rows import add_scaled, dot, weighted_dot


@inlined_kernel
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

    Returns the Cholesky factor of the active lines' Gram matrix (scaled to unit diagonal; in the lower triangle of the
    first rows and columns of an array), ``factor^-1`` times the scaled products of active lines with the Jacobian, a
    row of the Jacobian in each row (n_rows, n_active), and the active lines' index. All stand in the workspace.
    """
    fill_jacobian(problem, slots, row_of_slot, work)
    n_rows = work.jacobian.shape[0]
    index, half = _elimination(work)
    cross = np.empty((work.area.size, n_rows))
    if not _cross_products_of_plain_lines(problem.only_weight, problem, work, cross):
        # The rows of the fewer stay in the cache.
        weighted_products(work.profiles, work.jacobian, work.weight, cross)
    scale = unit_scale(work.gram)
    for row in range(n_rows):
        for k in range(index.size):
            half[row, k] = cross[index[k], row] * scale[index[k]]
    forward_rows(work.factor, half)
    return work.factor, half, index


@inlined_kernel
def _elimination(work: Workspace) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index (n_active,) of the active lines, and the place (n_rows, n_active) of what they eliminate."""
    count, n_rows = np.int64(0), work.jacobian.shape[0]
    while count < work.chosen.size and work.chosen[count] >= 0:
        count += 1
    return work.chosen[:count], work.half[: n_rows * count].reshape(n_rows, count)


@kernel
def _cross_products_of_plain_lines(
    only_weight: NDArray[np.float64] | None, problem: Problem, work: Workspace, out: NDArray[np.float64]
) -> bool:
    """Products of lines with the Jacobian, (m, n_rows), if they stand plain; returns whether they do."""
    if only_weight is None:
        return False
    products_with_rows(
        problem.two_theta,
        problem.coarse,
        only_weight[0],
        work.position.ravel(),
        work.gauss.ravel(),
        work.lorentz.ravel(),
        weight_of_points(problem, work),
        work.jacobian,
        out,
    )
    return True


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
def weights_ahead(
    problem: Problem, slots: NDArray[np.float64], step: NDArray[np.float64], work: Workspace, areas_free: bool
) -> float:
    """Weights of the pattern that the equations promise behind a step; returns chi^2 of the present one under them.

    What the pattern then is differs from that by the square of the step, and what its weights would still change by
    less. Residual, lines and Jacobian of the workspace stay as they are; its pattern and its areas are those promised.

    Parameters
    ----------
    slots : (n_slots,) at present, where the lines are placed. step : (n_rows,) change of those in use.
    work : as `normal_equations` left it.
    """
    if areas_free:
        index, half = _elimination(work)
        scale, change = unit_scale(work.gram), np.zeros(index.size)
        for row in range(step.size):
            add_scaled(step[row], half[row], change)
        backward(work.factor, change)
        for k in range(index.size):
            line = index[k]
            work.area[line] = max(work.area[line] - scale[line] * change[k], 0.0)
    put_pattern(problem, slots, work)
    for row in range(step.size):
        add_scaled(step[row], work.jacobian[row], work.model)
    update_weights(problem, work)
    return weighted_dot(work.residual, work.weight, work.residual)
