"""Long series as few points, with every peak and every dip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def decimated(y: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Places in y (n,), ascending and at most so many, of its numbers; of too many, least and greatest of each part.

    Values that are no numbers are left out.
    """
    finite = np.flatnonzero(np.isfinite(y))
    if finite.size <= most:
        return finite
    parts = np.array_split(finite, most // 2)
    chosen = {int(part[pick(y[part])]) for part in parts for pick in (np.argmin, np.argmax)}
    return np.array(sorted(chosen), dtype=np.int64)
