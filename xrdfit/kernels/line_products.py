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

What is summed over all points for a line goes point by point near the line only. For the far blocks of the coarse grid
(`xrdfit.kernels.coarse`) the other factor is gathered at the nodes, by the transpose of what carries a function from
the nodes to the points. Here a block is far from `_FAR` half-widths on, where the interpolation of ``1 / (x - p)``
misses no more than 1e-14 of it. So the result is that of the sums over all points, to 1e-12 of that mean.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.coarse import N_NODES, CoarseGrid, n_blocks, points_of
from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.linear import four_by_four
from xrdfit.kernels.lines import UNREACHABLE
from xrdfit.kernels.profiles import accumulate_core, gauss_window, pseudo_voigt_shape
from xrdfit.kernels.rows import add_scaled, dot, weighted_dot

_FAR = 4.0
_MAGNIFIED = 400.0
_MISSED = 1e-13
# Moments of a core: an even number, whose half is the power in `_far_products`.
_N_MOMENTS = 12

# What is known of each line, a row each.
_AT = 0  # place, deg
_HALF = 1  # half width at half maximum, deg
_STRENGTH = 2  # s of the Lorentzian
_SUM = 3  # J
_MOMENT = 4  # R
_SPREAD = 5  # no less than sum w |d| / (d^2 + g^2)
_ROOT = 6  # root of its product with itself
_MOMENTS = 7  # of its core, from the zeroth to the `_N_MOMENTS`-th
_N_FACTS = _MOMENTS + _N_MOMENTS + 1


