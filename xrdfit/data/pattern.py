"""One measured powder pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A powder pattern on its own grid.

    Attributes
    ----------
    two_theta : (n,) deg, strictly ascending, steps may be uneven.
    intensity : (n,) counts or any other intensity unit.
    sigma : (n,) standard deviation in the unit of intensity, or None if the file gives none.
    mask : (n,) True where the point may be used.
    source : where it was read from, for messages.
    start_s, end_s : seconds since the first scan of the series began, or None.
    """

    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float64]
    sigma: NDArray[np.float64] | None
    mask: NDArray[np.bool_]
    source: str
    start_s: float | None = None
    end_s: float | None = None
