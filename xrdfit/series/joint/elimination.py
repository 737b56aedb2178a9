"""What a scan's own variables have their say on first, before others are asked about: of many scans at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def regression_on_own(
    own: NDArray[np.float64], across: NDArray[np.float64], free: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(R, k, s) by how much other columns answer to the free ones of a scan's s own variables: across^T own^-1.

    own : (R, s, s) normal matrices. across : (R, s, k) products with the other columns. free : (R, s); zero elsewhere.
    """
    strength = np.diagonal(own, axis1=1, axis2=2)
    root = np.where(free, 1.0 / np.sqrt(np.maximum(strength, 1e-300)), 0.0)
    scaled = own * root[:, :, None] * root[:, None, :]
    index = np.arange(own.shape[1])
    # Variables that do not move are solved for by themselves, and come to nothing.
    scaled[:, index, index] += np.where(free, 1e-12, 1.0)
    solved = np.linalg.solve(scaled, across * root[:, :, None]) * root[:, :, None]
    return np.asarray(solved.transpose(0, 2, 1))
