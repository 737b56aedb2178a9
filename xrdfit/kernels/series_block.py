"""One scan of a joint series fit: its pattern, how well it is met, and its share of the normal equations.

The pattern is ``background + sum_p scale_p(t) sum_k relative_pk profile_pk``: relative intensities that many scans have
in common, and a scale that each point takes between the scan's own and its neighbours' in time (`share`). A phase whose
lines deviate in a scan has areas of its own there, ``course_p(t) sum_k area_pk profile_pk``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.jacobian import jacobian
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.linear import weighted_gram
from xrdfit.kernels.lines import place_lines
from xrdfit.kernels.pattern import background, line_profiles
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.rows import add_scaled, dot, put, weighted_dot

# Rows of `share`: the scan before, the scan itself, the scan after.
BEFORE = 0
OWN = 1
AFTER = 2


class BlockWork(NamedTuple):
    """Buffers of one scan, shared by all scans of a grid; shapes as in `make_block_work`."""

    position: NDArray[np.float64]
    gauss: NDArray[np.float64]
    lorentz: NDArray[np.float64]
    by_theta: NDArray[np.float64]
    by_slot: NDArray[np.float64]
    profiles: NDArray[np.float64]
    background: NDArray[np.float64]
    phase_pattern: NDArray[np.float64]
    envelope: NDArray[np.float64]
    model: NDArray[np.float64]
    residual: NDArray[np.float64]
    weight: NDArray[np.float64]
    by_used_slot: NDArray[np.float64]
    of_one_phase: NDArray[np.float64]
    rows: NDArray[np.float64]
    gram: NDArray[np.float64]
    right: NDArray[np.float64]


def make_block_work(problem: Problem, n_used_slots: int, n_rows: int) -> BlockWork:
    """Buffers for m lines at n points with this many slots in use and rows in the block."""
    m, n, n_lines = problem.hkl.shape[0], problem.two_theta.size, problem.wavelength.size
    return BlockWork(
        position=np.empty((m, n_lines)),
        gauss=np.empty((m, n_lines)),
        lorentz=np.empty((m, n_lines)),
        by_theta=np.zeros((m, n_lines, 3)),
        by_slot=np.zeros((m, n_lines, slot.n_line_slots(problem))),
        profiles=np.empty((m, n)),
        background=np.empty(n),
        phase_pattern=np.empty((problem.n_phases, n)),
        envelope=np.empty((problem.n_phases, n)),
        model=np.empty(n),
        residual=np.empty(n),
        weight=np.empty(n),
        by_used_slot=np.empty((n_used_slots, n)),
        of_one_phase=np.empty((n_used_slots, n)),
        rows=np.zeros((n_rows, n)),
        gram=np.zeros((n_rows, n_rows)),
        right=np.zeros(n_rows),
    )


@lean_kernel
def quasi_deviance(problem: Problem, model: NDArray[np.float64]) -> float:
    """Minus twice the quasi-likelihood of a pattern, up to a constant (Wedderburn 1974, doi:10.1093/biomet/61.3.439).

    Its derivative with respect to the model is ``-2 (observed - model) / variance(model)``: what iteratively reweighted
    least squares settles on is its minimum, and chi^2 where the variance does not depend on the model.
    """
    total = 0.0
    k = problem.variance_slope
    floor = problem.variance_floor
    for i in range(model.size):
        y, m, constant = problem.intensity[i], model[i], problem.variance_constant[i]
        if k == 0.0:
            total += (y - m) * (y - m) / constant
            continue
        level = max(m, floor)
        shift = constant / k
        if y + shift > 0.0:
            total += 2.0 / k * ((y + shift) * math.log((y + shift) / (level + shift)) - (y - level))
        else:
            total += 2.0 / k * (level - (y + shift) * math.log(level + shift))
        if m < floor:
            total -= 2.0 * (y * (m - floor) - 0.5 * (m * m - floor * floor)) / (constant + k * floor)
    return total


@lean_vector_kernel
def _add_product(left: NDArray[np.float64], right: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        out[i] += left[i] * right[i]


@lean_vector_kernel
def _add_scaled_product(
    factor: float, left: NDArray[np.float64], right: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for i in range(out.size):
        out[i] += factor * left[i] * right[i]


@lean_vector_kernel
def _scaled_product(
    factor: float, left: NDArray[np.float64], right: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for i in range(out.size):
        out[i] = factor * left[i] * right[i]


@lean_vector_kernel
def _compare(
    problem: Problem, model: NDArray[np.float64], residual: NDArray[np.float64], weight: NDArray[np.float64]
) -> None:
    """Residual, and weights as the model has them."""
    for i in range(model.size):
        residual[i] = problem.intensity[i] - model[i]
        level = max(model[i], problem.variance_floor)
        weight[i] = 1.0 / (problem.variance_constant[i] + problem.variance_slope * level)


@inlined_kernel
def _pin(pinned: NDArray[np.float64], work: BlockWork) -> None:
    """Leave pinned lines where they are: they answer to nothing that moves lines."""
    for line in range(pinned.shape[0]):
        for e in range(pinned.shape[1]):
            if not math.isnan(pinned[line, e]):
                work.position[line, e] = pinned[line, e]
                work.by_theta[line, e, 0] = 0.0
                work.by_slot[line, e, : slot.CAPILLARY_PERPENDICULAR + 1] = 0.0
                work.by_slot[line, e, slot.N_GLOBAL + slot.DISPLACEMENT] = 0.0


@kernel
def series_pattern(
    problem: Problem,
    slots: NDArray[np.float64],
    pinned: NDArray[np.float64],
    relative: NDArray[np.float64],
    scales: NDArray[np.float64],
    share: NDArray[np.float64],
    deviates: NDArray[np.bool_],
    course: NDArray[np.float64],
    work: BlockWork,
) -> float:
    """Fill the workspace with the pattern of a scan; returns its quasi-deviance.

    Parameters
    ----------
    pinned : (m, n_lines) where lines stay, deg; NaN for lines that move with the parameters.
    relative : (m,) intensities of the lines in units of their phase's scale; areas where the phase deviates.
    scales : (3, n_phases) of the scan before, the scan itself and the scan after.
    share : (3, n) how far each point belongs to each of them; columns sum to 1. (1, n): to the scan itself alone.
    deviates : (n_phases,) whether a phase has areas of its own. course : (n_phases, n) how these go with time.
    """
    place_lines(problem, slots, work.position, work.gauss, work.lorentz, work.by_theta, work.by_slot)
    _pin(pinned, work)
    line_profiles(problem, slots, work.position, work.gauss, work.lorentz, work.profiles)
    background(problem, slots, work.background)
    swept = share.shape[0] == 3
    for phase in range(problem.n_phases):
        if deviates[phase]:
            put(course[phase], work.envelope[phase])
        elif swept:
            for i in range(work.model.size):
                work.envelope[phase, i] = (
                    scales[BEFORE, phase] * share[BEFORE, i]
                    + scales[OWN, phase] * share[OWN, i]
                    + scales[AFTER, phase] * share[AFTER, i]
                )
        else:
            work.envelope[phase, :] = scales[OWN, phase]
    work.phase_pattern[:, :] = 0.0
    for line in range(relative.size):
        if relative[line] != 0.0:
            add_scaled(relative[line], work.profiles[line], work.phase_pattern[problem.phase[line]])
    put(work.background, work.model)
    for phase in range(problem.n_phases):
        _add_product(work.envelope[phase], work.phase_pattern[phase], work.model)
    _compare(problem, work.model, work.residual, work.weight)
    return quasi_deviance(problem, work.model)


@kernel
def _jacobian_at(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    area: NDArray[np.float64],
    work: BlockWork,
    out: NDArray[np.float64],
) -> None:
    """The Jacobian at these areas and the lines in the workspace."""
    jacobian(
        problem,
        slots,
        row_of_slot,
        area,
        work.position,
        work.gauss,
        work.lorentz,
        work.by_theta,
        work.by_slot,
        out,
    )


@inlined_kernel
def _slot_derivatives(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    relative: NDArray[np.float64],
    even: bool,
    work: BlockWork,
) -> None:
    """Derivative of the pattern with respect to the slots in use, each point under its own scale.

    even : whether the scale of a phase is the same at all points.
    """
    area = np.empty(relative.size)
    if even:
        for line in range(relative.size):
            area[line] = relative[line] * work.envelope[problem.phase[line], 0]
        _jacobian_at(problem, slots, row_of_slot, area, work, work.by_used_slot)
        return
    work.by_used_slot[:, :] = 0.0
    some = False
    for phase in range(problem.n_phases):
        if not dot(work.envelope[phase], work.envelope[phase]) > 0.0:
            continue
        some = True
        for line in range(relative.size):
            area[line] = relative[line] if problem.phase[line] == phase else 0.0
        _jacobian_at(problem, slots, row_of_slot, area, work, work.of_one_phase)
        own = slot.N_GLOBAL + slot.N_PHASE * phase
        for index in range(work.by_slot.shape[2]):
            where = index if index < slot.N_GLOBAL else own + index - slot.N_GLOBAL
            row = row_of_slot[where]
            if row >= 0:
                _add_product(work.envelope[phase], work.of_one_phase[row], work.by_used_slot[row])
    # The background's rows do not know the phases: those of the last one will do.
    if not some:
        area[:] = 0.0
        _jacobian_at(problem, slots, row_of_slot, area, work, work.of_one_phase)
    for where in range(slot.N_GLOBAL + slot.N_PHASE * problem.n_phases, slots.size):
        row = row_of_slot[where]
        if row >= 0:
            put(work.of_one_phase[row], work.by_used_slot[row])


@inlined_kernel
def series_block(
    problem: Problem,
    slots: NDArray[np.float64],
    pinned: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    mapping: NDArray[np.float64],
    relative: NDArray[np.float64],
    by_intensity: NDArray[np.float64],
    scales: NDArray[np.float64],
    share: NDArray[np.float64],
    deviates: NDArray[np.bool_],
    course: NDArray[np.float64],
    by_deviation: NDArray[np.float64],
    n_local: int,
    work: BlockWork,
) -> float:
    """Normal matrix and right side of one scan in ``work.gram`` and ``work.right``; returns the quasi-deviance.

    Rows in this order: `n_local` parameters of the scan; its scales (n_phases); what sets its lines apart from the
    shared intensities (m, or none): see `by_deviation`; the scales of the scan before and of the scan after (n_phases
    each, only if swept); the series' parameters; the intensity variables.

    Parameters
    ----------
    mapping : (n_used_slots, n_local + n_series) derivative of the slots in use with respect to the parameters.
    by_intensity : (m, n_intensity) derivative of `relative` with respect to the intensity variables.
    by_deviation : (m,) derivative of `relative` with respect to the line's own variable: 1 for an area. Empty: none.
    """
    merit = series_pattern(problem, slots, pinned, relative, scales, share, deviates, course, work)
    even = share.shape[0] == 1
    for phase in range(problem.n_phases):
        even = even and not deviates[phase]
    _slot_derivatives(problem, slots, row_of_slot, relative, even, work)
    rows = work.rows
    rows[:, :] = 0.0
    n_phases = problem.n_phases
    swept = share.shape[0] == 3
    first_scale = n_local
    first_deviation = first_scale + n_phases
    first_neighbour = first_deviation + by_deviation.size
    first_series = first_neighbour + (2 * n_phases if swept else 0)
    n_series = mapping.shape[1] - n_local
    first_intensity = first_series + n_series
    for column in range(mapping.shape[1]):
        row = column if column < n_local else first_series + column - n_local
        for used in range(mapping.shape[0]):
            if mapping[used, column] != 0.0:
                add_scaled(mapping[used, column], work.by_used_slot[used], rows[row])
    for phase in range(n_phases):
        if deviates[phase]:
            continue
        if swept:
            _add_product(share[OWN], work.phase_pattern[phase], rows[first_scale + phase])
            _add_product(share[BEFORE], work.phase_pattern[phase], rows[first_neighbour + phase])
            _add_product(share[AFTER], work.phase_pattern[phase], rows[first_neighbour + n_phases + phase])
        else:
            put(work.phase_pattern[phase], rows[first_scale + phase])
    for line in range(relative.size):
        envelope = work.envelope[problem.phase[line]]
        if by_deviation.size > 0:
            _scaled_product(by_deviation[line], work.profiles[line], envelope, rows[first_deviation + line])
        for j in range(by_intensity.shape[1]):
            if by_intensity[line, j] != 0.0:
                _add_scaled_product(by_intensity[line, j], work.profiles[line], envelope, rows[first_intensity + j])
    weighted_gram(rows, work.weight, work.gram)
    for row in range(rows.shape[0]):
        work.right[row] = weighted_dot(rows[row], work.weight, work.residual)
    return merit
