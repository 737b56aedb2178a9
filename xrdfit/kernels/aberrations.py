"""What the divergence of the beam does to a line: shifted copies of it, as nodes of a quadrature.

One Soller slit or none, axial divergence by Finger, Cox & Jephcoat (1994), J. Appl. Cryst. 27, 892,
doi:10.1107/S0021889894004218: ``t = h / L`` is the axial distance between the points of sample and receiving slit that
a ray connects, and is distributed as a trapezoid; the ray at Bragg angle 2theta is met at ``cos 2phi = cos 2theta
sqrt(1 + t^2)``. Written in t instead of 2phi, their weight W / (h cos 2phi) loses its singularity.

Soller slits before and behind the sample, axial divergence by Ida (1998), Rev. Sci. Instrum. 69, 2268,
doi:10.1063/1.1148932: axial angles b and c of the incoming and outgoing ray, both normal, shift the line by
``(b c - (b^2 + c^2) cos(2theta) / 2) / sin 2theta``, which is ``(u^2 tan(theta) - v^2 cot(theta)) / 2`` with
independent u = (b + c) / sqrt 2 and v = (b - c) / sqrt 2.

Equatorial divergence: a flat specimen leaves the focusing circle on both sides of its middle; the ray that falls on it
at the part y of the half-width arrives lower by ``alpha^2 cot(theta) y^2 / 2`` (Wilson 1963, Mathematical Theory of
X-ray Powder Diffractometry; Cheary & Coelho 1992, doi:10.1107/S0021889891010804).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel

_DEG = 180.0 / math.pi
# Columns of a node.
OFFSET = 0  # deg
WEIGHT = 1
OFFSET_BY_THETA = 2  # deg / rad
WEIGHT_BY_THETA = 3
OFFSET_BY_SAMPLE = 4
WEIGHT_BY_SAMPLE = 5
OFFSET_BY_DETECTOR = 6
WEIGHT_BY_DETECTOR = 7
OFFSET_BY_SOLLER = 8  # deg / deg
OFFSET_BY_DIVERGENCE = 9
N_COLUMNS = 10

LEAST_NODES = 4
# A normal distribution is not as flat as the others.
LEAST_NORMAL_NODES = 8
MOST_NODES = 40
# Nodes for each FWHM that the copies are spread over.
_NODES_A_WIDTH = 6.0
# Distance from the copies, in FWHM, beyond which their centroid stands for them.
_NEAR = 12.0
# All copies of a line together.
_ROOM = 4 * MOST_NODES * MOST_NODES
# Openings below this, as a part of the radius, are none.
_SHUT = 1e-9
# A normal distribution is cut here, in standard deviations.
_REACH = 4.0
# Standard deviation of a normal distribution of unit FWHM.
_SIGMA = 1.0 / math.sqrt(8.0 * math.log(2.0))
# Cosines beyond this belong to cones that close before they reach the slit: such rays are left out.
_MOST_COSINE = 1.0 - 1e-5


def _rules() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights on 0 to 1; row n has n of them."""
    nodes = np.zeros((MOST_NODES + 1, MOST_NODES))
    weights = np.zeros((MOST_NODES + 1, MOST_NODES))
    for n in range(1, MOST_NODES + 1):
        x, w = np.polynomial.legendre.leggauss(n)
        nodes[n, :n], weights[n, :n] = 0.5 * (x + 1.0), 0.5 * w
    return nodes, weights


def _normal_weights() -> NDArray[np.float64]:
    """Weights of the same nodes, stretched to 0 to `_REACH`, under half a normal distribution."""
    weights = _WEIGHT * np.exp(-0.5 * (_REACH * _NODE) ** 2)
    return weights / np.maximum(weights.sum(axis=1), 1e-300)[:, None]


_NODE, _WEIGHT = _rules()
_NORMAL_WEIGHT = _normal_weights()


@kernel
def make_nodes() -> NDArray[np.float64]:
    """Room for all nodes that `aberration_nodes` may fill."""
    return np.empty((_ROOM, N_COLUMNS))


@kernel
def _count(spread: float, fwhm: float, least: int) -> int:
    """Nodes that a spread (deg) needs beside a line of this FWHM (deg)."""
    return min(least + int(_NODES_A_WIDTH * abs(spread) / fwhm), MOST_NODES)


