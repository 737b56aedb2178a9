"""Scans that show no pattern of the sample are found by their numbers, and sound ones are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from xrdfit.data import Pattern, RefineSettings
from xrdfit.fit import prepare_scan
from xrdfit.series.screening import Fault, fault_warnings, faults, signs_in

Array = NDArray[np.float64]
TWO_THETA = np.arange(20.0, 32.0, 0.02)
N_SCANS, BAD = 20, 7


def line(position: float, height: float, fwhm: float = 0.1) -> Array:
    return height * np.exp(-4.0 * np.log(2.0) * ((TWO_THETA - position) / fwhm) ** 2)


def series(course: Callable[[int], Array] | None = None, *, seed: int = 1) -> list[Array]:
    """Counts of scans in which one phase turns into another."""

    def turning(scan: int) -> Array:
        part = scan / (N_SCANS - 1)
        return 100.0 + (1.0 - part) * (line(23.0, 3000.0) + line(27.0, 800.0)) + part * line(25.0, 4000.0)

    rng = np.random.default_rng(seed)
    return [rng.poisson((course or turning)(scan)).astype(np.float64) for scan in range(N_SCANS)]


def found(scans: list[Array], *, keep: bool = False, two_theta: Array = TWO_THETA) -> dict[int, Fault]:
    def prepare(index: int) -> object:
        counts = scans[index]
        if counts.size == 0:
            return "no valid point"
        at = two_theta[: counts.size]
        pattern = Pattern(two_theta=at, intensity=counts, sigma=None, mask=np.isfinite(counts), source=f"[{index}]")
        return prepare_scan(pattern, RefineSettings())

    return faults(signs_in(range(len(scans)), prepare), keep=keep)  # type: ignore[arg-type]


def spoil(counts: Array, kind: str) -> Array:
    rng = np.random.default_rng(3)
    middle = counts.size // 2
    if kind == "not finite":
        counts[40] = np.inf
    elif kind == "huge":
        counts[40] = 1e17
    elif kind == "negative":
        counts[40] = -200.0
    elif kind == "saturated":
        counts = np.minimum(counts, 900.0)
    elif kind == "not whole":
        counts = counts[: int(0.8 * counts.size)]
    elif kind == "points in disorder":
        counts = rng.permutation(counts)
    elif kind == "spikes":
        counts[middle : middle + 2] += 400.0
    elif kind == "beam off":
        counts[middle:] = rng.poisson(3.0, counts.size - middle)
    elif kind == "no data":
        counts = np.empty(0)
    return counts


@pytest.mark.parametrize(
    "kind",
    ["not finite", "huge", "negative", "saturated", "not whole", "points in disorder", "spikes", "beam off", "no data"],
)
def test_a_bad_scan_is_named_with_its_kind_and_no_other_is(kind: str) -> None:
    scans = series()
    scans[BAD] = spoil(scans[BAD], kind)
    assert {index: fault.kind for index, fault in found(scans).items()} == {BAD: kind}


def test_of_two_equal_scans_the_later_one_is_left_out() -> None:
    scans = series()
    scans[BAD] = scans[BAD - 3]
    (index,), (fault,) = found(scans).keys(), found(scans).values()
    assert index == BAD and str(fault) == f"left out, repeated: the same numbers as scan {BAD - 3}"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "course",
    [
        None,
        lambda scan: 100.0 + line(25.0, 4000.0) * (scan >= 10) + line(23.0, 4000.0) * (scan < 10),
        lambda scan: 100.0 + line(25.0, 4000.0, fwhm=0.05) * (scan >= 10),
        lambda scan: (100.0 + line(25.0, 3000.0)) * (0.1 if scan >= 10 else 1.0),
        lambda scan: (100.0 + line(25.0, 3000.0)) * (0.4 if scan == 10 else 1.0),
        lambda scan: 0.5 + line(25.0, 5.0),
        lambda scan: 100.0 + line(25.0, 2000.0, fwhm=0.06) * (scan == 10),
    ],
    ids=[
        "one phase turns into another",
        "at once",
        "lines two and a half steps wide appear",
        "counted for a tenth of the time from now on",
        "half the beam for a while",
        "a few counts",
        "a phase that is there in one scan",
    ],
)
def test_sound_scans_are_not_left_out(course: Callable[[int], Array] | None, seed: int) -> None:
    assert found(series(course, seed=seed)) == {}


def test_what_most_scans_show_is_no_fault() -> None:
    saturated = [np.minimum(counts, 900.0) for counts in series()]
    assert found(saturated) == {}
    assert found([series()[0]] * 4) == {}


def test_a_beam_that_is_off_for_several_scans_is_told_of_each() -> None:
    scans = series()
    for index in range(8, 12):
        scans[index] = spoil(scans[index], "beam off")
    assert sorted(found(scans)) == [8, 9, 10, 11]


def test_scans_are_kept_if_the_recipe_says_so_but_those_without_data() -> None:
    scans = series()
    scans[3], scans[5] = spoil(scans[3], "spikes"), np.empty(0)
    assert set(found(scans)) == {3, 5}
    assert set(found(scans, keep=True)) == {5}


def test_one_warning_names_all_scans_and_kinds() -> None:
    left_out = {9: Fault("spikes", "2 points"), 4: Fault("no data", "no valid point"), 11: Fault("spikes", "1 point")}
    (warning,) = fault_warnings(left_out)
    assert warning.startswith("W411") and "scans 4, 9, 11 · found no data: 4; spikes: 9, 11 ·" in warning
    assert fault_warnings({}) == []
