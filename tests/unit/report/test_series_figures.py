"""Figures of all patterns of a series: rows at their time, gaps blank, labels that do not touch, tables that agree."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.results import write_results
from xrdfit.data import PhaseLines
from xrdfit.errors import DataError, InputError
from xrdfit.io import StoredResults, read_results
from xrdfit.report import (
    SeriesImage,
    map_figure,
    residual_figure,
    save_figure,
    scan_table,
    series_image,
    stored_map_figure,
    stored_patterns,
    stored_residual_figure,
)
from xrdfit.report.hkl_ticks import hkl_text, main_lines
from xrdfit.report.series_image import row_bounds, with_gaps

N_SCANS = 24


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredResults:
    return read_results(write_results(tmp_path_factory.mktemp("results"), n_scans=N_SCANS))


def plain(**changed: object) -> SeriesImage:
    values = np.outer(np.arange(1.0, 4.0), np.arange(1.0, 12.0))
    image = SeriesImage(
        two_theta=np.linspace(20.0, 21.0, 11),
        observed=values,
        residual=values - 5.0,
        scans=np.arange(3),
        centres=np.array([0.0, 1.0, 3.0]),
        by_time=True,
        counts=True,
        lines=(),
    )
    return replace(image, **changed)  # type: ignore[arg-type]


def table_of(image: SeriesImage, *, voltage: bool = True) -> dict[str, np.ndarray]:
    n = image.scans.size
    volts = np.linspace(3.2, 3.6, n) if voltage else np.full(n, np.nan)
    times = {"time_s": 3600.0 * image.centres, "scan": image.scans.astype(float)}
    return times | {"voltage_V": volts, "r_wp": np.full(n, 0.05), "r_exp": np.full(n, 0.04)}


def overlapping_texts(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that lie on each other when the figure is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = []
    for panel in figure.axes:
        labels = [*panel.texts, panel.xaxis.label, panel.yaxis.label]
        if panel.axison:
            for axis, (low, high) in ((panel.xaxis, panel.get_xlim()), (panel.yaxis, panel.get_ylim())):
                ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
                labels += [label for place, label in ticks if low <= place <= high]
        found += [(t.get_text(), t.get_window_extent(renderer)) for t in labels if t.get_text() and t.get_visible()]
    return [
        (text, other)
        for number, (text, box) in enumerate(found)
        for other, place in found[number + 1 :]
        if box.x0 < place.x1 and place.x0 < box.x1 and box.y0 < place.y1 and place.y0 < box.y1
    ]


def cut_texts(figure: Figure) -> list[str]:
    """Texts of panels and their axes that go on beyond the paper."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    texts = [t for panel in figure.axes for t in (*panel.texts, panel.xaxis.label, panel.yaxis.label) if t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent(canvas.get_renderer())) for t in texts]
    return [text for text, b in boxes if b.x0 < 0.0 or b.y0 < 0.0 or b.x1 > width or b.y1 > height]


def test_map_has_a_row_a_scan_at_its_time() -> None:
    figure = map_figure(plain(), table_of(plain()), colors={})
    panel, _, bar = figure.axes
    assert panel.get_ylabel() == "Time (h)" and bar.get_ylabel() == "Intensity (counts)"
    (mesh,) = [held for held in panel.collections if held.get_array() is not None]
    np.testing.assert_allclose(mesh.get_coordinates()[:, 0, 1], [-0.5, 0.5, 2.0, 4.0])
    by_scan = plain(by_time=False)
    assert map_figure(by_scan, table_of(by_scan), colors={}).axes[0].get_ylabel() == "Scan"


def test_voltage_shares_the_time_axis_of_the_map() -> None:
    image = plain()
    figure = map_figure(image, table_of(image), colors={})
    panel, voltage, _ = figure.axes
    assert voltage.get_xlabel() == "$E$ (V)" and voltage.get_ylim() == panel.get_ylim() == (-0.5, 4.0)
    np.testing.assert_allclose(voltage.lines[0].get_ydata(), image.centres)
    boxes = [axes.get_position() for axes in (panel, voltage)]
    assert boxes[0].y0 == boxes[1].y0 and boxes[0].y1 == boxes[1].y1
    assert len(map_figure(image, table_of(image, voltage=False), colors={}).axes) == 2


