"""Intensity left over between the lines of two phases: a solid solution, or grains caught on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.series.criticism.residual_map import ByScan, ResidualMap, clear_of, covering, side_by_side
from xrdfit.series.threads import ONE_THREAD, Threads

# Distance from every line, in FWHM, from which on a residual is no longer that line's own.
_CLEAR = 1.5
# Significance of the whole series, and part of the lines' area, that count as found. Profiles cut in their tails miss
# half a per cent of the area: less than the latter is no finding.
_Z_FOUND = 4.0
_LEAST_NET = 0.01
# Part of the bands' pattern that must differ from background and tails.
_DISTINCT = 0.05
_LEAST_BINS = 5
# Part of a column's length that must be new beside those before it.
_NEW = 1e-10
_SCANS_AT_ONCE = 64


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
    threads: Threads = ONE_THREAD,
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
    threads : share the scans.
    """
    lines = [np.asarray(each, dtype=np.float64) for each in (first, second, area)]
    net, esd = np.full((2, residuals.scans.size), np.nan)

    def fit(begin: int) -> None:
        rows = slice(begin, min(begin + _SCANS_AT_ONCE, residuals.scans.size))
        scans = residuals.scans[rows]
        one, two, size = (each[scans] for each in lines)
        others = side_by_side([np.ravel(known_positions[int(scan)]) for scan in scans])
        clear = clear_of(residuals.two_theta, np.hstack([others, one, two]), _CLEAR * fwhm)
        net[rows], esd[rows] = _amounts(residuals, rows, clear, _bands(residuals.two_theta, clear, one, two, size))

    for _ in threads.map(fit, range(0, residuals.scans.size, _SCANS_AT_ONCE)):
        pass
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
    """(R, n_bins) intensity that the areas (R, k) would have if they were spread evenly between their lines."""
    low, high = np.minimum(one, two), np.maximum(one, two)
    real = (high > low) & (area > 0.0)
    low, high = np.where(real, low, np.nan), np.where(real, high, np.nan)
    # Neither line's own bin is between them.
    low, high = np.nextafter(low, np.inf), np.nextafter(high, -np.inf)
    height = np.divide(area, high - low, out=np.zeros_like(area), where=real)
    there = covering(two_theta, low, high) > 0.0
    return np.where(clear & there, covering(two_theta, low, high, height), 0.0)


def _amounts(
    residuals: ResidualMap, rows: slice, clear: NDArray[np.bool_], bands: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) multiple of `bands` in the residual of each scan, and its esd; NaN if it cannot be told."""
    residual, weight = residuals.weighted(rows)
    root = np.sqrt(np.where(clear, weight, 0.0))
    used = root > 0.0
    n_used = used.sum(axis=1)
    middle = (used @ residuals.two_theta) / np.maximum(n_used, 1)
    # A width that is slightly wrong makes the tails of all lines wrong by about one factor.
    tails = np.where(used, residuals.net[rows], 0.0).astype(np.float64)
    basis = _orthonormal([root, root * (residuals.two_theta - middle[:, None]), root * tails])
    wanted, scaled = root * bands, root * residual
    clean = _without(wanted, basis)
    strength = _dot(clean, clean)
    enough = (used & (bands > 0.0)).sum(axis=1) >= _LEAST_BINS
    enough &= strength > _DISTINCT * _dot(wanted, wanted)
    strength = np.where(enough, strength, np.nan)
    amount = _dot(clean, scaled) / strength
    rest = _without(scaled, basis) - amount[:, None] * clean
    excess = np.maximum(1.0, _dot(rest, rest) / np.maximum(n_used - 4, 1))
    return amount, np.sqrt(excess / strength)


def _orthonormal(columns: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Columns (R, n) that span in each row what the given ones do; zero where one says nothing new."""
    basis: list[NDArray[np.float64]] = []
    for column in columns:
        # Twice is enough: what rounding has left is taken off.
        new = _without(_without(column, basis), basis)
        length, before = np.sqrt(_dot(new, new)), np.sqrt(_dot(column, column))
        basis.append(new * np.divide(1.0, length, out=np.zeros_like(length), where=length > _NEW * before)[:, None])
    return basis


def _without(column: NDArray[np.float64], basis: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    for own in basis:
        column = column - _dot(own, column)[:, None] * own
    return column


def _dot(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) of each row."""
    return np.einsum("ij,ij->i", one, two)
