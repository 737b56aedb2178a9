"""The figures that are drawn from a results directory as a whole, not from its table alone."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xrdfit.data import SeriesResult
from xrdfit.errors import DataError, Problem
from xrdfit.io import StoredResults
from xrdfit.report.fit import fit_figure
from xrdfit.report.operando_map import map_figure


def representative_scan(result: SeriesResult | StoredResults) -> int:
    """Of the fitted scans with most phases, the one whose weakest phase is strongest.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    fitted = _fitted_rows(result)
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
    colors = {phase.name: phase.color for phase in stored.phases}
    return fit_figure(curves, stored.lines(scan), title=title, colors=colors)


def stored_map_figure(stored: StoredResults) -> Figure:
    """All fitted patterns as one image, on the grid of the first of them.

    Raises
    ------
    DataError
        Not one scan could be fitted.
    """
    rows = _fitted_rows(stored)
    curves = [curves for curves, _ in stored.each(stored.columns["scan"][rows].astype(int).tolist())]
    grid = curves[0].two_theta
    intensity = np.array([np.interp(grid, c.two_theta, c.observed) for c in curves])
    times: NDArray[np.float64] = stored.columns["time_s"][rows] / 3600.0
    return map_figure(grid, intensity, times if np.isfinite(times).all() else None)


def _fitted_rows(result: SeriesResult | StoredResults) -> NDArray[np.intp]:
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
