"""Model criticism: collects what every scan leaves over and asks what it may mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.series.criticism.between import BetweenLines, between_lines
from xrdfit.series.criticism.residual_map import ByScan, ResidualMap
from xrdfit.series.criticism.unexplained import UnexplainedLine, unexplained_lines
from xrdfit.series.threads import ONE_THREAD, Threads

# A point belongs to the nearest bin if it is no further than this part of the distance to the next bin.
_REACH = 0.75


class ResidualCritic:
    """Gathers the residuals of a series, scan by scan and in any order.

    All scans are brought to the grid of the first one that is added. Points are binned, not interpolated: what is
    independent stays independent. Three numbers in float32 are kept for each scan and bin.

    n_scans : how many are to come, if that is known; it saves memory. threads : share the scans.
    """

    def __init__(self, n_scans: int = 0, threads: Threads = ONE_THREAD) -> None:
        self._threads = threads
        self._grid: NDArray[np.float64] | None = None
        self._reach = np.empty(0)
        self._row_of: dict[int, int] = {}
        self._rows = np.empty((3, n_scans, 0), dtype=np.float32)

    def __len__(self) -> int:
        return len(self._row_of)

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
            self._rows = np.empty((3, self._rows.shape[1], self._grid.size), dtype=np.float32)
        good = np.isfinite(residual) & np.isfinite(sigma) & (sigma > 0.0)
        row = self._row(int(scan))
        if np.array_equal(two_theta, self._grid):
            row[0] = np.where(good, residual / sigma, np.nan)
            row[1] = np.where(good, sigma, np.nan)
            row[2] = np.where(good, calculated - background, np.nan)
            return
        n_bins = self._grid.size
        bins = _nearest(self._grid, two_theta)
        good &= np.abs(two_theta - self._grid[bins]) <= self._reach[bins]
        bins, weight = bins[good], sigma[good] ** -2.0
        total = np.bincount(bins, weight, n_bins)
        row[:] = np.nan
        filled = total > 0.0
        root = np.sqrt(total[filled])
        row[0, filled] = np.bincount(bins, weight * residual[good], n_bins)[filled] / root
        row[1, filled] = 1.0 / root
        row[2, filled] = np.bincount(bins, weight * (calculated - background)[good], n_bins)[filled] / total[filled]

    def _row(self, scan: int) -> NDArray[np.float32]:
        """(3, n_bins) where the numbers of a scan are kept."""
        row = self._row_of.setdefault(scan, len(self._row_of))
        if row == self._rows.shape[1]:
            more = np.empty((3, row + 1, self._rows.shape[2]), dtype=np.float32)
            self._rows = np.concatenate([self._rows, more], axis=1)
        return self._rows[:, row]

    def map(self) -> ResidualMap:
        """All residuals so far, rows by scan number."""
        grid = np.empty(0) if self._grid is None else self._grid
        scans = sorted(self._row_of)
        rows = [self._row_of[scan] for scan in scans]
        # Those that came in their order are in it already.
        stacked = self._rows[:, : len(rows)] if rows == list(range(len(rows))) else self._rows[:, rows]
        return ResidualMap(
            two_theta=grid,
            scans=np.array(scans, dtype=np.int64),
            scaled_residual=stacked[0],
            sigma=stacked[1],
            net=stacked[2],
        )

    def unexplained_lines(
        self, *, fwhm: float, emission: Sequence[tuple[float, float]], known_positions: ByScan
    ) -> tuple[UnexplainedLine, ...]:
        """Lines that nothing explains, by rising angle: see `xrdfit.series.criticism.unexplained.unexplained_lines`."""
        return unexplained_lines(
            self.map(), fwhm=fwhm, emission=emission, known_positions=known_positions, threads=self._threads
        )

    def between_lines(
        self, *, fwhm: float, first: ArrayLike, second: ArrayLike, area: ArrayLike, known_positions: ByScan
    ) -> BetweenLines:
        """Intensity left over between the lines of two phases: see `xrdfit.series.criticism.between.between_lines`."""
        return between_lines(
            self.map(),
            fwhm=fwhm,
            first=first,
            second=second,
            area=area,
            known_positions=known_positions,
            threads=self._threads,
        )


def _nearest(grid: NDArray[np.float64], two_theta: NDArray[np.float64]) -> NDArray[np.intp]:
    """(n,) index of the bin next to each point."""
    if grid.size < 2:
        return np.zeros(np.size(two_theta), dtype=np.intp)
    return np.searchsorted(0.5 * (grid[1:] + grid[:-1]), two_theta)
