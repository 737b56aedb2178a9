"""The page holds the numbers of the table, asks nothing of the network, and takes texts for texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tests.results as results_module
from tests.results import results_columns, write_results
from xrdfit.data import ScanResult
from xrdfit.errors import InputError
from xrdfit.io import read_results
from xrdfit.report import report_page
from xrdfit.report.page import payload as payload_module

NASTY = "<img src=x onerror=alert(1)>"
ENDING = "scan 1: </script><script>alert(1)</script> & \u2028 <!-- <script>"


class Outline(HTMLParser):
    """Elements with their attributes, scripts, and the text of everything else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag in ("script", "style")
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and self.scripts:
            self.scripts[-1] += data
        elif not self._in_script:
            self.words += data


def page_of(results: Path, **changed: Any) -> str:
    options = {"title": "cell", "log": "", "lock_text": "", "locked": {}} | changed
    return report_page(read_results(results), **options)


def data_of(page: str) -> dict[str, Any]:
    return json.loads(Outline(page).scripts[0])


def floats(text: str, kind: str = "<f4") -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("page") / "results")


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    return page_of(results)


def test_the_page_holds_the_table_of_the_run_to_the_last_byte(results: Path, page: str) -> None:
    assert data_of(page)["csv"] == (results / "trajectories.csv").read_text(encoding="utf-8")


def test_the_table_shows_esds_in_brackets_and_an_upper_limit_for_an_absent_phase(page: str) -> None:
    rows = re.findall(r"<tr data-row='(\d+)'.*?</tr>", page)
    assert rows == [str(row) for row in range(12)]
    first = re.search(r"<tr data-row='0'.*?</tr>", page)
    assert first and "10.3290(7)" in first[0] and "&lt; 0.0064" in first[0]
    assert "9.81" not in first[0], "nothing of the phase that is absent"


def test_curves_are_those_of_the_results_to_seven_digits(results: Path, page: str) -> None:
    fits, curves = data_of(page)["fits"], read_results(results).curves(5)
    assert fits["rows"] == list(range(12)) and fits["shared"] and fits["counts"]
    place = slice(5 * 301, 6 * 301)
    assert np.array_equal(floats(fits["two_theta"], "<f8"), curves.two_theta)
    np.testing.assert_array_equal(floats(fits["observed"])[place], curves.observed)
    np.testing.assert_allclose(floats(fits["calculated"])[place], curves.calculated, rtol=6e-8)
    assert np.array_equal(np.isnan(floats(fits["calculated"])[place]), ~curves.used)


def test_the_map_is_within_a_part_of_thirty_thousand_of_what_was_measured(results: Path, page: str) -> None:
    image, observed = data_of(page)["map"], read_results(results).curves(7).observed
    codes = floats(image["intensity"], "<u2").reshape(12, 301)[7]
    shown = image["low"] + (codes / 65534.0) ** 2 * (image["high"] - image["low"])
    np.testing.assert_allclose(shown, observed, atol=(image["high"] - image["low"]) / 30_000)


def test_lines_have_their_indices_and_places(results: Path, page: str) -> None:
    (lfp,) = [lines for lines in data_of(page)["lines"] if lines["phase"] == "LFP"]
    assert lfp["hkl"] == [[[2, 0, 0], [1, 0, 1], [2, 1, 0], [0, 1, 1]]] and lfp["which"] == [0] * 12
    np.testing.assert_allclose(floats(lfp["two_theta"])[:4], [21.0, 25.5, 30.0, 35.5], atol=1e-5)


