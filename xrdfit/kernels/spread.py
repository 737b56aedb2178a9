"""A line that the divergence of the beam spreads into shifted copies of itself, and its derivatives."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import aberrations as node
from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import near_copies
from xrdfit.kernels.jit import kernel, vector_kernel
from xrdfit.kernels.profiles import GAUSS_NORM, accumulate_peak, gauss_window, pseudo_voigt_shape

# Row of the buffers for what a line answers to the Bragg angle beyond its position and widths.
BEYOND = slot.N_KINDS
N_BUFFERS = slot.N_KINDS + 1
_LN2 = math.log(2.0)


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
    first, last = near_copies(two_theta, position, fwhm, copies)
    n_nodes = copies.shape[0] - 1
    near, there = two_theta[first:last], out[first:last]
    for k in range(n_nodes):
        at = position + copies[k, node.OFFSET]
        accumulate_peak(near, at, fwhm, eta, area * copies[k, node.WEIGHT], there)
    at = position + copies[n_nodes, node.OFFSET]
    accumulate_peak(two_theta[:first], at, fwhm, eta, area, out[:first])
    accumulate_peak(two_theta[last:], at, fwhm, eta, area, out[last:])


@kernel
def spread_derivatives(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    copies: NDArray[np.float64],
    buffer: NDArray[np.float64],
) -> None:
    """Derivatives of a line with respect to all that it answers to.

    Parameters
    ----------
    position, gauss, lorentz : deg, of the line without the spread. area : of all copies together.
    copies : as in `accumulate_spread`.
    buffer : (N_BUFFERS, n): the rows ON_POSITION, ON_GAUSS, ON_LORENTZ, ON_AXIAL_SAMPLE, ON_AXIAL_DETECTOR, ON_SOLLER,
        ON_DIVERGENCE and BEYOND are overwritten.
    """
    fwhm = pseudo_voigt_shape(gauss, lorentz)[0]
    first, last = near_copies(two_theta, position, fwhm, copies)
    n_nodes = copies.shape[0] - 1
    buffer[slot.ON_POSITION : slot.ON_DIVERGENCE + 1, :] = 0.0
    buffer[BEYOND, :] = 0.0
    _add_derivatives(two_theta, first, last, position, gauss, lorentz, area, copies[:n_nodes], buffer)
    _add_derivatives(two_theta, 0, first, position, gauss, lorentz, area, copies[n_nodes:], buffer)
    _add_derivatives(two_theta, last, two_theta.size, position, gauss, lorentz, area, copies[n_nodes:], buffer)


@vector_kernel
def _add_derivatives(
    two_theta: NDArray[np.float64],
    start: int,
    end: int,
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    nodes: NDArray[np.float64],
    buffer: NDArray[np.float64],
) -> None:
    """The same of the points from `start` to `end` alone, added to the buffers."""
    fwhm, eta, fwhm_g, fwhm_l, eta_g, eta_l = pseudo_voigt_shape(gauss, lorentz)
    inverse = 2.0 / fwhm
    n = end - start
    points = two_theta[start:end]
    # Of one copy of unit weight: its value and the derivatives that shift and widen it.
    value, slope, wider, mixed = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    lorentz_top = area * inverse / math.pi
    gauss_top = area * GAUSS_NORM / fwhm
    for k in range(nodes.shape[0]):
        at = position + nodes[k, node.OFFSET]
        for i in range(n):
            u = (points[i] - at) * inverse
            t = 1.0 / (1.0 + u * u)
            top = lorentz_top * t
            value[i] = eta * top
            slope[i] = 2.0 * eta * inverse * u * t * top
            wider[i] = eta * top * (1.0 - 2.0 * t) / fwhm
            mixed[i] = top
        first, last = gauss_window(points, at, fwhm)
        for i in range(first, last):
            u = (points[i] - at) * inverse
            top = gauss_top * math.exp(-_LN2 * u * u)
            value[i] += (1.0 - eta) * top
            slope[i] += 2.0 * _LN2 * (1.0 - eta) * inverse * u * top
            wider[i] += (1.0 - eta) * top * (2.0 * _LN2 * u * u - 1.0) / fwhm
            mixed[i] -= top
        weight = nodes[k, node.WEIGHT]
        by_sample, in_sample = weight * nodes[k, node.OFFSET_BY_SAMPLE], nodes[k, node.WEIGHT_BY_SAMPLE]
        by_detector, in_detector = weight * nodes[k, node.OFFSET_BY_DETECTOR], nodes[k, node.WEIGHT_BY_DETECTOR]
        by_theta, in_theta = weight * nodes[k, node.OFFSET_BY_THETA], nodes[k, node.WEIGHT_BY_THETA]
        by_soller = weight * nodes[k, node.OFFSET_BY_SOLLER]
        by_divergence = weight * nodes[k, node.OFFSET_BY_DIVERGENCE]
        for i in range(n):
            j = start + i
            buffer[slot.ON_POSITION, j] += weight * slope[i]
            buffer[slot.ON_GAUSS, j] += weight * (fwhm_g * wider[i] + eta_g * mixed[i])
            buffer[slot.ON_LORENTZ, j] += weight * (fwhm_l * wider[i] + eta_l * mixed[i])
            buffer[slot.ON_AXIAL_SAMPLE, j] += by_sample * slope[i] + in_sample * value[i]
            buffer[slot.ON_AXIAL_DETECTOR, j] += by_detector * slope[i] + in_detector * value[i]
            buffer[slot.ON_SOLLER, j] += by_soller * slope[i]
            buffer[slot.ON_DIVERGENCE, j] += by_divergence * slope[i]
            buffer[BEYOND, j] += by_theta * slope[i] + in_theta * value[i]
