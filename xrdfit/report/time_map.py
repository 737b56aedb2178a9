"""An image over 2theta and time: ticks of the phases above, a panel that shares its time axis beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.report.hkl_ticks import draw_strip, strip_height
from xrdfit.report.series_image import SeriesImage, with_gaps
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, settled_colors

_IMAGE_MM, _SIDE_MM, _BAR_MM = 78.0, 24.0, 3.0
_LEFT_MM, _RIGHT_MM, _TOP_MM, _BOTTOM_MM, _BETWEEN_MM = 14.0, 14.0, 2.0, 10.0, 2.5
# What a legend above the side panel needs.
_LEGEND_MM = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMap:
    """A figure with its panels; ``side`` is None where there is nothing to show in it."""

    figure: Figure
    image: Axes
    side: Axes | None
    bar: Axes


def time_map(
    series: SeriesImage,
    values: NDArray[np.float64],
    *,
    colors: Mapping[str, str | None],
    cmap: str,
    norm: Normalize,
    label: str,
    side: bool,
) -> TimeMap:
    """Draw ``values`` (n, m) of a series; what is NaN stays blank. To be called within the style.

    Parameters
    ----------
    colors : by phase name; None for the next that is free.
    label : of the colours.
    side : whether there is a panel at the right that shares the axis of time.
    """
    strip = max(strip_height(series.lines), _LEGEND_MM * side)
    total = _TOP_MM + strip + _IMAGE_MM + _BOTTOM_MM
    width = DOUBLE_COLUMN_MM - _LEFT_MM - _RIGHT_MM - _BAR_MM - _BETWEEN_MM - (_SIDE_MM + _BETWEEN_MM) * side
    figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, total * MM))

    def panel(left: float, bottom: float, wide: float, high: float, **options: Axes) -> Axes:
        box = (left / DOUBLE_COLUMN_MM, bottom / total, wide / DOUBLE_COLUMN_MM, high / total)
        return figure.add_axes(box, **options)  # type: ignore[call-overload]

    image = panel(_LEFT_MM, _BOTTOM_MM, width, _IMAGE_MM)
    borders, rows = with_gaps(series.centres, values)
    mesh = image.pcolormesh(
        _edges(series.two_theta),
        borders,
        np.ma.masked_invalid(rows),
        cmap=matplotlib.colormaps[cmap].with_extremes(bad="white"),
        norm=norm,
        rasterized=True,
    )
    image.set_xlabel("2θ (°)", labelpad=1.5)
    image.set_ylabel("Time (h)" if series.by_time else "Scan")
    image.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=not series.by_time, steps=[1, 2, 5, 10]))
    image.tick_params(direction="out")
    limits = (float(series.two_theta[0]), float(series.two_theta[-1]))
    image.set_xlim(*limits)
    if series.lines:
        ticks = panel(_LEFT_MM, _BOTTOM_MM + _IMAGE_MM + 0.5, width, strip_height(series.lines))
        draw_strip(ticks, series.lines, settled_colors(colors), limits, width_mm=width)
    beside = None
    if side:
        beside = panel(_LEFT_MM + width + _BETWEEN_MM, _BOTTOM_MM, _SIDE_MM, _IMAGE_MM, sharey=image)
        beside.tick_params(labelleft=False, top=True, right=True)
    bar = panel(DOUBLE_COLUMN_MM - _RIGHT_MM - _BAR_MM, _BOTTOM_MM, _BAR_MM, _IMAGE_MM)
    figure.colorbar(mesh, cax=bar, extend="both", extendfrac=0.03)
    bar.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    bar.set_ylabel(label)
    return TimeMap(figure=figure, image=image, side=beside, bar=bar)


def _edges(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n + 1,) borders half way between neighbours, the outer ones as far out as the next is in."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    inner = 0.5 * (centres[1:] + centres[:-1])
    return np.concatenate([[2.0 * centres[0] - inner[0]], inner, [2.0 * centres[-1] - inner[-1]]])
