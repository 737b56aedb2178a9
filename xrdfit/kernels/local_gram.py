"""Products of functions that are each nothing but on a short stretch of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import vector_kernel


@vector_kernel
def local_gram(
    values: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    weight: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """``sum_x f_i(x) weight(x) f_j(x)`` of functions that stand in groups, each group on a stretch of its own.

    Parameters
    ----------
    values : (n_groups, k, longest stretch) of the k functions of each group on its stretch.
    first, count : (n_groups,) first point and number of points of the stretches, first ascending.
    weight : (n,) of all points.
    out : (bandwidth + 1, k n_groups), overwritten: the lower bands, ``out[j - i, i]`` for functions i <= j.
    """
    out[:, :] = 0.0
    n_groups, k = values.shape[0], values.shape[1]
    scaled = np.empty(values.shape[2])
    for p in range(n_groups):
        end = first[p] + count[p]
        for a in range(k):
            for x in range(count[p]):
                scaled[x] = values[p, a, x] * weight[first[p] + x]
            for q in range(p, n_groups):
                if first[q] >= end:
                    break
                offset = first[q] - first[p]
                common = min(end, first[q] + count[q]) - first[q]
                row = scaled[offset : offset + common]
                for b in range(a if q == p else 0, k):
                    other = values[q, b]
                    total = 0.0
                    for x in range(row.size):
                        total += row[x] * other[x]
                    out[(q - p) * k + b - a, p * k + a] = total
