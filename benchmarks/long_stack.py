"""Memory and rate of a stack that is much longer than those one looks at.

    python benchmarks/long_stack.py --scans 100000

The stack is made, and refined as on the command line, each by a process of its own. Rates are of equal parts of the
steps that the run reports, in CPU time, and beside them how long a pattern of the reference case with its Jacobian took
in the same minutes: a run of a quarter of an hour sees a machine at several speeds.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

_PARTS = 20
_MARKS = 20  # a part


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a run has come: seconds of CPU, those of gauging taken off, and of one gauging; kilobytes."""

    done: int
    total: int
    seconds: float
    gauge: float
    peak: int


def make(folder: Path, n_scans: int, mode: str) -> None:
    from truth import written

    from xrdfit.simulate import WELL_BEHAVED, simulate_stack

    written(folder, simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_scans), mode)


def refine(folder: Path) -> None:
    from xrdfit.bench.cases import laboratory
    from xrdfit.bench.one_scan import Kernels
    from xrdfit.cli import refine as cli
    from xrdfit.recipe import build_job, load_recipe

    kernels = Kernels.of(laboratory())
    kernels.pattern_and_jacobian()
    marks: list[Mark] = []
    spent = 0.0
    inner = cli.refine_series

    def timed(job: Any, *, progress: Callable[[int, int, str], None], **rest: Any) -> Any:
        def step(done: int, total: int, word: str) -> None:
            nonlocal spent
            if not marks or done * _PARTS * _MARKS // total > marks[-1].done * _PARTS * _MARKS // total:
                since = time.process_time()
                for _ in range(100):
                    kernels.pattern_and_jacobian()
                gauge = time.process_time() - since
                marks.append(Mark(done, total, since - spent, gauge / 100, _peak()))
                spent += gauge
            progress(done, total, word)

        return inner(job, progress=step, **rest)

    cli.refine_series = timed
    began = time.process_time()
    result = cli.refine_into(build_job(load_recipe(folder / "recipe.toml")), folder / "results", quiet=True)
    took = time.process_time() - began - spent
    for part in _parts(marks):
        first, last = part[0], part[-1]
        rate = (last.seconds - first.seconds) / (last.done - first.done)
        # What was slow for a moment only was so in few of the gaps between marks.
        typical = median((b.seconds - a.seconds) / (b.done - a.done) for a, b in pairwise(part))
        gauge = median(mark.gauge for mark in part)
        print(
            f"  steps to {last.done / last.total:4.0%}: {rate * 1e3:6.2f} ms each, median {typical * 1e3:6.2f}; "
            f"gauge {gauge * 1e3:.4f} ms; {typical / gauge:6.1f} gauges each; peak so far {last.peak / 1024:5.0f} MB"
        )
    n_scans = len(result.columns["source"])
    print(f"  {n_scans} scans, {took * 1e3 / n_scans:.2f} ms each, all in; peak {_peak() / 1024:.0f} MB")


def _parts(marks: list[Mark]) -> list[list[Mark]]:
    """The marks of equal parts of a run, each part from the last mark of the one before."""
    ends = [i for i, (a, b) in enumerate(pairwise(marks), 1) if b.done * _PARTS // b.total > a.done * _PARTS // a.total]
    return [marks[a : b + 1] for a, b in pairwise([0, *ends])]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=100_000)
    parser.add_argument("--mode", choices=("sequential", "series"), default="sequential")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--do", choices=("make", "refine"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do == "make":
        make(options.folder, options.scans, options.mode)
    elif options.do == "refine":
        refine(options.folder)
    else:
        with TemporaryDirectory() as folder:
            for step in ("make", "refine"):
                words = ["--do", step, "--folder", folder, "--scans", str(options.scans), "--mode", options.mode]
                subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
