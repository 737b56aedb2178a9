"""A pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from xrdfit.series.workers.protocol import Context, Listed, LostWorkersError, Result, Task
from xrdfit.series.workers.seat import Seat, StartMethod

# Tasks for each process that may be ahead of what has been fetched.
_AHEAD = 4
# Processes that a task may cost before it is given up.
_MOST_DEATHS = 3


class Pool:
    """`Workers` that are processes of their own; one that dies is replaced.

    A context manager: the processes end with its block.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._start_method = _start_method()
        self._seats: list[Seat] = []
        self._context: tuple[object, bytes] | None = None

    @property
    def threads(self) -> int:
        """As many: the processes are idle meanwhile."""
        return self.count

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def map(
        self, function: Callable[[Context, Task], Result], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.map`."""
        if self._context is None or self._context[0] is not context:
            self._context = (context, bytes(ForkingPickler.dumps(context)))
        while len(self._seats) < min(self.count, len(tasks)):
            self._seats.append(Seat(self._start_method))
        run = _Run(self._start_method, self._seats, function, tasks, self._context[1])
        return (run.fetch(index) for index in range(len(tasks)))

    def chain(
        self, function: Callable[[Context, Task], Iterable[Result]], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.chain`."""
        return chain.from_iterable(self.map(Listed(function), tasks, context))

    def close(self) -> None:
        """End the processes."""
        for seat in self._seats:
            seat.close()
        self._seats.clear()


@dataclass(slots=True)
class _Run:
    """One map: which tasks wait for which seat, and what has come back."""

    start_method: StartMethod
    seats: list[Seat]
    function: Callable[[Any, Any], Any]
    tasks: Sequence[Any]
    context: bytes
    queues: list[deque[int]] = field(init=False)
    results: dict[int, Any] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        n_seats = len(self.seats)
        self.queues = [deque(range(first, len(self.tasks), n_seats)) for first in range(n_seats)]

    def fetch(self, wanted: int) -> Any:
        """The result of a task; results before it have been fetched."""
        while True:
            limit = wanted + _AHEAD * len(self.seats)
            for place, queue in enumerate(self.queues):
                # Towards the end a second task is better kept for whoever is free first.
                plenty = sum(map(len, self.queues)) > 2 * len(self.seats)
                self._give(place, queue, limit, at_hand=2 if plenty else 1)
            for place, seat in enumerate(self.seats):
                if not seat.given and any(self.queues):
                    self._give(place, min(filter(None, self.queues)), limit, at_hand=1)
            self._collect(timeout=0.0 if wanted in self.results else None)
            if wanted in self.results:
                return self.results.pop(wanted)

    def _give(self, place: int, queue: deque[int], limit: int, *, at_hand: int) -> None:
        """Give a seat tasks of a queue, below the limit, until it has so many at hand."""
        seat = self.seats[place]
        while queue and queue[0] < limit and len(seat.given) < at_hand:
            index = queue.popleft()
            try:
                seat.give((self, index), self.function, self.tasks[index], self.context)
            except OSError:
                self._replace(place)
                return

    def _collect(self, timeout: float | None) -> None:
        """Take the answers that are there, or wait for one."""
        ready = wait([seat.connection for seat in self.seats if seat.given], timeout)
        for place, seat in enumerate(self.seats):
            if seat.connection in ready:
                try:
                    (run, index), success, value = seat.answer()
                except (EOFError, OSError):
                    self._replace(place)
                    continue
                if run is not self:
                    continue  # an answer to a map that was not fetched to its end
                if not success:
                    raise value
                self.results[index] = value

    def _replace(self, place: int) -> None:
        """Put a new process where one has died, and its tasks back; the one that it was at is what it may have died of.

        Raises
        ------
        LostWorkersError
            If that task has cost too many lives.
        """
        seat = self.seats[place]
        seat.close()
        back = [index for run, index in seat.given if run is self]
        self.queues[place].extendleft(reversed(back))
        if back:
            self.deaths[back[0]] += 1
            if self.deaths[back[0]] == _MOST_DEATHS:
                raise LostWorkersError(
                    f"{_MOST_DEATHS} worker processes died of one task, the last one with exit code "
                    f"{seat.process.exitcode}: fewer workers need less memory"
                )
        self.seats[place] = Seat(self.start_method)


def _start_method() -> StartMethod:
    """Processes that share nothing with this one but code.

    A fork of this process would inherit its threads' locks. A server that has imported everything once gives birth in
    20 ms to what takes 2 s of imports from nothing, and shares the memory of the code; it is started while this
    process still has other things to do.
    """
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    start_method = multiprocessing.get_context("forkserver")
    start_method.set_forkserver_preload(["xrdfit.series"])
    forkserver.ensure_running()
    return start_method
