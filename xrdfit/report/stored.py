"""The figures that are drawn from a results directory as a whole, not from its table alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xrdfit.data import SeriesResult
from xrdfit.errors import InputError, Problem
from xrdfit.io import StoredResults
from xrdfit.report.fit import fit_figure
from xrdfit.report.operando_map import map_figure
from xrdfit.report.patterns import Range, evenly_spread, patterns_figure
from xrdfit.report.residual_map import residual_figure
from xrdfit.report.save import scan_table
from xrdfit.report.series_image import fitted_rows, series_image, strongest_lines

# So many patterns one above the other fill a page's height.
_PATTERNS = 16
_STATES = (
    ("Time (h)", "time_s", 1.0 / 3600.0, 1),
    ("SOC", "soc", 1.0, 2),
    ("$E$ (V)", "voltage_V", 1.0, 3),
)


def representative_scan(result: SeriesResult | StoredResults) -> int:
    """Of the fitted scans with most phases, the one whose weakest phase is strongest.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    fitted = fitted_rows(result)
    shares = np.array([result.columns[f"{phase.name}_apparent_share"][fitted] for phase in result.phases])
    shares = np.where(shares > 0.0, shares, np.nan)
    phases = np.isfinite(shares).sum(axis=0)
    weakest = np.where(phases == phases.max(), np.min(shares, axis=0, initial=1.0, where=np.isfinite(shares)), -1.0)
    return int(result.columns["scan"][fitted[np.argmax(weakest)]])


def stored_fit_figure(stored: StoredResults, scan: int) -> Figure:
    """The fit of one scan, by its number in the stack.

    Raises
    ------
    DataError
        The scan was not refined, or its fit failed.
    """
    curves = stored.curves(scan)
    row = int(np.flatnonzero(stored.columns["scan"] == scan)[0])
    title = f"scan {scan}, R$_\\mathrm{{wp}}$ = {100.0 * stored.columns['r_wp'][row]:.2f} %"
    return fit_figure(curves, stored.lines(scan), title=title, colors=_colors(stored))


def stored_map_figure(stored: StoredResults) -> Figure:
    """All fitted patterns as one image, on the grid of the first of them.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    return map_figure(series_image(stored), stored.columns, colors=_colors(stored))


def stored_residual_figure(stored: StoredResults) -> Figure:
    """What all fits left as one image.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    return residual_figure(series_image(stored), stored.columns, colors=_colors(stored))


def stored_patterns_figure(stored: StoredResults, ranges: Sequence[Range] = ()) -> Figure:
    """Patterns one above the other; see `stored_patterns`."""
    return stored_patterns(stored, ranges)[0]


def stored_patterns(stored: StoredResults, ranges: Sequence[Range] = ()) -> tuple[Figure, dict[str, NDArray]]:
    """Patterns of fitted scans evenly spread over the series, one above the other, and the table of what is drawn.

    Parameters
    ----------
    ranges : deg 2theta, a panel each; all that was used by default. A table of several goes from the lowest to the
        highest.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    InputError
        A range has no points.
    """
    rows = evenly_spread(fitted_rows(stored), _PATTERNS)
    scans = stored.columns["scan"][rows].astype(np.intp)
    curves = [curves for curves, _ in stored.each(scans.tolist())]
    used = np.flatnonzero(curves[0].used)
    whole = (float(curves[0].two_theta[used[0]]), float(curves[0].two_theta[used[-1]]))
    for low, high in ranges:
        if not whole[0] <= max(low, whole[0]) < min(high, whole[1]):
            raise InputError(
                Problem(
                    code="E198",
                    what="nothing in this range",
                    where="--range",
                    found=f"found {low:g}:{high:g} against {whole[0]:g}:{whole[1]:g}",
                    todo="give A:B in deg 2theta within what was refined",
                )
            )
    shown = [(max(low, whole[0]), min(high, whole[1])) for low, high in ranges] or [whole]
    figure = patterns_figure(
        curves, _states(stored, rows), strongest_lines(stored), ranges=shown, colors=_colors(stored)
    )
    grid = curves[0].two_theta
    grid = grid[(grid >= min(low for low, _ in shown)) & (grid <= max(high for _, high in shown))]
    observed = np.array([np.interp(grid, c.two_theta, c.observed) for c in curves])
    return figure, scan_table(grid, scans, observed)


def _states(stored: StoredResults, rows: NDArray[np.intp]) -> dict[str, list[str]]:
    """What is known of the cell in these scans, as it stands beside their patterns."""
    states: dict[str, list[str]] = {}
    for heading, name, factor, decimals in _STATES:
        values = factor * stored.columns.get(name, np.full(rows.max() + 1, np.nan))[rows]
        if np.isfinite(values).any():
            states[heading] = [f"{value:.{decimals}f}" if np.isfinite(value) else "–" for value in values]
    return states or {"Scan": [f"{scan:.0f}" for scan in stored.columns["scan"][rows]]}


def _colors(stored: StoredResults) -> dict[str, str | None]:
    return {phase.name: phase.color for phase in stored.phases}
