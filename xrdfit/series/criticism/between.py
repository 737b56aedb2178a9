"""Intensity left over between the lines of two phases: a solid solution, or grains caught on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.series.criticism.residual_map import ByScan, ResidualMap, clear_of

# Distance from every line, in FWHM, from which on a residual is no longer that line's own.
_CLEAR = 1.5
# Significance of the whole series, and part of the lines' area, that count as found. Profiles cut in their tails miss
# half a per cent of the area: less than the latter is no finding.
_Z_FOUND = 4.0
_LEAST_NET = 0.01
# Part of the bands' pattern that must differ from background and tails.
_DISTINCT = 0.05
_LEAST_BINS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenLines:
    """Intensity between pairs of lines, in units of the pairs' own area.

    Attributes
    ----------
    scans : (n,) scan numbers.
    net, esd, z : (n,) per scan; NaN where a scan has no pair with room in between.
    series_net, series_esd, series_z : weighted mean over the scans; NaN if no scan has a value.
    """

    scans: NDArray[np.int64]
    net: NDArray[np.float64]
    esd: NDArray[np.float64]
    z: NDArray[np.float64]
    series_net: float
    series_esd: float
    series_z: float

    @property
    def found(self) -> bool:
        """Whether there is more between the lines than noise and the profile's tails account for."""
        return self.series_z > _Z_FOUND and self.series_net > _LEAST_NET


def between_lines(
    residuals: ResidualMap,
    *,
    fwhm: float,
    first: ArrayLike,
    second: ArrayLike,
    area: ArrayLike,
    known_positions: ByScan,
) -> BetweenLines:
    """Estimate what part of the area of pairs of lines lies between them.

    In each scan the residual at the bins clear of all known lines is fitted by a sloping background, a multiple of the
    lines' tails and, for every pair, a band of even height between its lines whose area is one common multiple of the
    pair's.

    Parameters
    ----------
    fwhm : usual width of a line, deg.
    first, second : (n_scans, k) positions in deg of the same hkl of both phases, rows by scan number; NaN where a
        phase is absent.
    area : (n_scans, k) sum of the areas of both lines, intensity times deg.
    known_positions : by scan number, positions in deg of all lines, one for each emission line.
    """
    lines = [np.asarray(each, dtype=np.float64) for each in (first, second, area)]
    net, esd = np.full((2, residuals.scans.size), np.nan)
    for row, scan in enumerate(residuals.scans):
        others = np.asarray(known_positions[int(scan)], dtype=np.float64).ravel()
        one, two, size = (each[scan] for each in lines)
        everything = np.concatenate([others, one, two])
        clear = clear_of(residuals.two_theta, everything, _CLEAR * fwhm)
        bands = _bands(residuals.two_theta, clear, one, two, size)
        net[row], esd[row] = _amount(residuals, row, clear, bands)
    weight = np.where(np.isfinite(esd), esd**-2.0, 0.0)
    total = float(weight.sum())
    series_net = float(np.nansum(weight * net)) / total if total > 0.0 else np.nan
    series_esd = total**-0.5 if total > 0.0 else np.nan
    return BetweenLines(
        scans=residuals.scans,
        net=net,
        esd=esd,
        z=net / esd,
        series_net=series_net,
        series_esd=series_esd,
        series_z=series_net / series_esd,
    )


def _bands(
    two_theta: NDArray[np.float64],
    clear: NDArray[np.bool_],
    one: NDArray[np.float64],
    two: NDArray[np.float64],
    area: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n_bins,) intensity that the areas would have if they were spread evenly between their lines."""
    result = np.zeros(two_theta.size)
    low, high = np.minimum(one, two), np.maximum(one, two)
    first, last = np.searchsorted(two_theta, low, side="right"), np.searchsorted(two_theta, high)
    for pair in np.flatnonzero((high > low) & (area > 0.0)):
        result[first[pair] : last[pair]] += area[pair] / (high[pair] - low[pair])
    return np.where(clear, result, 0.0)


def _amount(
    residuals: ResidualMap, row: int, clear: NDArray[np.bool_], bands: NDArray[np.float64]
) -> tuple[float, float]:
    """Multiple of `bands` in the residual of a scan, and its esd; NaN if it cannot be told."""
    residual, weight = residuals.weighted(row)
    used = clear & (weight > 0.0)
    if np.count_nonzero(bands[used]) < _LEAST_BINS:
        return np.nan, np.nan
    root = np.sqrt(weight[used])
    slope = residuals.two_theta[used] - residuals.two_theta[used].mean()
    # A width that is slightly wrong makes the tails of all lines wrong by about one factor.
    tails = residuals.net[row, used].astype(np.float64)
    basis, _ = np.linalg.qr(np.column_stack([root, root * slope, root * tails]))
    wanted, scaled = root * bands[used], root * residual[used]
    clean = wanted - basis @ (basis.T @ wanted)
    strength = float(clean @ clean)
    if not strength > _DISTINCT * float(wanted @ wanted):
        return np.nan, np.nan
    amount = float(clean @ scaled) / strength
    rest = scaled - basis @ (basis.T @ scaled) - amount * clean
    excess = max(1.0, float(rest @ rest) / max(rest.size - 4, 1))
    return amount, float(np.sqrt(excess / strength))
