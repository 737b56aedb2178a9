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

from xrdfit.kernels import quadrature as rule
from xrdfit.kernels.jit import inlined_kernel, kernel

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

# A spread whose standard deviation is below this part of the FWHM matters by its mean and variance alone: what its
# skewness does is below 2e-4 of the line's top. So the copies by a wider one, if they are enough and some more, can
# take it up between them.
_FINE = 0.02
_ENOUGH = 6
_MORE = 3
# Variance of the square of an evenly distributed number from 0 to 1.
_FLAT_VARIANCE = 4.0 / 45.0
# All copies of a line together.
_ROOM = 4 * rule.MOST_NODES * rule.MOST_NODES
# Part of the line's top by which one copy at the centroid may miss the others; they are told apart nearer than that,
# and up to so many times as far they go over into it. A border would make the pattern jump whenever a point crosses it.
_FAR = 2e-5
_GO_OVER = 1.3
# Nor is the Gaussian part of a line, of which nothing is left beyond this many FWHM, seen from afar.
_LEAST_REACH = 3.7
# Openings below this, as a part of the radius, are none.
_SHUT = 1e-9
# Standard deviation of a normal distribution of unit FWHM.
_SIGMA = 1.0 / math.sqrt(8.0 * math.log(2.0))
# Cosines beyond this belong to cones that close before they reach the slit: such rays are left out.
_MOST_COSINE = 1.0 - 1e-5


@kernel
def make_nodes() -> NDArray[np.float64]:
    """Room for all nodes that `aberration_nodes` may fill."""
    return np.empty((_ROOM, N_COLUMNS))


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


