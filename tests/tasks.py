"""Things to do for workers; a worker imports them from here."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import parent_process
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, ScanStack, ScanTimes

Numbers = NDArray[np.float64]


class Shared:
    """A context that counts what is done with it in one process, and how often it was sent."""

    def __init__(self, number: float = 0.0) -> None:
        self.number = number
        self.done = 0

    def __getstate__(self) -> dict[str, float]:
        return {"number": self.number}

    def __setstate__(self, state: dict[str, float]) -> None:
        self.number = state["number"]
        self.done = 0


def add(shared: Shared, task: float) -> float:
    return shared.number + task


def count_here(shared: Shared, task: int) -> tuple[int, int]:
    """Process and how many tasks it has done with what it was sent."""
    shared.done += 1
    return os.getpid(), shared.done


def slow_at_first(shared: Shared, task: int) -> int:
    time.sleep(0.3 if task == 0 else 0.0)
    return task


def linear_algebra(shared: Shared, task: int) -> Numbers:
    rng = np.random.default_rng(task)
    matrix = rng.normal(size=(20, 20))
    return np.linalg.solve(matrix @ matrix.T + np.eye(20), rng.normal(size=20))


def die_once(mark: Path, task: int) -> int:
    """The first process that is given task 3 is killed."""
    if task == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 10 * task


def always_die(mark: None, task: int) -> None:
    if task == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def refuse_two(mark: None, task: int) -> int:
    if task == 2:
        raise ValueError("not two")
    return task


def not_to_be_sent(mark: None, task: int) -> object:
    return lambda: task


def bytes_of(mark: None, task: int) -> bytes:
    return bytes(task)


def name_after_pause(directory: Path, task: int) -> int:
    """Leaves a file when it begins."""
    (directory / f"{task}").touch()
    return task


class DeadlyStack:
    """A stack in memory; the first worker that reads this scan of it is killed."""

    def __init__(self, stack: ScanStack, scan: int, mark: Path) -> None:
        self.stack, self.scan, self.mark = stack, scan, mark

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def sources(self) -> tuple[str, ...]:
        return self.stack.sources

    @property
    def times(self) -> ScanTimes | None:
        return self.stack.times

    def read(self, index: int) -> Pattern:
        if index == self.scan and parent_process() is not None and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.stack.read(index)


def pause(mark: None, task: int) -> int:
    time.sleep(0.1)
    return task
