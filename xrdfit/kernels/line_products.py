"""Products of lines with each other and with the pattern, without a sum over all points for every two lines.

A line of one wavelength is a Gaussian core, which is nothing beyond a short stretch of points, and a Lorentzian
``s / (d^2 + g^2)``, d = x - x0, which is felt everywhere. The product of two Lorentzians falls apart into partial
fractions. So with two sums over the points for each line, under weights w,

    ``J = sum w / (d^2 + g^2)``, ``R = sum w d / (d^2 + g^2)``,

the weighted sum of the product of two is known, at places D = x0 - x0' apart, whatever the points and weights:

    ``s s' (D^2 (J + J') - (g^2 - g'^2) (J - J') - 2 D (R - R')) / ((D^2 + (g + g')^2) (D^2 + (g - g')^2))``.

Where lines come close to each other, both numerator and denominator go to zero, and rounding grows. The numerator's
terms without their signs say by how much; where it would be more than `_MAGNIFIED` of the geometric mean of the lines'
products with themselves, the sum is taken point by point. So the result is that of the sum over the points, to 1e-12
of this mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.linear import four_by_four
from xrdfit.kernels.profiles import accumulate_core, gauss_window, pseudo_voigt_shape
from xrdfit.kernels.rows import put, weighted_dot

_MAGNIFIED = 400.0

# What is known of each line, a row each.
_AT = 0  # place, deg
_HALF = 1  # half width at half maximum, deg
_STRENGTH = 2  # s of the Lorentzian
_SUM = 3  # s J
_MOMENT = 4  # s R
_SIZE = 5  # sum w profile
_SPREAD = 6  # sum w |d| profile
_ROOT = 7  # root of its product with itself
_N_FACTS = 8


@lean_vector_kernel
def _sums(
    x: NDArray[np.float64],
    at: float,
    row: NDArray[np.float64],
    weight: NDArray[np.float64],
    other: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Weighted sums of a row, of it times x - at, of that without sign, of its square, of its product with `other`."""
    total = moment = spread = square = product = 0.0
    for i in range(x.size):
        part = weight[i] * row[i]
        away = x[i] - at
        total += part
        moment += part * away
        spread += part * abs(away)
        square += part * row[i]
        product += part * other[i]
    out[0], out[1], out[2], out[3], out[4] = total, moment, spread, square, product


@lean_vector_kernel
def _pairs(facts: NDArray[np.float64], line: int, out: NDArray[np.float64], sure: NDArray[np.bool_]) -> None:
    """Products of the Lorentzian of a line with those of the lines before it, and which of them rounding leaves."""
    at, half, strength = facts[_AT, line], facts[_HALF, line], facts[_STRENGTH, line]
    total, moment = facts[_SUM, line], facts[_MOMENT, line]
    size, spread, root = facts[_SIZE, line], facts[_SPREAD, line], facts[_ROOT, line]
    for k in range(line):
        apart = at - facts[_AT, k]
        square = apart * apart
        other = facts[_HALF, k]
        plus, minus = half + other, half - other
        below = (square + plus * plus) * (square + minus * minus)
        s, sj, sr = facts[_STRENGTH, k], facts[_SUM, k], facts[_MOMENT, k]
        one, two = total * s, sj * strength
        above = square * (one + two) - plus * minus * (one - two) - 2.0 * apart * (moment * s - sr * strength)
        most = (square + plus * abs(minus)) * (size * s + facts[_SIZE, k] * strength) + 2.0 * abs(apart) * (
            spread * s + facts[_SPREAD, k] * strength
        )
        out[k] = above / below
        sure[k] = most < _MAGNIFIED * root * facts[_ROOT, k] * below


