"""Small dense linear algebra for the solvers: Gram matrices, Cholesky."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.rows import add_scaled, dot

# A line whose profile is this fraction or less its own (the rest being a sum of other lines') cannot be told from
# them and stays out: smallest accepted pivot of the Gram matrix scaled to unit diagonal.
_LEAST_PIVOT = 1e-9
# Points that are taken at once, so that all rows of a chunk stay in the cache.
_CHUNK = 320

_Four = tuple[float, float, float, float]
_Sixteen = tuple[_Four, _Four, _Four, _Four]


@lean_vector_kernel
def _scale_four(
    rows: NDArray[np.float64], i: int, weight: NDArray[np.float64], start: int, out: NDArray[np.float64]
) -> None:
    """Four rows from the i-th on (the last one over and over), times the weight, from the point `start` on."""
    for k in range(4):
        row, scaled = rows[min(i + k, rows.shape[0] - 1)][start : start + out.shape[1]], out[k]
        there = weight[start : start + out.shape[1]]
        for x in range(scaled.size):
            scaled[x] = row[x] * there[x]


@lean_vector_kernel
def _sixteen(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    d: NDArray[np.float64],
    e: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    h: NDArray[np.float64],
) -> _Sixteen:
    """Products of each of four rows with each of four others at once, so that what is loaded serves four of them."""
    ae = af = ag = ah = be = bf = bg = bh = ce = cf = cg = ch = de = df = dg = dh = 0.0
    for x in range(a.size):
        p, q, r, s = a[x], b[x], c[x], d[x]
        t, u, v, w = e[x], f[x], g[x], h[x]
        ae += p * t
        af += p * u
        ag += p * v
        ah += p * w
        be += q * t
        bf += q * u
        bg += q * v
        bh += q * w
        ce += r * t
        cf += r * u
        cg += r * v
        ch += r * w
        de += s * t
        df += s * u
        dg += s * v
        dh += s * w
    return (ae, af, ag, ah), (be, bf, bg, bh), (ce, cf, cg, ch), (de, df, dg, dh)


@lean_vector_kernel
def four_by_four(
    scaled: NDArray[np.float64], rows: NDArray[np.float64], i: int, j: int, start: int, out: NDArray[np.float64]
) -> None:
    """Products of four scaled rows with the rows from the j-th on, from the point `start` on.

    out : gets those that exist, in its rows from the i-th on.
    """
    last_i, last_j, stop = out.shape[0] - 1, out.shape[1] - 1, start + scaled.shape[1]
    i1, i2, i3 = min(i + 1, last_i), min(i + 2, last_i), min(i + 3, last_i)
    j1, j2, j3 = min(j + 1, last_j), min(j + 2, last_j), min(j + 3, last_j)
    a, b, c, d = _sixteen(
        scaled[0],
        scaled[1],
        scaled[2],
        scaled[3],
        rows[j][start:stop],
        rows[j1][start:stop],
        rows[j2][start:stop],
        rows[j3][start:stop],
    )
    out[i, j], out[i, j1], out[i, j2], out[i, j3] = a
    out[i1, j], out[i1, j1], out[i1, j2], out[i1, j3] = b
    out[i2, j], out[i2, j1], out[i2, j2], out[i2, j3] = c
    out[i3, j], out[i3, j1], out[i3, j2], out[i3, j3] = d


@kernel
def _products(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: bool,
    out: NDArray[np.float64],
) -> None:
    """``out[i, j] = sum_x left[i, x] weight[x] right[j, x]``; upper : of a symmetric result only the upper triangle."""
    n = weight.size
    n_chunks = max((n + _CHUNK - 1) // _CHUNK, 1)
    part = out if n_chunks == 1 else np.zeros(out.shape)
    out[:, :] = 0.0
    for chunk in range(n_chunks):
        start, stop = n * chunk // n_chunks, n * (chunk + 1) // n_chunks
        scaled = np.empty((4, stop - start))
        for i in range(0, left.shape[0], 4):
            _scale_four(left, i, weight, start, scaled)
            for j in range(i if upper else 0, right.shape[0], 4):
                four_by_four(scaled, right, i, j, start, part)
        if n_chunks > 1:
            for i in range(out.shape[0]):
                add_scaled(1.0, part[i], out[i])


@inlined_kernel
def weighted_products(
    left: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """``out[i, j] = sum_x left[i, x] weight[x] right[j, x]``."""
    _products(left, right, weight, np.bool_(False), out)


@lean_kernel
def mirror(matrix: NDArray[np.float64]) -> None:
    """Put the lower triangle into the upper one."""
    for i in range(matrix.shape[0]):
        for j in range(i):
            matrix[j, i] = matrix[i, j]


@kernel
def weighted_gram(rows: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """``out = rows diag(weight) rows^T``, both triangles."""
    # The upper triangle of the rows is the lower one of the columns.
    _products(rows, rows, weight, np.bool_(True), out)
    mirror(out.T)


@lean_kernel
def _take_off(matrix: NDArray[np.float64], size: int, i: int, j: int) -> None:
    """From the block of four rows and columns at (i, j) of a lower triangle, take off what columns before j have."""
    i1, i2, i3 = min(i + 1, size - 1), min(i + 2, size - 1), min(i + 3, size - 1)
    j1, j2, j3 = min(j + 1, size - 1), min(j + 2, size - 1), min(j + 3, size - 1)
    four = _sixteen(
        matrix[i][:j],
        matrix[i1][:j],
        matrix[i2][:j],
        matrix[i3][:j],
        matrix[j][:j],
        matrix[j1][:j],
        matrix[j2][:j],
        matrix[j3][:j],
    )
    for a in range(min(4, size - i)):
        row = four[a]
        for b in range(min(4, size - j)):
            if j + b <= i + a:
                matrix[i + a, j + b] -= row[b]


@lean_kernel
def _solve_four(matrix: NDArray[np.float64], first: int, size: int, j: int) -> None:
    """Solve for the four columns from the j-th on, in the rows from the first to before the last."""
    a, b, c, d = matrix[j], matrix[j + 1], matrix[j + 2], matrix[j + 3]
    b0, c0, c1, d0, d1, d2 = b[j], c[j], c[j + 1], d[j], d[j + 1], d[j + 2]
    p, q, r, s = 1.0 / a[j], 1.0 / b[j + 1], 1.0 / c[j + 2], 1.0 / d[j + 3]
    for i in range(first, size):
        row = matrix[i]
        t = row[j] * p
        u = (row[j + 1] - t * b0) * q
        v = (row[j + 2] - t * c0 - u * c1) * r
        row[j], row[j + 1], row[j + 2] = t, u, v
        row[j + 3] = (row[j + 3] - t * d0 - u * d1 - v * d2) * s


@lean_kernel
def cholesky(matrix: NDArray[np.float64], least_pivot: float) -> int:
    """Lower Cholesky factor in place; returns the first row whose pivot is at most `least_pivot`, or -1."""
    return _factor_leading(matrix, matrix.shape[0], np.int64(0), least_pivot)


@lean_kernel
def _factor_leading(matrix: NDArray[np.float64], size: int, known: int, least_pivot: float) -> int:
    """The same of the first rows and columns, of which the first `known`, a multiple of four, are there already."""
    for j in range(0, size, 4):
        # Four columns at once: what those before them have is taken off in blocks, the rest one by one.
        end = min(j + 4, size)
        for i in range(max(j, known) if j > 0 else size, size, 4):
            _take_off(matrix, size, i, j)
        for i in range(max(j, known), end):
            row = matrix[i]
            for k in range(j, i):
                row[k] = (row[k] - dot(row[j:k], matrix[k][j:k])) / matrix[k, k]
            pivot = row[i] - dot(row[j:i], row[j:i])
            if not pivot > least_pivot:
                return i
            row[i] = math.sqrt(pivot)
        if end < size:
            _solve_four(matrix, max(j + 4, known), size, j)
    return -1


@lean_kernel
def cholesky_solve(factor: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Solve ``factor factor^T x = vector`` in place, with as much of the factor as the vector is long."""
    forward(factor, vector)
    backward(factor, vector)


