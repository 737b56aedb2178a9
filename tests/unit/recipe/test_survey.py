"""What is suspect about a stack is told before it is refined: one line a kind, with how many scans and which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from xrdfit.data import MemoryStack, Pattern, PatternHeader, ScanTimes
from xrdfit.io import CUT
from xrdfit.model import Instrument
from xrdfit.recipe.survey import Survey

GRID = np.linspace(20.0, 38.0, 200)
CU = PatternHeader(format="test", wavelengths=(1.5406, 1.5444), anode="Cu", goniometer_radius_mm=217.5)
INSTRUMENT = Instrument.k_alpha("Cu", goniometer_radius_mm=217.5)
HOUR, DAY = 3600.0, 86400.0


def scan(number: int, *, header: PatternHeader = CU, counts: np.ndarray | None = None, points: int = 200) -> Pattern:
    if counts is None:
        counts = np.random.default_rng(number).poisson(100.0, GRID.size).astype(np.float64)
    used = np.ones(points, dtype=np.bool_)
    return Pattern(
        two_theta=GRID[:points],
        intensity=counts[:points],
        sigma=None,
        mask=used,
        source=f"s{number}.xy",
        header=header,
    )


def told(
    patterns: Sequence[Pattern],
    *,
    starts: Sequence[float] | None = None,
    instrument: Instrument = INSTRUMENT,
    two_theta_range: tuple[float, float] | None = None,
) -> list[str]:
    survey = Survey()
    for pattern in patterns:
        survey.look(pattern)
    times = None
    if starts is not None:
        times = ScanTimes(start_s=np.array(starts), end_s=np.array(starts) + HOUR)
    stack = MemoryStack.of(patterns, times=times)
    return [str(problem) for problem in survey.warnings(stack, instrument, two_theta_range)]


def stated(**said: object) -> PatternHeader:
    return PatternHeader(
        format="test",
        **({"wavelengths": (1.5406,), "anode": "Cu", "goniometer_radius_mm": 217.5} | said),  # type: ignore[arg-type]
    )


def test_scans_that_are_as_the_recipe_says_are_not_told_of() -> None:
    assert told([scan(i) for i in range(5)], starts=[HOUR * i for i in range(5)]) == []


@pytest.mark.parametrize(
    ("header", "code", "found"),
    [
        (stated(goniometer_radius_mm=240.0), "W102", "240 mm in 2 scans (s3.xy, s6.xy) against 217.5 mm"),
        (stated(wavelengths=(1.5418,)), "W101", "1.5418 Å in 2 scans (s3.xy, s6.xy) against 1.54059 Å"),
        (stated(anode="CO", wavelengths=()), "W105", "Co in 2 scans (s3.xy, s6.xy) against Cu"),
        (stated(anode="Co"), "W105", "Co in 2 scans"),
        (stated(anode="Co", wavelengths=(1.789,)), "W101", "1.789 Å in 2 scans"),
    ],
)
def test_another_instrument_in_later_scans_is_one_line(header: PatternHeader, code: str, found: str) -> None:
    (line,) = told([scan(i, header=header if i in (3, 6) else CU) for i in range(8)])
    assert line.startswith(code) and found in line


def test_many_scans_of_many_radii_are_still_one_line() -> None:
    headers = [stated(goniometer_radius_mm=radius) for radius in (217.5, 240.0, 141.0)]
    (line,) = told([scan(i, header=headers[i % 3]) for i in range(12)])
    assert "240 mm in 4 scans (s1.xy, s4.xy, s7.xy, …), 141 mm in 4 scans (s2.xy" in line


def test_a_wavelength_that_drifts_from_scan_to_scan_is_still_a_short_line() -> None:
    headers = [stated(wavelengths=(1.542 + 1e-5 * i,)) for i in range(100)]
    (line,) = told([scan(i, header=header) for i, header in enumerate(headers)])
    assert "1.54202 Å in 1 scan (s2.xy), …" in line and len(line) < 300


def test_a_wavelength_of_the_recipe_alone_has_no_anode() -> None:
    synchrotron = Instrument(lines=((0.4939, 1.0),), geometry="debye-scherrer")
    assert told([scan(0, header=stated(anode="Cu", wavelengths=()))], instrument=synchrotron) == []


@pytest.mark.parametrize(
    ("pauses", "count"),
    [([1.0, 1.0, 1.0], 0), ([1.0, 100.0 * 24.0, 1.0, 60.0 * 24.0], 2), ([40.0 * 24.0], 1), ([48.0, 1.0], 0)],
)
def test_pauses_of_months_are_told(pauses: list[float], count: int) -> None:
    starts = [0.0, *(HOUR * np.cumsum(pauses))]
    lines = told([scan(i) for i in range(len(starts))], starts=starts)
    assert len(lines) == min(count, 1)
    if count == 2:
        assert lines[0].startswith("W106") and "found 2, after s1.xy: 100 days, s3.xy: 60 days" in lines[0]


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_scans_without_intensity_are_named(value: float) -> None:
    dead = np.full(GRID.size, value)
    patterns = [scan(i, counts=dead if i in (1, 4) else None) for i in range(5)]
    if np.isnan(value):
        for i in (1, 4):
            patterns[i].mask[:] = False
    (line,) = told(patterns)
    assert line.startswith("W108") and "2 scans (s1.xy, s4.xy)" in line


def test_scans_of_intensities_that_nothing_counts_are_named_in_one_line() -> None:
    patterns = [scan(i) for i in range(5)]
    for i, factor in ((0, -1.0), (1, 1e14), (3, -1.0)):
        patterns[i] = scan(i, counts=factor * patterns[i].intensity)
    (line,) = told(patterns)
    assert line.startswith("W116") and "nowhere above 0 in 2 scans (s0.xy, s3.xy)" in line
    assert "beyond 1e+15 in 1 scan (s1.xy)" in line
    assert told([scan(i, counts=patterns[2].intensity * 10.0**i - 100.0) for i in range(6)]) == []


def test_files_whose_last_number_may_be_cut_are_named() -> None:
    cut = PatternHeader(format="test", remarks=(CUT,))
    patterns = [scan(i, header=cut if i == 1 else CU, points=199 if i == 1 else 200) for i in range(3)]
    (line,) = told(patterns)
    assert line.startswith("W109") and "1 scan (s1.xy)" in line
    assert told([scan(0, header=cut)]) != []


def test_files_of_a_program_that_ends_no_last_line_are_not_taken_for_cut() -> None:
    cut = PatternHeader(format="test", remarks=(CUT,))
    assert told([scan(i, header=cut) for i in range(5)]) == []


def test_a_scan_that_ends_before_the_others_is_named_if_the_range_misses_it() -> None:
    patterns = [scan(i, points=120 if i == 2 else 200) for i in range(5)]
    (line,) = told(patterns)
    assert line.startswith("W109") and "1 scan (s2.xy), the first from 20 to 30.76" in line and "to 38 deg" in line
    assert told(patterns, two_theta_range=(21.0, 30.0)) == []


def test_a_scan_that_is_there_twice_is_named() -> None:
    (line,) = told([scan(0), scan(1), scan(2, counts=scan(1).intensity), scan(3)])
    assert line.startswith("W115") and "1 scan (s2.xy as s1.xy)" in line
