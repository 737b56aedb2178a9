"""A line that the divergence of the beam spreads into shifted copies of itself, and its derivatives."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import aberrations as node
from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import near_copies
from xrdfit.kernels.gaussian import halved
from xrdfit.kernels.jit import inlined_kernel, kernel, vector_kernel
from xrdfit.kernels.profiles import GAUSS_NORM, accumulate_peak, pseudo_voigt_shape
from xrdfit.kernels.rows import first_from

# Row of the buffers for what a line answers to the Bragg angle beyond its position and widths.
BEYOND = slot.N_KINDS
N_BUFFERS = slot.N_KINDS + 1
_LN2 = math.log(2.0)
# The buffers that are filled: always, and the rest if wanted.
_N_ALWAYS = 4
_ROWS = np.array(
    [
        slot.ON_POSITION,
        slot.ON_GAUSS,
        slot.ON_LORENTZ,
        BEYOND,
        slot.ON_AXIAL_SAMPLE,
        slot.ON_AXIAL_DETECTOR,
        slot.ON_SOLLER,
        slot.ON_DIVERGENCE,
    ]
)
# Beyond this many FWHM the Gaussian part of a copy is below 1e-10 of its top.
_GAUSS_REACH = 2.9


@kernel
def accumulate_spread(
    two_theta: NDArray[np.float64],
    position: float,
    fwhm: float,
    eta: float,
    area: float,
    copies: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add a line of the given area to `out`.

    copies : (n_nodes + 1, N_COLUMNS) from `aberration_nodes`, their centroid last.
    """
    n_nodes = copies.shape[0] - 1
    centre = position + copies[n_nodes, node.OFFSET]
    inner, outer = near_copies(copies, fwhm)
    first, last = first_from(two_theta, centre - outer), first_from(two_theta, centre + outer)
    near = two_theta[first:last]
    part = np.zeros(near.size)
    start, end, reach = np.int64(0), np.int64(0), _GAUSS_REACH * fwhm
    for k in range(n_nodes):
        at = position + copies[k, node.OFFSET]
        start, end = _moved(near, at - reach, at + reach, start, end)
        weighed = area * copies[k, node.WEIGHT]
        _add_lorentzian(near, at, fwhm, weighed * eta, part)
        # Loops run from zero, or they would not become vector code.
        _add_gaussian(near[start:end], at, fwhm, weighed * (1.0 - eta), part[start:end])
    total = np.zeros(near.size)
    _add_lorentzian(near, centre, fwhm, area * eta, total)
    _go_over(near, centre, inner, outer, part, total)
    there = out[first:last]
    for i in range(near.size):
        there[i] += total[i]
    accumulate_peak(two_theta[:first], centre, fwhm, eta, area, out[:first])
    accumulate_peak(two_theta[last:], centre, fwhm, eta, area, out[last:])


