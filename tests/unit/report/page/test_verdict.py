"""The verdict says how many scans, which, and what to do; warnings are grouped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.results import results_columns
from xrdfit.report.page.verdict import complaints_of, remarks_of, verdict_of

W401 = "W401 intensities change · LFP · found 7.6%, against 0 · write intensities"
W105 = "W105 the file states another anode · scan 3 · found Co against Cu · correct the recipe"


def columns(*outcomes: str) -> dict[str, np.ndarray]:
    table = results_columns(["LFP"], len(outcomes))
    table["outcome"] = np.array(outcomes, dtype=object)
    table["r_wp"] = np.where(np.isin(outcomes, ["failed", "no_data"]), np.nan, 0.05)
    return table


def test_a_run_without_complaint_is_clean() -> None:
    told = verdict_of(columns("converged", "converged"), [])
    assert told.kind == "clean" and told.sentences[0] == "All 2 scans converged." and not told.scans


def test_flagged_scans_are_counted_and_named() -> None:
    told = verdict_of(columns("converged", "flagged", "failed"), [])
    assert told.kind == "flagged"
    assert told.sentences[0] == "1 of 3 scans converged; 1 flagged, 1 failed."
    assert told.scans == {"flagged": (1,), "failed": (2,)}


def test_a_warning_about_the_series_flags_a_run_whose_scans_all_converged() -> None:
    assert verdict_of(columns("converged"), remarks_of([W401], "")).kind == "flagged"
    assert verdict_of(columns("converged"), remarks_of([], W105)).kind == "clean"


@pytest.mark.parametrize(
    ("outcomes", "headline"),
    [(("flagged", "failed"), "Failed: no scan converged"), (("failed", "no_data"), "Failed: no scan could be fitted")],
)
def test_not_one_converged_scan_is_said_plainly(outcomes: tuple[str, ...], headline: str) -> None:
    told = verdict_of(columns(*outcomes), [])
    assert told.headline == headline and "0 of 2 scans converged" in told.sentences[0]
    assert any("Do not use" in sentence for sentence in told.todo)


def test_warnings_of_one_code_are_grouped_and_those_of_the_log_are_not_told_twice() -> None:
    series, of_input = remarks_of([W401, W401.replace("LFP", "FP")], f"refined 2 scans\n{W105}\n{W401}\n")
    assert (series.code, series.what) == ("W401", "intensities change")
    assert [where for where, _ in series.places] == ["LFP", "FP"] and series.todo == ["write intensities"]
    assert of_input.code == "W105" and of_input.places == [("scan 3", "found Co against Cu")]


def test_reasons_that_differ_in_numbers_only_are_one_reason() -> None:
    messages = ["scan 3: amount 40% below the series; not converged", "scan 5: amount 41% below the series", "odd"]
    found = {said.text: said for said in complaints_of(messages)}
    assert found["amount 40% below the series"].scans == [3, 5] and found["amount 40% below the series"].alike
    assert found["not converged"].scans == [3] and not found["not converged"].alike
    assert found["odd"].scans == []
