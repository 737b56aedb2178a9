"""A pattern as a row of the map: few numbers, in which every line is still to be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern

COLUMNS = 240


def image_of(pattern: Pattern, span: tuple[float, float]) -> NDArray[np.float32]:
    """(`COLUMNS`,) square roots of the highest intensities in equal parts of a span in deg; NaN where there is none."""
    used = pattern.mask & np.isfinite(pattern.intensity)
    row = np.full(COLUMNS, -np.inf)
    place = ((pattern.two_theta[used] - span[0]) / (span[1] - span[0]) * COLUMNS).astype(np.int64)
    inside = (place >= 0) & (place < COLUMNS)
    np.maximum.at(row, place[inside], np.sqrt(np.maximum(pattern.intensity[used][inside], 0.0)))
    filled = np.flatnonzero(np.isfinite(row))
    if filled.size == 0:
        return np.full(COLUMNS, np.nan, dtype=np.float32)
    # Parts narrower than a step have no point of their own.
    return np.interp(np.arange(COLUMNS), filled, row[filled]).astype(np.float32)
