"""One scan evaluated: its pattern, the areas of its lines, chi^2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_vector_kernel
from xrdfit.kernels.line_products import products_of_lines
from xrdfit.kernels.linear import factor_subset, unit_scale, weighted_gram
from xrdfit.kernels.lines import place_lines
from xrdfit.kernels.nonnegative import nonnegative_solve
from xrdfit.kernels.pattern import add_lines, background, line_profiles
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.rows import add_scaled, put, weighted_dot


class Workspace(NamedTuple):
    """Buffers of one scan, filled by `calculate` and `normal_equations`; shapes as in `make_workspace`.

    factor, chosen : (m, m) and (m,), what `nonnegative_solve` gives; behind the chosen lines stands -1.
    half : (n_rows * m,), room for what `xrdfit.kernels.normal_equations` eliminates.
    """

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
    factor: NDArray[np.float64]
    chosen: NDArray[np.int64]
    area: NDArray[np.float64]
    active: NDArray[np.bool_]
    jacobian: NDArray[np.float64]
    half: NDArray[np.float64]


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
        factor=np.empty((m, m)),
        chosen=np.full(m, -1),
        area=np.zeros(m),
        active=np.ones(m, dtype=np.bool_),
        jacobian=np.empty((n_rows, n)),
        half=np.empty(n_rows * m),
    )


@lean_vector_kernel
def update_weights(problem: Problem, work: Workspace) -> None:
    """Weights ``1 / variance`` from the model just calculated."""
    for i in range(work.weight.size):
        level = max(work.model[i], problem.variance_floor)
        work.weight[i] = 1.0 / (problem.variance_constant[i] + problem.variance_slope * level)


@lean_vector_kernel
def weights_to_come(problem: Problem, work: Workspace) -> float:
    """The most that chi^2 can fall when the parameters follow weights that follow the model just calculated.

    Its slope changes by ``J^T dW r`` then, and whatever the Jacobian J is, the fall that this promises is part of
    ``r^T dW W^-1 dW r``.
    """
    total = 0.0
    for i in range(work.weight.size):
        level = max(work.model[i], problem.variance_floor)
        change = 1.0 / (problem.variance_constant[i] + problem.variance_slope * level) - work.weight[i]
        total += change * change / work.weight[i] * work.residual[i] * work.residual[i]
    return total


@kernel
def calculate(problem: Problem, slots: NDArray[np.float64], work: Workspace, solve_areas: bool) -> float:
    """Fill the workspace for these parameters and return chi^2.

    The areas are solved for if asked. The profiles of the lines are filled only if that needs them.
    """
    place(problem, slots, work)
    if solve_areas:
        if problem.only_weight is None:
            fill_profiles(problem, slots, work)
        return solve_areas_for(problem, slots, work)
    put_pattern(problem, slots, work)
    return compare(problem, work)


@inlined_kernel
def place(problem: Problem, slots: NDArray[np.float64], work: Workspace) -> None:
    """Lines and background where these parameters put them."""
    place_lines(problem, slots, work.position, work.gauss, work.lorentz, work.by_theta, work.by_slot)
    background(problem, slots, work.background)


@kernel
def put_pattern(problem: Problem, slots: NDArray[np.float64], work: Workspace) -> None:
    """The model of lines as they are placed, from the areas and the background at hand."""
    model = work.model.reshape(1, work.model.size)
    put(work.background, work.model)
    rows = np.zeros(work.area.size, dtype=np.int64)
    add_lines(problem, slots, work.position, work.gauss, work.lorentz, work.area, rows, model)
    n_ties = problem.ties.shape[1]
    for tie in range(n_ties):
        at = work.model.size - n_ties + tie
        work.model[at] = 0.0
        for line in range(work.area.size):
            work.model[at] += work.area[line] * problem.ties[line, tie]


@inlined_kernel
def fill_profiles(problem: Problem, slots: NDArray[np.float64], work: Workspace) -> None:
    """Profiles of the lines as they are placed in the workspace."""
    line_profiles(problem, slots, work.position, work.gauss, work.lorentz, work.profiles)
    n_ties = problem.ties.shape[1]
    if n_ties > 0:
        for line in range(work.profiles.shape[0]):
            put(problem.ties[line], work.profiles[line, work.profiles.shape[1] - n_ties :])


@kernel
def fill_products(problem: Problem, work: Workspace) -> None:
    """Products of the profiles with each other, and with the net pattern, at the weights at hand."""
    for i in range(work.residual.size):
        work.residual[i] = problem.intensity[i] - work.background[i]
    if not _products_of_plain_lines(problem.only_weight, problem, work):
        weighted_gram(work.profiles, work.weight, work.gram)
        for line in range(work.right.size):
            work.right[line] = weighted_dot(work.profiles[line], work.weight, work.residual)


@kernel
def _products_of_plain_lines(only_weight: NDArray[np.float64] | None, problem: Problem, work: Workspace) -> bool:
    """The same where lines have one wavelength and no beam spreads them; returns whether they do."""
    if only_weight is None:
        return False
    weight, net = weight_of_points(problem, work), np.empty(work.residual.size)
    for i in range(net.size):
        net[i] = weight[i] * work.residual[i]
    products_of_lines(
        problem.two_theta,
        problem.coarse,
        only_weight[0],
        work.position.ravel(),
        work.gauss.ravel(),
        work.lorentz.ravel(),
        weight,
        net,
        work.gram,
        work.right,
    )
    n_ties = problem.ties.shape[1]
    for tie in range(n_ties):
        at = net.size - n_ties + tie
        for line in range(work.right.size):
            own = problem.ties[line, tie] * work.weight[at]
            work.right[line] += own * work.residual[at]
            for other in range(work.right.size if own != 0.0 else 0):
                work.gram[line, other] += own * problem.ties[other, tie]
    return True


@inlined_kernel
def weight_of_points(problem: Problem, work: Workspace) -> NDArray[np.float64]:
    """(n,) the weights, those of ties left out."""
    weight = np.zeros(work.weight.size)
    n = weight.size - problem.ties.shape[1]
    put(work.weight[:n], weight[:n])
    return weight


@kernel
def solve_areas_for(problem: Problem, slots: NDArray[np.float64], work: Workspace) -> float:
    """Areas at the weights and lines at hand, and with them the model; returns chi^2."""
    fill_products(problem, work)
    _keep_chosen(nonnegative_solve(work.gram, work.right, work.area, work.active, work.factor), work)
    if problem.only_weight is None:
        add_up(work)
    else:
        put_pattern(problem, slots, work)
    return compare(problem, work)


@kernel
def factor_active(work: Workspace) -> None:
    """Factor the products of the active lines at given areas; a line that depends on others is left out."""
    scale = unit_scale(work.gram)
    index = np.empty(scale.size, dtype=np.int64)
    count = np.int64(0)
    for line in range(scale.size):
        if work.active[line] and scale[line] > 0.0:
            index[count] = line
            count += 1
    factor, dependent = factor_subset(work.gram, scale, index[:count])
    while dependent >= 0:
        count -= 1
        for k in range(dependent, count):
            index[k] = index[k + 1]
        factor, dependent = factor_subset(work.gram, scale, index[:count])
    for k in range(count):
        put(factor[k][: k + 1], work.factor[k][: k + 1])
    _keep_chosen(index[:count], work)


@inlined_kernel
def _keep_chosen(chosen: NDArray[np.int64], work: Workspace) -> None:
    for k in range(work.chosen.size):
        work.chosen[k] = chosen[k] if k < chosen.size else -1


@inlined_kernel
def reweigh(problem: Problem, slots: NDArray[np.float64], work: Workspace, solve_areas: bool) -> float:
    """Bring the weights up to date with the model at hand, then the areas if asked; returns chi^2."""
    update_weights(problem, work)
    return solve_areas_for(problem, slots, work) if solve_areas else compare(problem, work)


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
