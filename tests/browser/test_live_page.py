"""The page of a watch in a browser: it follows, it takes nothing in as HTML, and it asks nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.live.test_arrivals import entry
from xrdfit.data import PhaseLabel
from xrdfit.live import Board, Entry, PageServer

NASTY = "<img src=x onerror=document.title='taken'>"
WAIT_S = 10.0
PHASES = [
    PhaseLabel(name=name, color=color, role="active", cell_names=("a", "b"), reference={}, reference_source=None)
    for name, color in (("LFP", "red"), ("FP", "blue"))
]


def scan(number: int, *, name: str = "scan_{}.xy", r_wp: float = 0.05) -> Entry:
    from dataclasses import replace

    numbers = {"r_wp": r_wp}
    for phase, length in (("LFP", 10.33), ("FP", 9.81)):
        numbers |= {f"{phase}_a": length + 1e-3 * (number % 5), f"{phase}_a_esd": 7e-4, f"{phase}_present": 1.0}
        numbers |= {f"{phase}_apparent_share": 0.5, f"{phase}_volume": 290.0, f"{phase}_volume_esd": 0.1}
    image = np.linspace(1.0, 40.0, 240).astype(np.float32)
    one = entry(Path(f"/scans/{name.format(f'{number:04d}')}"))
    return replace(one, when=time.time(), counts=1e6, numbers=numbers, image=image)


@pytest.fixture
def board() -> Board:
    return Board(NASTY, PHASES, {"LFP": "#CC3311", "FP": "#0077BB"}, (20.0, 38.0))


@pytest.fixture
def page(board: Board, chromium: Any) -> Iterator[Any]:
    server = PageServer(board.state)
    chromium.get_log("browser"), chromium.get_log("performance")
    chromium.get(server.url)
    yield chromium
    requests = [json.loads(line["message"])["message"] for line in chromium.get_log("performance")]
    chromium.get("about:blank")
    server.close()
    asked = [r["params"]["request"]["url"] for r in requests if r["method"] == "Network.requestWillBeSent"]
    assert all(url.startswith((server.url, "data:")) for url in asked)
    assert [line["message"] for line in chromium.get_log("browser") if line["level"] == "SEVERE"] == []


def until(condition: Callable[[], Any]) -> None:
    last = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < last, "the page did not get there"
        time.sleep(0.05)


def text(page: Any, selector: str) -> str:
    return str(page.find_element("css selector", selector).text)


def test_the_page_follows_the_scans_to_the_final_pass(board: Board, page: Any) -> None:
    for number in range(8):
        board.add(scan(number))
    board.stand(backlog=7, waiting=1)
    until(lambda: text(page, "#scans") == "8")
    assert text(page, "#last") == "scan_0007.xy"
    assert text(page, "#backlog") == "7 (1 being written)"
    assert text(page, "#mark") == "provisional"
    assert "10.3320(7) Å" in text(page, "#panels")
    board.add(scan(8))
    board.add(scan(9, r_wp=0.2))
    until(lambda: text(page, "#scans") == "10")
    assert "R_wp has jumped · scan_0009.xy" in text(page, "#alarms")
    assert len(page.execute_script("return view.series.LFP_a")) == 10
    board.add(scan(9, r_wp=0.05))  # fitted again
    board.stand(phase="done", backlog=0, waiting=0)
    until(lambda: "final pass done" in text(page, "#mark"))
    assert len(page.execute_script("return view.series.LFP_a")) == 10
    assert page.execute_script("return view.series.r_wp.at(-1)[1]") == 0.05


def test_names_are_text_and_nothing_else(board: Board, page: Any) -> None:
    board.add(scan(0, name="<img src=x onerror=alert(1)>{}"))
    board.stand(troubled={NASTY: NASTY})
    until(lambda: text(page, "#scans") == "1")
    assert text(page, "#title") == NASTY
    assert NASTY in text(page, "#alarms")
    assert page.find_elements("css selector", "img") == []
    assert "taken" not in page.title.replace(NASTY, "")


def test_a_long_series_stays_small_in_the_page(board: Board, page: Any) -> None:
    for number in range(3000):
        board.add(scan(number))
    until(lambda: text(page, "#scans") == "3000")
    # Too many points are replaced by a whole state at the next answer.
    until(lambda: page.execute_script("return view.series.LFP_a.length") <= 1500)
    assert page.execute_script("return view.map.length") <= 160


@pytest.mark.parametrize("width", [1600, 420])
def test_nothing_is_wider_than_the_screen(board: Board, page: Any, width: int) -> None:
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        for number in range(5):
            board.add(scan(number, name="a_very_long_name_without_any_space_in_it_" * 3 + "{}"))
        until(lambda: text(page, "#scans") == "5")
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
