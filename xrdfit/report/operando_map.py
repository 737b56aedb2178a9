"""All patterns of a series as one image."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, STYLE

_HEIGHT_MM = 95.0
# Parts of the values that may saturate at the lower and the upper end of the colours, percent.
_DARK, _BRIGHT = 1.0, 0.1


def map_figure(
    two_theta: NDArray[np.float64], intensity: NDArray[np.float64], times_h: NDArray[np.float64] | None
) -> Figure:
    """Operando map: intensity over 2theta and scan or time, colours by the square root of the intensity.

    Parameters
    ----------
    two_theta : (n_points,) deg, ascending.
    intensity : (n_scans, n_points); NaN stays grey.
    times_h : (n_scans,) h, ascending, or None for the number of the scan.
    """
    rows = np.arange(intensity.shape[0], dtype=np.float64) if times_h is None else times_h
    low, high = np.nanpercentile(intensity, [_DARK, 100.0 - _BRIGHT])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, _HEIGHT_MM * MM))
        panel = figure.add_axes((0.09, 0.115, 0.78, 0.86))
        colors = matplotlib.colormaps["viridis"].with_extremes(bad="0.85")
        image = panel.pcolormesh(
            _edges(two_theta),
            _edges(rows),
            np.ma.masked_invalid(intensity),
            cmap=colors,
            norm=PowerNorm(0.5, vmin=low, vmax=max(high, low + 1e-12)),
            rasterized=True,
        )
        panel.set_xlabel("2θ (°)", labelpad=1.5)
        panel.set_ylabel("Scan" if times_h is None else "Time (h)")
        panel.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=times_h is None))
        panel.tick_params(direction="out")
        bar = figure.colorbar(image, cax=figure.add_axes((0.885, 0.115, 0.018, 0.86)), extend="both")
        bar.ax.yaxis.set_major_locator(MaxNLocator(nbins=7))
        bar.ax.ticklabel_format(axis="y", style="sci", scilimits=(-3, 5), useMathText=True)
        whole = bool(np.all(intensity[np.isfinite(intensity)] % 1.0 == 0.0))
        bar.set_label("Intensity (counts)" if whole else "Intensity (arb. units)")
    return figure


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n + 1,) borders half way between neighbours, the outer ones as far out as the next is in."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    inner = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2.0 * centres[0] - inner[0]], inner, [2.0 * centres[-1] - inner[-1]]])
