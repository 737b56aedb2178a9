"""Lattice trajectories: one panel per cell parameter, its vertical axis broken between phases that lie far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.data import Outcome, PhaseLabel
from xrdfit.report.axis import SeriesAxis, series_axis
from xrdfit.report.strips import (
    esd_of,
    has_fractions,
    is_fraction_known,
    shown_parameters,
    strip_limits,
    strips_of,
)
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, STYLE, phase_colors, phase_markers

_LABELS = {
    "a": "$a$ (Å)",
    "b": "$b$ (Å)",
    "c": "$c$ (Å)",
    "alpha": r"$\alpha$ (°)",
    "beta": r"$\beta$ (°)",
    "gamma": r"$\gamma$ (°)",
    "volume": "$V$ (Å³)",
}
_DASHED = (0, (4, 3))
_STRIP_MM = 22.0
_PANEL_MM = 40.0
_BELOW_PANEL_MM = 9.0
_TOP_MM = 10.0
_LABEL_MM = 12.0
# Beyond so many scans points are drawn smaller.
_CROWD = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    columns: Mapping[str, NDArray]
    axis: SeriesAxis
    colors: Mapping[str, str]
    markers: Mapping[str, str]


def trajectory_figure(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel], *, x: str = "scan") -> Figure:
    """Free cell parameters, volume and fraction of every phase over the series, with error bars (one esd), and R_wp.

    A scan in which a phase has no cell shows nothing for it; a flagged scan has hollow markers; dashed lines are the
    reference cells of the recipe. Fractions are drawn where the series determines them, without a bar where a phase is
    absent.

    Parameters
    ----------
    columns : those of ``trajectories.csv``, (n_scans,) each.
    x : ``"scan"`` or ``"time"`` (h).

    Raises
    ------
    InputError
        If ``x`` is neither, or is ``"time"`` in a series without times.
    """
    drawing = _Drawing(
        columns=columns, axis=series_axis(columns, x), colors=phase_colors(phases), markers=phase_markers(phases)
    )
    names = shown_parameters(columns, phases)
    strips = [strips_of(columns, phases, name) for name in names]
    # Behind the parameters come the fractions, if there are any, and R_wp; what is alone in its row takes all of it.
    fractions = has_fractions(columns, phases)
    count = len(names) + fractions + 1
    heights = [
        max(_PANEL_MM, *(_STRIP_MM * len(groups) for groups in strips[first : first + 2]))
        for first in range(0, len(names), 2)
    ]
    heights += [0.6 * _PANEL_MM] * ((count + 1) // 2 - len(heights))
    with matplotlib.rc_context(STYLE):
        total = sum(heights) + _BELOW_PANEL_MM * len(heights) + _TOP_MM
        figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, total * MM))
        grid = figure.add_gridspec(
            len(heights),
            2,
            height_ratios=heights,
            left=16.0 / DOUBLE_COLUMN_MM,
            right=1.0 - 3.0 / DOUBLE_COLUMN_MM,
            top=1.0 - _TOP_MM / total,
            bottom=_BELOW_PANEL_MM / total,
            hspace=_BELOW_PANEL_MM * len(heights) / sum(heights),
            wspace=0.29,
        )
        for index, (name, groups) in enumerate(zip(names, strips, strict=True)):
            _parameter_panel(figure, grid[index // 2, index % 2], drawing, name, groups)
        if fractions:
            _fraction_panel(figure, _place(grid, len(names), count), drawing, phases)
        _r_wp_panel(figure, _place(grid, count - 1, count), drawing, wide=count % 2 == 1)
        _legend(figure, drawing, phases)
    return figure


def _parameter_panel(
    figure: Figure, place: SubplotSpec, drawing: _Drawing, name: str, groups: list[list[PhaseLabel]]
) -> None:
    inner = place.subgridspec(len(groups), 1, hspace=0.1)
    panels = [figure.add_subplot(inner[row]) for row in range(len(groups))]
    for row, (panel, group) in enumerate(zip(panels, groups, strict=True)):
        for phase in group:
            _draw(panel, drawing, phase, name)
        panel.set_ylim(*strip_limits(drawing.columns, group, name))
        _name_distant_references(panel, drawing, group, name)
        _horizontal(panel, drawing.axis)
        panel.yaxis.set_major_locator(MaxNLocator(nbins=5 if len(groups) == 1 else 4, min_n_ticks=2))
        panel.ticklabel_format(axis="y", useOffset=False)
        panel.tick_params(labelbottom=row == len(groups) - 1)
        _break(panel, above=row > 0, below=row < len(groups) - 1)
    panels[-1].set_xlabel(drawing.axis.label, labelpad=1.5)
    box = place.get_position(figure)
    left = box.x0 - _LABEL_MM / DOUBLE_COLUMN_MM
    figure.text(left, 0.5 * (box.y0 + box.y1), _LABELS[name], rotation=90, ha="right", va="center", size=8)


def _draw(panel: Axes, drawing: _Drawing, phase: PhaseLabel, name: str) -> None:
    color, marker = drawing.colors[phase.name], drawing.markers[phase.name]
    values = drawing.columns[f"{phase.name}_{name}"]
    flagged = drawing.columns["outcome"] == str(Outcome.FLAGGED)
    crowd = len(values) > _CROWD
    panel.errorbar(
        drawing.axis.values,
        values,
        yerr=esd_of(drawing.columns, phase, name),
        color=color,
        linewidth=0.5,
        elinewidth=0.4 if crowd else 0.7,
        marker=marker,
        markersize=1.2 if crowd else 2.6,
        markeredgewidth=0.5,
        zorder=3,
        label=phase.name,
    )
    hollow = np.where(flagged, values, np.nan)
    if np.isfinite(hollow).any():
        panel.plot(
            drawing.axis.values,
            hollow,
            color=color,
            linestyle="none",
            marker=marker,
            markersize=2.6,
            markeredgewidth=0.6,
            markerfacecolor="white",
            zorder=4,
        )
    if name in phase.reference:
        panel.axhline(phase.reference[name], color=color, linestyle=_DASHED, linewidth=0.6, alpha=0.8, zorder=1)


def _name_distant_references(panel: Axes, drawing: _Drawing, phases: Sequence[PhaseLabel], name: str) -> None:
    """A reference that would flatten the data is named at the edge it lies beyond."""
    low, high = panel.get_ylim()
    for above in (True, False):
        beyond = [
            phase
            for phase in phases
            if name in phase.reference and (phase.reference[name] > high if above else phase.reference[name] < low)
        ]
        for step, phase in enumerate(beyond):
            panel.annotate(
                f"{phase.name} ref. {phase.reference[name]:.6g} {'↑' if above else '↓'}",
                xy=(1.0, 1.0 if above else 0.0),
                xycoords="axes fraction",
                xytext=(-3.0, (-3.0 - 7.0 * step) * (1.0 if above else -1.0)),
                textcoords="offset points",
                ha="right",
                va="top" if above else "bottom",
                size=6,
                color=drawing.colors[phase.name],
                zorder=5,
            )


def _horizontal(panel: Axes, axis: SeriesAxis, *, most: int = 7) -> None:
    panel.set_xlim(*axis.limits)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=axis.integer))
    panel.tick_params(top=True, right=True)


def _break(panel: Axes, *, above: bool, below: bool) -> None:
    """The slanted marks of a broken axis where another strip continues the panel."""
    for hidden, edge in ((above, "top"), (below, "bottom")):
        if hidden:
            panel.spines[edge].set_visible(False)
            panel.tick_params(top=not above, bottom=not below)
            height = 1.0 if edge == "top" else 0.0
            panel.plot(
                [0, 1],
                [height, height],
                transform=panel.transAxes,
                clip_on=False,
                color="k",
                linestyle="none",
                marker=[(-1, -0.5), (1, 0.5)],
                markersize=5,
                markeredgewidth=0.6,
            )


def _place(grid: GridSpec, index: int, count: int) -> SubplotSpec:
    alone = index == count - 1 and count % 2 == 1
    return grid[index // 2, :] if alone else grid[index // 2, index % 2]


def _fraction_panel(figure: Figure, place: SubplotSpec, drawing: _Drawing, phases: Sequence[PhaseLabel]) -> None:
    panel = figure.add_subplot(place)
    for phase in phases:
        if is_fraction_known(drawing.columns, phase):
            _draw(panel, drawing, phase, "fraction")
    panel.set_ylim(-0.06, 1.06)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
    _horizontal(panel, drawing.axis)
    panel.set_xlabel(drawing.axis.label, labelpad=1.5)
    box = place.get_position(figure)
    left = box.x0 - _LABEL_MM / DOUBLE_COLUMN_MM
    figure.text(left, 0.5 * (box.y0 + box.y1), "mole fraction", rotation=90, ha="right", va="center", size=8)


def _r_wp_panel(figure: Figure, place: SubplotSpec, drawing: _Drawing, *, wide: bool) -> None:
    panel = figure.add_subplot(place)
    for name, label, style in (("r_wp", r"$R_\mathrm{wp}$", "-"), ("r_exp", r"$R_\mathrm{exp}$", ":")):
        panel.plot(drawing.axis.values, 100.0 * drawing.columns[name], style, color="0.25", label=label)
    highest = np.nanmax(
        [drawing.columns["r_wp"], drawing.columns["r_exp"], np.full(len(drawing.columns["r_wp"]), 1e-4)]
    )
    panel.set_ylim(0.0, 115.0 * float(highest))
    panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
    _horizontal(panel, drawing.axis, most=14 if wide else 7)
    panel.set_xlabel(drawing.axis.label, labelpad=1.5)
    box = place.get_position(figure)
    left = box.x0 - _LABEL_MM / DOUBLE_COLUMN_MM
    figure.text(left, 0.5 * (box.y0 + box.y1), "$R$ (%)", rotation=90, ha="right", va="center", size=8)
    panel.legend(ncols=2, loc="lower right", borderaxespad=0.2)


def _legend(figure: Figure, drawing: _Drawing, phases: Sequence[PhaseLabel]) -> None:
    entries = [
        Line2D(
            [], [], color=drawing.colors[p.name], marker=drawing.markers[p.name], markersize=3.2, lw=0.7, label=p.name
        )
        for p in phases
    ]
    sources = dict.fromkeys(phase.reference_source or "recipe" for phase in phases if phase.reference)
    if sources:
        label = f"reference: {', '.join(sources)}"
        entries.append(Line2D([], [], color="0.35", linestyle=_DASHED, linewidth=0.7, label=label))
    figure.legend(handles=entries, loc="upper center", ncols=max(len(entries), 1), borderaxespad=0.5, columnspacing=1.6)
