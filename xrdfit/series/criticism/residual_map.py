"""What the model leaves over in every scan, on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Positions of lines by scan number, deg; a table (n_scans, m), a list of arrays or a mapping. NaN: no such line.
ByScan = Sequence[NDArray[np.float64]] | Mapping[int, NDArray[np.float64]] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualMap:
    """Residuals of a series; NaN where a scan has no used point.

    Attributes
    ----------
    two_theta : (n_bins,) deg.
    scans : (n,) numbers of the scans, ascending; the rows of what follows.
    scaled_residual : (n, n_bins) (observed - calculated) / sigma.
    sigma : (n, n_bins) standard error of the intensity in the bin.
    net : (n, n_bins) calculated - background.
    """

    two_theta: NDArray[np.float64]
    scans: NDArray[np.int64]
    scaled_residual: NDArray[np.float32]
    sigma: NDArray[np.float32]
    net: NDArray[np.float32]

    @property
    def step(self) -> float:
        """Median distance of two bins, deg."""
        return float(np.median(np.diff(self.two_theta))) if self.two_theta.size > 1 else np.inf

    def weighted(self, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(residual, weight) of a row in intensity units, (n_bins,) each; both 0 where nothing was measured."""
        sigma = self.sigma[row].astype(np.float64)
        residual = self.scaled_residual[row] * sigma
        measured = np.isfinite(residual)
        weight = np.zeros(sigma.size)
        weight[measured] = sigma[measured] ** -2.0
        return np.where(measured, residual, 0.0), weight


def clear_of(two_theta: NDArray[np.float64], positions: NDArray[np.float64], reach: float) -> NDArray[np.bool_]:
    """(n_bins,) whether a bin is further than `reach` from all lines."""
    positions = np.sort(positions[np.isfinite(positions)])
    if positions.size == 0:
        return np.ones(two_theta.size, dtype=np.bool_)
    after = np.searchsorted(positions, two_theta)
    left = np.abs(two_theta - positions[np.maximum(after - 1, 0)])
    right = np.abs(two_theta - positions[np.minimum(after, positions.size - 1)])
    return np.minimum(left, right) > reach
