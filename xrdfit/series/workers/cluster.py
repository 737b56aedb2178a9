"""A running Dask cluster."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import xrdfit
from xrdfit.data import ScanStack
from xrdfit.errors import InputError, Problem
from xrdfit.series.workers.one_thread import one_thread
from xrdfit.series.workers.protocol import Context, Listed, LostWorkersError, Result, Task

# Seconds after which nobody is thought to answer any more.
_PATIENCE_S = 10.0
# Tasks for each worker that may be ahead of what has been fetched.
_AHEAD = 4
# Bytes of a context that may go with every task.
_LITTLE = 1 << 20
# What a worker says of its xrdfit. It must be said in words that a worker without one understands.
_VERSION = "__import__('xrdfit').__version__"


class Cluster:
    """`Workers` of a Dask cluster; the scheduler gives the task of a worker that is lost to another one.

    A context manager: the cluster is left with its block, and goes on.

    Raises
    ------
    InputError
        If Dask is not installed, nobody answers, or a worker has no xrdfit, or another one than this process.
    """

    def __init__(self, address: str) -> None:
        self._client = _connected(address)
        self._address = address
        self._context: tuple[object, Any] | None = None
        try:
            self._check_versions()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def count(self) -> int:
        return max(sum(self._client.nthreads().values()), 1)

    @property
    def threads(self) -> int:
        return 1

    def check_scans(self, stack: ScanStack) -> None:
        """Let every worker read the first scan.

        Raises
        ------
        InputError
            If one cannot: it does not see the files.
        """
        answers = self._client.run(_complaint, stack, on_error="return")
        wrong = {worker: str(answer) for worker, answer in answers.items() if answer is not None}
        if wrong:
            raise InputError(
                *(
                    _problem(
                        "E167",
                        "a worker cannot read the scans",
                        where=worker,
                        found=" ".join(answer.split())[:200],
                        todo="put the files where all workers see them under the same path, or work with --workers",
                    )
                    for worker, answer in wrong.items()
                )
            )

    def map(
        self, function: Callable[[Context, Task], Result], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.map`; which worker does a task is up to the scheduler."""
        waiting: deque[Any] = deque()
        todo = iter(range(len(tasks)))
        try:
            while True:
                with self._loss_told():
                    ahead = _AHEAD * self.count
                    for index in islice(todo, max(ahead - len(waiting), 0)):
                        asked = pickle.dumps((function, tasks[index]))
                        waiting.append(self._client.submit(_done, self._shared(context), asked, pure=False))
                if not waiting:
                    return
                yield pickle.loads(self._fetched(waiting[0]))
                waiting.popleft().release()
        finally:
            with suppress(OSError):
                self._client.cancel(list(waiting))

    def _shared(self, context: object) -> Any:
        """The context, which goes with every task: were it on the cluster, tasks would crowd where it is.

        If it is large it is on the cluster all the same. It is not put there but made there: if it is lost with its
        worker, the scheduler can have it made again.
        """
        if self._context is None or self._context[0] is not context:
            # Another one that is equal is another one.
            packed = pickle.dumps((uuid4().bytes, context))
            little = len(packed) < _LITTLE
            self._context = (context, packed if little else self._client.submit(_unpacked, packed, pure=False))
        return self._context[1]

    def chain(
        self, function: Callable[[Context, Task], Iterable[Result]], tasks: Sequence[Task], context: Context
    ) -> Iterator[Result]:
        """See `Workers.chain`."""
        return chain.from_iterable(self.map(Listed(function), tasks, context))

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

    def _fetched(self, future: Any) -> bytes:
        from dask.distributed import KilledWorker

        while True:
            with self._loss_told():
                try:
                    return future.result(timeout=_PATIENCE_S)
                except KilledWorker as error:
                    raise LostWorkersError(f"{error.task} has cost worker after worker its life") from error
                except TimeoutError:
                    if future.done():  # it is the task's own
                        raise
                if not self._client.nthreads():
                    raise LostWorkersError(f"the scheduler {self._address} has no workers any more")

    @contextmanager
    def _loss_told(self) -> Iterator[None]:
        """Turn what Dask raises when the scheduler is gone into one message; what a task raises goes through."""
        from dask.distributed import CancelledError

        try:
            yield
        except (CancelledError, OSError) as error:
            if not type(error).__module__.startswith(("concurrent", "distributed")):
                raise
            raise LostWorkersError(f"the scheduler {self._address} is gone: {error}") from error

    def _check_versions(self) -> None:
        answers = self._client.run(eval, _VERSION, on_error="return")
        here = xrdfit.__version__
        wrong = {worker: answer for worker, answer in answers.items() if answer != here}
        if wrong:
            raise InputError(
                *(
                    _problem(
                        "E166",
                        "a worker has another xrdfit" if isinstance(answer, str) else "a worker has no xrdfit",
                        where=worker,
                        found=f"{' '.join(str(answer).split())[:120]} against {here}",
                        todo="install the same version in the environment of all workers",
                    )
                    for worker, answer in wrong.items()
                )
            )


def _connected(address: str) -> Any:
    """A client of the scheduler, which has workers."""
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise InputError(
            _problem(
                "E164",
                "Dask is not installed",
                where="--scheduler",
                found=str(error),
                todo='pip install "operando-xrdfit[dask]", or work with --workers',
            )
        ) from None
    # Failures are told once, and in our own words.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(
            _problem(
                "E165",
                "the scheduler cannot be reached",
                where=address,
                found=f"{' '.join(str(error).split())[:160]} against an answer within {_PATIENCE_S:.0f} s",
                todo="start it with dask scheduler, or correct the address: tcp://host:8786",
            )
        ) from None
    if not client.nthreads():
        client.close()
        raise InputError(
            _problem(
                "E165",
                "the scheduler has no workers",
                where=address,
                found="0 workers against at least one",
                todo=f"start some with dask worker {address} --nthreads 1",
            )
        )
    return client


def _done(shared: Any, asked: bytes) -> bytes:
    """What the function says of its task, in one piece: Dask sends every array of an object by itself."""
    function, task = pickle.loads(asked)
    with one_thread():
        return pickle.dumps(function(_context(shared) if isinstance(shared, bytes) else shared, task))


def _unpacked(packed: bytes) -> Any:
    return pickle.loads(packed)[1]


@lru_cache(maxsize=2)
def _context(packed: bytes) -> Any:
    """The same object for all tasks of this worker that come with it."""
    return _unpacked(packed)


def _complaint(stack: ScanStack) -> str | None:
    try:
        stack.read(0)
    except (InputError, OSError) as error:
        return str(error)
    return None


def _problem(code: str, what: str, *, where: str, found: str, todo: str) -> Problem:
    return Problem(code=code, what=what, where=where, found=found, todo=todo)
