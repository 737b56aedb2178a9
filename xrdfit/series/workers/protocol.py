"""What a series asks of those who do its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from xrdfit.errors import NoResultError

Context = TypeVar("Context")
Task = TypeVar("Task")
Result = TypeVar("Result")


class LostWorkersError(NoResultError):
    """Workers die of a task again and again, or cannot be reached any more."""


class Workers(Protocol):
    """Those to whom the tasks of a series are given.

    The numbers that come back depend neither on who they are nor on how many. A worker that is lost costs time: what
    it had to do is done again.
    """

    @property
    def count(self) -> int:
        """How many tasks are done at a time."""
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

    def close(self) -> None:
        """Let them go; what they are doing is lost."""
        ...
