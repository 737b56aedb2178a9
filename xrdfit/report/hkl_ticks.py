"""Rows of ticks above a pattern, one a phase in its colour, the main lines with their indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from xrdfit.data import PhaseLines

_TICK_MM, _SPACE_MM, _LETTER_MM = 1.5, 0.8, 1.25
# Labels nearer than this would touch.
_LABEL_WIDTH_MM = 2.3
# Lines weaker than this part of the strongest of their phase have a tick and no label.
_MAIN = 0.05
_LABEL_SIZE = 5.5


def strip_height(lines: Sequence[PhaseLines]) -> float:
    """Height in mm that the rows need."""
    return sum(_row_height(phase) for phase in lines)


def main_lines(lines: PhaseLines, limits: tuple[float, float], *, apart: float) -> list[int]:
    """Lines to be named: the strong ones within the limits, of those nearer than ``apart`` (deg) the strongest."""
    area = np.nan_to_num(lines.area)
    inside = (lines.two_theta >= limits[0]) & (lines.two_theta <= limits[1])
    chosen: list[int] = []
    for index in np.argsort(-area, kind="stable").tolist():
        strong = area[index] >= _MAIN * area.max(initial=0.0)
        if inside[index] and strong and all(abs(lines.two_theta[index] - lines.two_theta[c]) >= apart for c in chosen):
            chosen.append(index)
    return sorted(chosen, key=lambda index: float(lines.two_theta[index]))


def hkl_text(hkl: NDArray[np.int32]) -> str:
    """Indices as they are printed: 211, with a bar over negative ones, with spaces where one has two digits."""
    texts = [rf"$\bar{{{-index}}}$" if index < 0 else str(index) for index in hkl.tolist()]
    return (" " if np.any(np.abs(hkl) > 9) else "").join(texts)


def draw_strip(
    panel: Axes,
    lines: Sequence[PhaseLines],
    colors: Mapping[str, str],
    limits: tuple[float, float],
    *,
    width_mm: float,
    names: bool = True,
) -> None:
    """Ticks and indices of every phase; the panel is `strip_height` high and ``width_mm`` wide.

    Parameters
    ----------
    limits : ends of the axis in deg 2theta.
    names : whether the phases are named at the left.
    """
    apart = _LABEL_WIDTH_MM * (limits[1] - limits[0]) / width_mm
    bottom = strip_height(lines)
    panel.set_ylim(0.0, max(bottom, 1e-6))
    panel.set_xlim(*limits)
    panel.axis("off")
    for phase in lines:
        bottom -= _row_height(phase)
        color = colors[phase.phase]
        shown = phase.two_theta[(phase.two_theta >= limits[0]) & (phase.two_theta <= limits[1])]
        panel.vlines(shown, bottom, bottom + _TICK_MM, color=color, linewidth=0.7)
        for index in main_lines(phase, limits, apart=apart):
            panel.text(
                phase.two_theta[index],
                bottom + _TICK_MM + _SPACE_MM,
                hkl_text(phase.hkl[index]),
                color=color,
                size=_LABEL_SIZE,
                rotation=90,
                ha="center",
                va="bottom",
            )
        if names:
            middle = bottom + 0.5 * _row_height(phase)
            panel.annotate(
                phase.phase,
                xy=(0.0, middle),
                xycoords=("axes fraction", "data"),
                xytext=(-4.0, 0.0),
                textcoords="offset points",
                color=color,
                size=7,
                ha="right",
                va="center",
                annotation_clip=False,
            )


def _row_height(phase: PhaseLines) -> float:
    longest = max(
        (3 + 2 * bool(np.any(np.abs(hkl) > 9)) + sum(abs(int(i)) > 9 for i in hkl) for hkl in phase.hkl), default=3
    )
    return _TICK_MM + _SPACE_MM + _LETTER_MM * longest + 1.0
