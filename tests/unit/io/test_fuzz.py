"""A short run of what `benchmarks/fuzz.py` does for as long as one likes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests import fuzzing
from tests.fuzzing import MEMORY_BYTES, attempt, fuzz, fuzz_hdf5, targets

_FILES = 6

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of a process as Linux has them")


def test_damaged_files_of_every_kind_are_read_or_told(tmp_path: Path) -> None:
    for name, target in targets(tmp_path).items():
        path = target.settle(tmp_path / name)
        assert attempt(target.read, path, target.seeds[0]) is None, name
        for turn in range(_FILES):
            finding = fuzz(target, path, random.Random(f"{name} {turn}"))
            assert finding is None, f"{name} {turn}: {finding.how}"


def test_hdf5_files_that_are_whole_but_nonsense_are_read_or_told(tmp_path: Path) -> None:
    for turn in range(5 * _FILES):
        finding = fuzz_hdf5(tmp_path / "nonsense.h5", random.Random(turn))
        assert finding is None, f"{turn}: {finding.how}"


def test_memory_time_crashes_and_foreign_exceptions_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "SECONDS", 1)

    def hungry(path: Path) -> None:
        bytearray(2 * MEMORY_BYTES)

    def endless(path: Path) -> None:
        while True:
            pass

    def crashing(path: Path) -> None:
        os.abort()

    expected = {hungry: "MemoryError", endless: "takes too long", crashing: "SIGABRT"}
    for read, how in expected.items():
        finding = attempt(read, tmp_path / "x", b"")
        assert finding is not None and how in finding.how
