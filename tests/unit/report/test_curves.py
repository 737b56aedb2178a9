"""Curves against the state of the battery: charge and discharge told apart, nothing for what is not known."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.markers import CARETDOWN, CARETLEFT, CARETRIGHT, CARETUP

from tests.unit.report.test_figures import FP, LFP, N_SCANS, columns
from xrdfit.errors import InputError
from xrdfit.report import curves_figure

CELLS = {"LFP": 10.33, "FP": 9.81}
SOC = np.concatenate([np.linspace(0.0, 1.0, 6), np.linspace(1.0, 0.0, 6)])


def cycled(*, absent: dict[str, slice] | None = None) -> dict[str, np.ndarray]:
    table = columns(CELLS, absent=absent)
    table |= {"soc": SOC.copy(), "soc_low": SOC - 0.05, "soc_high": SOC + 0.05, "voltage_V": 3.4 + 0.1 * SOC}
    table |= {"half_cycle": np.repeat([1.0, 2.0], 6), "direction": np.repeat([1.0, -1.0], 6)}
    table["direction"][0] = 0.0
    return table


def markers(figure: Figure, color: str) -> dict[str, int]:
    """Points drawn in a colour, filled and open, over all panels."""
    found = {"filled": 0, "open": 0}
    for panel in figure.axes:
        for line in panel.get_lines():
            if line.get_marker() not in ("o", "s") or line.get_color() != color:
                continue
            shown = int(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).sum())
            found["open" if line.get_markerfacecolor() == "white" else "filled"] += shown
    return found


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_charge_is_filled_and_discharge_open() -> None:
    figure = curves_figure(cycled(), [LFP, FP], x="soc")
    # Cell parameter a and the volume; one of six scans of the charge is at rest, with a small filled marker.
    assert markers(figure, "#CC3311") == {"filled": 12, "open": 12}
    assert legend(figure) == ["LFP", "FP", "charge", "discharge", "rest", "reference: Andersson 2000"]


def test_an_absent_phase_shows_nothing() -> None:
    figure = curves_figure(cycled(absent={"FP": slice(0, N_SCANS)}), [LFP, FP], x="soc")
    assert markers(figure, "#0077BB") == {"filled": 0, "open": 0}


def test_scans_without_a_state_of_charge_are_left_out() -> None:
    table = cycled()
    for name in ("soc", "soc_low", "soc_high", "voltage_V", "half_cycle", "direction"):
        table[name][8:] = np.nan
    assert markers(curves_figure(table, [LFP, FP], x="soc"), "#CC3311") == {"filled": 12, "open": 4}
    assert markers(curves_figure(table, [LFP, FP], x="scan"), "#CC3311") == {"filled": 20, "open": 4}


def test_axes_have_units_and_bars_lie_within_them() -> None:
    figure = curves_figure(cycled(), [LFP, FP], x="soc")
    assert {panel.get_xlabel() for panel in figure.axes} == {"State of charge", ""}
    low, high = figure.axes[0].get_xlim()
    assert low < -0.05 < 1.05 < high


def test_capacity_is_per_mass_only_where_the_mass_is_known() -> None:
    table = cycled() | {"capacity_mAh": 0.2 * SOC}
    assert "Capacity (mA h)" in {panel.get_xlabel() for panel in curves_figure(table, [LFP, FP], x="capacity").axes}
    table["capacity_mAh_g"] = 150.0 * SOC
    figure = curves_figure(table, [LFP, FP], x="capacity")
    assert "Capacity (mA h g$^{-1}$)" in {panel.get_xlabel() for panel in figure.axes}
    assert figure.axes[0].get_xlim()[1] == pytest.approx(153.0)


def test_without_a_record_there_is_no_charge_to_tell_from_discharge() -> None:
    table = columns(CELLS) | {"voltage_V": np.full(N_SCANS, np.nan)}
    assert legend(curves_figure(table, [LFP, FP], x="scan")) == ["LFP", "FP", "reference: Andersson 2000"]
    with pytest.raises(InputError, match=r"E191 no state of charge .* found no cycler's record"):
        curves_figure(table, [LFP, FP], x="soc")


def test_a_bar_that_goes_on_beyond_its_panel_has_a_caret_at_the_edge() -> None:
    def carets(table: dict[str, np.ndarray]) -> list[tuple[str, float, float]]:
        names = {CARETLEFT: "left", CARETRIGHT: "right", CARETDOWN: "down", CARETUP: "up"}
        return [
            (names[line.get_marker()], float(x), float(y))
            for panel in curves_figure(table, [LFP, FP], x="soc").axes
            for line in panel.get_lines()
            if isinstance(line.get_marker(), int)
            for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        ]

    table = cycled()
    assert carets(table) == []
    table["soc_high"][5] = 3.0
    table["LFP_a_esd"][7] *= 30.0
    found = carets(table)
    assert {side for side, *_ in found} == {"right", "up", "down"}
    # To the right in every panel that has the scan; up and down in one only.
    assert all(x > SOC.max() for side, x, _ in found if side == "right")
    assert [x for side, x, _ in found if side in ("up", "down")] == [SOC[7], SOC[7]]
