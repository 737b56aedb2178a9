"""Non-negative least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel
from xrdfit.kernels.linear import cholesky_solve, factor_rows, unit_scale
from xrdfit.kernels.rows import dot

# Square root of the fall in chi^2 below which no line is let in.
_LEAST_GAIN = 1e-7


@kernel
def nonnegative_solve(
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
    solution: NDArray[np.float64],
    active: NDArray[np.bool_],
    factor: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Minimise ``x^T gram x / 2 - right^T x`` over ``x >= 0``.

    Lawson & Hanson (1974), ch. 23, on the normal equations, begun from the set in `active`.

    Parameters
    ----------
    solution : (m,), overwritten.
    active : (m,) True where x may be positive: a first guess on entry, the answer on return. A member that is a
        linear combination of others is left out.
    factor : (m, m), overwritten: the lower triangle of its first rows and columns becomes the Cholesky factor of the
        gram matrix of what may be positive, scaled to unit diagonal.

    Returns
    -------
    Index of what may be positive, in the order of the factor.
    """
    size = right.size
    scale = unit_scale(gram)
    index = np.empty(size, dtype=np.int64)
    trial = np.empty(size)
    barred = np.zeros(size, dtype=np.bool_)
    count = known = np.int64(0)
    solution[:] = 0.0
    for i in range(size):
        if scale[i] == 0.0:
            barred[i] = True
            active[i] = False
        # Any positive point serves to begin with; the interpolation below keeps it feasible.
        if active[i]:
            solution[i] = 1e-300
            index[count] = i
            count += 1
    entering = -1
    together = True
    for _ in range(3 * size + 10):
        # Inner loop: solve on the active set and draw back to the boundary while anything is negative.
        while True:
            # What stands before the first member that has left stays factored.
            kept = np.int64(0)
            for k in range(count):
                if active[index[k]]:
                    index[kept] = index[k]
                    kept += 1
                else:
                    known = min(known, np.int64(k))
            count = kept
            dependent = factor_rows(gram, scale, index[:count], known, factor)
            known = count if dependent < 0 else np.int64(dependent)
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
        # Outer loop: let in the member that most wants to grow; the first guess is mended by all who want to at once.
        best = _LEAST_GAIN
        entering = -1
        before = count
        for i in range(size):
            if not active[i] and not barred[i]:
                slope = (right[i] - dot(gram[i], solution)) * scale[i]
                if slope > (_LEAST_GAIN if together else best) and slope > 1e-12 * abs(right[i]) * scale[i]:
                    best = slope
                    entering = i
                    if together:
                        index[count] = i
                        count += 1
        if entering < 0:
            break
        if together:
            together = False
            entering = -1
        else:
            index[count] = entering
            count += 1
        for k in range(before, count):
            active[index[k]] = True
            solution[index[k]] = 0.0
    return index[:count]