@inlined_kernel
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
        spread = (edge if part == 0 else end - edge) * _DEG
        n = rule.count(spread, fwhm, rule.EVEN_NODES if part == 0 else rule.FALLING_NODES)
        for i in range(n):
            if part == 0:
                x, share_large = math.sqrt(rule.EVEN_SQUARE[n, i]), rule.EVEN_WEIGHT[n, i]
                t, t_small, t_large = flat * x, -x, x
                share, share_small = flat * share_large, -share_large
            else:
                x, share_small = rule.FALLING[n, i], rule.FALLING_WEIGHT[n, i]
                t, t_small, t_large = flat + 2.0 * small * x, 2.0 * x - 1.0, 1.0
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
    total = 0.0
    for k in range(count):
        total += out[k, WEIGHT]
    for column in (WEIGHT_BY_THETA, WEIGHT_BY_SAMPLE, WEIGHT_BY_DETECTOR):
        change = 0.0
        for k in range(count):
            change += out[k, column] / total
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
    squares: NDArray[np.float64],
    weights: NDArray[np.float64],
    out: NDArray[np.float64],
) -> int:
    """Replace every node by n (or as many as there is room for), shifted by row n of `squares` times `furthest`
    (deg); returns their number.

    by_theta, by_parameter : derivatives of `furthest` with respect to theta (rad) and to what `column` is for.
    """
    n = min(n, (out.shape[0] - 1) // count)
    # From the last on, so that the nodes at hand, which are read, are the last to be overwritten.
    for k in range(n - 1, -1, -1):
        for i in range(count):
            to = k * count + i
            for other in range(N_COLUMNS):
                out[to, other] = out[i, other]
            out[to, OFFSET] += furthest * squares[n, k]
            out[to, OFFSET_BY_THETA] += by_theta * squares[n, k]
            out[to, column] += by_parameter * squares[n, k]
            out[to, WEIGHT] *= weights[n, k]
            out[to, WEIGHT_BY_THETA] *= weights[n, k]
            out[to, WEIGHT_BY_SAMPLE] *= weights[n, k]
            out[to, WEIGHT_BY_DETECTOR] *= weights[n, k]
    return n * count


@inlined_kernel
def _put_centroid(count: int, out: NDArray[np.float64]) -> None:
    for column in range(N_COLUMNS):
        out[count, column] = 0.0
    out[count, WEIGHT] = 1.0
    for k in range(count):
        weight, offset = out[k, WEIGHT], out[k, OFFSET]
        out[count, OFFSET] += weight * offset
        for column in range(OFFSET_BY_THETA, OFFSET_BY_SOLLER, 2):
            out[count, column] += weight * out[k, column] + out[k, column + 1] * offset
        out[count, OFFSET_BY_SOLLER] += weight * out[k, OFFSET_BY_SOLLER]
        out[count, OFFSET_BY_DIVERGENCE] += weight * out[k, OFFSET_BY_DIVERGENCE]


@kernel
def near_copies(copies: NDArray[np.float64], fwhm: float) -> tuple[float, float]:
    """Distances (deg) from the centroid up to which the copies must be told apart, and from which it stands for them.

    There it differs from their sum by ``3 variance / distance^2`` of the Lorentzian tail, which is
    ``fwhm^2 / (4 distance^2)`` of the top.
    """
    n_nodes = copies.shape[0] - 1
    centre = copies[n_nodes, OFFSET]
    variance = 0.0
    for k in range(n_nodes):
        away = copies[k, OFFSET] - centre
        variance += copies[k, WEIGHT] * away * away
    reach = max((0.75 * variance * fwhm * fwhm / _FAR) ** 0.25, _LEAST_REACH * fwhm)
    return reach, _GO_OVER * reach


@inlined_kernel
def _soller_nodes(
    count: int, theta: float, soller: float, divergence: float, fwhm: float, out: NDArray[np.float64]
) -> tuple[int, bool]:
    """Two Soller slits; returns the number of nodes and whether they have taken up the flat specimen, too.

    The wider of the two sides is made of nodes. What else is fine is left to them in turn: every other node goes up by
    its standard deviation, the others down.
    """
    tangent = math.tan(theta)
    turn = 1.0 / (math.sin(theta) * math.cos(theta))
    # Mean offset to both sides; the square of a normal variable of unit variance has mean 1 and variance 2.
    mean = 0.5 * (_SIGMA * soller / _DEG) ** 2 * _DEG
    wide, wide_turn, narrow, narrow_turn = -mean / tangent, -turn, mean * tangent, turn
    if abs(narrow) > abs(wide):
        wide, wide_turn, narrow, narrow_turn = narrow, narrow_turn, wide, wide_turn
    n = rule.count(math.sqrt(2.0) * wide, fwhm, rule.NORMAL_NODES)
    fine = (_FINE * fwhm) ** 2
    variance = 2.0 * narrow * narrow
    taken_up = n >= _ENOUGH and variance <= fine
    if taken_up:
        n = min(n + _MORE, rule.MOST_NODES)
    by_soller = 2.0 / soller
    single, column = count, np.int64(OFFSET_BY_SOLLER)
    squares, weights = rule.NORMAL_SQUARE, rule.NORMAL_WEIGHT
    count = _convolute(count, wide, wide * wide_turn, wide * by_soller, column, n, squares, weights, out)
    if not taken_up:
        n = rule.count(math.sqrt(variance), fwhm, rule.NORMAL_NODES)
        by_theta, by_parameter = narrow * narrow_turn, narrow * by_soller
        return _convolute(count, narrow, by_theta, by_parameter, column, n, squares, weights, out), False
    low = _flat_specimen(tangent, divergence)
    flat_variance = _FLAT_VARIANCE * low * low
    together = divergence > 0.0 and flat_variance <= fine
    if not together:
        low, flat_variance = 0.0, 0.0
    step = math.sqrt(variance + flat_variance)
    for k in range(count):
        sign = 1.0 if (k // single) % 2 == 0 else -1.0
        out[k, OFFSET] += narrow + low / 3.0 + sign * step
        out[k, OFFSET_BY_THETA] += narrow_turn * (narrow + sign * variance / step)
        out[k, OFFSET_BY_SOLLER] += by_soller * (narrow + sign * variance / step)
        if together:
            out[k, OFFSET_BY_THETA] -= turn * (low / 3.0 + sign * flat_variance / step)
            out[k, OFFSET_BY_DIVERGENCE] += 2.0 / divergence * (low / 3.0 + sign * flat_variance / step)
    return count, together


@kernel
def _flat_specimen(tangent: float, divergence: float) -> float:
    """Offset (deg) of the ray that falls on the end of a flat specimen."""
    alpha = divergence / _DEG
    return -0.5 * alpha * alpha / tangent * _DEG


@kernel
def aberration_nodes(theta: float, openings: NDArray[np.float64], fwhm: float, out: NDArray[np.float64]) -> int:
    """The copies of a line that stand for it.

    Their sum misses the convolution by less than 5e-4 of the line's top; they are as few as that allows, so that a line
    much broader than the divergence is hardly more work than one without. Nothing is remembered from one line or
    evaluation to the next: the same numbers give the same copies.

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
    together = False
    if soller > 0.0:
        count, together = _soller_nodes(count, theta, soller, divergence, fwhm, out)
    if divergence > 0.0 and not together:
        low = _flat_specimen(math.tan(theta), divergence)
        # d cot / dtheta = -cot / (sin cos)
        by_theta = -low / (math.sin(theta) * math.cos(theta))
        n = rule.count(low, fwhm, rule.EVEN_NODES)
        squares, weights, by_divergence = rule.EVEN_SQUARE, rule.EVEN_WEIGHT, 2.0 * low / divergence
        count = _convolute(
            count, low, by_theta, by_divergence, np.int64(OFFSET_BY_DIVERGENCE), n, squares, weights, out
        )
    _put_centroid(count, out)
    return count
