"""How long a call takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

# A repeat is at least this long, so that neither the clock's own cost and grain nor the call that it begins with count.
_LEAST_S = 1e-3
_MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of one call: the fastest repeat, the median one, and how many there were."""

    min_ms: float
    median_ms: float
    repeats: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def timed(call: Callable[[], object], *, seconds: float, repeats: int = 3) -> Timing:
    """Time a call that has run before, for about `seconds`, but `repeats` times at least."""

    def again(times: int) -> None:
        for _ in range(times):
            call()

    return timed_again(again, seconds=seconds, repeats=repeats)


def timed_again(again: Callable[[int], object], *, seconds: float, repeats: int = 3) -> Timing:
    """The same of what is called with the number of times that it is to be done."""
    again(1)
    batch = 1
    # A single call says little of how many fit into a repeat: the first ones are slow.
    while _seconds(again, batch) < _LEAST_S:
        batch *= 2
    took: list[float] = []
    end = perf_counter() + seconds
    while len(took) < repeats or (perf_counter() < end and len(took) < _MOST_REPEATS):
        took.append(_seconds(again, batch) / batch)
    return summary(took)


def _seconds(again: Callable[[int], object], batch: int) -> float:
    began = perf_counter()
    again(batch)
    return perf_counter() - began


def summary(seconds: list[float]) -> Timing:
    """What is kept of repeats that took these `seconds`."""
    return Timing(min_ms=1e3 * min(seconds), median_ms=1e3 * statistics.median(seconds), repeats=len(seconds))
