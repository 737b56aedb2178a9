"""The fit of one scan: what was measured, what was calculated, what is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.data import Curves, PhaseLines
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, STYLE, settled_colors

_PATTERN_MM = 68.0
_TICK_ROW_MM = 4.0
_DIFFERENCE_MM = 24.0
_TOP_MM = 7.0
_BOTTOM_MM = 10.0
# Difference beyond which a point is not counting noise, in standard deviations.
_NOISE = 3.0


def fit_figure(curves: Curves, lines: Sequence[PhaseLines], *, title: str, colors: Mapping[str, str | None]) -> Figure:
    """Observed points, calculated pattern, background and difference; a row of line positions per phase; the weighted
    difference.

    Parameters
    ----------
    curves : of one scan; what was not used is shaded.
    lines : positions (deg) of the first emission line of every phase in the scan.
    title : above the pattern, left.
    colors : by phase name; None for the next that is free.
    """
    used = curves.used
    lines = [phase for phase in lines if phase.two_theta.size]
    heights = [_PATTERN_MM, _TICK_ROW_MM * max(len(lines), 1), _DIFFERENCE_MM]
    total = sum(heights) + _TOP_MM + _BOTTOM_MM
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, total * MM))
        top, ticks, bottom = figure.subplots(
            3,
            1,
            sharex=True,
            gridspec_kw={
                "height_ratios": heights,
                "hspace": 0.0,
                "left": 18.0 / DOUBLE_COLUMN_MM,
                "right": 1.0 - 3.0 / DOUBLE_COLUMN_MM,
                "top": 1.0 - _TOP_MM / total,
                "bottom": _BOTTOM_MM / total,
            },
        )
        _draw_pattern(top, curves)
        _draw_lines(ticks, lines, settled_colors(colors))
        _draw_difference(bottom, curves)
        for start, end in _unused_spans(curves):
            for panel in (top, ticks, bottom):
                panel.axvspan(start, end, color="0.9", linewidth=0.0, zorder=0)
        low, high = float(curves.two_theta[used][0]), float(curves.two_theta[used][-1])
        margin = 0.01 * (high - low)
        top.set_xlim(low - margin, high + margin)
        top.set_title(title, loc="left", pad=4.0)
        top.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.1)
        for panel in (top, ticks):
            panel.tick_params(labelbottom=False)
        bottom.set_xlabel("2θ (°)", labelpad=1.5)
        figure.align_ylabels([top, bottom])
    return figure


def fit_table(curves: Curves) -> dict[str, NDArray]:
    """What a figure of a fit draws, by column; curves are NaN where a point was not used."""
    used = curves.used
    table = {"two_theta_deg": curves.two_theta, "observed": curves.observed}
    for name in ("calculated", "background", "sigma"):
        table[name] = np.where(used, getattr(curves, name), np.nan)
    table["difference"] = np.where(used, curves.observed - curves.calculated, np.nan)
    return table | {"difference_over_sigma": _weighted(curves)}


def _weighted(curves: Curves) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.where(curves.used, (curves.observed - curves.calculated) / curves.sigma, np.nan)


def _draw_pattern(panel: Axes, curves: Curves) -> None:
    used = curves.used
    observed = curves.observed
    calculated, background = (np.where(used, curve, np.nan) for curve in (curves.calculated, curves.background))
    panel.plot(
        curves.two_theta,
        observed,
        linestyle="none",
        marker="o",
        markersize=1.6,
        markerfacecolor="none",
        markeredgecolor="0.35",
        markeredgewidth=0.4,
        label="observed",
    )
    panel.plot(curves.two_theta, calculated, color="#EE7733", linewidth=0.8, label="calculated")
    panel.plot(curves.two_theta, background, color="#009988", linewidth=0.7, linestyle="--", label="background")
    shown = np.concatenate([observed[used], curves.calculated[used]])
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    span = (high - low) or 1.0
    difference = np.where(used, observed - curves.calculated, np.nan)
    # Below all else, as far as it reaches.
    level = low - 0.03 * span - float(np.nanmax(difference, initial=0.0))
    panel.axhline(level, color="0.6", linewidth=0.5, zorder=1)
    panel.plot(curves.two_theta, level + difference, color="0.45", linewidth=0.6, label="difference")
    panel.set_ylim(level + float(np.nanmin(difference, initial=0.0)) - 0.03 * span, high + 0.06 * span)
    whole = bool(np.all(observed[used] == np.round(observed[used])))
    panel.set_ylabel("Intensity (counts)" if whole else "Intensity (arb. units)")
    panel.ticklabel_format(axis="y", style="sci", scilimits=(-3, 5), useMathText=True)
    panel.tick_params(right=True, top=True)


def _draw_lines(panel: Axes, lines: Sequence[PhaseLines], colors: Mapping[str, str]) -> None:
    for row, phase in enumerate(lines):
        panel.vlines(phase.two_theta, row - 0.35, row + 0.35, color=colors[phase.phase], linewidth=0.7)
    panel.set_ylim(max(len(lines), 1) - 0.45, -0.55)
    panel.set_yticks(range(len(lines)), [phase.phase for phase in lines])
    for label, phase in zip(panel.get_yticklabels(), lines, strict=True):
        label.set_color(colors[phase.phase])
    panel.tick_params(axis="y", length=0)


def _draw_difference(panel: Axes, curves: Curves) -> None:
    weighted = _weighted(curves)
    panel.axhline(0.0, color="0.6", linewidth=0.5, zorder=1)
    for level in (-_NOISE, _NOISE):
        panel.axhline(level, color="0.6", linewidth=0.5, linestyle=":", zorder=1)
    panel.plot(curves.two_theta, weighted, color="0.2", linewidth=0.6, zorder=2)
    reach = 1.15 * max(float(np.nanmax(np.abs(weighted))), 1.3 * _NOISE)
    panel.set_ylim(-reach, reach)
    panel.set_ylabel("(obs − calc)/σ")
    # No label at the ends, where that of the row above stands.
    panel.yaxis.set_major_locator(MaxNLocator(nbins=6, prune="both"))
    panel.tick_params(right=True)


def _unused_spans(curves: Curves) -> Iterator[tuple[float, float]]:
    """Runs of points that the fit did not use, from the last used point before to the first after."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ~curves.used, [False]]).astype(np.int8)))
    last = curves.two_theta.size - 1
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield float(curves.two_theta[max(start - 1, 0)]), float(curves.two_theta[min(end, last)])
