"""The page in a browser: no error, no request, and every way of choosing a scan shows that scan."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.results import results_columns, write_results
from xrdfit.cli.app import app
from xrdfit.io import read_results

N_SCANS = 12
NASTY = "<img src=x onerror=document.title='taken'>"
ENDING = "scan 1: </script><script>document.title='taken'</script>"
WAIT_S = 10.0


def written(directory: Path, **changed: Any) -> Path:
    results = write_results(directory / "results", **changed)
    run = CliRunner().invoke(app, ["report", str(results)])
    assert run.exit_code == 0, run.output
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outcome = np.array(["converged"] * N_SCANS, dtype=object)
    outcome[[4, 9]] = "flagged", "failed"
    r_wp = np.where(outcome == "failed", np.nan, 0.05)
    changed = {"outcome": outcome, "r_wp": r_wp}
    return written(tmp_path_factory.mktemp("page"), n_scans=N_SCANS, changed=changed, messages=["scan 4: GoF 3"])


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it is true."""
    last = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < last, "the page did not get there"
        time.sleep(0.02)
    return found


class Page:
    """What a reader sees and does."""

    def __init__(self, browser: Any, results: Path) -> None:
        self.browser = browser
        browser.get_log("browser"), browser.get_log("performance")
        browser.get((results / "report.html").resolve().as_uri())
        until(lambda: self.scan is not None)

    @property
    def scan(self) -> str | None:
        return self.run("return document.body.dataset.scan || null")

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(script, *values)

    def press(self, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.browser).send_keys(getattr(Keys, key)).perform()

    def click(self, selector: str) -> None:
        element = self.browser.find_element("css selector", selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def comes_to(self, scan: int) -> None:
        until(lambda: self.scan == str(scan))
        assert f"Fit of scan {scan}" in self.text("#fit-title")
        assert self.text("#where").startswith(f"Scan {scan} ")
        assert self.run("return document.querySelector('tr[aria-current]').dataset.row") == str(scan)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def observed(self) -> list[float]:
        return list(self.run("return Array.from(document.getElementById('fit').data[0].y)"))

    def click_in(self, plot: str, x: float, y: float) -> None:
        """A click at data coordinates of the first axes of a figure."""
        from selenium.webdriver.common.action_chains import ActionChains

        at = self.run(
            """const plot = document.getElementById(arguments[0]);
            plot.scrollIntoView({block: "center"});
            const box = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout;
            const [left, top] = [box.left + xaxis._offset, box.top + yaxis._offset];
            return [left + xaxis.l2p(arguments[1]), top + yaxis.l2p(arguments[2])];""",
            plot,
            x,
            y,
        )
        actions = ActionChains(self.browser, duration=50)
        actions.w3c_actions.pointer_action.move_to_location(int(at[0]) - 2, int(at[1]))
        actions.w3c_actions.pointer_action.move_to_location(round(at[0]), round(at[1]))
        actions.w3c_actions.pointer_action.pause(0.2)
        actions.w3c_actions.pointer_action.click()
        actions.perform()

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] != "INFO"]

    def requests(self) -> list[str]:
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]


@pytest.fixture(scope="module")
def page(chromium: Any, results: Path) -> Page:
    """One page for all tests, each of which chooses its scan."""
    return Page(chromium, results)


def test_the_page_opens_without_an_error_and_asks_for_nothing_but_itself(page: Page, results: Path) -> None:
    page.comes_to(4)  # the first scan that needs a look
    assert "GoF 3" in page.text("#said")
    until(lambda: page.run("return document.querySelectorAll('#panels .main-svg').length >= 7"))
    page.press("ARROW_RIGHT")
    page.comes_to(5)
    time.sleep(0.3)
    assert page.complaints() == []
    assert page.requests() == [(results / "report.html").resolve().as_uri()]


def test_arrow_keys_change_the_fit_and_the_values(page: Page, results: Path) -> None:
    stored = read_results(results)
    page.click("tr[data-row='4'] button")
    page.comes_to(4)
    before = page.text("#scan")
    for key, scan in (("ARROW_RIGHT", 5), ("ARROW_RIGHT", 6), ("ARROW_LEFT", 5)):
        page.press(key)
        page.comes_to(scan)
        assert page.observed() == stored.curves(scan).observed.tolist()
    assert page.text("#scan") != before and "10.32" in page.text("#scan")


def test_a_click_on_the_map_a_curve_or_the_table_shows_that_scan(page: Page) -> None:
    page.click_in("map", 28.0, 8.5)
    page.comes_to(8)
    columns = results_columns(["LFP", "FP"], N_SCANS)
    page.click_in("panel-fraction", 2.5, float(columns["LFP_fraction"][2]))
    page.comes_to(2)
    page.click("tr[data-row='10'] button")
    page.comes_to(10)
    page.click(".verdict .go[data-scan='4']")
    page.comes_to(4)


def test_a_scan_that_could_not_be_fitted_shows_nothing_and_says_so(page: Page) -> None:
    page.click("tr[data-row='9'] button")
    page.comes_to(9)
    assert "could not be fitted" in page.text("#no-fit")
    assert page.run("return document.getElementById('fit').hidden && document.getElementById('save-fit').disabled")
    rows = page.run("return document.getElementById('map').data[0].z.map((row) => Number.isFinite(row[0]))")
    assert rows == [scan != 9 for scan in range(N_SCANS)], "a blank row where a scan is missing"
    page.press("ARROW_LEFT")
    page.comes_to(8)
    assert not page.run("return document.getElementById('fit').hidden")


