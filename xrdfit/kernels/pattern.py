"""The calculated pattern and its Jacobian."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.jit import kernel, vector_kernel
from xrdfit.kernels.lines import UNREACHABLE, slot_kind
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import accumulate_peak, peak_derivatives, pseudo_voigt_shape

_LN2 = math.log(2.0)


@kernel
def background_start(problem: Problem) -> int:
    """Slot of the first Chebyshev coefficient."""
    return slot.N_GLOBAL + slot.N_PHASE * problem.n_phases


@kernel
def line_profiles(
    problem: Problem,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Profile of unit area of every line, all emission lines together: out (m, n) is overwritten."""
    for line in range(position.shape[0]):
        out[line, :] = 0.0
        for e in range(problem.wavelength.size):
            if position[line, e] != UNREACHABLE:
                fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line, e], lorentz[line, e])
                accumulate_peak(problem.two_theta, position[line, e], fwhm, eta, problem.weight[e], out[line])


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
    # One buffer for each thing that a slot can act on.
    buffer = np.empty((4, n))
    for line in range(position.shape[0]):
        if area[line] == 0.0:
            continue
        phase_base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
        for e in range(problem.wavelength.size):
            if position[line, e] == UNREACHABLE:
                continue
            peak_derivatives(
                problem.two_theta,
                position[line, e],
                gauss[line, e],
                lorentz[line, e],
                area[line] * problem.weight[e],
                buffer[slot.ON_POSITION],
                buffer[slot.ON_GAUSS],
                buffer[slot.ON_LORENTZ],
            )
            _combine(
                by_theta[line, e],
                buffer[slot.ON_POSITION],
                buffer[slot.ON_GAUSS],
                buffer[slot.ON_LORENTZ],
                buffer[slot.ON_THETA],
            )
            for index in range(slot.N_GLOBAL + slot.N_PHASE):
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
