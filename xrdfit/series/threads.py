"""Calls of kernels side by side, in threads of this process: they let go of the interpreter while they run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Threads:
    """So many threads; with one, everything is done by who asks for it."""

    count: int = 1

    def map(self, call: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """What the call gives for each item, in the order of the items, and what it raises.

        No more of it is at hand than is being made or is next.
        """
        if min(self.count, len(items)) < 2:
            yield from map(call, items)
            return
        waiting: deque[Future[Result]] = deque()
        with ThreadPoolExecutor(self.count) as pool:
            try:
                for item in items:
                    if len(waiting) > self.count:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(call, item))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for one in waiting:
                    one.cancel()


ONE_THREAD = Threads()
