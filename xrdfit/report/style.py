"""How every figure looks: journal widths, colours that colour-blind readers can tell apart, labels in field style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.colors import is_color_like

from xrdfit.data import PhaseLabel

MM = 1.0 / 25.4
DOUBLE_COLUMN_MM = 170.0

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.unicode_minus": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 0.9,
    "svg.fonttype": "none",
    "svg.hashsalt": "xrdfit",
}

# P. Tol, "Colour schemes" (2021), vibrant: told apart under every common colour vision deficiency.
_VIBRANT = {
    "red": "#CC3311",
    "blue": "#0077BB",
    "teal": "#009988",
    "orange": "#EE7733",
    "magenta": "#EE3377",
    "cyan": "#33BBEE",
    "grey": "#888888",
}
_SYNONYMS = {"green": "teal", "gray": "grey", "purple": "magenta", "pink": "magenta"}
_CYCLE = ("red", "blue", "teal", "orange", "magenta", "cyan")
_MARKERS = ("o", "s", "^", "D", "v", "P")


def phase_colors(phases: Iterable[PhaseLabel]) -> dict[str, str]:
    """A colour for every phase, by name; see `settled_colors`."""
    return settled_colors({phase.name: phase.color for phase in phases})


def settled_colors(wanted: Mapping[str, str | None]) -> dict[str, str]:
    """The colour asked for (plain names in their colour-blind safe shade), else the next that is free.

    What matplotlib does not know as a colour counts as none.
    """
    chosen: dict[str, str] = {}
    for phase, color in wanted.items():
        name = (color or "").lower()
        name = _SYNONYMS.get(name, name)
        if name in _VIBRANT:
            chosen[phase] = _VIBRANT[name]
        elif is_color_like(color):
            chosen[phase] = str(color)
    free = [_VIBRANT[name] for name in _CYCLE if _VIBRANT[name] not in chosen.values()]
    left = [phase for phase in wanted if phase not in chosen]
    for index, phase in enumerate(left):
        chosen[phase] = free[index % len(free)] if free else _VIBRANT["grey"]
    return chosen


def phase_markers(phases: Iterable[PhaseLabel]) -> dict[str, str]:
    """A marker for every phase, so that colour is never the only difference."""
    return {phase.name: _MARKERS[index % len(_MARKERS)] for index, phase in enumerate(phases)}
