"""What somebody at the beam is told, and how often."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.unit.live.test_arrivals import entry
from xrdfit.live.alarms import Alarms
from xrdfit.live.entries import Entry


def scan(number: int, *, r_wp: float = 0.05, counts: float = 1e6, fp: bool = False) -> Entry:
    from dataclasses import replace

    noise = 1.0 + 0.02 * np.sin(7.0 * number)
    numbers = {"r_wp": r_wp * noise, "FP_present": float(fp), "FP_apparent_share": 0.2 if fp else 0.0}
    return replace(entry(Path(f"scan_{number}")), counts=counts * noise, numbers=numbers)


def heard(scans: list[Entry]) -> list[str]:
    alarms = Alarms(["FP"])
    return [f"{alarm.what}: {alarm.source}" for one in scans for alarm in alarms.hear(one)]


def test_a_steady_series_gives_no_alarm() -> None:
    assert heard([scan(number) for number in range(200)]) == []


def test_a_slow_rise_of_r_wp_gives_no_alarm() -> None:
    assert heard([scan(number, r_wp=0.05 * 1.005**number) for number in range(200)]) == []


def test_a_jump_of_r_wp_is_told_once_and_its_end_once() -> None:
    scans = [scan(number, r_wp=0.12 if 20 <= number < 24 else 0.05) for number in range(40)]
    assert heard(scans) == ["R_wp has jumped: scan_20", "R_wp is as before: scan_24"]


def test_a_lost_beam_is_told_once_and_gives_no_other_alarm() -> None:
    dark = range(20, 50)
    scans = [
        scan(n, counts=1e4 if n in dark else 1e6, r_wp=0.6 if n in dark else 0.05, fp=n in dark) for n in range(60)
    ]
    assert heard(scans) == ["beam lost: scan_20", "beam back: scan_50"]


def test_a_phase_comes_with_the_first_of_two_scans_and_one_scan_alone_says_nothing() -> None:
    scans = [scan(n, fp=n == 5 or 10 <= n < 30) for n in range(40)]
    assert heard(scans) == ["FP has appeared: scan_10", "FP has vanished: scan_30"]
