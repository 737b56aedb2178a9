"""Kernels on disk: compiled by one process, ahead of their calls, without a word if nothing is compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xrdfit.kernels.compilation.cache import LOCKS_WORK

KERNELS = """
from xrdfit.kernels.jit import kernel

@kernel
def half(x):
    return 0.5 * x

@kernel
def quarter(x):
    return half(half(x))
"""

CALLED = """
from xrdfit.kernels.compilation.cache import before_compiling
before_compiling(lambda: print("compiling"))
from tiny import half, quarter
assert quarter(2.0) == 0.5
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in (half, quarter)))
"""

AHEAD = """
import tiny
from xrdfit.kernels.compilation.ahead import calls_in, compile_calls

def run():
    assert tiny.quarter(2.0) == 0.5
    assert tiny.quarter(3) == 0.75
    assert tiny.half(2.0) == 1.0
    assert tiny.half(4.0) == 2.0

calls = calls_in(run)
print([(kernel.__name__, str(types[0])) for kernel, types in calls])
assert not tiny.quarter.signatures
compile_calls(calls[:1])
assert tiny.quarter(2.0) == 0.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.py").write_text(KERNELS)
    return tmp_path


def words(folder: Path, program: str) -> list[str]:
    """What a process prints that has its own kernels and its own cache."""
    paths = os.pathsep.join([str(folder), *filter(None, sys.path)])
    own = os.environ | {"PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_only_who_compiles_is_told_of_it_and_only_once(folder: Path) -> None:
    assert words(folder, CALLED) == ["compiling", "1"]
    assert words(folder, CALLED) == ["0"]
    (folder / "tiny.py").write_text(KERNELS.replace("0.5 * x", "x / 2.0"))
    assert words(folder, CALLED) == ["compiling", "1"]


@pytest.mark.skipif(not LOCKS_WORK, reason="this system has no locks of the kind")
def test_of_processes_that_begin_at_once_each_kernel_is_compiled_by_one(folder: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: words(folder, CALLED), range(2)))
    assert sum(int(lines[-1]) for lines in told) == 1
    assert len(list((folder / "cache").rglob("*.nbc"))) == 2


INTERRUPTED = """
import os, subprocess, sys
import numba.core.codegen as codegen
import tiny

def interrupt(*_):
    raise KeyboardInterrupt

finalize, codegen.CPUCodeLibrary.finalize = codegen.CPUCodeLibrary.finalize, interrupt
try:
    tiny.quarter(2.0)
except KeyboardInterrupt:
    codegen.CPUCodeLibrary.finalize = finalize
    subprocess.run([sys.executable, "-c", "import tiny; tiny.quarter(2.0)"], check=True, timeout=60)
    print("not kept waiting")
"""


def test_who_interrupts_a_compilation_keeps_nobody_waiting(folder: Path) -> None:
    assert words(folder, INTERRUPTED) == ["not kept waiting"]


def test_kernels_compiled_ahead_are_those_that_python_calls(folder: Path) -> None:
    assert words(folder, AHEAD) == ["[('quarter', 'float64'), ('quarter', 'int64'), ('half', 'float64')]"]
    assert words(folder, CALLED) == ["0"]


def test_where_nothing_can_be_kept_kernels_are_compiled_without_a_word(folder: Path) -> None:
    program = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n" + CALLED.rpartition("print")[0]
    assert words(folder, program) == []
