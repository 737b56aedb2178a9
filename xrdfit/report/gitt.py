"""A titration pulse by pulse."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from xrdfit.echem import GittPulse
from xrdfit.report.style import DOUBLE_COLUMN_MM, MM, STYLE

_HEIGHT_MM = 112.0
_COLORS, _MARKERS = {1: "#EE7733", -1: "#009988"}, {1: "o", -1: "s"}
_SIZE = 3.0


def gitt_figure(
    pulses: Sequence[GittPulse],
    *,
    resistance: NDArray[np.float64],
    resistance_unit: str,
    mass_mg: float | None = None,
) -> Figure:
    """Voltages, overpotential and IR drop, resistance and diffusion coefficient of every pulse against capacity.

    Open markers of the diffusion coefficient are apparent: a two-phase plateau, or a condition that does not hold.

    Parameters
    ----------
    resistance : (n_pulses,) in ``resistance_unit``.
    mass_mg : with it the capacity is per mass.
    """
    factor, label = (1.0, "Capacity (mA h)") if mass_mg is None else (1e3 / mass_mg, "Capacity (mA h g$^{-1}$)")
    capacity = factor * np.array([pulse.capacity_mAh for pulse in pulses])
    way = np.array([pulse.direction for pulse in pulses])
    valid = np.array([pulse.valid for pulse in pulses])
    diffusion = np.array([pulse.diffusion_cm2_s for pulse in pulses])
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(DOUBLE_COLUMN_MM * MM, _HEIGHT_MM * MM))
        panels = figure.subplots(
            2,
            2,
            sharex=True,
            gridspec_kw={"left": 0.085, "right": 0.985, "top": 0.92, "bottom": 0.09, "wspace": 0.22, "hspace": 0.08},
        )
        (voltages, losses), (resistances, diffusions) = panels
        _points(voltages, capacity, way, [pulse.relaxed_after_V for pulse in pulses], filled=True)
        _points(voltages, capacity, way, [pulse.closed_circuit_V for pulse in pulses], filled=False)
        voltages.set_ylabel("$E$ (V)")
        _points(losses, capacity, way, [1e3 * pulse.overpotential_V for pulse in pulses], filled=True)
        _points(losses, capacity, way, [1e3 * pulse.ir_drop_V for pulse in pulses], filled=False)
        losses.set_ylabel("Loss (mV)")
        losses.set_ylim(bottom=min(0.0, losses.get_ylim()[0]))
        _points(resistances, capacity, way, resistance, filled=True)
        resistances.set_ylabel(f"Resistance ({resistance_unit})")
        resistances.set_ylim(bottom=min(0.0, resistances.get_ylim()[0]))
        _diffusion_panel(diffusions, capacity, way, diffusion, valid)
        for panel, names in ((voltages, ("relaxed", "closed circuit")), (losses, ("overpotential", "IR drop"))):
            panel.legend(handles=[_entry("0.25", "o", name, filled=name == names[0]) for name in names], loc="best")
        for panel in (resistances, diffusions):
            panel.set_xlabel(label, labelpad=1.5)
        for panel in panels.flat:
            panel.tick_params(top=True, right=True)
            panel.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
        entries = [
            _entry(_COLORS[k], _MARKERS[k], name, filled=True)
            for k, name in ((1, "charge"), (-1, "discharge"))
            if k in way
        ]
        figure.legend(handles=entries, loc="upper center", ncols=len(entries), borderaxespad=0.4)
        figure.align_ylabels(panels[:, 0])
        figure.align_ylabels(panels[:, 1])
    return figure


def _diffusion_panel(
    panel: Axes,
    capacity: NDArray[np.float64],
    way: NDArray[np.int_],
    diffusion: NDArray[np.float64],
    valid: NDArray[np.bool_],
) -> None:
    panel.set_ylabel(r"$D$ (cm$^2$ s$^{-1}$)")
    if not np.isfinite(diffusion).any():
        panel.text(0.5, 0.5, "needs the electrode's dimensions", transform=panel.transAxes, ha="center", color="0.4")
        panel.set_yticks([])
        return
    panel.set_yscale("log")
    _points(panel, capacity[valid], way[valid], diffusion[valid], filled=True)
    _points(panel, capacity[~valid], way[~valid], diffusion[~valid], filled=False)
    kinds = [(True, "valid"), (False, "apparent")]
    handles = [_entry("0.25", "o", name, filled=kind) for kind, name in kinds if np.any(valid == kind)]
    panel.legend(handles=handles, loc="best")


def _points(
    panel: Axes,
    capacity: NDArray[np.float64],
    way: NDArray[np.int_],
    values: Sequence[float] | NDArray[np.float64],
    *,
    filled: bool,
) -> None:
    shown = np.asarray(values, dtype=np.float64)
    for direction, color in _COLORS.items():
        here = way == direction
        panel.plot(
            capacity[here],
            shown[here],
            linestyle="none",
            marker=_MARKERS[direction],
            markersize=_SIZE,
            markeredgewidth=0.6,
            color=color,
            markerfacecolor=color if filled else "white",
        )


def _entry(color: str, marker: str, label: str, *, filled: bool) -> Line2D:
    face = color if filled else "white"
    return Line2D([], [], linestyle="none", marker=marker, ms=3.4, color=color, mew=0.6, mfc=face, label=label)
