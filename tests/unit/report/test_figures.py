"""Figures: labels with units, error bars, nothing for a phase that is not there, the same bytes every time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xrdfit.data import Curves, PhaseLabel, PhaseLines
from xrdfit.errors import InputError
from xrdfit.report import drawn_columns, fit_figure, fit_table, phase_colors, save_figure, trajectory_figure

N_SCANS = 12
NEAR = {"LFP": 10.33, "FP": 9.81}


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def label(name: str, *, color: str | None = None, reference: dict[str, float] | None = None) -> PhaseLabel:
    return PhaseLabel(
        name=name,
        color=color,
        role="active",
        cell_names=("a",),
        reference=reference or {},
        reference_source="Andersson 2000" if reference else None,
    )


LFP = label("LFP", color="red", reference={"a": 10.329})
FP = label("FP", color="blue", reference={"a": 9.8142})


def columns(cells: dict[str, float], *, absent: dict[str, slice] | None = None) -> dict[str, np.ndarray]:
    scan = np.arange(N_SCANS, dtype=float)
    table: dict[str, np.ndarray] = {"scan": scan, "time_s": 3600.0 * (scan + 0.5)}
    for name, a in cells.items():
        values = a + 0.002 * np.sin(scan)
        values[(absent or {}).get(name, slice(0))] = np.nan
        table |= {f"{name}_a": values, f"{name}_a_esd": np.where(np.isfinite(values), 0.001, np.nan)}
        table |= {f"{name}_volume": values**3, f"{name}_volume_esd": 300.0 * table[f"{name}_a_esd"]}
    table["r_wp"], table["r_exp"] = np.full(N_SCANS, 0.05), np.full(N_SCANS, 0.04)
    table["outcome"] = np.array(["converged"] * N_SCANS, dtype=object)
    return table


def texts(figure: Figure) -> set[str]:
    found = {text.get_text() for text in figure.texts}
    for panel in figure.axes:
        found |= {panel.get_xlabel(), panel.get_ylabel()}
    return found


def panels_with(figure: Figure, phase: str) -> list[Axes]:
    return [panel for panel in figure.axes if phase in [box.get_label() for box in panel.containers]]


def test_trajectory_labels_carry_units() -> None:
    figure = trajectory_figure(columns(NEAR), [LFP, FP])
    assert {"$a$ (Å)", "$V$ (Å³)", "$R$ (%)", "Scan"} <= texts(figure)


def test_time_axis_is_in_hours_since_the_first_scan_began() -> None:
    figure = trajectory_figure(columns(NEAR), [LFP, FP], x="time")
    assert "Time (h)" in texts(figure)
    points = panels_with(figure, "LFP")[0].containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(points, np.arange(N_SCANS) + 0.5)


def test_error_bars_are_one_esd_long() -> None:
    table = columns(NEAR)
    figure = trajectory_figure(table, [LFP, FP])
    _, _, (bars,) = panels_with(figure, "FP")[0].containers[0].lines
    for scan, segment in enumerate(bars.get_segments()):
        ends = table["FP_a"][scan] + np.array([-1.0, 1.0]) * table["FP_a_esd"][scan]
        np.testing.assert_allclose(segment[:, 1], ends)


def test_absent_phase_draws_nothing_where_it_is_absent() -> None:
    figure = trajectory_figure(columns(NEAR, absent={"FP": slice(0, 5)}), [LFP, FP])
    values = panels_with(figure, "FP")[0].containers[0].lines[0].get_ydata()
    assert np.isnan(values[:5]).all() and np.isfinite(values[5:]).all()


def test_phase_that_is_nowhere_has_no_panel() -> None:
    figure = trajectory_figure(columns(NEAR, absent={"FP": slice(None)}), [LFP, FP])
    assert panels_with(figure, "LFP") and not panels_with(figure, "FP")


def test_phases_far_apart_each_fill_their_own_strip() -> None:
    cells = {"alpha": 2.93, "beta": 3.23, "steel": 3.60}
    figure = trajectory_figure(columns(cells), [label(name) for name in cells])
    for name, a in cells.items():
        low, high = panels_with(figure, name)[0].get_ylim()
        assert low < a < high and high - low < 0.02


def test_phases_close_together_share_a_panel() -> None:
    figure = trajectory_figure(columns({"LFP": 10.330, "FP": 10.331}), [label("LFP"), label("FP")])
    assert panels_with(figure, "LFP") == panels_with(figure, "FP")


def test_reference_lines_are_dashed_in_the_colour_of_the_phase() -> None:
    figure = trajectory_figure(columns(NEAR), [LFP, FP])
    panel = panels_with(figure, "LFP")[0]
    dashed = [line for line in panel.lines if line.get_linestyle() == "--" and line.get_ydata()[0] == 10.329]
    assert [line.get_color() for line in dashed] == [phase_colors([LFP, FP])["LFP"]]


def test_reference_far_from_the_data_is_named_and_does_not_flatten_them() -> None:
    far = label("LFP", reference={"a": 10.9})
    panel = panels_with(trajectory_figure(columns({"LFP": 10.33}), [far]), "LFP")[0]
    low, high = panel.get_ylim()
    assert high - low < 0.05
    assert "LFP ref. 10.9 ↑" in [text.get_text() for text in panel.texts]


def test_source_of_references_is_named_once() -> None:
    legend = trajectory_figure(columns(NEAR), [LFP, FP]).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["LFP", "FP", "reference: Andersson 2000"]


def test_flagged_scan_has_a_cross_and_a_held_cell_is_hollow() -> None:
    table = columns(NEAR)
    table["outcome"][3] = "flagged"
    table["LFP_a_esd"][5] = np.nan
    figure = trajectory_figure(table, [LFP, FP])
    panel = panels_with(figure, "LFP")[0]
    (hollow,) = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert hollow.get_xdata().tolist() == [5] and hollow.get_ydata().tolist() == [table["LFP_a"][5]]
    (cross,) = [line for line in panel.lines if line.get_marker() == "x"]
    assert cross.get_xdata().tolist() == [3]
    assert "flagged" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_discharge_is_shaded_from_its_first_scan_to_its_last() -> None:
    table = columns(NEAR) | {"direction": np.repeat([1.0, -1.0, 0.0], 4)}
    panel = panels_with(trajectory_figure(table, [LFP, FP]), "LFP")[0]
    (shade,) = panel.patches
    assert shade.get_x() == 3.5 and shade.get_width() == 4.0
    assert not panels_with(trajectory_figure(columns(NEAR), [LFP, FP]), "LFP")[0].patches


def test_widths_have_a_panel_only_where_every_scan_has_its_own() -> None:
    table = columns(NEAR) | {"LFP_lorentz_size": np.full(N_SCANS, 0.1)}
    assert "Lorentz width (°)" not in texts(trajectory_figure(table, [LFP, FP]))
    table["LFP_lorentz_size"][4] = 0.11
    assert "Lorentz width (°)" in texts(trajectory_figure(table, [LFP, FP]))


def test_table_beside_the_trajectories_has_the_columns_that_are_drawn() -> None:
    table = columns(NEAR)
    drawn = drawn_columns(table, [LFP, FP], x="time")
    assert list(drawn)[:6] == ["scan", "time_s", "LFP_a", "LFP_a_esd", "FP_a", "FP_a_esd"]
    assert all(drawn[name] is table[name] for name in drawn)


def test_series_without_times_cannot_be_drawn_against_time() -> None:
    table = columns(NEAR) | {"time_s": np.full(N_SCANS, np.nan)}
    with pytest.raises(InputError, match="E191"):
        trajectory_figure(table, [LFP, FP], x="time")


def test_unknown_axis_is_refused() -> None:
    with pytest.raises(InputError, match="E192"):
        trajectory_figure(columns(NEAR), [LFP, FP], x="angle")


def test_one_scan_makes_a_figure() -> None:
    table = {name: values[:1] for name, values in columns(NEAR).items()}
    figure = trajectory_figure(table, [LFP, FP])
    assert panels_with(figure, "FP")
    residuals = [line for panel in figure.axes for line in panel.get_lines() if "R_" in str(line.get_label())]
    # A line through one point is none.
    assert [line.get_marker() for line in residuals] == [".", "."]


def curves() -> Curves:
    two_theta = np.linspace(20.0, 38.0, 601)
    calculated = 200.0 + 2000.0 * np.exp(-(((two_theta - 29.7) / 0.1) ** 2))
    used = (two_theta < 24.0) | (two_theta > 25.0)
    return Curves(
        two_theta=two_theta,
        observed=np.round(calculated + 20.0),
        sigma=np.where(used, 10.0, np.nan),
        calculated=np.where(used, calculated, np.nan),
        background=np.where(used, 200.0, np.nan),
        used=used,
    )


def lines(phase: str, *positions: float) -> PhaseLines:
    count = len(positions)
    return PhaseLines(
        phase=phase,
        hkl=np.ones((count, 3), dtype=np.int32),
        two_theta=np.array(positions),
        area=np.ones(count),
        area_esd=np.ones(count),
    )


def test_fit_shows_difference_in_standard_deviations() -> None:
    figure = fit_figure(curves(), [lines("LFP", 29.7)], title="scan 3", colors={"LFP": "red"})
    pattern, _, difference = figure.axes
    assert pattern.get_ylabel() == "Intensity (counts)" and difference.get_xlabel() == "2θ (°)"
    assert difference.get_ylabel() == "(obs − calc)/σ"
    drawn = max(difference.lines, key=lambda line: len(line.get_xdata())).get_ydata()
    np.testing.assert_allclose(drawn[np.isfinite(drawn)], 2.0, atol=0.051)


def test_fit_ticks_stand_at_the_lines_of_each_phase_in_its_colour() -> None:
    figure = fit_figure(
        curves(), [lines("LFP", 29.7, 35.6), lines("FP", 30.9)], title="scan 3", colors={"LFP": "red", "FP": None}
    )
    ticks = figure.axes[1].collections[:2]
    assert [[segment[0, 0] for segment in rows.get_segments()] for rows in ticks] == [[29.7, 35.6], [30.9]]
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["LFP", "FP"]
    assert not np.array_equal(ticks[0].get_color(), ticks[1].get_color())


def test_table_beside_a_fit_has_its_curves_and_nothing_where_no_point_was_used() -> None:
    scan = curves()
    table = fit_table(scan)
    names = ["two_theta_deg", "observed", "calculated", "background", "sigma", "difference", "difference_over_sigma"]
    assert list(table) == names
    np.testing.assert_array_equal(table["difference"][scan.used], (scan.observed - scan.calculated)[scan.used])
    assert np.array_equal(np.isfinite(table["calculated"]), scan.used)
    expected = (scan.observed - scan.calculated) / scan.sigma
    np.testing.assert_array_equal(table["difference_over_sigma"][scan.used], expected[scan.used])


def test_difference_of_the_pattern_is_drawn_below_it_in_counts() -> None:
    scan = curves()
    (pattern, *_) = fit_figure(scan, [], title="scan 3", colors={}).axes
    drawn = {line.get_label(): line.get_ydata() for line in pattern.lines}
    expected = (scan.observed - scan.calculated)[scan.used]
    difference = drawn["difference"][scan.used]
    np.testing.assert_allclose(difference - difference[0], expected - expected[0], atol=1e-9)
    assert difference.max() < scan.observed[scan.used].min()
    assert pattern.get_ylim()[0] < difference.min()


def test_excluded_part_is_shaded_and_has_no_difference() -> None:
    figure = fit_figure(curves(), [], title="scan 3", colors={})
    difference = figure.axes[2]
    (shade,) = difference.patches
    assert shade.get_x() == pytest.approx(24.0, abs=0.04) and shade.get_width() == pytest.approx(1.0, abs=0.07)
    drawn = max(difference.lines, key=lambda line: len(line.get_xdata()))
    inside = (drawn.get_xdata() > 24.1) & (drawn.get_xdata() < 24.9)
    assert np.isnan(drawn.get_ydata()[inside]).all()


def test_same_series_makes_the_same_bytes(tmp_path: Path) -> None:
    written = [
        save_figure(trajectory_figure(columns(NEAR), [LFP, FP]), tmp_path / folder / "fit_0.5") for folder in "ab"
    ]
    assert [path.name for path in written[0]] == ["fit_0.5.png", "fit_0.5.svg"]
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert "LFP" in written[0][1].read_text(), "text in the SVG stays text"
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_colours_differ_and_plain_names_become_colour_blind_safe() -> None:
    phases = [LFP, FP, label("Al"), label("LATP", color="#123456"), label("odd", color="no such colour")]
    colors = phase_colors(phases)
    assert len(set(colors.values())) == 5
    assert colors["LATP"] == "#123456" and colors["LFP"] != "red"
