"""Products of lines with each other and with the pattern, without a sum over all points for every two of them.

A line of one wavelength is a Gaussian core, which is nothing beyond a short stretch of points, and a Lorentzian
``s / (d^2 + g^2)``, d = x - x0, which is felt everywhere. The product of two Lorentzians falls apart into partial
fractions. So with two sums over the points for each line, under weights w,

    ``J = sum w / (d^2 + g^2)``, ``R = sum w d / (d^2 + g^2)``,

the weighted sum of the product of two is known, at places D = x0 - x0' apart, whatever the points and weights:

    ``s s' (D^2 (J + J') - (g^2 - g'^2) (J - J') - 2 D (R - R')) / ((D^2 + (g + g')^2) (D^2 + (g - g')^2))``.

Where lines come close to each other, both numerator and denominator go to zero, and rounding grows. The numerator's
terms without their signs say by how much; where it would be more than `_MAGNIFIED` of the geometric mean of the lines'
products with themselves, the sum is taken point by point.

A Lorentzian is ``s / g Im 1 / (x - p)`` with the pole p = x0 + i g, and smooth where it is far. So its product with a
core, at a distance z = p - c from the core's place, follows from the core's moments ``M_j = sum w core (x - c)^j``:

    ``sum w core L = -s / g Im sum_(j < K) M_j / z^(j + 1)``, but for ``s / g^2 M_K / |z|^K`` at most,

and where that is more than `_MISSED` of the same mean, the sum is taken over the points of the core.

What is summed over all points for a line goes by the coarse grid where it is far (`xrdfit.kernels.line_facts`). So the
result is that of the sums over all points, to 1e-12 of that mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.coarse import CoarseGrid, alike, gather, n_blocks, places_of
from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.line_facts import (
    AT,
    FAR_ENOUGH,
    HALF,
    MOMENT,
    MOMENTS,
    N_FACTS,
    N_MOMENTS,
    ROOT,
    SPREAD,
    STRENGTH,
    SUM,
    describe_lines,
)
from xrdfit.kernels.linear import mirror
from xrdfit.kernels.rows import dot, weighted_dot

_MAGNIFIED = 400.0
_MISSED = 1e-13
# Numbers in the longest vector of a processor.
_VECTOR = 8


@lean_vector_kernel
def _add_sums(
    x: NDArray[np.float64],
    at: float,
    half: float,
    weight: NDArray[np.float64],
    other: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add ``w t``, ``w d t``, ``w t^2`` and ``other t`` of all x to `out`, with ``t = 1 / (d^2 + g^2)``."""
    total = moment = square = product = 0.0
    for i in range(x.size):
        away = x[i] - at
        t = 1.0 / (away * away + half * half)
        part = weight[i] * t
        total += part
        moment += part * away
        square += part * t
        product += other[i] * t
    out[0] += total
    out[1] += moment
    out[2] += square
    out[3] += product


@lean_vector_kernel
def _core_product(x: NDArray[np.float64], core: NDArray[np.float64], at: float, half: float, strength: float) -> float:
    """The product of a core at x with a Lorentzian."""
    total = 0.0
    for i in range(core.size):
        away = x[i] - at
        total += core[i] / (away * away + half * half)
    return strength * total


@lean_vector_kernel
def _point_by_point(
    x: NDArray[np.float64], weight: NDArray[np.float64], facts: NDArray[np.float64], i: int, j: int
) -> float:
    """The product of two Lorentzians."""
    at, half, other_at, other_half = facts[AT, i], facts[HALF, i], facts[AT, j], facts[HALF, j]
    total = 0.0
    for k in range(x.size):
        u, v = x[k] - at, x[k] - other_at
        total += weight[k] / ((u * u + half * half) * (v * v + other_half * other_half))
    return facts[STRENGTH, i] * facts[STRENGTH, j] * total


