"""The calculated pattern and its Jacobian."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import aberration_nodes, make_nodes
from xrdfit.kernels.jit import kernel, vector_kernel
from xrdfit.kernels.lines import UNREACHABLE, inverse_d_squared, slot_kind
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import accumulate_peak, peak_derivatives, pseudo_voigt_shape
from xrdfit.kernels.spread import BEYOND, N_BUFFERS, accumulate_spread, spread_derivatives

_LN2 = math.log(2.0)


@kernel
def background_start(problem: Problem) -> int:
    """Slot of the first Chebyshev coefficient."""
    return slot.N_GLOBAL + slot.N_PHASE * problem.n_phases


@kernel
def emission_weight(problem: Problem, slots: NDArray[np.float64], e: int) -> float:
    """Weight of an emission line: given, or for a contaminating line refined."""
    if problem.weight_slot[e] < 0:
        return problem.weight[e]
    return problem.weight[e] * slots[problem.weight_slot[e]]


@kernel
def beam_spreads(slots: NDArray[np.float64]) -> bool:
    """Whether lines are convoluted with the divergence of the beam."""
    return bool(np.any(slots[slot.AXIAL_SAMPLE : slot.EQUATORIAL_DIVERGENCE + 1] > 0.0))


@kernel
def _copies_of(
    problem: Problem, slots: NDArray[np.float64], line: int, e: int, fwhm: float, room: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The copies of a line that the wavelength reaches, their centroid last; none if the beam does not spread."""
    if room.size == 0:
        return room
    base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
    hkl = problem.hkl[line]
    q = inverse_d_squared(slots[base : base + 6], hkl[0], hkl[1], hkl[2], np.empty(6))
    theta = math.asin(0.5 * problem.wavelength[e] * math.sqrt(q))
    openings = slots[slot.AXIAL_SAMPLE : slot.EQUATORIAL_DIVERGENCE + 1]
    return room[: aberration_nodes(theta, openings, fwhm, room) + 1]


