"""All lines of a pattern where the divergence of the beam spreads them.

What this takes is more to compile than all the rest of a pattern. So it is not, for an instrument without openings: its
problem has None for `copies_fwhm`, and numba leaves out what stands behind a test for None of an argument.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import aberration_nodes, make_nodes
from xrdfit.kernels.emission import emission_weight, unit_weight
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel
from xrdfit.kernels.lines import UNREACHABLE, inverse_d_squared, slot_kind
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import pseudo_voigt_shape
from xrdfit.kernels.rows import add_scaled, put
from xrdfit.kernels.spread import BEYOND, N_BUFFERS, accumulate_spread, spread_derivatives


@lean_kernel
def beam_spreads(slots: NDArray[np.float64]) -> bool:
    """Whether lines are convoluted with the divergence of the beam."""
    widest = 0.0
    for index in range(slot.AXIAL_SAMPLE, slot.EQUATORIAL_DIVERGENCE + 1):
        widest = max(widest, slots[index])
    return widest > 0.0


@inlined_kernel
def _copies_of(
    copies_fwhm: NDArray[np.float64],
    problem: Problem,
    slots: NDArray[np.float64],
    line: int,
    e: int,
    fwhm: float,
    room: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The copies of a line that the wavelength reaches and the beam spreads, their centroid last."""
    base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
    hkl = problem.hkl[line]
    q = inverse_d_squared(slots[base : base + 6], hkl[0], hkl[1], hkl[2], np.empty(6))
    theta = math.asin(0.5 * problem.wavelength[e] * math.sqrt(q))
    openings = slots[slot.AXIAL_SAMPLE : slot.EQUATORIAL_DIVERGENCE + 1]
    if copies_fwhm.size > 0:
        fwhm = copies_fwhm[line, e]
    return room[: aberration_nodes(theta, openings, fwhm, room) + 1]


@kernel
def add_spread_lines(
    copies_fwhm: NDArray[np.float64] | None,
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    area: NDArray[np.float64],
    row: NDArray[np.int64],
    out: NDArray[np.float64],
) -> bool:
    """Add lines to `out` if the beam spreads them; returns whether it does.

    copies_fwhm : the problem's. Other arguments as in `xrdfit.kernels.pattern.add_lines`.
    """
    if copies_fwhm is None:
        return False
    if not beam_spreads(slots):
        return False
    room = make_nodes()
    for line in range(area.size):
        for e in range(problem.wavelength.size):
            part = area[line] * emission_weight(problem, slots, e)
            if position[line, e] == UNREACHABLE or part == 0.0:
                continue
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line, e], lorentz[line, e])
            copies = _copies_of(copies_fwhm, problem, slots, line, e, fwhm, room)
            accumulate_spread(problem.two_theta, position[line, e], fwhm, eta, part, copies, out[row[line]])
    return True


@kernel
def add_spread_derivatives(
    copies_fwhm: NDArray[np.float64] | None,
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
) -> bool:
    """Add to the rows of a Jacobian what lines answer to, if the beam spreads them; returns whether it does.

    copies_fwhm : the problem's. Other arguments as in `xrdfit.kernels.jacobian.jacobian`.
    """
    if copies_fwhm is None:
        return False
    if not beam_spreads(slots):
        return False
    room, buffer = make_nodes(), np.empty((N_BUFFERS, problem.two_theta.size))
    with_openings = np.bool_(False)
    for index in range(slot.AXIAL_SAMPLE, slot.EQUATORIAL_DIVERGENCE + 1):
        with_openings = with_openings or row_of_slot[index] >= 0
    for line in range(area.size):
        if area[line] == 0.0:
            continue
        base = slot.N_GLOBAL + slot.N_PHASE * problem.phase[line]
        for e in range(position.shape[1]):
            weight, unit = emission_weight(problem, slots, e), unit_weight(problem, row_of_slot, e)
            if position[line, e] == UNREACHABLE or (weight == 0.0 and unit == 0.0):
                continue
            at, g, l = position[line, e], gauss[line, e], lorentz[line, e]  # noqa: E741
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(g, l)
            copies = _copies_of(copies_fwhm, problem, slots, line, e, fwhm, room)
            spread_derivatives(problem.two_theta, at, g, l, area[line] * weight, copies, with_openings, buffer)
            put(buffer[BEYOND], buffer[slot.ON_THETA])
            add_scaled(by_theta[line, e, 0], buffer[slot.ON_POSITION], buffer[slot.ON_THETA])
            add_scaled(by_theta[line, e, 1], buffer[slot.ON_GAUSS], buffer[slot.ON_THETA])
            add_scaled(by_theta[line, e, 2], buffer[slot.ON_LORENTZ], buffer[slot.ON_THETA])
            buffer[slot.ON_WEIGHT, :] = 0.0
            if unit != 0.0:
                accumulate_spread(problem.two_theta, at, fwhm, eta, area[line] * unit, copies, buffer[slot.ON_WEIGHT])
            for index in range(by_slot.shape[2]):
                row = row_of_slot[index if index < slot.N_GLOBAL else base + index - slot.N_GLOBAL]
                if row >= 0 and by_slot[line, e, index] != 0.0:
                    add_scaled(by_slot[line, e, index], buffer[slot_kind(index)], out[row])
    return True
