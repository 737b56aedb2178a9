"""All patterns of a series as one image."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.report.series_image import SeriesImage
from xrdfit.report.style import STYLE
from xrdfit.report.thinned import MOST_SCANS, every_kth
from xrdfit.report.time_map import time_map

# Parts of the values that may saturate at the lower and the upper end of the colours, percent.
_DARK, _BRIGHT = 1.0, 0.1


def map_figure(series: SeriesImage, columns: Mapping[str, NDArray], *, colors: Mapping[str, str | None]) -> Figure:
    """Operando map: intensity over 2theta and scan or time, colours by the square root of the intensity.

    Above it the lines of every phase, where it is strongest; beside it, with a cycler's record, the voltage. Where
    nothing was measured, or a scan could not be fitted, the image is blank.

    Parameters
    ----------
    columns : those of ``trajectories.csv``, (n_scans,) each.
    colors : by phase name; None for the next that is free.
    """
    columns = {name: every_kth(values, MOST_SCANS) for name, values in columns.items()}
    voltage = columns.get("voltage_V", np.array([np.nan]))
    low, high = np.nanpercentile(series.observed, [_DARK, 100.0 - _BRIGHT])
    with matplotlib.rc_context(STYLE):
        drawn = time_map(
            series,
            series.observed,
            colors=colors,
            cmap="viridis",
            norm=PowerNorm(0.5, vmin=low, vmax=max(high, low + 1e-12)),
            label="Intensity (counts)" if series.counts else "Intensity (arb. units)",
            side=bool(np.isfinite(voltage).any()),
        )
        drawn.bar.ticklabel_format(axis="y", style="sci", scilimits=(-3, 5), useMathText=True)
        if drawn.side is not None:
            height = columns["time_s"] / 3600.0 if series.by_time else columns["scan"]
            drawn.side.plot(voltage, height, ".-", color="0.25", linewidth=0.8, markersize=1.8)
            drawn.side.set_xlabel("$E$ (V)", labelpad=1.5)
            drawn.side.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
            drawn.side.margins(x=0.12)
    return drawn.figure
