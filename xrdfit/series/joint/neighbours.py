"""What the scans around a scan say of something that it cannot say itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Scans on either side whose mean is taken.
_SIDE = 3


def between_neighbours(
    time: NDArray[np.float64], values: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """`values` (N, k) with rows that are not known put between the means of the nearest known ones on either side.

    Where there are known ones on one side only, their mean stands; where there are none at all, nothing is changed.
    """
    result = values.copy()
    where = np.flatnonzero(known)
    if not where.size:
        return result
    for i in np.flatnonzero(~known):
        place = int(np.searchsorted(where, i))
        left, right = where[max(place - _SIDE, 0) : place], where[place : place + _SIDE]
        if not left.size or not right.size:
            result[i] = values[left if left.size else right].mean(axis=0)
            continue
        before, after = time[left].mean(), time[right].mean()
        part = (time[i] - before) / (after - before)
        result[i] = (1.0 - part) * values[left].mean(axis=0) + part * values[right].mean(axis=0)
    return result
