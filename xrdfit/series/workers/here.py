"""The work done in this process, one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from xrdfit.series.workers.protocol import Context, Result, Task


class Here:
    """`Workers` that are this process."""

    count = threads = 1

    def map(
        self, function: Callable[[Context, Task], Result], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.map`."""
        return (function(context, task) for task in tasks)

    def chain(
        self, function: Callable[[Context, Task], Iterable[Result]], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.chain`."""
        for task in tasks:
            yield from function(context, task)

    def close(self) -> None:
        """There is nobody to let go."""
