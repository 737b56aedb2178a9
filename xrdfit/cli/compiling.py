"""The wait for kernels that are not compiled yet: told, and shared with other processes."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys

from xrdfit.kernels.compilation.cache import LOCKS_WORK, before_compiling


def tell_of_compiling(*, of_series: bool) -> None:
    """Say it once, should a kernel have to be compiled; other processes then help, if it is a series."""

    def begin() -> None:
        print(
            "compiling the numerical kernels, once for this installation: up to a minute", file=sys.stderr, flush=True
        )
        if of_series and LOCKS_WORK:
            for words in ((), ("last",))[: _cores() - 1]:
                _compile_ahead(*words)

    before_compiling(begin)


def _compile_ahead(*words: str) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program = [sys.executable, "-m", "xrdfit.cli.ahead", *words]
    nothing = subprocess.DEVNULL
    try:
        process = subprocess.Popen(program, env=environment, stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError:  # then this process compiles all of it
        return
    atexit.register(process.kill)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
