"""What changes of known lines and a smooth background explain of a residual: a linear fit of many local functions.

About every line stand a few functions that are nothing beyond their stretch of points, so that the normal matrix is
banded; the background's functions border it. The emission lines of the source change together: they are one line.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import lean_vector_kernel, vector_kernel
from xrdfit.kernels.rows import add_scaled, dot, weigh

# In how many ways a known line may be off; the first is its height. With several emission lines there is one more: all
# but the strongest may be too high together.
_N_CHANGES = 6
_FOUR_LN_2 = 4.0 * np.log(2.0)


@vector_kernel
def subtract_misfit(
    two_theta: NDArray[np.float64],
    residual: NDArray[np.float64],
    weight: NDArray[np.float64],
    positions: NDArray[np.float64],
    emission: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    firmness: NDArray[np.float64],
    smooth: NDArray[np.float64],
    fwhm: float,
    shared: float,
) -> None:
    """Take from the residuals of R scans what lines that are slightly off, and a background, explain by least squares.

    Parameters
    ----------
    two_theta : (n,) deg, ascending.
    residual : (R, n), overwritten. weight : (R, n), 0 where nothing was measured.
    positions : (R, p, e) of the known lines at every emission line, deg, NaN for none. emission : (e,) heights of these
        against the first. first, count : (R, p) first point and number of points of the stretches, the first ones
        ascending; the count is 0 where there is no line, after the last one.
    firmness : (R, p) by which all changes of a line but that of its height are held at none.
    smooth : (q, n) functions of the background.
    fwhm : of the lines, deg. shared : part of its own information by which everything is held at none.
    """
    n_smooth, n_lines = smooth.shape[0], positions.shape[1]
    n_changes = _N_CHANGES + (1 if emission.size > 1 else 0)
    longest, reach = 1, 1
    for s in range(positions.shape[0]):
        for p in range(n_lines):
            longest = max(longest, count[s, p])
            reach = max(reach, _neighbours(first[s], count[s], p))
    size, width = n_changes * n_lines, n_changes * reach
    values = np.empty((n_lines, n_changes, longest))
    band = np.empty((size, width))
    # Of all local functions with those of the background and, in the last row, with the residual.
    products = np.empty((n_smooth + 1, size))
    inner = np.empty((n_smooth, n_smooth))
    right = np.empty(n_smooth)
    scaled = np.empty(two_theta.size)
    begin, end = np.empty(n_smooth, dtype=np.int64), np.empty(n_smooth, dtype=np.int64)
    for k in range(n_smooth):
        begin[k], end[k] = _support(smooth[k])
    for s in range(residual.shape[0]):
        n_own = 0
        while n_own < n_lines and count[s, n_own] > 0:
            n_own += 1
        own = n_changes * n_own
        _fill_values(two_theta, positions[s, :n_own], emission, first[s], count[s], fwhm, values)
        _fill_band(values, first[s], count[s], n_own, weight[s], firmness[s], shared, band, scaled)
        _fill_products(values, first[s], count[s], n_own, weight[s], residual[s], smooth, begin, end, products, scaled)
        _factor(band, own)
        for k in range(n_smooth + 1):
            _forward(band, products[k, :own])
        _fill_inner(weight[s], residual[s], smooth, begin, end, products[:, :own], shared, inner, right, scaled)
        _solve_small(inner, right)
        # What is left for the lines once the background has its part.
        for k in range(n_smooth):
            add_scaled(-right[k], products[k, :own], products[n_smooth, :own])
            add_scaled(-right[k], smooth[k], residual[s])
        _backward(band, products[n_smooth, :own])
        for p in range(n_own):
            stretch = residual[s, first[s, p] : first[s, p] + count[s, p]]
            for a in range(n_changes):
                add_scaled(-products[n_smooth, n_changes * p + a], values[p, a], stretch)


@lean_vector_kernel
def _support(row: NDArray[np.float64]) -> tuple[int, int]:
    """First and one-past-last point at which a function is something."""
    begin, end = 0, row.size
    while begin < end and row[begin] == 0.0:
        begin += 1
    while end > begin and row[end - 1] == 0.0:
        end -= 1
    return begin, end


@lean_vector_kernel
def _neighbours(first: NDArray[np.int64], count: NDArray[np.int64], p: int) -> int:
    """How many lines, from p on, have a point in common with it."""
    q = p
    while q < first.size and count[q] > 0 and first[q] < first[p] + count[p]:
        q += 1
    return q - p


@lean_vector_kernel
def _fill_values(
    two_theta: NDArray[np.float64],
    positions: NDArray[np.float64],
    emission: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    fwhm: float,
    values: NDArray[np.float64],
) -> None:
    """Changes of height, of shape, position, width and symmetry, of either kind of line; a slope has a factor 8."""
    for p in range(positions.shape[0]):
        values[p] = 0.0
        for e in range(emission.size):
            if not math.isfinite(positions[p, e]):
                continue
            for i in range(count[p]):
                x = (two_theta[first[p] + i] - positions[p, e]) / fwhm
                gauss, lorentz = emission[e] * np.exp(-_FOUR_LN_2 * x * x), 1.0 / (1.0 + 4.0 * x * x)
                values[p, 0, i] += gauss
                values[p, 1, i] += emission[e] * lorentz
                values[p, 2, i] += 8.0 * x * gauss
                values[p, 3, i] += emission[e] * 8.0 * x * lorentz * lorentz
                values[p, 4, i] += 8.0 * x * x * gauss
                values[p, 5, i] += 8.0 * x * x * x * gauss
                if e > 0:
                    values[p, _N_CHANGES, i] += 0.5 * (gauss + emission[e] * lorentz)


@lean_vector_kernel
def _fill_band(
    values: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    n_own: int,
    weight: NDArray[np.float64],
    firmness: NDArray[np.float64],
    shared: float,
    band: NDArray[np.float64],
    scaled: NDArray[np.float64],
) -> None:
    """The normal matrix: row i of `band` ends with its diagonal element, what is left of it stands before."""
    last, n_changes = band.shape[1] - 1, values.shape[1]
    for i in range(n_changes * n_own):
        for j in range(last + 1):
            band[i, j] = 0.0
    for p in range(n_own):
        end = first[p] + count[p]
        for a in range(n_changes):
            column = n_changes * p + a
            weigh(values[p, a], weight[first[p] : first[p] + count[p]], scaled)
            for q in range(p, p + _neighbours(first, count, p)):
                offset, common = first[q] - first[p], min(end, first[q] + count[q]) - first[q]
                for b in range(a if q == p else 0, n_changes):
                    row = n_changes * q + b
                    band[row, last - (row - column)] = dot(scaled[offset : offset + common], values[q, b])
            if a > 0:
                band[column, last] += firmness[p]
            # Lines on top of each other share what they explain.
            strength = band[column, last]
            band[column, last] += shared * (strength if strength > 0.0 else 1.0)


@lean_vector_kernel
def _fill_products(
    values: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    n_own: int,
    weight: NDArray[np.float64],
    residual: NDArray[np.float64],
    smooth: NDArray[np.float64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    products: NDArray[np.float64],
    scaled: NDArray[np.float64],
) -> None:
    """begin, end : (q,) first and one-past-last point at which each of the background's functions is something."""
    n_smooth, n_changes = smooth.shape[0], values.shape[1]
    for p in range(n_own):
        stretch = slice(first[p], first[p] + count[p])
        for a in range(n_changes):
            column = n_changes * p + a
            weigh(values[p, a], weight[stretch], scaled)
            for k in range(n_smooth):
                low, high = max(first[p], begin[k]), min(first[p] + count[p], end[k])
                products[k, column] = 0.0
                if low < high:
                    products[k, column] = dot(scaled[low - first[p] : high - first[p]], smooth[k, low:high])
            products[n_smooth, column] = dot(scaled[: count[p]], residual[stretch])


