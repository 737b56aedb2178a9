"""Panels that figures of a series have in common: vertical axes that are broken between phases far apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.markers import CARETDOWN, CARETLEFT, CARETRIGHT, CARETUP
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.data import PhaseLabel
from xrdfit.report.axis import SeriesAxis
from xrdfit.report.strips import is_fraction_known, strip_limits
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM

LABELS = {
    "a": "$a$ (Å)",
    "b": "$b$ (Å)",
    "c": "$c$ (Å)",
    "alpha": r"$\alpha$ (°)",
    "beta": r"$\beta$ (°)",
    "gamma": r"$\gamma$ (°)",
    "volume": "$V$ (Å³)",
    "lorentz_size": "Lorentz width (°)",
}
STRIP_MM = 22.0
PANEL_MM = 40.0
BELOW_PANEL_MM = 9.0
TOP_MM = 10.0
_LABEL_MM = 12.0
# Marks of bars that go on beyond the edges of a panel: low and high, of bars along x and along y.
_CARETS = ((CARETLEFT, CARETRIGHT), (CARETDOWN, CARETUP))

Draw = Callable[[Axes, PhaseLabel, str], None]


def panel_grid(heights_mm: Sequence[float]) -> tuple[Figure, GridSpec]:
    """A figure two columns of panels wide, with rows of these heights and room for a legend above."""
    total = sum(heights_mm) + BELOW_PANEL_MM * len(heights_mm) + TOP_MM
    figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, total * MM))
    grid = figure.add_gridspec(
        len(heights_mm),
        2,
        height_ratios=heights_mm,
        left=16.0 / DOUBLE_COLUMN_MM,
        right=1.0 - 3.0 / DOUBLE_COLUMN_MM,
        top=1.0 - TOP_MM / total,
        bottom=BELOW_PANEL_MM / total,
        hspace=BELOW_PANEL_MM * len(heights_mm) / sum(heights_mm),
        wspace=0.29,
    )
    return figure, grid


def row_heights(strips: Sequence[Sequence[object]], count: int) -> list[float]:
    """Heights (mm) of the rows of ``count`` panels, of which the first have these strips; the others are low."""
    heights = [
        max(PANEL_MM, *(STRIP_MM * len(groups) for groups in strips[first : first + 2]))
        for first in range(0, len(strips), 2)
    ]
    return heights + [0.6 * PANEL_MM] * ((count + 1) // 2 - len(heights))


def place(grid: GridSpec, index: int, count: int) -> SubplotSpec:
    """Where a panel stands; what is alone in its row takes all of it."""
    alone = index == count - 1 and count % 2 == 1
    return grid[index // 2, :] if alone else grid[index // 2, index % 2]


def parameter_panel(
    figure: Figure,
    at: SubplotSpec,
    columns: Mapping[str, NDArray],
    axis: SeriesAxis,
    name: str,
    groups: Sequence[Sequence[PhaseLabel]],
    draw: Draw,
    colors: Mapping[str, str],
) -> None:
    """One cell parameter of all phases, a strip for each group of phases that share a vertical axis."""
    inner = at.subgridspec(len(groups), 1, hspace=0.1)
    panels = [figure.add_subplot(inner[row]) for row in range(len(groups))]
    for row, (panel, group) in enumerate(zip(panels, groups, strict=True)):
        for phase in group:
            draw(panel, phase, name)
        panel.set_ylim(*strip_limits(columns, group, name))
        _name_distant_references(panel, group, name, colors)
        horizontal(panel, axis)
        panel.yaxis.set_major_locator(MaxNLocator(nbins=5 if len(groups) == 1 else 4, min_n_ticks=2))
        panel.ticklabel_format(axis="y", useOffset=False)
        panel.tick_params(labelbottom=row == len(groups) - 1)
        _break(panel, above=row > 0, below=row < len(groups) - 1)
        _mark_cut_bars(panel)
    panels[-1].set_xlabel(axis.label, labelpad=1.5)
    vertical_label(figure, at, LABELS[name])


def vertical_label(figure: Figure, at: SubplotSpec, label: str) -> None:
    """A label at the same distance from every panel, whatever its numbers are."""
    box = at.get_position(figure)
    left = box.x0 - _LABEL_MM / DOUBLE_COLUMN_MM
    figure.text(left, 0.5 * (box.y0 + box.y1), label, rotation=90, ha="right", va="center", size=8)


def _name_distant_references(panel: Axes, phases: Sequence[PhaseLabel], name: str, colors: Mapping[str, str]) -> None:
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
                color=colors[phase.name],
                zorder=5,
            )


def horizontal(panel: Axes, axis: SeriesAxis, *, most: int = 7) -> None:
    """Ends and ticks of the horizontal axis."""
    panel.set_xlim(*axis.limits)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=most, integer=axis.integer, steps=[1, 2, 5, 10]))
    panel.tick_params(top=True, right=True)


def _mark_cut_bars(panel: Axes) -> None:
    """A caret at the edge where an error bar goes on beyond it, once the limits stand."""
    ends = (panel.get_xlim(), panel.get_ylim())
    bars = [bar for held in panel.containers if isinstance(held, ErrorbarContainer) for bar in held.lines[2]]
    for bar in bars:
        cut: dict[int, list[tuple[float, float]]] = {}
        for segment in bar.get_segments():
            if len(segment) < 2:  # a value without a bar
                continue
            along = int(segment[0][0] == segment[-1][0])
            at, first, last = segment[0][1 - along], segment[0][along], segment[-1][along]
            (low, high), (left, right) = ends[along], ends[1 - along]
            if left <= at <= right and first < high and last > low:
                for edge, caret, is_cut in zip((low, high), _CARETS[along], (first < low, last > high), strict=True):
                    if is_cut:
                        cut.setdefault(caret, []).append((at, edge) if along else (edge, at))
        for caret, places in cut.items():
            x, y = zip(*places, strict=True)
            color = bar.get_colors()[0]
            panel.plot(x, y, linestyle="none", marker=caret, color=color, markersize=2.6, markeredgewidth=0.0, zorder=4)
    panel.set_xlim(ends[0])
    panel.set_ylim(ends[1])


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


def fraction_panel(
    figure: Figure,
    at: SubplotSpec,
    columns: Mapping[str, NDArray],
    axis: SeriesAxis,
    phases: Sequence[PhaseLabel],
    draw: Draw,
) -> None:
    """Mole fractions of the phases of which they are known, 0 to 1."""
    panel = figure.add_subplot(at)
    for phase in phases:
        if is_fraction_known(columns, phase):
            draw(panel, phase, "fraction")
    panel.set_ylim(-0.06, 1.06)
    low_panel(figure, at, panel, axis, "mole fraction")


def low_panel(figure: Figure, at: SubplotSpec, panel: Axes, axis: SeriesAxis, label: str, *, most: int = 7) -> None:
    """Axes of a panel without strips: few ticks, and its label in line with those of the others."""
    panel.yaxis.set_major_locator(MaxNLocator(nbins=4))
    horizontal(panel, axis, most=most)
    _mark_cut_bars(panel)
    panel.set_xlabel(axis.label, labelpad=1.5)
    vertical_label(figure, at, label)
