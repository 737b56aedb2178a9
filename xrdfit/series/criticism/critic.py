"""Model criticism: collects what every scan leaves over and asks what it may mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.series.criticism.between import BetweenLines, between_lines
from xrdfit.series.criticism.residual_map import ByScan, ResidualMap
from xrdfit.series.criticism.unexplained import UnexplainedLine, unexplained_lines

# A point belongs to the nearest bin if it is no further than this part of the distance to the next bin.
_REACH = 0.75


class ResidualCritic:
    """Gathers the residuals of a series, scan by scan and in any order.

    All scans are brought to the grid of the first one that is added. Points are binned, not interpolated: what is
    independent stays independent. Three numbers in float32 are kept for each scan and bin.
    """

    def __init__(self) -> None:
        self._grid: NDArray[np.float64] | None = None
        self._reach = np.empty(0)
        self._rows: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        scan: int,
        *,
        two_theta: NDArray[np.float64],
        residual: NDArray[np.float64],
        sigma: NDArray[np.float64],
        calculated: NDArray[np.float64],
        background: NDArray[np.float64],
    ) -> None:
        """Add, or replace, a scan.

        Parameters
        ----------
        two_theta : (n,) deg, ascending.
        residual : (n,) observed - calculated. Points that were not used are left out or have NaN; those of the first
            scan still count for the grid.
        sigma : (n,) standard error of a point, all known misfit of the noise model included.
        """
        if self._grid is None:
            self._grid = np.array(two_theta, dtype=np.float64)
            gap = np.diff(self._grid, prepend=-np.inf, append=np.inf)
            self._reach = _REACH * np.minimum(gap[:-1], gap[1:])
        n_bins = self._grid.size
        bins = _nearest(self._grid, two_theta)
        good = np.isfinite(residual) & np.isfinite(sigma) & (sigma > 0.0)
        good &= np.abs(two_theta - self._grid[bins]) <= self._reach[bins]
        bins, weight = bins[good], sigma[good] ** -2.0
        total = np.bincount(bins, weight, n_bins)
        row = np.full((3, n_bins), np.nan, dtype=np.float32)
        filled = total > 0.0
        root = np.sqrt(total[filled])
        row[0, filled] = np.bincount(bins, weight * residual[good], n_bins)[filled] / root
        row[1, filled] = 1.0 / root
        row[2, filled] = np.bincount(bins, weight * (calculated - background)[good], n_bins)[filled] / total[filled]
        self._rows[int(scan)] = row

    def map(self) -> ResidualMap:
        """All residuals so far, rows by scan number."""
        grid = np.empty(0) if self._grid is None else self._grid
        scans = sorted(self._rows)
        stacked = np.array([self._rows[scan] for scan in scans], dtype=np.float32).reshape(len(scans), 3, grid.size)
        return ResidualMap(
            two_theta=grid,
            scans=np.array(scans, dtype=np.int64),
            scaled_residual=stacked[:, 0],
            sigma=stacked[:, 1],
            net=stacked[:, 2],
        )

    def unexplained_lines(
        self, *, fwhm: float, emission: Sequence[tuple[float, float]], known_positions: ByScan
    ) -> tuple[UnexplainedLine, ...]:
        """Lines that nothing explains, by rising angle: see `xrdfit.series.criticism.unexplained.unexplained_lines`."""
        return unexplained_lines(self.map(), fwhm=fwhm, emission=emission, known_positions=known_positions)

    def between_lines(
        self, *, fwhm: float, first: ArrayLike, second: ArrayLike, area: ArrayLike, known_positions: ByScan
    ) -> BetweenLines:
        """Intensity left over between the lines of two phases: see `xrdfit.series.criticism.between.between_lines`."""
        return between_lines(
            self.map(), fwhm=fwhm, first=first, second=second, area=area, known_positions=known_positions
        )


def _nearest(grid: NDArray[np.float64], two_theta: NDArray[np.float64]) -> NDArray[np.intp]:
    """(n,) index of the bin next to each point."""
    if grid.size < 2:
        return np.zeros(np.size(two_theta), dtype=np.intp)
    return np.searchsorted(0.5 * (grid[1:] + grid[:-1]), two_theta)