@lean_vector_kernel
def _factor(band: NDArray[np.float64], size: int) -> None:
    """Cholesky's factor of a banded matrix, in its place."""
    last = band.shape[1] - 1
    for i in range(size):
        begin = max(i - last, 0)
        for j in range(begin, i + 1):
            low = max(begin, j - last)
            of_i, of_j = last - i, last - j
            total = band[i, of_i + j] - dot(band[i, of_i + low : of_i + j], band[j, of_j + low : last])
            band[i, of_i + j] = np.sqrt(total) if j == i else total / band[j, last]


@lean_vector_kernel
def _forward(band: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    last, start = band.shape[1] - 1, 0
    while start < vector.size and vector[start] == 0.0:
        start += 1
    for i in range(start, vector.size):
        begin = max(i - last, start)
        vector[i] = (vector[i] - dot(vector[begin:i], band[i, last - i + begin : last])) / band[i, last]


@lean_vector_kernel
def _backward(band: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    last = band.shape[1] - 1
    for i in range(vector.size - 1, -1, -1):
        begin = max(i - last, 0)
        vector[i] /= band[i, last]
        add_scaled(-vector[i], band[i, last - i + begin : last], vector[begin:i])


@lean_vector_kernel
def _fill_inner(
    weight: NDArray[np.float64],
    residual: NDArray[np.float64],
    smooth: NDArray[np.float64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    products: NDArray[np.float64],
    shared: float,
    inner: NDArray[np.float64],
    right: NDArray[np.float64],
    scaled: NDArray[np.float64],
) -> None:
    """Lower triangle of the background's own normal equations, once the lines have had their say."""
    n_smooth = smooth.shape[0]
    for a in range(n_smooth):
        weigh(smooth[a], weight, scaled)
        for b in range(a + 1):
            low, high = max(begin[a], begin[b]), min(end[a], end[b])
            inner[a, b] = dot(scaled[low:high], smooth[b, low:high]) if low < high else 0.0
        inner[a, a] += shared * (inner[a, a] if inner[a, a] > 0.0 else 1.0)
        right[a] = dot(scaled, residual)
        for b in range(a + 1):
            inner[a, b] -= dot(products[a], products[b])
        right[a] -= dot(products[a], products[n_smooth])


@lean_vector_kernel
def _solve_small(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    """Solution, in the place of the right side, of equations with a positive definite matrix (lower triangle)."""
    for i in range(right.size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(right.size - 1, -1, -1):
        right[i] /= matrix[i, i]
        for k in range(i):
            right[k] -= matrix[i, k] * right[i]
