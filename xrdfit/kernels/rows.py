"""Loops over points that many kernels need."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import lean_kernel, lean_vector_kernel


@lean_vector_kernel
def put(row: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        out[i] = row[i]


@lean_vector_kernel
def add_scaled(factor: float, row: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        out[i] += factor * row[i]


@lean_vector_kernel
def weigh(row: NDArray[np.float64], weight: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    for i in range(weight.size):
        out[i] = row[i] * weight[i]


@lean_vector_kernel
def dot(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    total = 0.0
    for x in range(left.size):
        total += left[x] * right[x]
    return total


@lean_vector_kernel
def weighted_dot(row: NDArray[np.float64], weight: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    total = 0.0
    for x in range(weight.size):
        total += row[x] * weight[x] * other[x]
    return total


@lean_kernel
def first_from(two_theta: NDArray[np.float64], angle: float) -> int:
    """The first of ascending points that is not below an angle (deg); their number if there is none."""
    low, high = 0, two_theta.size
    while low < high:
        middle = (low + high) // 2
        if two_theta[middle] < angle:
            low = middle + 1
        else:
            high = middle
    return low