@lean_kernel
def _describe(
    x: NDArray[np.float64],
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    profiles: NDArray[np.float64],
    weight: NDArray[np.float64],
    other: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    sums: NDArray[np.float64],
    facts: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Fill the facts (N, m) about each line, its core, and its product with `other`.

    cores : (m, widest stretch), on the stretch of `count` points from `first` on. sums : (5,) scratch.
    """
    for line in range(position.size):
        at = position[line]
        fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line], lorentz[line])
        _sums(x, at, profiles[line], weight, other, sums)
        right[line] = sums[4]
        facts[_AT, line], facts[_HALF, line], facts[_STRENGTH, line] = at, 0.5 * fwhm, 0.5 * unit * eta * fwhm / math.pi
        facts[_SUM, line], facts[_MOMENT, line] = sums[0], sums[1]
        facts[_SIZE, line], facts[_SPREAD, line], facts[_ROOT, line] = sums[0], sums[2], math.sqrt(sums[3])
        start, stop = first[line], first[line] + count[line]
        core = cores[line][: count[line]]
        core[:] = 0.0
        accumulate_core(x[start:stop], at, fwhm, eta, unit, core)
        # What is left is the Lorentzian's.
        for i in range(core.size):
            facts[_SUM, line] -= weight[start + i] * core[i]
            facts[_MOMENT, line] -= weight[start + i] * core[i] * (x[start + i] - at)


@kernel
def _core_products(
    profiles: NDArray[np.float64],
    weight: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """``out[i, j] = sum_x core_i weight profile_j``, four cores at once where any of them stands."""
    m = first.size
    room, four = np.empty(4 * weight.size), np.empty((4, m))
    for line in range(0, m, 4):
        begin, end = first[line], first[line] + count[line]
        for k in range(line + 1, min(line + 4, m)):
            begin, end = min(begin, first[k]), max(end, first[k] + count[k])
        scaled = room[: 4 * (end - begin)].reshape(4, end - begin)
        scaled[:, :] = 0.0
        for k in range(line, min(line + 4, m)):
            for i in range(count[k]):
                scaled[k - line, first[k] - begin + i] = cores[k, i] * weight[first[k] + i]
        for j in range(0, m, 4):
            four_by_four(scaled, profiles, 0, j, begin, four)
        for k in range(line, min(line + 4, m)):
            put(four[k - line], out[k])


@lean_kernel
def _complete(
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    profiles: NDArray[np.float64],
    weight: NDArray[np.float64],
    facts: NDArray[np.float64],
    tails: NDArray[np.float64],
    sure: NDArray[np.bool_],
    gram: NDArray[np.float64],
) -> None:
    """Make products of whole lines of the products of their cores, which are in `gram`; tails, sure : (m,) scratch."""
    for line in range(first.size):
        _pairs(facts, line, tails, sure)
        row, begin, end = gram[line], first[line], first[line] + count[line]
        for k in range(line):
            if sure[k]:
                row[k] += gram[k, line] + tails[k]
                # Both products of a core with a line hold that of the cores.
                start, stop = max(begin, first[k]), min(end, first[k] + count[k])
                if start < stop:
                    one, other = cores[line][start - begin : stop - begin], cores[k][start - first[k] : stop - first[k]]
                    row[k] -= weighted_dot(one, weight[start:stop], other)
            else:
                row[k] = weighted_dot(profiles[line], weight, profiles[k])
            gram[k, line] = row[k]
        row[line] = facts[_ROOT, line] * facts[_ROOT, line]


@kernel
def products_of_lines(
    x: NDArray[np.float64],
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    profiles: NDArray[np.float64],
    weight: NDArray[np.float64],
    other: NDArray[np.float64],
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """``sum_x weight profile_i profile_j`` and ``sum_x weight profile_i other`` of lines of one wavelength.

    Parameters
    ----------
    x, weight, other : (n,) points (deg, ascending), weights, and what is multiplied by each line.
    position, gauss, lorentz : (m,) deg. profiles : (m, n) of area `unit`, there; columns behind the n-th are not read.
    gram, right : (m, m) and (m,), overwritten.
    """
    m = position.size
    first, count = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    widest = 0
    for line in range(m):
        fwhm = pseudo_voigt_shape(gauss[line], lorentz[line])[0]
        start, stop = gauss_window(x, position[line], fwhm)
        first[line], count[line] = start, stop - start
        widest = max(widest, stop - start)
    cores, facts, sums = np.empty((m, widest)), np.empty((_N_FACTS, m)), np.empty(5)
    _describe(x, unit, position, gauss, lorentz, profiles, weight, other, first, count, cores, sums, facts, right)
    _core_products(profiles, weight, first, count, cores, gram)
    _complete(first, count, cores, profiles, weight, facts, np.empty(m), np.empty(m, dtype=np.bool_), gram)