def test_a_policy_forbids_the_network_and_every_script_but_those_of_the_page(page: str) -> None:
    outline = Outline(page)
    (policy,) = [of["content"] for tag, of in outline.elements if of.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy and "unsafe-eval" not in policy and "connect-src" not in policy
    _, library, script = outline.scripts
    for code in (library, script):
        assert base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() in policy
    assert len(outline.scripts) == 3


def test_nothing_on_the_page_points_elsewhere(page: str) -> None:
    for tag, of in Outline(page).elements:
        assert tag not in ("link", "iframe", "img", "object", "base", "form")
        assert not of.get("src") and (of.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name in of)


def test_texts_from_outside_make_no_element_and_end_none(tmp_path: Path) -> None:
    columns = results_columns([NASTY, "FP"], 3)
    columns["source"][1] = f'a,"b"\n{NASTY}</script>'
    results = write_results(
        tmp_path,
        n_scans=3,
        names=[NASTY, "FP"],
        changed={"source": columns["source"]},
        messages=[ENDING],
        warnings=[f"W401 {NASTY} · {ENDING} · {ENDING} · {NASTY}"],
        notes=[ENDING, NASTY],
    )
    locked = {"lock": {"inputs": {NASTY: ENDING}}, "refine": {"mode": NASTY}, "phase": [{"name": NASTY}]}
    page = page_of(results, title=NASTY, log=f"W101 {ENDING}", lock_text=ENDING, locked=locked, doubts=(NASTY,))
    outline = Outline(page)
    assert len(outline.scripts) == 3 and not [tag for tag, _ in outline.elements if tag == "img"]
    assert outline.words.count(NASTY) >= 8 and "</script>" in outline.words
    assert "<" not in outline.scripts[0] and data_of(page)["messages"]["1"] == ENDING.partition(": ")[2]
    assert data_of(page)["csv"] == (results / "trajectories.csv").read_text(encoding="utf-8")


def test_placeholders_in_texts_stay_texts(tmp_path: Path) -> None:
    assert "$library ${data}" in Outline(page_of(write_results(tmp_path, n_scans=1), title="$library ${data}")).words


def test_a_page_without_any_fit_says_so_and_has_no_figures(tmp_path: Path) -> None:
    lost = {"r_wp": np.full(3, np.nan), "outcome": np.array(["failed"] * 3, dtype=object)}
    outline = Outline(page_of(write_results(tmp_path, n_scans=3, changed=lost)))
    assert "Failed: no scan could be fitted" in outline.words and "There is no fit to show." in outline.words
    assert "0 of 3 scans converged; 3 failed." in outline.words
    assert not [of for _, of in outline.elements if of.get("id") in ("map", "fit")]


@pytest.mark.parametrize("n_scans", [1, 2])
def test_a_short_series_without_times_and_cycler_has_a_page(tmp_path: Path, n_scans: int) -> None:
    nothing = np.full(n_scans, np.nan)
    changed = dict.fromkeys(("time_s", "voltage_V", "capacity_mAh", "soc"), nothing)
    data = data_of(page_of(write_results(tmp_path, n_scans=n_scans, changed=changed)))
    assert [axis["name"] for axis in data["axes"]] == ["scan"]


def test_a_held_cell_is_marked_as_such(tmp_path: Path) -> None:
    bare = {f"LFP_{axis}_esd": np.full(12, np.nan) for axis in "abc"}
    phases = data_of(page_of(write_results(tmp_path, changed=bare)))["phases"]
    assert phases[0]["held"] == list(range(12)) and phases[1]["held"] == []


def test_two_hundred_scans_are_held_whole_below_ten_megabytes(tmp_path: Path) -> None:
    page = page_of(write_results(tmp_path, n_scans=200, n_points=607))
    assert len(page.encode()) < 10_000_000
    assert data_of(page)["fits"]["rows"] == list(range(200)) == data_of(page)["map"]["rows"]


def test_points_outside_the_range_of_the_fit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = results_module.scan_result

    def narrow(names: Sequence[str], scan: int, n_points: int) -> ScanResult:
        result = whole(names, scan, n_points)
        used = result.curves.used & (result.curves.two_theta > 22.0) & (result.curves.two_theta < 30.0)
        return replace(result, curves=replace(result.curves, used=used))

    monkeypatch.setattr(results_module, "scan_result", narrow)
    data = data_of(page_of(write_results(tmp_path, n_scans=3)))
    for grid in (floats(data["fits"]["two_theta"], "<f8"), np.array(data["map"]["two_theta"])):
        assert grid[0] == pytest.approx(22.0, abs=0.07) and grid[-1] == pytest.approx(30.0, abs=0.07)


def test_a_short_series_is_held_whole(page: str) -> None:
    assert "it holds the fits of" not in Outline(page).words and "averaged" not in Outline(page).words


def test_a_long_series_is_thinned_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = np.array(["converged"] * 12, dtype=object)
    outcome[7] = "flagged"
    flagged = write_results(tmp_path, changed={"outcome": outcome})
    monkeypatch.setattr(payload_module, "_FIT_BYTES", 5 * 5000)
    monkeypatch.setattr(payload_module, "_MAP_SCANS", 4)
    monkeypatch.setattr(payload_module, "_MAP_POINTS", 101)
    page = page_of(flagged)
    data = data_of(page)
    assert data["fits"]["rows"] == [0, 3, 6, 7, 9] and data["map"]["rows"] == [0, 3, 6, 9]
    assert len(data["map"]["two_theta"]) == 101
    for said in ("the fits of 5 of 12 scans", "shows 4 of 12 scans", "3 neighbouring points are averaged"):
        assert said in Outline(page).words


def test_settings_errors_and_limits_are_in_words(results: Path) -> None:
    locked = {"refine": {"mode": "series", "intensities": "shared", "esd_scaling": "chi2"}}
    words = Outline(page_of(results, locked=locked)).words
    for said in ("all scans refined together", "multiplied by GoF", "texture", "Limits of the method", "numpy"):
        assert said.lower() in words.lower()


def test_a_lock_file_of_another_shape_is_damage_not_a_crash(results: Path) -> None:
    with pytest.raises(InputError, match="E116"):
        page_of(results, locked={"phase": "LFP", "refine": []})