@lean_vector_kernel
def _put_tails(facts: NDArray[np.float64], line: int, out: NDArray[np.float64], sure: NDArray[np.bool_]) -> None:
    """Products of the Lorentzian of a line with those of the first ones, and which of them rounding leaves."""
    at, half, strength, root = facts[AT, line], facts[HALF, line], facts[STRENGTH, line], facts[ROOT, line]
    total, moment, spread = facts[SUM, line], facts[MOMENT, line], facts[SPREAD, line]
    for k in range(out.size):
        apart = at - facts[AT, k]
        square = apart * apart
        other = facts[HALF, k]
        plus, minus = half + other, half - other
        below = (square + plus * plus) * (square + minus * minus)
        one, two, both = total, facts[SUM, k], strength * facts[STRENGTH, k]
        above = square * (one + two) - plus * minus * (one - two) - 2.0 * apart * (moment - facts[MOMENT, k])
        most = (square + plus * abs(minus)) * (one + two) + 2.0 * abs(apart) * (spread + facts[SPREAD, k])
        out[k] = both * above / below
        sure[k] = both * most < _MAGNIFIED * root * facts[ROOT, k] * below


@lean_vector_kernel
def _put_cores(facts: NDArray[np.float64], line: int, out: NDArray[np.float64], fine: NDArray[np.bool_]) -> None:
    """Products of the core of a line with the Lorentzians of the first ones, plus those of their cores with its own.

    fine : which of them are what they should be.
    """
    at, half, strength, root = facts[AT, line], facts[HALF, line], facts[STRENGTH, line], facts[ROOT, line]
    most = facts[MOMENTS + N_MOMENTS, line]
    for k in range(out.size):
        away, other = facts[AT, k] - at, facts[HALF, k]
        squared, other_squared = away * away + other * other, away * away + half * half
        # The imaginary part of a polynomial with real coefficients at 1 / z takes real numbers alone.
        modulus, other_modulus = 1.0 / squared, 1.0 / other_squared
        twice, other_twice = 2.0 * away * modulus, -2.0 * away * other_modulus
        value, before = facts[MOMENTS + N_MOMENTS - 1, line], 0.0
        other_value, other_before = facts[MOMENTS + N_MOMENTS - 1, k], 0.0
        for j in range(N_MOMENTS - 1):
            row = MOMENTS + N_MOMENTS - 2 - j
            value, before = facts[row, line] + twice * value - modulus * before, value
            other_value, other_before = (
                facts[row, k] + other_twice * other_value - other_modulus * other_before,
                other_value,
            )
        out[k] = facts[STRENGTH, k] * modulus * value + strength * other_modulus * other_value
        cube, other_cube = squared * squared * squared, other_squared * other_squared * other_squared
        enough = _MISSED * root * facts[ROOT, k]
        one = most * facts[STRENGTH, k] < enough * other * other * cube * cube
        two = facts[MOMENTS + N_MOMENTS, k] * strength < enough * half * half * other_cube * other_cube
        fine[k] = one & two