def test_a_gap_in_time_is_blank_and_not_bridged() -> None:
    borders, rows = with_gaps(np.array([0.5, 1.5, 2.5, 7.5, 8.5]), np.ones((5, 3)))
    np.testing.assert_allclose(borders, [0.0, 1.0, 2.0, 3.0, 7.0, 8.0, 9.0])
    assert np.isnan(rows).all(axis=1).tolist() == [False, False, False, True, False, False]


def test_one_scan_is_a_row_of_its_own() -> None:
    low, high = row_bounds(np.array([3.0]))
    assert (low.tolist(), high.tolist()) == ([2.5], [3.5])
    image = plain(
        observed=np.array([[1.5, np.nan, 3.0]]),
        residual=np.array([[1.5, np.nan, 3.0]]),
        two_theta=np.array([1.0, 2.0, 3.0]),
        scans=np.array([0]),
        centres=np.array([0.0]),
        counts=False,
    )
    assert map_figure(image, table_of(image), colors={}).axes[-1].get_ylabel() == "Intensity (arb. units)"


def test_scans_of_one_time_are_drawn_by_their_number(tmp_path: Path) -> None:
    image = series_image(
        read_results(write_results(tmp_path, n_scans=3, changed={"time_s": np.array([5.0, 5.0, 7.0])}))
    )
    assert not image.by_time and image.centres.tolist() == [0.0, 1.0, 2.0]


def test_scans_without_a_fit_are_left_out_of_the_image(tmp_path: Path) -> None:
    r_wp = np.full(12, 0.05)
    r_wp[4:8] = np.nan
    image = series_image(read_results(write_results(tmp_path, changed={"r_wp": r_wp})))
    assert image.scans.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    _, rows = with_gaps(image.centres, image.observed)
    assert np.isnan(rows).all(axis=1).sum() == 1


def test_residuals_are_in_standard_deviations_and_blank_where_no_point_was_used(stored: StoredResults) -> None:
    image = series_image(stored)
    known = np.isfinite(image.residual)
    assert np.std(image.residual[known]) == pytest.approx(1.0, abs=0.05)
    excluded = (image.two_theta > 27.0) & (image.two_theta < 27.4)
    assert excluded.any() and not known[:, excluded].any() and known[:, ~excluded].all()


def test_joining_neighbours_keeps_the_scale_of_intensity_and_of_residuals(tmp_path: Path) -> None:
    image = series_image(read_results(write_results(tmp_path, n_scans=3, n_points=3001)))
    assert image.two_theta.size == image.observed.shape[1] == 750
    known = image.residual[np.isfinite(image.residual)]
    assert np.std(known) == pytest.approx(1.0, abs=0.08)
    assert image.counts and 165.0 < image.observed.min() < 200.0


def test_colours_of_the_residual_map_are_even_about_zero() -> None:
    image = plain(residual=np.full((3, 11), -7.0))
    panel, side, bar = residual_figure(image, table_of(image), colors={}).axes
    (mesh,) = [held for held in panel.collections if held.get_array() is not None]
    assert mesh.get_clim() == (-7.0, 7.0) and bar.get_ylabel() == "(obs − calc)/σ"
    np.testing.assert_allclose(side.lines[0].get_xdata(), 5.0)
    assert side.get_xlim()[0] == 0.0


def test_patterns_stand_one_above_the_other_with_their_state(stored: StoredResults) -> None:
    figure, table = stored_patterns(stored)
    panel = figure.axes[0]
    drawn = [line for line in panel.lines if len(line.get_xdata()) > 100]
    bases = [np.min(line.get_ydata()) for line in drawn]
    assert len(drawn) == 16 and (np.diff(bases) > 5.0).all()
    names = list(table)
    assert names[:2] == ["two_theta_deg", "scan_0"] and names[-1] == f"scan_{N_SCANS - 1}"
    texts = [text.get_text() for text in panel.texts]
    assert {"Time (h)", "SOC", "$E$ (V)", "0.5", "23.5", "Intensity (offset)"} <= set(texts)


