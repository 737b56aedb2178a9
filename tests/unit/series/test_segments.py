"""How a series is cut, and what a piece of it must know of the rest."""

from __future__ import annotations

import numpy as np
import pytest

from xrdfit.data import Outcome
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.segments import LONGEST, cut
from xrdfit.series.state import ScanRecord, Status


def known(records: dict[int, ScanRecord], *, n_phases: int) -> Neighbours:
    found = Neighbours.none(n_phases)
    for index, each in records.items():
        found.add(index, each, [state == Status.REFINED for state in each.status])
    return found


def record(*status: Status, usable: bool = True) -> ScanRecord:
    return ScanRecord(
        outcome=Outcome.CONVERGED if usable else Outcome.NO_DATA,
        message="",
        values=np.zeros(1),
        status=status,
        significance=(0.0,) * len(status),
        stands_out=(True,) * len(status),
        lines=((),) * len(status),
        line_area=np.empty(0),
        width=(0.1,) * len(status),
        chi2=1.0,
        gof=1.0,
        r_wp=0.1,
    )


@pytest.fixture
def neighbours() -> Neighbours:
    """Of 200 scans, many of which are not usable, with a first phase that is rare."""
    rng = np.random.default_rng(3)
    draws = rng.random((200, 3))
    return known(
        {
            i: record(
                Status.REFINED if draws[i, 0] < 0.03 else Status.ABSENT,
                Status.REFINED if draws[i, 1] < 0.8 else Status.HELD,
                usable=draws[i, 2] < 0.4,
            )
            for i in range(200)
        },
        n_phases=2,
    )


def test_a_short_series_is_one_segment_begun_at_its_anchor() -> None:
    (segment,) = cut(range(LONGEST), anchor=17, surveyed=[0, 17, 63], direction="outward")
    assert segment.scans == tuple(range(LONGEST))
    assert segment.order("outward") == [*range(17, LONGEST), *range(16, -1, -1)]


@pytest.mark.parametrize("n_scans", [LONGEST + 1, 1000, 1024])
def test_segments_are_even_and_hold_every_scan_once(n_scans: int) -> None:
    scans = list(range(5, 5 + 3 * n_scans, 3))
    segments = cut(scans, anchor=scans[9], surveyed=scans[::50], direction="outward")
    assert [i for segment in segments for i in segment.scans] == scans
    lengths = [len(segment.scans) for segment in segments]
    assert max(lengths) <= LONGEST
    assert max(lengths) - min(lengths) <= 1
    assert all(segment.head in segment.scans for segment in segments)
    assert segments[0].head == scans[9]


def test_a_segment_begins_where_the_survey_was_or_where_its_direction_says() -> None:
    known = [10, 100, 120]
    outward = cut(range(192), anchor=10, surveyed=known, direction="outward")
    assert [segment.head for segment in outward] == [10, 100, 160]
    forward = cut(range(192), anchor=10, surveyed=known, direction="forward")
    assert [segment.head for segment in forward] == [0, 64, 128]
    backward = cut(range(192), anchor=10, surveyed=known, direction="backward")
    assert [segment.head for segment in backward] == [63, 127, 191]


def test_a_segment_finds_the_neighbours_that_the_whole_series_has(neighbours: Neighbours) -> None:
    for first in range(0, 200, 25):
        scans = range(first, first + 25)
        own = neighbours.around(scans)
        assert len(own.records) < 25 + 8
        for index in scans:
            assert [own.nearest(index, side) for side in (-1, 0, 1)] == [
                neighbours.nearest(index, side) for side in (-1, 0, 1)
            ]
            for phase in range(2):
                assert own.nearest_seeing(index, phase) == neighbours.nearest_seeing(index, phase)


def test_the_nearest_is_never_the_scan_itself_and_the_side_decides_between_equals() -> None:
    three = known({i: record(Status.REFINED) for i in (4, 5, 6)}, n_phases=1)
    assert three.nearest(5, 1) == 6
    assert three.nearest(5, 0) == three.nearest(5, -1) == 4
    assert three.nearest_seeing(4, 0) == 5
    assert known({5: record(Status.REFINED)}, n_phases=1).nearest(5, 0) is None


def test_a_record_that_is_replaced_seeds_others_by_its_own_merit() -> None:
    both = known({i: record(Status.REFINED) for i in (4, 6)}, n_phases=1)
    both.replace(4, record(Status.REFINED, usable=False))
    assert both.nearest(5, 0) == 6
    both.replace(4, record(Status.ABSENT))
    assert both.nearest(5, 0) == 4
    assert both.nearest_seeing(5, 0) == 4