def test_lines_tell_their_indices(page: Page) -> None:
    texts = page.run("return document.getElementById('fit').data.flatMap((trace) => trace.text || [])")
    assert {"LFP (2 0 0)", "FP (0 1 1)"} <= set(texts)


def test_an_absent_phase_has_no_points_and_its_limit_is_told(page: Page) -> None:
    page.click("tr[data-row='0'] button")
    page.comes_to(0)
    assert "< 0.0064" in page.text("#scan")
    cells = page.run(
        "const p = document.getElementById('panel-a'); return p.data.find((t) => t.name === 'FP').y.slice(0, 3)"
    )
    assert cells[:2] == [None, None] and cells[2] == pytest.approx(9.81, abs=0.01)


def test_another_axis_and_another_scaling_are_drawn(page: Page) -> None:
    choose = """const menu = document.getElementById(arguments[0]);
        menu.value = arguments[1]; menu.dispatchEvent(new Event("change"));"""
    page.run(choose, "axis", "soc")
    title = "return document.getElementById('panel-a')._fullLayout.xaxis.title.text"
    assert until(lambda: page.run(title)) == "State of charge"
    before = page.run("return document.getElementById('map')._fullData[0].zmax")
    page.run(choose, "scaling", "log")
    until(lambda: page.run("return document.getElementById('map')._fullData[0].zmax") < before)
    page.run(choose, "difference", "plain")
    until(lambda: page.run("return document.getElementById('fit')._fullLayout.yaxis3.title.text") == "obs − calc")
    for menu, word in (("axis", "time"), ("scaling", "sqrt"), ("difference", "sigma")):
        page.run(choose, menu, word)
    assert page.complaints() == []


def test_the_table_sorts_by_the_numbers_of_the_csv(page: Page) -> None:
    def order() -> list[int]:
        return [
            int(row)
            for row in page.run("return [...document.querySelectorAll('#table tbody tr')].map((r) => r.dataset.row)")
        ]

    fractions = results_columns(["LFP", "FP"], N_SCANS)["LFP_fraction"]
    page.click("th[data-column='LFP_fraction'] button")
    assert np.all(np.diff(fractions[order()]) >= -1e-9) and order() != list(range(N_SCANS))
    page.click("th[data-column='LFP_fraction'] button")
    assert np.all(np.diff(fractions[order()]) <= 1e-9)
    assert page.run("return document.querySelector('th[data-column=LFP_fraction]').ariaSort") == "descending"


def test_downloads_carry_the_numbers_of_the_run(page: Page, results: Path, downloads: Path) -> None:
    page.click("#save-table")
    table = downloads / "trajectories.csv"
    until(table.is_file)
    assert table.read_bytes() == (results / "trajectories.csv").read_bytes()
    page.click("tr[data-row='7'] button")
    page.comes_to(7)
    page.click("#save-fit")
    until((downloads / "fit_scan_7.csv").is_file)
    with (downloads / "fit_scan_7.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    curves = read_results(results).curves(7)
    for name in ("two_theta", "observed", "calculated", "background", "sigma"):
        found = np.array([float(row[name] or "nan") for row in rows])
        expected = np.asarray(getattr(curves, name))
        if name in ("calculated", "background"):
            expected = np.where(curves.used, expected, np.nan)
        np.testing.assert_allclose(found, expected, rtol=6e-7)
    assert [row["used"] == "1" for row in rows] == curves.used.tolist()


@pytest.mark.parametrize("width", [1600, 1000, 420])
def test_the_page_fits_its_window(page: Page, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wider = """return document.documentElement.scrollWidth > arguments[0] ||
            [...document.querySelectorAll(".plot .main-svg")].some(
                (drawn) => drawn.getBoundingClientRect().right > arguments[0])"""
        until(lambda: not page.run(wider, width))
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_texts_from_outside_do_nothing(chromium: Any, tmp_path: Path) -> None:
    results = written(
        tmp_path,
        n_scans=3,
        names=[NASTY, "FP"],
        messages=[ENDING],
        warnings=[f"W401 {NASTY} · {ENDING} · x · y"],
        notes=[ENDING],
    )
    page = Page(chromium, results)
    page.press("ARROW_RIGHT")
    until(lambda: page.scan == "1")
    assert "taken" not in page.run("return document.title")
    assert page.run("return [document.scripts.length, document.images.length]") == [3, 0]
    assert NASTY in page.text(".remarks") and NASTY in page.text("#scan")
    assert page.complaints() == []


def test_a_run_without_any_fit_opens_and_says_so(chromium: Any, tmp_path: Path) -> None:
    lost = {"r_wp": np.full(3, np.nan), "outcome": np.array(["failed"] * 3, dtype=object)}
    page = Page(chromium, written(tmp_path, n_scans=3, changed=lost))
    assert page.text(".verdict h2") == "Failed: no scan could be fitted"
    assert page.complaints() == []
