"""What the fits of a series left, as one image: a line that no phase explains stands out as a stripe."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.report.series_image import SeriesImage
from xrdfit.report.style import STYLE
from xrdfit.report.thinned import MOST_SCANS, every_kth
from xrdfit.report.time_map import time_map

# Least end of the colours, in standard deviations, so that counting noise stays pale.
_LEAST = 5.0


def residual_figure(series: SeriesImage, columns: Mapping[str, NDArray], *, colors: Mapping[str, str | None]) -> Figure:
    """(obs - calc)/sigma over 2theta and scan or time, red where more was measured than calculated; R_wp beside it.

    Parameters
    ----------
    columns : those of ``trajectories.csv``, (n_scans,) each.
    colors : by phase name; None for the next that is free.
    """
    columns = {name: every_kth(values, MOST_SCANS) for name, values in columns.items()}
    known = np.abs(series.residual[np.isfinite(series.residual)])
    end = max(_LEAST, float(np.percentile(known, 99.5)) if known.size else 0.0)
    with matplotlib.rc_context(STYLE):
        drawn = time_map(
            series,
            series.residual,
            colors=colors,
            cmap="RdBu_r",
            norm=Normalize(-end, end),
            label="(obs − calc)/σ",
            side=True,
        )
        if drawn.side is not None:
            _draw_factors(drawn.side, series, columns)
    return drawn.figure


def _draw_factors(side: Axes, series: SeriesImage, columns: Mapping[str, NDArray]) -> None:
    height = columns["time_s"] / 3600.0 if series.by_time else columns["scan"]
    for name, style, label in (("r_wp", "-", r"$R_\mathrm{wp}$"), ("r_exp", ":", r"$R_\mathrm{exp}$")):
        side.plot(100.0 * columns[name], height, style, color="0.25", linewidth=0.8, label=label)
    shown = 100.0 * np.concatenate([columns["r_wp"], columns["r_exp"]])
    side.set_xlim(0.0, 1.25 * max(float(np.nanmax(shown)), 1e-2))
    side.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    side.set_xlabel("$R$ (%)", labelpad=1.5)
    side.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), handlelength=1.6, borderaxespad=0.2)