@vector_kernel
def _go_over(
    two_theta: NDArray[np.float64],
    centre: float,
    inner: float,
    outer: float,
    near: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Put `near` in the place of `out` up to a distance (deg) from `centre`, and leave `out` from another one on."""
    per_width = 1.0 / (outer - inner)
    for i in range(two_theta.size):
        t = min(max((abs(two_theta[i] - centre) - inner) * per_width, 0.0), 1.0)
        out[i] = near[i] + t * t * (3.0 - 2.0 * t) * (out[i] - near[i])


@kernel
def _moved(two_theta: NDArray[np.float64], low: float, high: float, first: int, last: int) -> tuple[int, int]:
    """First and one-past-last point between two angles, looked for from those of a copy near by."""
    n = two_theta.size
    while first < n and two_theta[first] < low:
        first += 1
    while first > 0 and two_theta[first - 1] >= low:
        first -= 1
    last = max(last, first)
    while last < n and two_theta[last] < high:
        last += 1
    while last > first and two_theta[last - 1] >= high:
        last -= 1
    return first, last


@vector_kernel
def _add_lorentzian(
    two_theta: NDArray[np.float64], position: float, fwhm: float, area: float, out: NDArray[np.float64]
) -> None:
    inverse = 2.0 / fwhm
    top = area * inverse / math.pi
    for i in range(two_theta.size):
        u = (two_theta[i] - position) * inverse
        out[i] += top / (1.0 + u * u)


@vector_kernel
def _add_gaussian(
    two_theta: NDArray[np.float64], position: float, fwhm: float, area: float, out: NDArray[np.float64]
) -> None:
    inverse = 2.0 / fwhm
    top = area * GAUSS_NORM / fwhm
    for i in range(two_theta.size):
        u = (two_theta[i] - position) * inverse
        out[i] += top * halved(u * u)


@inlined_kernel
def spread_derivatives(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    copies: NDArray[np.float64],
    with_openings: bool,
    buffer: NDArray[np.float64],
) -> None:
    """Derivatives of a line with respect to all that it answers to.

    Parameters
    ----------
    position, gauss, lorentz : deg, of the line without the spread. area : of all copies together.
    copies : as in `accumulate_spread`.
    with_openings : whether the openings and the divergence of the beam are wanted, too.
    buffer : (N_BUFFERS, n): the rows ON_POSITION, ON_GAUSS, ON_LORENTZ and BEYOND are overwritten; if wanted,
        ON_AXIAL_SAMPLE, ON_AXIAL_DETECTOR, ON_SOLLER and ON_DIVERGENCE, too.
    """
    fwhm = pseudo_voigt_shape(gauss, lorentz)[0]
    n_nodes = copies.shape[0] - 1
    centre = position + copies[n_nodes, node.OFFSET]
    inner, outer = near_copies(copies, fwhm)
    first, last = first_from(two_theta, centre - outer), first_from(two_theta, centre + outer)
    rows = _ROWS if with_openings else _ROWS[:_N_ALWAYS]
    for row in rows:
        buffer[row, :] = 0.0
    near = two_theta[first:last]
    told_apart = np.zeros((buffer.shape[0], near.size))
    _add_all(two_theta, position, gauss, lorentz, area, copies[n_nodes:], with_openings, buffer)
    _add_all(near, position, gauss, lorentz, area, copies[:n_nodes], with_openings, told_apart)
    for row in rows:
        _go_over(near, centre, inner, outer, told_apart[row], buffer[row, first:last])


@inlined_kernel
def _add_all(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    nodes: NDArray[np.float64],
    with_openings: bool,
    rows: NDArray[np.float64],
) -> None:
    """Add to the rows, numbered like the buffers of `spread_derivatives`, what these copies answer to."""
    _add_derivatives(
        two_theta,
        position,
        gauss,
        lorentz,
        area,
        nodes,
        rows[slot.ON_POSITION],
        rows[slot.ON_GAUSS],
        rows[slot.ON_LORENTZ],
        rows[BEYOND],
    )
    if with_openings:
        _add_openings(
            two_theta,
            position,
            gauss,
            lorentz,
            area,
            nodes,
            rows[slot.ON_AXIAL_SAMPLE],
            rows[slot.ON_AXIAL_DETECTOR],
            rows[slot.ON_SOLLER],
            rows[slot.ON_DIVERGENCE],
        )


@vector_kernel
def _add_derivatives(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    nodes: NDArray[np.float64],
    on_position: NDArray[np.float64],
    on_gauss: NDArray[np.float64],
    on_lorentz: NDArray[np.float64],
    beyond: NDArray[np.float64],
) -> None:
    """What position, widths and the Bragg angle do to these copies, added to the rows at these points."""
    fwhm, eta, fwhm_g, fwhm_l, eta_g, eta_l = pseudo_voigt_shape(gauss, lorentz)
    inverse = 2.0 / fwhm
    first, last, reach = np.int64(0), np.int64(0), _GAUSS_REACH * fwhm
    for k in range(nodes.shape[0]):
        at = position + nodes[k, node.OFFSET]
        weight = nodes[k, node.WEIGHT]
        # As in `derivative_factors`, times the weight.
        height = area * inverse / math.pi
        slope = 2.0 * eta * height * inverse
        by_fwhm = eta * height / fwhm
        p2 = weight * slope
        g1 = weight * (eta_g * height + fwhm_g * by_fwhm)
        g2 = -2.0 * weight * fwhm_g * by_fwhm
        l1 = weight * (eta_l * height + fwhm_l * by_fwhm)
        l2 = -2.0 * weight * fwhm_l * by_fwhm
        b1 = nodes[k, node.WEIGHT_BY_THETA] * eta * height
        b2 = weight * nodes[k, node.OFFSET_BY_THETA] * slope
        for i in range(two_theta.size):
            u = (two_theta[i] - at) * inverse
            t = 1.0 / (1.0 + u * u)
            tt = t * t
            on_position[i] += p2 * u * tt
            on_gauss[i] += g1 * t + g2 * tt
            on_lorentz[i] += l1 * t + l2 * tt
            beyond[i] += b1 * t + b2 * u * tt
        first, last = _moved(two_theta, at - reach, at + reach, first, last)
        height = area * GAUSS_NORM / fwhm
        slope = 2.0 * _LN2 * (1.0 - eta) * inverse * height
        by_fwhm = (1.0 - eta) * height / fwhm
        p1 = weight * slope
        g0 = -weight * (fwhm_g * by_fwhm + eta_g * height)
        g2 = weight * fwhm_g * by_fwhm * 2.0 * _LN2
        l0 = -weight * (fwhm_l * by_fwhm + eta_l * height)
        l2 = weight * fwhm_l * by_fwhm * 2.0 * _LN2
        b0 = nodes[k, node.WEIGHT_BY_THETA] * (1.0 - eta) * height
        b1 = weight * nodes[k, node.OFFSET_BY_THETA] * slope
        inside = two_theta[first:last]
        p_inside, g_inside, l_inside = on_position[first:last], on_gauss[first:last], on_lorentz[first:last]
        b_inside = beyond[first:last]
        for i in range(inside.size):
            u = (inside[i] - at) * inverse
            square = u * u
            value = halved(square)
            p_inside[i] += p1 * u * value
            g_inside[i] += (g0 + g2 * square) * value
            l_inside[i] += (l0 + l2 * square) * value
            b_inside[i] += (b0 + b1 * u) * value


@vector_kernel
def _add_openings(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    nodes: NDArray[np.float64],
    on_sample: NDArray[np.float64],
    on_detector: NDArray[np.float64],
    on_soller: NDArray[np.float64],
    on_divergence: NDArray[np.float64],
) -> None:
    """What openings and divergence of the beam do to these copies, added to the rows at these points."""
    fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss, lorentz)
    inverse = 2.0 / fwhm
    n = two_theta.size
    first, last, reach = np.int64(0), np.int64(0), _GAUSS_REACH * fwhm
    # Of one copy of unit weight: its value and the derivative that shifts it.
    value, slope = np.empty(n), np.empty(n)
    lorentz_top = eta * area * inverse / math.pi
    gauss_top = (1.0 - eta) * area * GAUSS_NORM / fwhm
    for k in range(nodes.shape[0]):
        at = position + nodes[k, node.OFFSET]
        for i in range(n):
            u = (two_theta[i] - at) * inverse
            t = 1.0 / (1.0 + u * u)
            value[i] = lorentz_top * t
            slope[i] = 2.0 * lorentz_top * inverse * u * t * t
        first, last = _moved(two_theta, at - reach, at + reach, first, last)
        inside, value_inside, slope_inside = two_theta[first:last], value[first:last], slope[first:last]
        for i in range(inside.size):
            u = (inside[i] - at) * inverse
            top = gauss_top * halved(u * u)
            value_inside[i] += top
            slope_inside[i] += 2.0 * _LN2 * inverse * u * top
        weight = nodes[k, node.WEIGHT]
        by_sample, in_sample = weight * nodes[k, node.OFFSET_BY_SAMPLE], nodes[k, node.WEIGHT_BY_SAMPLE]
        by_detector, in_detector = weight * nodes[k, node.OFFSET_BY_DETECTOR], nodes[k, node.WEIGHT_BY_DETECTOR]
        by_soller = weight * nodes[k, node.OFFSET_BY_SOLLER]
        by_divergence = weight * nodes[k, node.OFFSET_BY_DIVERGENCE]
        for i in range(n):
            on_sample[i] += by_sample * slope[i] + in_sample * value[i]
            on_detector[i] += by_detector * slope[i] + in_detector * value[i]
            on_soller[i] += by_soller * slope[i]
            on_divergence[i] += by_divergence * slope[i]
