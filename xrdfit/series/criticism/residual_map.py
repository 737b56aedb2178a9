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

    def weighted(self, rows: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(residual, weight) of some rows in intensity units, (R, n_bins); both 0 where nothing was measured."""
        sigma = self.sigma[rows].astype(np.float64)
        residual = self.scaled_residual[rows] * sigma
        measured = np.isfinite(residual)
        weight = np.power(sigma, -2.0, out=np.zeros_like(sigma), where=measured)
        return np.where(measured, residual, 0.0), weight


def side_by_side(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(R, m) rows of numbers, the shorter ones filled up by NaN."""
    table = np.full((len(rows), max((row.size for row in rows), default=0)), np.nan)
    for own, row in zip(table, rows, strict=True):
        own[: row.size] = row
    return table


def clear_of(two_theta: NDArray[np.float64], positions: NDArray[np.float64], reach: float) -> NDArray[np.bool_]:
    """(R, n_bins) whether a bin is further than `reach` from all lines (R, m) of its row; NaN is no line."""
    if not np.isfinite(reach):
        return np.repeat(~np.isfinite(positions).any(axis=1, keepdims=True), two_theta.size, axis=1)
    return covering(two_theta, positions - reach, positions + reach) == 0.0


def covering(
    two_theta: NDArray[np.float64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
    height: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """(R, n_bins) how many of the stretches (R, m) of a row hold a bin, or the sum of their heights (R, m).

    first, last : deg; NaN is no stretch.
    """
    begin, end = np.searchsorted(two_theta, first), np.searchsorted(two_theta, last, side="right")
    real = np.isfinite(first) & np.isfinite(last) & (end > begin)
    added = np.where(real, 1.0 if height is None else height, 0.0)
    n_rows, width = len(first), two_theta.size + 1
    offset = width * np.arange(n_rows)[:, None]
    begin, end = np.where(real, begin, 0) + offset, np.where(real, end, 0) + offset
    steps = np.bincount(begin.ravel(), added.ravel(), n_rows * width)
    steps -= np.bincount(end.ravel(), added.ravel(), n_rows * width)
    return np.cumsum(steps.reshape(n_rows, width), axis=1, dtype=np.float64)[:, :-1]
