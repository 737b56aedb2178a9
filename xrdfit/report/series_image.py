"""The patterns of a series on one grid, for maps: what was measured, and what the fit left of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Curves, PhaseLines, SeriesResult
from xrdfit.errors import DataError, Problem
from xrdfit.io import StoredResults
from xrdfit.report.thinned import every_kth

# More than this is finer than paper shows.
_MOST_SCANS, _MOST_POINTS = 400, 1000
# A step to the next scan longer than this many times the usual one is a gap.
_GAP = 1.8


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesImage:
    """Patterns as rows.

    Attributes
    ----------
    two_theta : (m,) deg; neighbours are joined where there are too many.
    observed : (n, m) mean intensity; NaN where nothing was measured.
    residual : (n, m) (obs - calc)/sigma; NaN where the fit used no point.
    scans : (n,) row of each in the stack; every k-th of a long series.
    centres : (n,) h since the first scan began if ``by_time``, else the scan.
    counts : whether all intensities are whole numbers.
    lines : of every phase in the scan in which it is strongest.
    """

    two_theta: NDArray[np.float64]
    observed: NDArray[np.float64]
    residual: NDArray[np.float64]
    scans: NDArray[np.intp]
    centres: NDArray[np.float64]
    by_time: bool
    counts: bool
    lines: tuple[PhaseLines, ...]


def series_image(stored: StoredResults) -> SeriesImage:
    """Read the fitted scans of a series, from the first to the last point that was used.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    columns = stored.columns
    rows = fitted_rows(stored)
    times = columns["time_s"][rows]
    # Scans of one time would have no height.
    by_time = bool(np.isfinite(times).all()) and np.unique(times).size == times.size
    centres = columns["time_s"] / 3600.0 if by_time else columns["scan"].astype(np.float64)
    rows = rows[np.argsort(centres[rows], kind="stable")]
    rows = every_kth(rows, _MOST_SCANS)
    scans = columns["scan"][rows].astype(np.intp)
    observed, residual = [], []
    grid, counts = np.empty(0), True
    for curves, _ in stored.each(scans.tolist()):
        if not grid.size:
            used = np.flatnonzero(curves.used)
            grid = curves.two_theta[used[0] : used[-1] + 1]
        there = np.isfinite(curves.observed)
        counts &= bool(np.all(curves.observed[there] % 1.0 == 0.0))
        observed.append(_joined(_on(grid, curves, curves.observed), np.mean))
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.where(curves.used, (curves.observed - curves.calculated) / curves.sigma, np.nan)
        # The sum of k standard normal values over sqrt(k) is one again.
        residual.append(_joined(_on(grid, curves, left), lambda part, axis: part.sum(axis) / np.sqrt(part.shape[axis])))
    return SeriesImage(
        two_theta=_joined(grid, np.mean),
        observed=np.array(observed),
        residual=np.array(residual),
        scans=scans,
        centres=centres[rows],
        by_time=by_time,
        counts=counts,
        lines=strongest_lines(stored),
    )


def fitted_rows(result: SeriesResult | StoredResults) -> NDArray[np.intp]:
    """Rows of the table that have a fit.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    rows = np.flatnonzero(np.isfinite(result.columns["r_wp"]))
    if not rows.size:
        raise DataError(
            Problem(
                code="E190",
                what="no scan could be fitted",
                where="results",
                found=f"0 of {len(result.columns['scan'])} scans have a fit",
                todo="look at the reasons in run.log, settle them and refine again",
            )
        )
    return rows


def strongest_lines(stored: StoredResults) -> tuple[PhaseLines, ...]:
    """The lines of every phase in the scan in which its share is largest; phases that are nowhere are left out."""
    found = []
    for phase in stored.phases:
        share = np.where(np.isfinite(stored.columns["r_wp"]), stored.columns[f"{phase.name}_apparent_share"], np.nan)
        if not np.nanmax(share, initial=0.0) > 0.0:
            continue
        scan = int(stored.columns["scan"][np.nanargmax(share)])
        found += [lines for lines in stored.lines(scan) if lines.phase == phase.name and lines.two_theta.size]
    return tuple(found)


def row_bounds(centres: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where every row begins and ends: half way to its neighbours, but no further than usual where there is a gap.

    Parameters
    ----------
    centres : (n,) ascending.
    """
    steps = np.diff(centres)
    usual = float(np.median(steps)) if steps.size else 1.0
    reach = np.where(steps <= _GAP * usual, 0.5 * steps, 0.5 * usual)
    ends = [0.5 * usual] if not steps.size else [reach[0]], [0.5 * usual] if not steps.size else [reach[-1]]
    return centres - np.concatenate([ends[0], reach]), centres + np.concatenate([reach, ends[1]])


def with_gaps(
    centres: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Borders (k + 1,) and rows (k, m) of an image in which gaps are rows of NaN."""
    low, high = row_bounds(centres)
    borders, image = [low[0]], []
    for begin, end, row in zip(low, high, rows, strict=True):
        if begin > borders[-1] + 1e-9 * (1.0 + abs(begin)):
            image.append(np.full(row.size, np.nan))
            borders.append(begin)
        image.append(row)
        borders.append(end)
    return np.array(borders), np.array(image)


def _on(grid: NDArray[np.float64], curves: Curves, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if curves.two_theta.size == grid.size and np.array_equal(curves.two_theta, grid):
        return values
    return np.interp(grid, curves.two_theta, values, left=np.nan, right=np.nan)


def _joined(values: NDArray[np.float64], how) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    size = -(-values.size // _MOST_POINTS)
    whole = values.size - values.size % size
    return how(values[:whole].reshape(-1, size), axis=1)
