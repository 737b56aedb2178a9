"""Lattice trajectories: one panel per cell parameter, its vertical axis broken between phases that lie far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from xrdfit.data import Outcome, PhaseLabel
from xrdfit.report.axis import COLUMNS, SeriesAxis, series_axis
from xrdfit.report.panels import fraction_panel, low_panel, panel_grid, parameter_panel, place, row_heights
from xrdfit.report.series_image import row_bounds
from xrdfit.report.strips import esd_of, has_fractions, held_scans, shown_parameters, strips_of, varying_widths
from xrdfit.report.style import STYLE, phase_colors, phase_markers
from xrdfit.report.thinned import thinned, thinned_entry

_DASHED = (0, (4, 3))
_DISCHARGE = "0.93"
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

    A scan in which a phase has no cell shows nothing for it. A value that is held, not refined, has a hollow marker, a
    flagged scan a cross in its markers. Dashed lines are the reference cells of the recipe. Fractions are drawn where
    the series determines them, without a bar where a phase is absent; widths where every scan has its own. Over scans
    and time, discharge is shaded. Of a long series the legend says how many scans are drawn; see
    `xrdfit.report.thinned`.

    Parameters
    ----------
    columns : those of ``trajectories.csv``, (n_scans,) each.
    x : see `series_axis`.

    Raises
    ------
    InputError
        If there is no such axis, or no scan has a value of it.
    """
    whole, columns = columns, thinned(columns)
    drawing = _Drawing(
        columns=columns, axis=series_axis(columns, x), colors=phase_colors(phases), markers=phase_markers(phases)
    )
    names = shown_parameters(columns, phases) + varying_widths(columns, phases)
    strips = [strips_of(columns, phases, name) for name in names]
    # Behind the parameters come the fractions, if there are any, and R_wp; what is alone in its row takes all of it.
    fractions = has_fractions(columns, phases)
    count = len(names) + fractions + 1
    with matplotlib.rc_context(STYLE):
        figure, grid = panel_grid(row_heights(strips, count))
        for index, (name, groups) in enumerate(zip(names, strips, strict=True)):
            at = grid[index // 2, index % 2]
            parameter_panel(figure, at, columns, drawing.axis, name, groups, partial(_draw, drawing), drawing.colors)
        if fractions:
            fraction_panel(
                figure, place(grid, len(names), count), drawing.columns, drawing.axis, phases, partial(_draw, drawing)
            )
        _r_wp_panel(figure, place(grid, count - 1, count), drawing, wide=count % 2 == 1)
        shaded = x in ("scan", "time") and _shade_discharge(figure, drawing)
        _legend(figure, drawing, phases, thinned_entry(whole, columns), shaded=shaded)
    return figure


def drawn_columns(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel], *, x: str) -> dict[str, NDArray]:
    """The columns of ``trajectories.csv`` that the figure draws."""
    wanted = ["scan", COLUMNS[x]]
    for name in (*shown_parameters(columns, phases), *varying_widths(columns, phases), "fraction"):
        wanted += [f"{phase.name}_{name}{end}" for phase in phases for end in ("", "_esd")]
    columns = thinned(columns)
    return {name: columns[name] for name in (*wanted, "r_wp", "r_exp", "outcome") if name in columns}


def _shade_discharge(figure: Figure, drawing: _Drawing) -> bool:
    """Grey behind every run of scans in which the cell was discharged; whether there are any."""
    direction = drawing.columns.get("direction")
    x = drawing.axis.values
    if direction is None or not np.isfinite(x).all():
        return False
    low, high = row_bounds(x)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], direction < 0, [False]]).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        for panel in figure.axes:
            panel.axvspan(low[first], high[end - 1], color=_DISCHARGE, linewidth=0.0, zorder=0)
    return edges.size > 0


def _draw(drawing: _Drawing, panel: Axes, phase: PhaseLabel, name: str) -> None:
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
    x, known = drawing.axis.values, np.isfinite(values)
    held = np.zeros(len(values), dtype=bool)
    if name in phase.cell_names:
        held[held_scans(drawing.columns, phase)] = True
    style: dict[str, Any] = {"color": color, "linestyle": "none", "zorder": 4}
    if np.any(held & known):
        look: dict[str, Any] = {"marker": marker, "markersize": 2.6, "markeredgewidth": 0.6, "markerfacecolor": "white"}
        panel.plot(x[held & known], values[held & known], **style, **look)
    if np.any(flagged & known):
        style |= {"color": "k", "marker": "x", "markersize": 3.0, "markeredgewidth": 0.5}
        panel.plot(x[flagged & known], values[flagged & known], **style)
    if name in phase.reference:
        panel.axhline(phase.reference[name], color=color, linestyle=_DASHED, linewidth=0.6, alpha=0.8, zorder=1)


def _r_wp_panel(figure: Figure, at: SubplotSpec, drawing: _Drawing, *, wide: bool) -> None:
    panel = figure.add_subplot(at)
    # With points: a scan without neighbours has no line.
    for name, label, style in (("r_wp", r"$R_\mathrm{wp}$", ".-"), ("r_exp", r"$R_\mathrm{exp}$", ".:")):
        panel.plot(drawing.axis.values, 100.0 * drawing.columns[name], style, color="0.25", markersize=1.8, label=label)
    highest = np.nanmax(
        [drawing.columns["r_wp"], drawing.columns["r_exp"], np.full(len(drawing.columns["r_wp"]), 1e-4)]
    )
    panel.set_ylim(0.0, 115.0 * float(highest))
    low_panel(figure, at, panel, drawing.axis, "$R$ (%)", most=14 if wide else 7)
    panel.legend(ncols=2, loc="lower right", borderaxespad=0.2)


def _legend(
    figure: Figure, drawing: _Drawing, phases: Sequence[PhaseLabel], left_out: Sequence[Artist], *, shaded: bool
) -> None:
    entries: list[Artist] = [
        Line2D(
            [], [], color=drawing.colors[p.name], marker=drawing.markers[p.name], markersize=3.2, lw=0.7, label=p.name
        )
        for p in phases
    ]
    sources = dict.fromkeys(phase.reference_source or "recipe" for phase in phases if phase.reference)
    if sources:
        label = f"reference: {', '.join(sources)}"
        entries.append(Line2D([], [], color="0.35", linestyle=_DASHED, linewidth=0.7, label=label))
    if np.any(drawing.columns["outcome"] == str(Outcome.FLAGGED)):
        entries.append(
            Line2D([], [], color="k", marker="x", markersize=3.4, markeredgewidth=0.6, lw=0, label="flagged")
        )
    if shaded:
        entries.append(Patch(color=_DISCHARGE, label="discharge"))
    entries += left_out
    figure.legend(handles=entries, loc="upper center", ncols=max(len(entries), 1), borderaxespad=0.5, columnspacing=1.6)