@kernel
def _add_line(
    two_theta: NDArray[np.float64],
    position: float,
    fwhm: float,
    eta: float,
    area: float,
    copies: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    if copies.shape[0] == 0:
        accumulate_peak(two_theta, position, fwhm, eta, area, out)
    else:
        accumulate_spread(two_theta, position, fwhm, eta, area, copies, out)


@kernel
def line_profiles(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Profile of unit area of every line, all emission lines together: out (m, n) is overwritten."""
    room = make_nodes() if beam_spreads(slots) else np.empty((0, 0))
    for line in range(position.shape[0]):
        out[line, :] = 0.0
        for e in range(problem.wavelength.size):
            weight = emission_weight(problem, slots, e)
            if position[line, e] == UNREACHABLE or weight == 0.0:
                continue
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line, e], lorentz[line, e])
            copies = _copies_of(problem, slots, line, e, fwhm, room)
            _add_line(problem.two_theta, position[line, e], fwhm, eta, weight, copies, out[line])


@kernel
def background(problem: Problem, slots: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Chebyshev polynomial and humps at the points: out (n,) is overwritten."""
    start = background_start(problem)
    out[:] = 0.0
    n_terms = problem.chebyshev.shape[0]
    for term in range(n_terms):
        coefficient = slots[start + term]
        for i in range(out.size):
            out[i] += coefficient * problem.chebyshev[term, i]
    for hump in range(problem.n_humps):
        first = start + n_terms + slot.N_HUMP * hump
        accumulate_peak(problem.two_theta, slots[first], slots[first + 1], 0.0, slots[first + 2], out)


@vector_kernel
def add_scaled(factor: float, row: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        out[i] += factor * row[i]


@vector_kernel
def _combine(
    factor: NDArray[np.float64],
    on_position: NDArray[np.float64],
    on_gauss: NDArray[np.float64],
    on_lorentz: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    a, b, c = factor[0], factor[1], factor[2]
    for i in range(out.size):
        out[i] = a * on_position[i] + b * on_gauss[i] + c * on_lorentz[i]


@kernel
def jacobian(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    area: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Derivative of the pattern with respect to the slots in use, at fixed areas.

    Parameters
    ----------
    row_of_slot : (n_slots,) row of `out` for each slot, -1 where it is not wanted.
    area : (m,) of the lines; the other line arrays as `xrdfit.kernels.lines.place_lines` gives them.
    out : (n_rows, n), overwritten.
    """
    out[:, :] = 0.0
    n = problem.two_theta.size
    buffer = np.zeros((N_BUFFERS, n))
    room = make_nodes() if beam_spreads(slots) else np.empty((0, 0))
    with_openings = bool(np.any(row_of_slot[slot.AXIAL_SAMPLE : slot.EQUATORIAL_DIVERGENCE + 1] >= 0))
    for line in range(position.shape[0]):
        if area[line] == 0.0:
            continue
        phase_base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
        for e in range(problem.wavelength.size):
            if position[line, e] == UNREACHABLE:
                continue
            weight = emission_weight(problem, slots, e)
            # A contaminating line without weight still answers to it.
            weighed = problem.weight_slot[e] >= 0 and row_of_slot[problem.weight_slot[e]] >= 0
            if weight == 0.0 and not weighed:
                continue
            at, g, l = position[line, e], gauss[line, e], lorentz[line, e]  # noqa: E741
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(g, l)
            copies = _copies_of(problem, slots, line, e, fwhm, room)
            if copies.shape[0] == 0:
                peak_derivatives(
                    problem.two_theta,
                    at,
                    g,
                    l,
                    area[line] * weight,
                    buffer[slot.ON_POSITION],
                    buffer[slot.ON_GAUSS],
                    buffer[slot.ON_LORENTZ],
                )
            else:
                total = area[line] * weight
                spread_derivatives(problem.two_theta, at, g, l, total, copies, with_openings, buffer)
            _combine(
                by_theta[line, e],
                buffer[slot.ON_POSITION],
                buffer[slot.ON_GAUSS],
                buffer[slot.ON_LORENTZ],
                buffer[slot.ON_THETA],
            )
            if copies.shape[0] > 0:
                add_scaled(1.0, buffer[BEYOND], buffer[slot.ON_THETA])
            if weighed:
                buffer[slot.ON_WEIGHT, :] = 0.0
                unit = area[line] * problem.weight[e]
                _add_line(problem.two_theta, at, fwhm, eta, unit, copies, buffer[slot.ON_WEIGHT])
            for index in range(by_slot.shape[2]):
                where = index if index < slot.N_GLOBAL else phase_base + index - slot.N_GLOBAL
                row = row_of_slot[where]
                if row >= 0 and by_slot[line, e, index] != 0.0:
                    add_scaled(by_slot[line, e, index], buffer[slot_kind(index)], out[row])
    start = background_start(problem)
    n_terms = problem.chebyshev.shape[0]
    for term in range(n_terms):
        row = row_of_slot[start + term]
        if row >= 0:
            out[row] += problem.chebyshev[term]
    for hump in range(problem.n_humps):
        _hump_jacobian(problem, slots, row_of_slot, start + n_terms + slot.N_HUMP * hump, out)


@kernel
def _hump_jacobian(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    first: int,
    out: NDArray[np.float64],
) -> None:
    centre, fwhm, area = slots[first], slots[first + 1], slots[first + 2]
    unit = np.zeros(problem.two_theta.size)
    accumulate_peak(problem.two_theta, centre, fwhm, 0.0, 1.0, unit)
    for i in range(unit.size):
        u = 2.0 * (problem.two_theta[i] - centre) / fwhm
        if row_of_slot[first] >= 0:
            out[row_of_slot[first], i] += area * unit[i] * 4.0 * _LN2 * u / fwhm
        if row_of_slot[first + 1] >= 0:
            out[row_of_slot[first + 1], i] += area * unit[i] * (2.0 * _LN2 * u * u - 1.0) / fwhm
        if row_of_slot[first + 2] >= 0:
            out[row_of_slot[first + 2], i] += unit[i]
