"""The Jacobian of the pattern."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.coarse import add_interpolated
from xrdfit.kernels.emission import unit_weight
from xrdfit.kernels.jit import inlined_kernel, kernel
from xrdfit.kernels.line_derivatives import add_plain_lines, make_room
from xrdfit.kernels.lines import UNREACHABLE
from xrdfit.kernels.pattern import background_start, put_weights
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import accumulate_peak
from xrdfit.kernels.rows import add_scaled
from xrdfit.kernels.spread_lines import add_spread_derivatives

_LN2 = math.log(2.0)


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
    if not add_spread_derivatives(
        problem.copies_fwhm,
        problem,
        slots,
        row_of_slot,
        area,
        position,
        gauss,
        lorentz,
        by_theta,
        by_slot,
        out,
    ):
        _add_plain_lines(problem, slots, row_of_slot, area, position, gauss, lorentz, by_theta, by_slot, out)
    start = background_start(problem)
    n_terms = problem.chebyshev.shape[0]
    for term in range(n_terms):
        row = row_of_slot[start + term]
        if row >= 0:
            add_scaled(1.0, problem.chebyshev[term], out[row])
    for hump in range(problem.n_humps):
        _hump_jacobian(problem, slots, row_of_slot, start + n_terms + slot.N_HUMP * hump, out)


@inlined_kernel
def _add_plain_lines(
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
    """Add what lines answer to that the beam does not spread."""
    room, n_placed = make_room(problem, out.shape[0], by_slot.shape[2]), position.size
    weight, unit = np.empty(position.shape), np.zeros(position.shape)
    put_weights(problem, slots, position, area, weight)
    for e in range(position.shape[1]):
        of_one = unit_weight(problem, row_of_slot, e)
        for line in range(position.shape[0] if of_one != 0.0 else 0):
            unit[line, e] = area[line] * of_one if position[line, e] != UNREACHABLE else 0.0
    add_plain_lines(
        problem,
        row_of_slot,
        position.ravel(),
        gauss.ravel(),
        lorentz.ravel(),
        weight.ravel(),
        unit.ravel(),
        by_theta.reshape(n_placed, 3),
        by_slot.reshape(n_placed, by_slot.shape[2]),
        room,
        out,
    )
    for row in range(out.shape[0]):
        if room.touched[row]:
            add_interpolated(problem.coarse, room.at_nodes[row], out[row])


@inlined_kernel
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
