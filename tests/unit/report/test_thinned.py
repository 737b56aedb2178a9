"""A series too long to be drawn whole is thinned, and whoever looks at it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.results import CELLS, label, results_columns, write_results
from xrdfit.io import read_results
from xrdfit.report import curves_figure, drawn_columns, report_page, trajectory_figure
from xrdfit.report import thinned as thinned_module
from xrdfit.report.page import payload as payload_module
from xrdfit.report.thinned import MOST_SCANS, drawn_rows, every_kth

PHASES = [label(name, cell) for name, cell in CELLS.items()]


def table(n_scans: int, *, flagged: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
    columns = results_columns(("LFP", "FP"), n_scans)
    columns["outcome"][list(flagged)] = "flagged"
    return columns


def legend(columns: dict[str, np.ndarray]) -> list[str]:
    return [text.get_text() for text in trajectory_figure(columns, PHASES).legends[0].get_texts()]


def test_a_series_is_drawn_whole_as_long_as_it_has_no_more_scans_than_a_figure_has_dots() -> None:
    assert np.array_equal(drawn_rows(table(MOST_SCANS)), np.arange(MOST_SCANS))
    assert not [text for text in legend(table(200)) if "drawn" in text]


def test_scans_that_need_a_look_are_drawn_beside_every_kth() -> None:
    rows = drawn_rows(table(10_000, flagged=(7, 4321)))
    assert rows.size <= MOST_SCANS and {7, 4321} <= set(rows.tolist())
    assert set(np.diff(np.setdiff1d(rows, [7, 4321])).tolist()) == {6}


def test_scans_that_need_a_look_are_named_from_the_whole_series_when_there_are_too_many() -> None:
    rows = drawn_rows(table(10_001, flagged=tuple(range(10_001))))
    assert rows.size <= MOST_SCANS and np.diff(rows).max() <= 11 and rows[-1] > 9_990


def test_every_kth_leaves_what_fits() -> None:
    assert every_kth(np.arange(10), 4).tolist() == [0, 3, 6, 9] and every_kth(np.arange(0), 4).tolist() == []


def test_figures_of_a_long_series_draw_what_their_table_holds_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinned_module, "MOST_SCANS", 20)
    columns = table(100, flagged=(33,))
    assert "18 of 100 scans drawn" in legend(columns)
    drawn = drawn_columns(columns, PHASES, x="scan")
    assert drawn["scan"].size == 18 and 33.0 in drawn["scan"]
    del columns["direction"]
    curves = curves_figure(columns, PHASES, x="soc").legends[0].get_texts()
    assert "18 of 100 scans drawn" in [text.get_text() for text in curves]


def test_a_page_of_a_long_series_holds_part_of_it_and_judges_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload_module, "MOST_SCANS", 20)
    monkeypatch.setattr(payload_module, "_MAP_SCANS", 8)
    outcome = table(100, flagged=(33,))["outcome"]
    messages = ["scan 33: at its limit", "scan 34: none of the page's"]
    stored = read_results(write_results(tmp_path, n_scans=100, changed={"outcome": outcome}, messages=messages))
    page = report_page(stored, title="long", log="", lock_text="", locked={})
    assert "99 of 100 scans converged; 1 flagged." in page
    assert "Of the 100 scans this page holds 24 in curves" in page and page.count("<tr data-row=") == 24
    assert "the map shows 8 of 100" in page.lower()
    payload = page.partition('id="data">')[2].partition("</script>")[0]
    assert '"33":"at its limit"' in payload and "none of the page" not in payload
    assert '"part":true' in payload
