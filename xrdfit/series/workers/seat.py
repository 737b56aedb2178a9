"""One process of a pool: what it runs, and the pipe that leads to it.

`concurrent.futures` would do, but for two things: a process that dies takes all others of its executor with it, and
nothing can be given to each process once.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import Any

from xrdfit.series.workers.one_thread import one_thread

StartMethod = ForkServerContext | SpawnContext


class Seat:
    """A process at work; tasks are answered in the order in which they were given.

    Attributes
    ----------
    given : marks of the tasks that have not been answered.
    """

    def __init__(self, start_method: StartMethod) -> None:
        self.connection, far_end = start_method.Pipe()
        self.process = start_method.Process(target=_serve, args=(far_end,), daemon=True)
        with _no_script():
            self.process.start()
        # Only with its other end in no other hands does the pipe tell that the process is gone.
        far_end.close()
        self.given: deque[Any] = deque()
        self._context: bytes | None = None

    def give(self, mark: Any, function: Callable[[Any, Any], Any], task: Any, context: bytes) -> None:
        """Give a task with its pickled context, which is sent only if the process has another one.

        Raises
        ------
        OSError
            If the process is gone.
        """
        self.given.append(mark)
        self.connection.send((function, task, None if context is self._context else context))
        self._context = context

    def answer(self) -> tuple[Any, bool, Any]:
        """The next answer: mark of the task, whether it succeeded, and its result or what it raised.

        Raises
        ------
        EOFError, OSError
            If the process is gone.
        """
        success, value = self.connection.recv()
        return self.given.popleft(), success, value

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


@contextmanager
def _no_script() -> Iterator[None]:
    """A process that is started here does not run the user's script once more, which may start with a refinement.

    It needs none of its names: what it is given to do are functions of xrdfit.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(connection: Connection) -> None:
    """What the process does: tasks as they come, until the other end of the pipe is closed."""
    # An interrupt from the keyboard reaches all processes of a terminal; it is the first one's to say what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    inbox, outbox = SimpleQueue[bytes](), SimpleQueue[tuple[bool, Any]]()
    # Neither does a process wait for its next task while it is sent, nor for somebody to fetch a result.
    Thread(target=_receive, args=(connection, inbox), daemon=True).start()
    Thread(target=_send, args=(connection, outbox), daemon=True).start()
    context = None
    with one_thread():
        while True:
            try:
                function, task, packed = pickle.loads(inbox.get())
                if packed is not None:
                    context = pickle.loads(packed)
                outbox.put((True, function(context, task)))
            except Exception as error:
                outbox.put((False, error))


def _receive(connection: Connection, inbox: SimpleQueue[bytes]) -> None:
    while True:
        try:
            inbox.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)  # whatever is being computed, nobody wants it any more


def _send(connection: Connection, outbox: SimpleQueue[tuple[bool, Any]]) -> None:
    while True:
        answer = outbox.get()
        try:
            packed = bytes(ForkingPickler.dumps(answer))
        except Exception as error:
            packed = bytes(ForkingPickler.dumps((False, TypeError(f"a result that cannot be sent: {error}"))))
        try:
            connection.send_bytes(packed)
        except OSError:
            os._exit(0)