@kernel
def axial_ray(theta: float, t: float) -> tuple[float, float, float, float, float, float]:
    """Where a ray over the axial distance t is met, and its weight, with derivatives.

    theta : Bragg angle, rad. Returns ``(2phi - 2theta, weight, d2phi/dt, dweight/dt, d(2phi - 2theta)/dtheta,
    dweight/dtheta)`` in rad.
    """
    two_theta = 2.0 * theta
    stretch = math.sqrt(1.0 + t * t)
    cosine = math.cos(two_theta) * stretch
    if abs(cosine) > _MOST_COSINE:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    sine = math.sqrt(1.0 - cosine * cosine)
    weight = 1.0 / (stretch * stretch * sine)
    by_t = -math.cos(two_theta) * t / (stretch * sine)
    by_theta = 2.0 * math.sin(two_theta) * stretch / sine
    steep = -cosine / sine
    return (
        math.acos(cosine) - two_theta,
        weight,
        by_t,
        weight * (steep * by_t - 2.0 * t / (stretch * stretch)),
        by_theta - 2.0,
        weight * steep * by_theta,
    )


@kernel
def _axial_nodes(theta: float, sample: float, detector: float, fwhm: float, out: NDArray[np.float64]) -> int:
    """Nodes of the axial divergence alone in the first rows of `out`; returns their number."""
    small, large = min(sample, detector), max(sample, detector)
    out[0, :] = 0.0
    out[0, WEIGHT] = 1.0
    if large <= _SHUT:
        return 1
    # Columns that answer to the smaller and to the larger opening.
    by_small, by_large = (4, 6) if sample <= detector else (6, 4)
    flat = large - small
    edge = axial_ray(theta, flat)[0]
    end = axial_ray(theta, large + small)[0]
    count = 0
    for part in range(2):
        # Constant up to the difference of the openings, then falling linearly to zero at their sum.
        n = _count((edge if part == 0 else end - edge) * _DEG, fwhm, LEAST_NODES)
        for i in range(n):
            x = _NODE[n, i]
            if part == 0:
                t, t_small, t_large = flat * x, -x, x
                share, share_small, share_large = flat * _WEIGHT[n, i], -_WEIGHT[n, i], _WEIGHT[n, i]
            else:
                t, t_small, t_large = flat + 2.0 * small * x, 2.0 * x - 1.0, 1.0
                share_small = 2.0 * (1.0 - x) * _WEIGHT[n, i]
                share, share_large = small * share_small, 0.0
            offset, weight, offset_t, weight_t, offset_theta, weight_theta = axial_ray(theta, t)
            row = out[count]
            row[OFFSET] = offset * _DEG
            row[WEIGHT] = share * weight
            row[OFFSET_BY_THETA] = offset_theta * _DEG
            row[WEIGHT_BY_THETA] = share * weight_theta
            row[by_small] = offset_t * t_small * _DEG
            row[by_small + 1] = share_small * weight + share * weight_t * t_small
            row[by_large] = offset_t * t_large * _DEG
            row[by_large + 1] = share_large * weight + share * weight_t * t_large
            row[OFFSET_BY_SOLLER] = 0.0
            row[OFFSET_BY_DIVERGENCE] = 0.0
            count += 1
    # The line keeps its area: weights sum to 1, and what they answer sums to 0.
    total = out[:count, WEIGHT].sum()
    for column in (WEIGHT_BY_THETA, WEIGHT_BY_SAMPLE, WEIGHT_BY_DETECTOR):
        change = out[:count, column].sum() / total
        for k in range(count):
            out[k, column] = (out[k, column] - out[k, WEIGHT] * change) / total
    for k in range(count):
        out[k, WEIGHT] /= total
    return count