def test_a_pattern_in_the_table_is_what_was_measured(stored: StoredResults) -> None:
    _, table = stored_patterns(stored)
    np.testing.assert_array_equal(table["scan_0"], stored.curves(0).observed)


def test_every_range_is_a_panel_with_the_same_intensity_scale(stored: StoredResults) -> None:
    figure, table = stored_patterns(stored, [(20.5, 22.0), (29.0, 32.0)])
    one, other = figure.axes[0], figure.axes[2]
    assert one.get_xlim() == (20.5, 22.0) and other.get_xlim() == (29.0, 32.0)
    assert one.get_ylim() == other.get_ylim()
    assert other.get_position().width == pytest.approx(2.0 * one.get_position().width)
    assert table["two_theta_deg"][0] >= 20.5 and table["two_theta_deg"][-1] <= 32.0


def test_a_range_without_points_is_refused(stored: StoredResults) -> None:
    with pytest.raises(InputError, match=r"E198 nothing in this range .* found 40:50 against 20:38"):
        stored_patterns(stored, [(40.0, 50.0)])


def test_nothing_overlaps_and_nothing_is_cut(stored: StoredResults) -> None:
    for figure in (
        stored_patterns(stored)[0],
        stored_patterns(stored, [(20.5, 22.0), (29.0, 32.0), (35.0, 37.0)])[0],
        stored_map_figure(stored),
        stored_residual_figure(stored),
    ):
        assert overlapping_texts(figure) == []
        assert cut_texts(figure) == []
        assert figure.get_size_inches()[0] * 2.54 == pytest.approx(17.0)


def test_of_lines_that_would_touch_the_strongest_is_named() -> None:
    lines = PhaseLines(
        phase="P",
        hkl=np.array([[2, 0, 0], [1, 1, 1], [2, 0, 1], [3, 1, 1]], dtype=np.int32),
        two_theta=np.array([17.0, 25.5, 25.6, 36.0]),
        area=np.array([50.0, 80.0, 100.0, 1.0]),
        area_esd=np.ones(4),
    )
    assert main_lines(lines, (15.0, 40.0), apart=0.3) == [0, 2]
    assert main_lines(lines, (15.0, 40.0), apart=0.05) == [0, 1, 2]
    assert main_lines(lines, (20.0, 40.0), apart=0.3) == [2]


def test_indices_are_printed_as_in_the_field() -> None:
    assert hkl_text(np.array([2, 1, 1])) == "211"
    assert hkl_text(np.array([1, -1, 0])) == r"1$\bar{1}$0"
    assert hkl_text(np.array([1, 0, 10])) == "1 0 10"


def test_table_beside_a_map_has_its_numbers(stored: StoredResults, tmp_path: Path) -> None:
    image = series_image(stored)
    figure = map_figure(image, stored.columns, colors={"LFP": "red", "FP": "blue"})
    written = save_figure(figure, tmp_path / "map", table=scan_table(image.two_theta, image.scans, image.observed))
    assert [path.name for path in written] == ["map.png", "map.svg", "map.csv"]
    with written[-1].open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["two_theta_deg", *(f"scan_{scan}" for scan in range(N_SCANS))]
    numbers = np.array(rows, dtype=float)
    np.testing.assert_allclose(numbers[:, 0], image.two_theta, atol=1e-6)
    np.testing.assert_allclose(numbers[:, 1:].T, image.observed, rtol=1e-9)


def test_without_any_fit_there_is_no_map(tmp_path: Path) -> None:
    nothing = read_results(write_results(tmp_path, n_scans=2, changed={"r_wp": np.full(2, np.nan)}))
    for draw in (stored_map_figure, stored_residual_figure, stored_patterns):
        with pytest.raises(DataError, match="E190"):
            draw(nothing)
