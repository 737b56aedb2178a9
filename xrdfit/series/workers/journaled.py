"""Work that is remembered: what an interrupted run has done is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, cast

from xrdfit.io.packed import pack, unpack
from xrdfit.io.problems import Code, data_error
from xrdfit.series.workers.protocol import Context, Result, Task, Workers


class Records(Protocol):
    """Where finished tasks are remembered; see `xrdfit.io.Journal`."""

    def of_stage(self, stage: int) -> Iterator[bytes]: ...

    def append(self, stage: int, n_scans: int, data: bytes) -> None: ...


@dataclass(slots=True)
class Journaled:
    """`Workers` who have done some of the tasks before.

    A task is remembered when all of its results have come. Since results come in the order of the tasks, what is
    remembered is a beginning of them, and since no task depends on who does it, nor on when, the numbers are those of
    a run that was never interrupted.

    Attributes
    ----------
    kinds : the functions whose results are remembered, with the type of a result: the stages of a run.
    """

    workers: Workers
    records: Records
    kinds: Mapping[Callable[..., Any], Any]

    @property
    def count(self) -> int:
        return self.workers.count

    @property
    def threads(self) -> int:
        return self.workers.threads

    def map(
        self, function: Callable[[Context, Task], Result], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.map`; nothing of it is remembered."""
        return self.workers.map(function, tasks, context)

    def chain(
        self, function: Callable[[Context, Task], Iterable[Result]], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.chain`."""
        stage, kind = list(self.kinds).index(function), self.kinds[function]
        n_done = 0
        for data in self.records.of_stage(stage):
            yield from self._results(data, kind)
            n_done += 1
        of_task: list[Result] = []
        for result in self.workers.chain(WithEnds(function), tasks[n_done:], context):
            if isinstance(result, _End):
                self.records.append(stage, len(of_task), pack(of_task))
                of_task.clear()
            else:
                of_task.append(result)
                yield of_task[-1]

    def close(self) -> None:
        """See `Workers.close`."""
        self.workers.close()

    def _results(self, data: bytes, kind: Any) -> tuple[Any, ...]:
        try:
            return cast(tuple[Any, ...], unpack(data, tuple[kind, ...]))
        except ValueError as error:
            raise data_error(
                Code.RESULTS,
                "what an interrupted run has left is damaged",
                where="--resume",
                found=" ".join(str(error).split())[:160],
                todo="begin again with --fresh",
            ) from error


class _End:
    """Says that all results of a task have come."""


@dataclass(frozen=True, slots=True)
class WithEnds(Generic[Context, Task, Result]):
    """A function whose last result is followed by a word that it was the last."""

    function: Callable[[Context, Task], Iterable[Result]]

    def __call__(self, context: Context, task: Task) -> Iterator[Result | _End]:
        yield from self.function(context, task)
        yield _End()