@kernel
def _convolute(
    count: int,
    furthest: float,
    by_theta: float,
    by_parameter: float,
    column: int,
    n: int,
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Replace every node by n, shifted by squares of the rule's nodes up to `furthest` (deg); returns their number.

    by_theta, by_parameter : derivatives of `furthest` with respect to theta (rad) and to what `column` is for.
    """
    n = min(n, (out.shape[0] - 1) // count)
    # From the last on, so that the nodes at hand, which are read, are the last to be overwritten.
    for k in range(n - 1, -1, -1):
        square = _NODE[n, k] * _NODE[n, k]
        for i in range(count):
            row = out[k * count + i]
            row[:] = out[i]
            row[OFFSET] += furthest * square
            row[OFFSET_BY_THETA] += by_theta * square
            row[column] += by_parameter * square
            for weight in (WEIGHT, WEIGHT_BY_THETA, WEIGHT_BY_SAMPLE, WEIGHT_BY_DETECTOR):
                row[weight] *= weights[n, k]
    return n * count


@kernel
def _put_centroid(count: int, out: NDArray[np.float64]) -> None:
    centre = out[count]
    centre[:] = 0.0
    centre[WEIGHT] = 1.0
    for k in range(count):
        row = out[k]
        centre[OFFSET] += row[WEIGHT] * row[OFFSET]
        for column in (OFFSET_BY_THETA, OFFSET_BY_SAMPLE, OFFSET_BY_DETECTOR):
            centre[column] += row[WEIGHT] * row[column] + row[column + 1] * row[OFFSET]
        for column in (OFFSET_BY_SOLLER, OFFSET_BY_DIVERGENCE):
            centre[column] += row[WEIGHT] * row[column]


@kernel
def near_copies(
    two_theta: NDArray[np.float64], position: float, fwhm: float, copies: NDArray[np.float64]
) -> tuple[int, int]:
    """First and one-past-last point where the copies must be told apart.

    Beyond, their centroid differs from their sum by ``3 variance / distance^2`` of the Lorentzian tail.
    """
    low, high = copies[0, OFFSET], copies[0, OFFSET]
    for k in range(copies.shape[0] - 1):
        low, high = min(low, copies[k, OFFSET]), max(high, copies[k, OFFSET])
    reach = _NEAR * fwhm
    first = np.searchsorted(two_theta, position + low - reach)
    last = np.searchsorted(two_theta, position + high + reach)
    return int(first), int(last)


@kernel
def aberration_nodes(theta: float, openings: NDArray[np.float64], fwhm: float, out: NDArray[np.float64]) -> int:
    """The copies of a line that stand for it.

    Parameters
    ----------
    theta : Bragg angle, rad.
    openings : half-heights of sample and receiving slit over the goniometer radius (S/L and H/L); FWHM of the axial
        divergence that each of two Soller slits lets through, deg; equatorial divergence of the beam on a flat
        specimen, full angle, deg. What is zero is left out.
    fwhm : of the line, deg; sets how finely the copies must lie.
    out : (n, N_COLUMNS) from `make_nodes`, filled with offset (deg), weight (their sum is 1) and derivatives.

    Returns
    -------
    Number of copies. One row behind them is their centroid: the one copy that stands for all where they are far away.
    """
    sample, detector, soller, divergence = openings
    count = _axial_nodes(theta, sample, detector, fwhm, out)
    tangent = math.tan(theta)
    # d cot / dtheta = -cot * turn and d tan / dtheta = tan * turn.
    turn = 1.0 / (math.sin(theta) * math.cos(theta))
    if soller > 0.0:
        reach = _REACH * _SIGMA * soller / _DEG
        low, high = -0.5 * reach * reach / tangent * _DEG, 0.5 * reach * reach * tangent * _DEG
        # The outer third of the reach holds less than a hundredth of the weight.
        n = _count(0.6 * low, fwhm, LEAST_NORMAL_NODES)
        count = _convolute(count, low, -low * turn, 2.0 * low / soller, OFFSET_BY_SOLLER, n, _NORMAL_WEIGHT, out)
        n = _count(0.6 * high, fwhm, LEAST_NORMAL_NODES)
        count = _convolute(count, high, high * turn, 2.0 * high / soller, OFFSET_BY_SOLLER, n, _NORMAL_WEIGHT, out)
    if divergence > 0.0:
        alpha = divergence / _DEG
        low = -0.5 * alpha * alpha / tangent * _DEG
        n = _count(low, fwhm, LEAST_NODES)
        count = _convolute(count, low, -low * turn, 2.0 * low / divergence, OFFSET_BY_DIVERGENCE, n, _WEIGHT, out)
    _put_centroid(count, out)
    return count