@lean_vector_kernel
def _put_moments(x: NDArray[np.float64], at: float, core: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """The next four moments of a core, the last of which begins the next four, when it has been multiplied."""
    a = b = c = d = 0.0
    for i in range(core.size):
        away = x[i] - at
        one = core[i]
        two = one * away
        three = two * away
        core[i] = three * away
        a += one
        b += two
        c += three
        d += core[i]
    out[0], out[1], out[2], out[3] = a, b, c, d


@lean_kernel
def _describe(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    weight: NDArray[np.float64],
    weight_nodes: NDArray[np.float64],
    other: NDArray[np.float64],
    other_nodes: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    sums: NDArray[np.float64],
    power: NDArray[np.float64],
    facts: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Fill the facts (N, m) about each line that are sums, and its product with `other`, which has weights in it.

    sums : (4,) and power : (widest stretch,), scratch.
    """
    whole = 0.0
    for i in range(x.size):
        whole += weight[i]
    for line in range(right.size):
        at, half, strength = facts[AT, line], facts[HALF, line], facts[STRENGTH, line]
        sums[:] = 0.0
        block = np.int64(0)
        while block < n_blocks(x):
            level, end = alike(x, block, at, at, FAR_ENOUGH)
            start, stop = places_of(x, level, block, end)
            if level > 0:
                _add_sums(grid.node[start:stop], at, half, weight_nodes[start:stop], other_nodes[start:stop], sums)
            else:
                _add_sums(x[start:stop], at, half, weight[start:stop], other[start:stop], sums)
            block = end
        # Cauchy and Schwarz.
        facts[SUM, line], facts[MOMENT, line], facts[SPREAD, line] = sums[0], sums[1], math.sqrt(whole * sums[0])
        core, start = cores[line][: count[line]], first[line]
        stop = start + core.size
        right[line] = strength * sums[3] + dot(core, other[start:stop])
        own = strength * strength * sums[2] + weighted_dot(core, weight[start:stop], core)
        moment = power[: core.size]
        for i in range(core.size):
            moment[i] = weight[start + i] * core[i]
        own += 2.0 * _core_product(x[start:stop], moment, at, half, strength)
        facts[ROOT, line] = math.sqrt(own)
        for j in range(0, N_MOMENTS, 3):
            _put_moments(x[start:stop], at, moment, facts[MOMENTS + j : MOMENTS + j + 4, line])


@lean_kernel
def _fill(
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    facts: NDArray[np.float64],
    tails: NDArray[np.float64],
    crossed: NDArray[np.float64],
    sure: NDArray[np.bool_],
    fine: NDArray[np.bool_],
    weighted: NDArray[np.float64],
    gram: NDArray[np.float64],
) -> None:
    """Put the products together; tails, crossed, sure, fine : one for each column of facts, and weighted : as cores."""
    for line in range(first.size):
        begin, end = first[line], first[line] + count[line]
        core, own = cores[line], weighted[line][: count[line]]
        for i in range(own.size):
            own[i] = weight[begin + i] * core[i]
        # Whole vectors of lines: what is left over would be calculated line by line.
        whole = (line + _VECTOR - 1) // _VECTOR * _VECTOR
        _put_tails(facts, line, tails[:whole], sure)
        _put_cores(facts, line, crossed[:whole], fine)
        row = gram[line]
        for k in range(line):
            total, both = tails[k], crossed[k]
            start, stop = first[k], first[k] + count[k]
            if not fine[k]:
                both = _core_product(x[begin:end], own, facts[AT, k], facts[HALF, k], facts[STRENGTH, k])
                others, there = weighted[k][: count[k]], x[start:stop]
                both += _core_product(there, others, facts[AT, line], facts[HALF, line], facts[STRENGTH, line])
            if not sure[k]:
                total = _point_by_point(x, weight, facts, line, k)
            low, high = max(begin, start), min(end, stop)
            if low < high:
                total += dot(own[low - begin : high - begin], cores[k][low - start : high - start])
            row[k] = total + both
        row[line] = facts[ROOT, line] * facts[ROOT, line]


@kernel
def products_of_lines(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    other: NDArray[np.float64],
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """``sum_x weight profile_i profile_j`` and ``sum_x other profile_i`` of lines of one wavelength.

    Parameters
    ----------
    x, weight, other : (n,) points (deg, ascending), weights, and what each line is multiplied by. grid : that of x.
    position, gauss, lorentz : (m,) deg. unit : area of the profiles.
    gram, right : (m, m) and (m,), overwritten.
    """
    m = position.size
    whole = (m + _VECTOR - 1) // _VECTOR * _VECTOR
    facts, sums = np.zeros((N_FACTS, whole)), np.empty(4)
    first, count = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    cores = describe_lines(x, unit, position, gauss, lorentz, facts, first, count)
    weight_nodes, other_nodes = np.empty(grid.node.size), np.empty(grid.node.size)
    gather(grid, weight, weight_nodes)
    gather(grid, other, other_nodes)
    power = np.empty(cores.shape[1])
    _describe(x, grid, weight, weight_nodes, other, other_nodes, first, count, cores, sums, power, facts, right)
    tails, crossed = np.empty(whole), np.empty(whole)
    sure, fine = np.empty(whole, dtype=np.bool_), np.empty(whole, dtype=np.bool_)
    _fill(x, weight, first, count, cores, facts, tails, crossed, sure, fine, np.empty(cores.shape), gram)
    mirror(gram)
