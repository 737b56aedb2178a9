"""Ctrl-C that is heard wherever it comes, and how the program leaves then.

What is raised in a finaliser, in what a compiled library calls back, or where a weak reference ends, Python tells on
standard error and forgets. So an interrupt comes again and again until somebody has said that it was heard, but not
while what it has ended is being cleared up; and that one of them was forgotten is not told.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

EXIT_INTERRUPTED = 130
_AGAIN_S = 0.05
# Below this function modules are imported, and compiled ones may end the process on an exception.
_IMPORT = "_find_and_load"
_asked, _heard = threading.Event(), threading.Event()


def hear_interrupts() -> None:
    """From now on every Ctrl-C reaches the main thread, late if need be."""
    here = threading.current_thread() is threading.main_thread() and hasattr(signal, "pthread_kill")
    if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = _tell


def interrupt(number: int, frame: FrameType | None) -> None:
    """The handler: ends what is done at a frame, and looks again in a moment whether it has."""
    _asked.set()
    if _heard.is_set():
        return
    # To the main thread, which may be waiting for something.
    again = threading.Timer(_AGAIN_S, signal.pthread_kill, (threading.main_thread().ident, number))
    again.daemon = True
    again.start()
    if not _comes_of_it(sys.exception()) and not _importing(frame):
        raise KeyboardInterrupt


def _tell(forgotten: sys.UnraisableHookArgs) -> None:
    """What Python has forgotten, but for an interrupt, which comes again."""
    if not (_asked.is_set() and issubclass(forgotten.exc_type, KeyboardInterrupt)):
        sys.__unraisablehook__(forgotten)


def heard() -> None:
    """The program ends: no interrupt comes any more."""
    _heard.set()


def asked_for() -> bool:
    """Whether there was a Ctrl-C: what ends the program then is that, whatever a library has made of it."""
    return _asked.is_set()


def _comes_of_it(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != _IMPORT:
        frame = frame.f_back
    return frame is not None


def leave(code: int) -> NoReturn:
    """End the program. After an interrupt at once: a thread that has been at a kernel might end it otherwise."""
    if code == EXIT_INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
