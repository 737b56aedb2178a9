"""Patterns of a series one above the other, as operando papers show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.data import Curves, PhaseLines
from xrdfit.report.hkl_ticks import draw_strip, strip_height
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, STYLE, settled_colors

# From one pattern to the next, and how high the strongest line of all is.
_STEP_MM, _PEAK_MM = 6.5, 16.0
_LEFT_MM, _TOP_MM, _BOTTOM_MM, _BETWEEN_MM, _COLUMN_MM = 14.0, 2.0, 10.0, 5.0, 11.5
_HEADING_MM = 4.0
# Room below the lowest baseline, and how far above its baseline the side's numbers stand.
_FOOT_MM, _RAISE_MM = 2.0, 0.8

Range = tuple[float, float]


def patterns_figure(
    curves: Sequence[Curves],
    states: Mapping[str, Sequence[str]],
    lines: Sequence[PhaseLines],
    *,
    ranges: Sequence[Range],
    colors: Mapping[str, str | None],
) -> Figure:
    """Observed patterns, first at the bottom, with one intensity scale, and the lines of every phase above.

    Parameters
    ----------
    curves : of the scans to draw.
    states : what stands at the right of every pattern: heading to (n,) texts.
    ranges : deg 2theta, at least one; each is a panel, as wide as it has degrees.
    colors : by phase name; None for the next that is free.
    """
    offset, height = _levels(curves, ranges)
    strip = strip_height(lines)
    body = _STEP_MM * (len(curves) - 1) + _PEAK_MM * 1.05 + _FOOT_MM
    total = _TOP_MM + strip + body + _BOTTOM_MM
    room = DOUBLE_COLUMN_MM - _LEFT_MM - _COLUMN_MM * len(states) - _BETWEEN_MM * len(ranges)
    degrees = sum(high - low for low, high in ranges)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, total * MM))
        left = _LEFT_MM
        panels: list[Axes] = []
        for low, high in ranges:
            width = room * (high - low) / degrees
            across = (left / DOUBLE_COLUMN_MM, width / DOUBLE_COLUMN_MM)
            panel = figure.add_axes((across[0], _BOTTOM_MM / total, across[1], body / total))
            _draw(panel, curves, (low, high), offset, height)
            panel.set_ylim(-_FOOT_MM, body - _FOOT_MM)
            _number_angles(panel, (low, high), width)
            panel.set_xlabel("2θ (°)", labelpad=1.5)
            if lines:
                above = figure.add_axes((across[0], (_BOTTOM_MM + body + 0.5) / total, across[1], strip / total))
                draw_strip(above, lines, settled_colors(colors), (low, high), width_mm=width, names=not panels)
            panels.append(panel)
            left += width + _BETWEEN_MM
        _name_states(panels[-1], states, body)
        _scale_bar(panels[0], curves, height)
    return figure


def _number_angles(panel: Axes, limits: Range, width_mm: float) -> None:
    low, high = limits
    ticks = np.asarray(MaxNLocator(max(int(width_mm / 10.0), 2), steps=[1, 2, 5, 10]).tick_values(low, high))
    panel.set_xticks(ticks[(ticks >= low) & (ticks <= high)])
    # At the ends numbers keep within the panel: another one may begin right beside it.
    for tick, label in zip(panel.get_xticks(), panel.get_xticklabels(), strict=True):
        near = 0.03 * (high - low)
        label.set_horizontalalignment("left" if tick - low < near else "right" if high - tick < near else "center")


def _levels(curves: Sequence[Curves], ranges: Sequence[Range]) -> tuple[float, float]:
    """What is taken as zero, and the intensity that is ``_PEAK_MM`` high."""
    shown = np.concatenate(
        [c.observed[(c.two_theta >= low) & (c.two_theta <= high)] for c in curves for low, high in ranges]
    )
    low, top = np.nanpercentile(shown, [1.0, 100.0])
    return float(low), float(top - low) or 1.0


def _draw(panel: Axes, curves: Sequence[Curves], limits: Range, offset: float, height: float) -> None:
    for number, scan in enumerate(curves):
        inside = (scan.two_theta >= limits[0]) & (scan.two_theta <= limits[1])
        base = _STEP_MM * number
        level = base + _PEAK_MM * (scan.observed[inside] - offset) / height
        # Painted from the top down, each pattern hides what is behind it.
        panel.fill_between(
            scan.two_theta[inside], base - _FOOT_MM, level, color="white", linewidth=0.0, zorder=2.4 - 0.01 * number
        )
        panel.plot(scan.two_theta[inside], level, color="0.15", linewidth=0.6, zorder=2.405 - 0.01 * number)
    panel.set_xlim(*limits)
    panel.set_yticks([])


def _name_states(panel: Axes, states: Mapping[str, Sequence[str]], body: float) -> None:
    """Columns of numbers at the right, each in line with its pattern."""
    for column, (heading, texts) in enumerate(states.items()):
        right = (column + 1) * _COLUMN_MM
        points = 72.0 * MM
        for height, text in [
            (body - _FOOT_MM - _HEADING_MM, heading),
            *((_STEP_MM * n + _RAISE_MM, t) for n, t in enumerate(texts)),
        ]:
            panel.annotate(
                text,
                xy=(1.0, height),
                xycoords=("axes fraction", "data"),
                xytext=(right * points, 0.0),
                textcoords="offset points",
                ha="right",
                va="center",
                size=6.5,
                annotation_clip=False,
            )


def _scale_bar(panel: Axes, curves: Sequence[Curves], height: float) -> None:
    """At the left, how much a length upwards is, in a round number."""
    power = 10.0 ** np.floor(np.log10(height))
    value = float(power * max(step for step in (1.0, 2.0, 5.0) if step * power <= height))
    length = _PEAK_MM * value / height
    whole = all(bool(np.all(c.observed[np.isfinite(c.observed)] % 1.0 == 0.0)) for c in curves)
    transform = panel.get_yaxis_transform()
    points = 72.0 * MM
    bar = -2.0 * points / (72.0 * panel.get_window_extent().width / panel.figure.dpi)
    panel.plot([bar, bar], [0.0, length], transform=transform, color="0.15", linewidth=1.0, clip_on=False)
    panel.annotate(
        f"{value:,.6g} {'counts' if whole else 'arb. units'}".replace(",", "\u202f"),
        xy=(bar, 0.5 * length),
        xycoords=transform,
        xytext=(-1.2 * points, 0.0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="center",
        size=6.5,
        annotation_clip=False,
    )
    panel.annotate(
        "Intensity (offset)",
        xy=(0.0, 0.5),
        xycoords="axes fraction",
        xytext=(-9.0 * points, 0.0),
        textcoords="offset points",
        rotation=90,
        ha="center",
        va="center",
        size=8,
        annotation_clip=False,
    )


def evenly_spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the rows, the first and the last among them."""
    return rows[np.unique(np.rint(np.linspace(0, rows.size - 1, min(most, rows.size))).astype(int))]