@lean_vector_kernel
def _gather(x: NDArray[np.float64], grid: CoarseGrid, row: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """What is at the points, gathered at the nodes: the transpose of `add_interpolated`; `out` is overwritten."""
    for block in range(n_blocks(x)):
        first, last = points_of(x, block, block + 1)
        own = row[first:last]
        for k in range(0, N_NODES, 4):
            b0, b1 = grid.basis[k, first:last], grid.basis[k + 1, first:last]
            b2, b3 = grid.basis[k + 2, first:last], grid.basis[k + 3, first:last]
            c0 = c1 = c2 = c3 = 0.0
            for i in range(own.size):
                c0 += own[i] * b0[i]
                c1 += own[i] * b1[i]
                c2 += own[i] * b2[i]
                c3 += own[i] * b3[i]
            there = out[block * N_NODES + k : block * N_NODES + k + 4]
            there[0], there[1], there[2], there[3] = c0, c1, c2, c3


@lean_kernel
def _alike(x: NDArray[np.float64], block: int, low: float, high: float) -> tuple[bool, int]:
    """Whether a block is far from what stands between two places, and the next block with which it differs."""
    far = _is_far(x, block, low, high)
    end = block + 1
    while end < n_blocks(x) and _is_far(x, end, low, high) == far:
        end += 1
    return far, end


@lean_kernel
def _is_far(x: NDArray[np.float64], block: int, low: float, high: float) -> bool:
    first, last = points_of(x, block, block + 1)
    start, stop = x[first], x[last - 1]
    centre, reach = 0.5 * (start + stop), _FAR * 0.5 * (stop - start)
    return low >= centre + reach or high <= centre - reach


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
    at, half, other_at, other_half = facts[_AT, i], facts[_HALF, i], facts[_AT, j], facts[_HALF, j]
    total = 0.0
    for k in range(x.size):
        u, v = x[k] - at, x[k] - other_at
        total += weight[k] / ((u * u + half * half) * (v * v + other_half * other_half))
    return facts[_STRENGTH, i] * facts[_STRENGTH, j] * total


@lean_vector_kernel
def _tails(facts: NDArray[np.float64], line: int, out: NDArray[np.float64], sure: NDArray[np.bool_]) -> None:
    """Products of the Lorentzian of a line with those of the lines before it, and which of them rounding leaves."""
    at, half, strength, root = facts[_AT, line], facts[_HALF, line], facts[_STRENGTH, line], facts[_ROOT, line]
    total, moment, spread = facts[_SUM, line], facts[_MOMENT, line], facts[_SPREAD, line]
    for k in range(line):
        apart = at - facts[_AT, k]
        square = apart * apart
        other = facts[_HALF, k]
        plus, minus = half + other, half - other
        below = (square + plus * plus) * (square + minus * minus)
        one, two, both = total, facts[_SUM, k], strength * facts[_STRENGTH, k]
        above = square * (one + two) - plus * minus * (one - two) - 2.0 * apart * (moment - facts[_MOMENT, k])
        most = (square + plus * abs(minus)) * (one + two) + 2.0 * abs(apart) * (spread + facts[_SPREAD, k])
        out[k] = both * above / below
        sure[k] = both * most < _MAGNIFIED * root * facts[_ROOT, k] * below


@lean_vector_kernel
def _far_products(facts: NDArray[np.float64], line: int, out: NDArray[np.float64], fine: NDArray[np.bool_]) -> None:
    """Products of the core of a line with the Lorentzians of all, and which of them are what they should be."""
    at, root, most = facts[_AT, line], facts[_ROOT, line], facts[_MOMENTS + _N_MOMENTS, line]
    for k in range(out.size):
        away, half = facts[_AT, k] - at, facts[_HALF, k]
        square = away * away + half * half
        # The imaginary part of a polynomial with real coefficients at 1 / z takes real numbers alone.
        modulus = 1.0 / square
        twice = 2.0 * away * modulus
        value, before = facts[_MOMENTS + _N_MOMENTS - 1, line], 0.0
        for j in range(_N_MOMENTS - 1):
            moment = facts[_MOMENTS + _N_MOMENTS - 2 - j, line]
            value, before = moment + twice * value - modulus * before, value
        out[k] = facts[_STRENGTH, k] * modulus * value
        cube = square * square * square
        fine[k] = most * facts[_STRENGTH, k] < _MISSED * root * facts[_ROOT, k] * half * half * cube * cube


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
        at, half, strength = facts[_AT, line], facts[_HALF, line], facts[_STRENGTH, line]
        sums[:] = 0.0
        block = np.int64(0)
        while block < n_blocks(x):
            far, end = _alike(x, block, at, at)
            if far:
                start, stop = block * N_NODES, end * N_NODES
                _add_sums(grid.node[start:stop], at, half, weight_nodes[start:stop], other_nodes[start:stop], sums)
            else:
                start, stop = points_of(x, block, end)
                _add_sums(x[start:stop], at, half, weight[start:stop], other[start:stop], sums)
            block = end
        # Cauchy and Schwarz.
        facts[_SUM, line], facts[_MOMENT, line], facts[_SPREAD, line] = sums[0], sums[1], math.sqrt(whole * sums[0])
        core, start = cores[line][: count[line]], first[line]
        stop = start + core.size
        right[line] = strength * sums[3] + dot(core, other[start:stop])
        own = strength * strength * sums[2] + weighted_dot(core, weight[start:stop], core)
        moment = power[: core.size]
        for i in range(core.size):
            moment[i] = weight[start + i] * core[i]
        own += 2.0 * _core_product(x[start:stop], moment, at, half, strength)
        facts[_ROOT, line] = math.sqrt(own)
        for j in range(_N_MOMENTS + 1):
            total = 0.0
            for i in range(core.size):
                total += moment[i]
                moment[i] *= x[start + i] - at
            facts[_MOMENTS + j, line] = total


@lean_kernel
def _fill(
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    cores: NDArray[np.float64],
    facts: NDArray[np.float64],
    tails: NDArray[np.float64],
    sure: NDArray[np.bool_],
    fine: NDArray[np.bool_],
    weighted: NDArray[np.float64],
    gram: NDArray[np.float64],
) -> None:
    """Put the products together; tails, sure : (m,), fine : (m, m) and weighted : (m, widest stretch), scratch."""
    for line in range(first.size):
        _far_products(facts, line, gram[line], fine[line])
        for i in range(count[line]):
            weighted[line, i] = weight[first[line] + i] * cores[line, i]
    for line in range(first.size):
        _tails(facts, line, tails, sure)
        row, begin, end = gram[line], first[line], first[line] + count[line]
        for k in range(line):
            own, others, total = row[k], gram[k, line], tails[k]
            if not fine[line, k]:
                core = weighted[line][: count[line]]
                own = _core_product(x[begin:end], core, facts[_AT, k], facts[_HALF, k], facts[_STRENGTH, k])
            if not fine[k, line]:
                core, start = weighted[k][: count[k]], first[k]
                there = x[start : start + count[k]]
                others = _core_product(there, core, facts[_AT, line], facts[_HALF, line], facts[_STRENGTH, line])
            if not sure[k]:
                total = _point_by_point(x, weight, facts, line, k)
            start, stop = max(begin, first[k]), min(end, first[k] + count[k])
            if start < stop:
                total += dot(weighted[line][start - begin : stop - begin], cores[k][start - first[k] : stop - first[k]])
            row[k] = total + own + others
            gram[k, line] = row[k]
        row[line] = facts[_ROOT, line] * facts[_ROOT, line]


@kernel
def _lines(
    x: NDArray[np.float64],
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    facts: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Fill the first three facts about each line, and where its core stands; returns the cores (m, widest stretch)."""
    shape = np.empty((position.size, 2))
    widest = 0
    for line in range(position.size):
        fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line], lorentz[line])
        shape[line, 0], shape[line, 1] = fwhm, eta
        facts[_AT, line], facts[_HALF, line] = position[line], 0.5 * fwhm
        facts[_STRENGTH, line] = 0.5 * unit * eta * fwhm / math.pi if position[line] != UNREACHABLE else 0.0
        start, stop = gauss_window(x, position[line], fwhm)
        first[line], count[line] = start, stop - start
        widest = max(widest, stop - start)
    cores = np.zeros((position.size, widest))
    for line in range(position.size):
        there = x[first[line] : first[line] + count[line]]
        accumulate_core(there, position[line], shape[line, 0], shape[line, 1], unit, cores[line][: count[line]])
    return cores


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
    facts, sums = np.empty((_N_FACTS, m)), np.empty(4)
    first, count = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    cores = _lines(x, unit, position, gauss, lorentz, facts, first, count)
    weight_nodes, other_nodes = np.empty(grid.node.size), np.empty(grid.node.size)
    _gather(x, grid, weight, weight_nodes)
    _gather(x, grid, other, other_nodes)
    power = np.empty(cores.shape[1])
    _describe(x, grid, weight, weight_nodes, other, other_nodes, first, count, cores, sums, power, facts, right)
    tails, sure, fine = np.empty(m), np.empty(m, dtype=np.bool_), np.empty((m, m), dtype=np.bool_)
    _fill(x, weight, first, count, cores, facts, tails, sure, fine, np.empty(cores.shape), gram)


@lean_vector_kernel
def _put_tail(x: NDArray[np.float64], at: float, half: float, strength: float, out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        away = x[i] - at
        out[i] = strength / (away * away + half * half)


@lean_kernel
def _add_four_lines(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    facts: NDArray[np.float64],
    line: int,
    rows: NDArray[np.float64],
    nodes: NDArray[np.float64],
    room: NDArray[np.float64],
    four: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the products of four Lorentzians with rows (k, n), which are gathered in `nodes`, to `out` (m, k).

    room : flat, and four : (4, k), scratch.
    """
    last = min(line + 4, out.shape[0])
    low = high = facts[_AT, line]
    for i in range(line + 1, last):
        low, high = min(low, facts[_AT, i]), max(high, facts[_AT, i])
    block = np.int64(0)
    while block < n_blocks(x):
        far, end = _alike(x, block, low, high)
        if far:
            start, stop = block * N_NODES, end * N_NODES
            there, factors = grid.node, nodes
        else:
            start, stop = points_of(x, block, end)
            there, factors = x, rows
        tails = room[: 4 * (stop - start)].reshape(4, stop - start)
        for i in range(line, last):
            _put_tail(there[start:stop], facts[_AT, i], facts[_HALF, i], facts[_STRENGTH, i], tails[i - line])
        _add_products(tails, factors, start, last - line, four, out[line:last])
        block = end


@lean_kernel
def _add_products(
    tails: NDArray[np.float64],
    rows: NDArray[np.float64],
    start: int,
    count: int,
    four: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for j in range(0, rows.shape[0], 4):
        four_by_four(tails, rows, np.int64(0), j, start, four)
    for i in range(count):
        add_scaled(1.0, four[i], out[i])


@kernel
def products_with_rows(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    rows: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """``out[i, j] = sum_x weight profile_i rows_j``; rows (k, n), out (m, k) is overwritten, the others as above."""
    m, k = out.shape
    facts = np.empty((_N_FACTS, m))
    first, count = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    cores = _lines(x, unit, position, gauss, lorentz, facts, first, count)
    weighted, nodes = np.empty((k, x.size)), np.empty((k, grid.node.size))
    for j in range(k):
        for i in range(x.size):
            weighted[j, i] = weight[i] * rows[j, i]
        _gather(x, grid, weighted[j], nodes[j])
    room, four = np.empty(4 * max(x.size, grid.node.size)), np.empty((4, k))
    out[:, :] = 0.0
    for line in range(0, m, 4):
        _add_four_lines(x, grid, facts, line, weighted, nodes, room, four, out)
    for line in range(m):
        core, start = cores[line][: count[line]], first[line]
        for j in range(k):
            out[line, j] += dot(core, weighted[j][start : start + core.size])
