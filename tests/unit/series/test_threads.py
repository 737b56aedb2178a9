"""What is done side by side comes in its order, and fails as it would alone."""

from __future__ import annotations

import threading
import time

import pytest

from xrdfit.series.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    def late(item: int) -> int:
        time.sleep(0.002 * (5 - item % 5))
        return item * item

    assert list(Threads(count).map(late, range(12))) == [item * item for item in range(12)]


def test_two_threads_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10.0)
    assert all(place >= 0 for place in Threads(2).map(lambda _: both.wait(), range(4)))


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_call_raises_is_raised_and_the_rest_is_left(count: int) -> None:
    done: list[int] = []

    def call(item: int) -> None:
        if item == 3:
            raise ValueError("of the third")
        done.append(item)

    with pytest.raises(ValueError, match="of the third"):
        list(Threads(count).map(call, range(100)))
    assert max(done) < 10


def test_no_more_is_made_ahead_than_there_are_threads() -> None:
    made: list[int] = []
    results = Threads(2).map(made.append, range(50))
    next(results)
    time.sleep(0.05)
    assert len(made) <= 4
    results.close()  # type: ignore[attr-defined]
