"""What a series asks of those who do its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, overload

from xrdfit.errors import NoResultError

Context = TypeVar("Context")
Task = TypeVar("Task")
Result = TypeVar("Result")


class LostWorkersError(NoResultError):
    """Workers die of a task again and again, or cannot be reached any more."""

    code = "E176"
    what = "the workers are lost"
    todo = "see what became of them, and go on with --resume"


class Workers(Protocol):
    """Those to whom the tasks of a series are given.

    The numbers that come back depend neither on who they are nor on how many. A worker that is lost costs time: what
    it had to do is done again.
    """

    @property
    def count(self) -> int:
        """How many tasks are done at a time."""
        ...

    @property
    def threads(self) -> int:
        """How many threads of this process may do what is no task."""
        ...

    def map(
        self, function: Callable[[Context, Task], Result], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """``function(context, task)`` of every task, in the order of the tasks.

        Only a few tasks are done ahead of what has been fetched, so that results need not fit into memory.

        Parameters
        ----------
        function : of a module, so that a worker can import it.
        tasks : what is particular to each. The task of one number goes to the same worker every time, unless that one
            is busy and another is not.
        context : what all have in common. Every worker gets it once, and anew if it is another object than the last
            time: it must not change in between. What a worker keeps on it for itself stays with that worker.

        Raises
        ------
        LostWorkersError
            If there is nobody left to do a task. What the function raises is raised here.
        """
        ...

    def chain(
        self, function: Callable[[Context, Task], Iterable[Result]], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """The same, of a function that yields several results of a task: all of them in one row.

        They come one by one where the work is done in this process, else with their task.
        """
        ...

    def close(self) -> None:
        """Let them go; what they are doing is lost."""
        ...


@dataclass(frozen=True, slots=True)
class Listed(Generic[Context, Task, Result]):
    """A function whose results are fetched where it runs."""

    function: Callable[[Context, Task], Iterable[Result]]

    def __call__(self, context: Context, task: Task) -> list[Result]:
        return list(self.function(context, task))


@dataclass(frozen=True, slots=True)
class MadeOnDemand(Sequence[Task]):
    """Tasks that are made of something smaller when it is their turn, and not kept."""

    make: Callable[[Any], Task]
    of: Sequence[Any]

    def __len__(self) -> int:
        return len(self.of)

    @overload
    def __getitem__(self, index: int) -> Task: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...

    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return MadeOnDemand(self.make, self.of[index])
        return self.make(self.of[index])
