"""Small dense linear algebra for the solvers: Gram matrices, Cholesky, non-negative least squares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel, vector_kernel

# A line whose profile is this fraction or less its own (the rest being a sum of other lines') cannot be told from
# them and stays out: smallest accepted pivot of the Gram matrix scaled to unit diagonal.
_LEAST_PIVOT = 1e-9
# Square root of the fall in chi^2 below which no line is let in.
_LEAST_GAIN = 1e-7


@vector_kernel
def weighted_products(
    left: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """``out[i, j] = sum_x left[i, x] weight[x] right[j, x]``."""
    n = weight.size
    scaled = np.empty(n)
    n_right = right.shape[0]
    for i in range(left.shape[0]):
        for x in range(n):
            scaled[x] = left[i, x] * weight[x]
        j = 0
        while j + 4 <= n_right:
            r0, r1, r2, r3 = right[j], right[j + 1], right[j + 2], right[j + 3]
            s0 = s1 = s2 = s3 = 0.0
            for x in range(n):
                s0 += scaled[x] * r0[x]
                s1 += scaled[x] * r1[x]
                s2 += scaled[x] * r2[x]
                s3 += scaled[x] * r3[x]
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s0, s1, s2, s3
            j += 4
        while j < n_right:
            r0 = right[j]
            s0 = 0.0
            for x in range(n):
                s0 += scaled[x] * r0[x]
            out[i, j] = s0
            j += 1


@vector_kernel
def weighted_gram(rows: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """``out = rows diag(weight) rows^T``, both triangles."""
    n = weight.size
    count = rows.shape[0]
    first, second = np.empty(n), np.empty(n)
    # Two rows by four at once: what is loaded serves several products.
    for i in range(0, count, 2):
        last = min(i + 1, count - 1)
        for x in range(n):
            first[x] = rows[i, x] * weight[x]
            second[x] = rows[last, x] * weight[x]
        for j in range(i, count, 4):
            j1, j2, j3 = min(j + 1, count - 1), min(j + 2, count - 1), min(j + 3, count - 1)
            r0, r1, r2, r3 = rows[j], rows[j1], rows[j2], rows[j3]
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
            for x in range(n):
                p, q = first[x], second[x]
                a0 += p * r0[x]
                a1 += p * r1[x]
                a2 += p * r2[x]
                a3 += p * r3[x]
                b0 += q * r0[x]
                b1 += q * r1[x]
                b2 += q * r2[x]
                b3 += q * r3[x]
            out[i, j], out[i, j1], out[i, j2], out[i, j3] = a0, a1, a2, a3
            out[last, j], out[last, j1], out[last, j2], out[last, j3] = b0, b1, b2, b3
    for i in range(count):
        for j in range(i):
            out[i, j] = out[j, i]


@lean_vector_kernel
def weighted_dot(row: NDArray[np.float64], weight: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    total = 0.0
    for x in range(weight.size):
        total += row[x] * weight[x] * other[x]
    return total


@lean_kernel
def cholesky(matrix: NDArray[np.float64], least_pivot: float) -> int:
    """Lower Cholesky factor in place; returns the first row whose pivot is at most `least_pivot`, or -1."""
    size = matrix.shape[0]
    for j in range(size):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > least_pivot:
            return j
        root = math.sqrt(pivot)
        matrix[j, j] = root
        for i in range(j + 1, size):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = total / root
    return -1


@lean_kernel
def cholesky_solve(factor: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Solve ``factor factor^T x = vector`` in place."""
    size = factor.shape[0]
    for i in range(size):
        total = vector[i]
        for k in range(i):
            total -= factor[i, k] * vector[k]
        vector[i] = total / factor[i, i]
    for i in range(size - 1, -1, -1):
        total = vector[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * vector[k]
        vector[i] = total / factor[i, i]


@kernel
def factor_subset(
    gram: NDArray[np.float64], scale: NDArray[np.float64], index: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], int]:
    """Cholesky factor of ``gram[index][:, index]`` scaled to unit diagonal; second: first dependent row or -1."""
    sub = np.empty((count, count))
    for i in range(count):
        for j in range(count):
            sub[i, j] = gram[index[i], index[j]] * scale[index[i]] * scale[index[j]]
    return sub, cholesky(sub, _LEAST_PIVOT)


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


@kernel
def nonnegative_solve(
    gram: NDArray[np.float64], right: NDArray[np.float64], solution: NDArray[np.float64], active: NDArray[np.bool_]
) -> None:
    """Minimise ``x^T gram x / 2 - right^T x`` over ``x >= 0``.

    Lawson & Hanson (1974), ch. 23, on the normal equations, begun from the set in `active`.

    Parameters
    ----------
    solution : (m,), overwritten.
    active : (m,) True where x may be positive: a first guess on entry, the answer on return. A member that is a
        linear combination of others is left out.
    """
    size = right.size
    scale = unit_scale(gram)
    index = np.empty(size, dtype=np.int64)
    trial = np.empty(size)
    barred = np.zeros(size, dtype=np.bool_)
    solution[:] = 0.0
    for i in range(size):
        if scale[i] == 0.0:
            barred[i] = True
            active[i] = False
        # Any positive point serves to begin with; the interpolation below keeps it feasible.
        if active[i]:
            solution[i] = 1e-300
    entering = -1
    for _ in range(3 * size + 10):
        # Inner loop: solve on the active set and draw back to the boundary while anything is negative.
        while True:
            count = 0
            for i in range(size):
                if active[i]:
                    index[count] = i
                    count += 1
            if count == 0:
                solution[:] = 0.0
                break
            factor, dependent = factor_subset(gram, scale, index, count)
            if dependent >= 0:
                barred[index[dependent]] = True
                active[index[dependent]] = False
                solution[index[dependent]] = 0.0
                continue
            for i in range(count):
                trial[i] = right[index[i]] * scale[index[i]]
            cholesky_solve(factor, trial[:count])
            step = 1.0
            blocking = -1
            for i in range(count):
                value = trial[i] * scale[index[i]]
                if value <= 0.0:
                    old = solution[index[i]]
                    fraction = old / (old - value) if old > value else 0.0
                    if fraction < step:
                        step = fraction
                        blocking = i
            for i in range(count):
                value = trial[i] * scale[index[i]]
                solution[index[i]] += step * (value - solution[index[i]])
            if blocking < 0:
                break
            if entering < 0:
                # Still settling the first guess: whoever came out negative leaves at once, not one by one.
                for i in range(count):
                    if trial[i] <= 0.0:
                        active[index[i]] = False
                        solution[index[i]] = 0.0
                continue
            if index[blocking] == entering and step == 0.0:
                # Its slope was rounding: it must not come in again and again.
                barred[entering] = True
            for i in range(count):
                if i == blocking or solution[index[i]] <= 0.0:
                    active[index[i]] = False
                    solution[index[i]] = 0.0
        # Outer loop: let in the member that most wants to grow.
        best = _LEAST_GAIN
        entering = -1
        for i in range(size):
            if not active[i] and not barred[i]:
                slope = right[i]
                for j in range(size):
                    if solution[j] != 0.0:
                        slope -= gram[i, j] * solution[j]
                slope *= scale[i]
                if slope > best and slope > 1e-12 * abs(right[i]) * scale[i]:
                    best = slope
                    entering = i
        if entering < 0:
            return
        active[entering] = True
        solution[entering] = 0.0
