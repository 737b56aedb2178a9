"""The points of a pattern that a fit uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Used points of one pattern; ``used`` (n_pattern,) tells which they are. Angles in deg."""

    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float64]
    sigma: NDArray[np.float64] | None
    used: NDArray[np.bool_]


def select_points(
    pattern: Pattern,
    *,
    two_theta_range: tuple[float, float] | None = None,
    exclude: tuple[tuple[float, float], ...] = (),
) -> Points:
    """Points inside the range, outside the excluded parts, not masked, with a finite value."""
    x = pattern.two_theta
    used = pattern.mask & np.isfinite(pattern.intensity)
    if pattern.sigma is not None:
        used &= np.isfinite(pattern.sigma) & (pattern.sigma > 0.0)
    if two_theta_range is not None:
        used &= (x >= two_theta_range[0]) & (x <= two_theta_range[1])
    for low, high in exclude:
        used &= (x < low) | (x > high)
    return Points(
        two_theta=np.ascontiguousarray(x[used]),
        intensity=np.ascontiguousarray(pattern.intensity[used]),
        sigma=None if pattern.sigma is None else np.ascontiguousarray(pattern.sigma[used]),
        used=used,
    )