@lean_kernel
def forward(factor: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Solve ``factor x = vector`` in place, with as much of the factor as the vector is long."""
    for i in range(vector.size):
        vector[i] = (vector[i] - dot(factor[i][:i], vector[:i])) / factor[i, i]


@lean_kernel
def backward(factor: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Solve ``factor^T x = vector`` in place, with as much of the factor as the vector is long."""
    for i in range(vector.size - 1, -1, -1):
        vector[i] /= factor[i, i]
        add_scaled(-vector[i], factor[i][:i], vector[:i])


@lean_kernel
def forward_rows(factor: NDArray[np.float64], rows: NDArray[np.float64]) -> None:
    """The same for every row of `rows` (k, n), four of them and four unknowns at once."""
    last, count = rows.shape[0] - 1, rows.shape[1]
    for r in range(0, last + 1, 4):
        p, q = rows[r], rows[min(r + 1, last)]
        s, t = rows[min(r + 2, last)], rows[min(r + 3, last)]
        for i in range(0, count, 4):
            a, b = factor[i], factor[min(i + 1, count - 1)]
            c, d = factor[min(i + 2, count - 1)], factor[min(i + 3, count - 1)]
            four = _sixteen(p[:i], q[:i], s[:i], t[:i], a[:i], b[:i], c[:i], d[:i])
            for m in range(min(4, last + 1 - r)):
                row, taken = rows[r + m], four[m]
                for j in range(i, min(i + 4, count)):
                    row[j] = (row[j] - taken[j - i] - dot(factor[j][i:j], row[i:j])) / factor[j, j]


@kernel
def invert_over(
    matrix: NDArray[np.float64], index: NDArray[np.int64], weakest: float, out: NDArray[np.float64]
) -> bool:
    """Inverse of ``matrix[index][:, index]`` into the same places of `out`, if all its directions say enough.

    Scaled to unit diagonal, the weakest direction has a strength of at least ``1 / trace(inverse)``. Where that is not
    above `weakest`, False is returned and `out` stays as it was.
    """
    size = index.size
    scale = np.zeros(matrix.shape[0])
    for k in range(size):
        scale[index[k]] = 1.0 / math.sqrt(matrix[index[k], index[k]])
    factor, dependent = factor_subset(matrix, scale, index)
    if dependent >= 0:
        return False
    inverse = np.zeros((size, size))
    trace = 0.0
    for i in range(size):
        inverse[i, i] = 1.0
        cholesky_solve(factor, inverse[i])
        trace += inverse[i, i]
    if not trace * weakest < 1.0:
        return False
    for i in range(size):
        for j in range(size):
            out[index[i], index[j]] = 0.5 * (inverse[i, j] + inverse[j, i]) * scale[index[i]] * scale[index[j]]
    return True


@kernel
def factor_subset(
    gram: NDArray[np.float64], scale: NDArray[np.float64], index: NDArray[np.int64]
) -> tuple[NDArray[np.float64], int]:
    """Cholesky factor of ``gram[index][:, index]`` scaled to unit diagonal; second: first dependent row or -1."""
    factor = np.empty((index.size, index.size))
    return factor, factor_rows(gram, scale, index, np.int64(0), factor)


@lean_kernel
def factor_rows(
    gram: NDArray[np.float64],
    scale: NDArray[np.float64],
    index: NDArray[np.int64],
    known: int,
    factor: NDArray[np.float64],
) -> int:
    """The same into the first rows and columns of `factor`, whose first `known` ones are there already."""
    count = index.size
    # Rows are factored four by four.
    known = known // 4 * 4
    for i in range(known, count):
        row, own = gram[index[i]], scale[index[i]]
        for j in range(i + 1):
            factor[i, j] = row[index[j]] * own * scale[index[j]]
    return _factor_leading(factor, count, known, _LEAST_PIVOT)


@kernel
def unit_scale(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 / sqrt(diagonal)``, zero where the diagonal is (a line with no point under it)."""
    largest = 0.0
    for i in range(gram.shape[0]):
        largest = max(largest, gram[i, i])
    scale = np.zeros(gram.shape[0])
    for i in range(gram.shape[0]):
        if gram[i, i] > 1e-12 * largest:
            scale[i] = 1.0 / math.sqrt(gram[i, i])
    return scale
