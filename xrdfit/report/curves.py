"""Cells and fractions against the state of the battery, charge and discharge told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from numpy.typing import NDArray

from xrdfit.data import Outcome, PhaseLabel
from xrdfit.report.axis import SeriesAxis, series_axis
from xrdfit.report.panels import fraction_panel, low_panel, panel_grid, parameter_panel, place, row_heights
from xrdfit.report.strips import esd_of, has_fractions, shown_parameters, strips_of
from xrdfit.report.style import STYLE, phase_colors, phase_markers
from xrdfit.report.thinned import thinned, thinned_entry

_DOTTED = (0, (1, 2))
_DASHED = (0, (4, 2))
_VOLTAGE = "0.25"
_SIZES = {1: 1.0, -1: 1.35, 0: 0.6}
# Beyond so many scans points are drawn smaller.
_CROWD = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    columns: Mapping[str, NDArray]
    axis: SeriesAxis
    colors: Mapping[str, str]
    markers: Mapping[str, str]

    @property
    def size(self) -> float:
        return 1.4 if self.axis.values.size > _CROWD else 2.8


def curves_figure(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel], *, x: str) -> Figure:
    """Cell parameters, volume, fractions and voltage against state of charge, capacity, voltage, time or scan.

    Charge has filled markers and full lines, discharge open markers and dashed lines, rests small markers without a
    line. Vertical bars are one esd, horizontal ones what the cell went through during the scan, with a caret where one
    goes on beyond the edge. A phase that is absent shows nothing, a flagged scan a cross in its marker. Dotted lines
    are the reference cells of the recipe. Of a long series the legend says how many scans are drawn; see
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
    axis = series_axis(columns, x)
    drawing = _Drawing(columns=columns, axis=axis, colors=phase_colors(phases), markers=phase_markers(phases))
    names = shown_parameters(columns, phases)
    strips = [strips_of(columns, phases, name) for name in names]
    fractions = has_fractions(columns, phases)
    voltage = x != "voltage" and bool(np.isfinite(columns["voltage_V"]).any())
    count = len(names) + fractions + voltage
    with matplotlib.rc_context(STYLE):
        figure, grid = panel_grid(row_heights(strips, count))
        for index, (name, groups) in enumerate(zip(names, strips, strict=True)):
            draw = partial(_draw_phase, drawing)
            parameter_panel(figure, place(grid, index, count), columns, axis, name, groups, draw, drawing.colors)
        if fractions:
            fraction_panel(
                figure,
                place(grid, len(names), count),
                drawing.columns,
                drawing.axis,
                phases,
                partial(_draw_phase, drawing),
            )
        if voltage:
            _voltage_panel(figure, place(grid, count - 1, count), drawing)
        _legend(figure, drawing, phases, thinned_entry(whole, columns))
    return figure


def _draw_phase(drawing: _Drawing, panel: Axes, phase: PhaseLabel, name: str) -> None:
    values, esd = drawing.columns[f"{phase.name}_{name}"], esd_of(drawing.columns, phase, name)
    _draw(drawing, panel, values, esd, color=drawing.colors[phase.name], marker=drawing.markers[phase.name])
    if name in phase.reference:
        color = drawing.colors[phase.name]
        panel.axhline(phase.reference[name], color=color, linestyle=_DOTTED, linewidth=0.7, alpha=0.8, zorder=1)


def _draw(
    drawing: _Drawing,
    panel: Axes,
    values: NDArray[np.float64],
    esd: NDArray[np.float64] | None,
    *,
    color: str,
    marker: str,
) -> None:
    x = drawing.axis.values
    for way, scans in _half_cycles(drawing.columns):
        there = scans[np.isfinite(x[scans])]
        if way:
            panel.plot(x[there], values[there], color=color, linewidth=0.5, linestyle=_line(way), zorder=2)
        panel.errorbar(
            x[there],
            values[there],
            xerr=None if drawing.axis.span is None else drawing.axis.span[:, there],
            yerr=None if esd is None else esd[there],
            linestyle="none",
            color=color,
            ecolor=color,
            elinewidth=0.5,
            zorder=2.5 if way < 0 else 3,  # where both are, the filled marker shows within the open one
            **_marker(way, marker, color, drawing.size),
        )
    flagged = (drawing.columns["outcome"] == str(Outcome.FLAGGED)) & np.isfinite(x) & np.isfinite(values)
    panel.plot(x[flagged], values[flagged], linestyle="none", marker="x", color="k", markersize=3.0, mew=0.5, zorder=5)


def _half_cycles(columns: Mapping[str, NDArray]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Scans of every half cycle with its direction, then those at rest (0); all as charge without a record."""
    direction = columns.get("direction")
    if direction is None:
        yield 1, np.arange(len(columns["scan"]))
        return
    half = columns["half_cycle"]
    for number in np.unique(half[np.isfinite(half)]):
        for way in (1, -1):
            scans = np.flatnonzero((half == number) & (direction == way))
            if scans.size:
                yield way, scans
    yield 0, np.flatnonzero((direction == 0) | ~np.isfinite(direction))


def _line(way: int) -> Any:
    return ("none", "-", _DASHED)[way]


def _marker(way: int, marker: str, color: str, size: float) -> dict[str, Any]:
    """Filled on charge, open on discharge, small at rest."""
    return {
        "marker": marker,
        "markersize": size * _SIZES[way],
        "markeredgecolor": color,
        "markeredgewidth": 0.6,
        "markerfacecolor": color if way >= 0 else "white",
    }


def _voltage_panel(figure: Figure, at: SubplotSpec, drawing: _Drawing) -> None:
    panel = figure.add_subplot(at)
    _draw(drawing, panel, drawing.columns["voltage_V"], None, color=_VOLTAGE, marker="o")
    low, high = np.nanmin(drawing.columns["voltage_V"]), np.nanmax(drawing.columns["voltage_V"])
    margin = 0.1 * float(high - low) or 0.05
    panel.set_ylim(float(low) - margin, float(high) + margin)
    low_panel(figure, at, panel, drawing.axis, "$E$ (V)")


def _legend(figure: Figure, drawing: _Drawing, phases: Sequence[PhaseLabel], left_out: Sequence[Artist]) -> None:
    entries = [
        Line2D([], [], color=drawing.colors[phase.name], marker=drawing.markers[phase.name], lw=0, label=phase.name)
        for phase in phases
    ]
    for way, label in ((1, "charge"), (-1, "discharge"), (0, "rest")):
        direction = drawing.columns.get("direction")
        if direction is not None and np.any(direction == way):
            marker = _marker(way, "o", _VOLTAGE, 3.4)
            entries.append(Line2D([], [], color=_VOLTAGE, linestyle=_line(way), linewidth=0.7, label=label, **marker))
    for entry in entries[: len(phases)]:
        entry.set_markersize(3.4)
    sources = dict.fromkeys(phase.reference_source or "recipe" for phase in phases if phase.reference)
    if sources:
        label = f"reference: {', '.join(sources)}"
        entries.append(Line2D([], [], color="0.35", linestyle=_DOTTED, linewidth=0.7, label=label))
    handles = [*entries, *left_out]
    figure.legend(handles=handles, loc="upper center", ncols=len(handles), borderaxespad=0.5, columnspacing=1.6)
