"""Memory and rate of a stack that is much longer than those one looks at.

    python benchmarks/long_stack.py --scans 100000

The stack is made, and refined as on the command line, each by a process of its own. Rates are of equal parts of the
steps that the run reports, in CPU time.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_PARTS = 10


def make(folder: Path, n_scans: int, mode: str) -> None:
    from truth import written

    from xrdfit.simulate import WELL_BEHAVED, simulate_stack

    written(folder, simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_scans), mode)


def refine(folder: Path) -> None:
    from xrdfit.cli import refine as cli
    from xrdfit.recipe import build_job, load_recipe

    marks: list[tuple[int, int, float, int]] = []
    inner = cli.refine_series

    def timed(job: Any, *, progress: Callable[[int, int, str], None], **rest: Any) -> Any:
        def step(done: int, total: int, word: str) -> None:
            if not marks or done * _PARTS // total > marks[-1][0] * _PARTS // total:
                marks.append((done, total, time.process_time(), _peak()))
            progress(done, total, word)

        return inner(job, progress=step, **rest)

    cli.refine_series = timed
    began = time.process_time()
    result = cli.refine_into(build_job(load_recipe(folder / "recipe.toml")), folder / "results", quiet=True)
    for (first, _, since, _), (last, total, until, peak) in pairwise(marks):
        rate = (until - since) * 1e3 / (last - first)
        print(f"  steps to {last / total:4.0%}: {rate:6.2f} ms each; peak so far {peak / 1024:5.0f} MB")
    n_scans = len(result.columns["source"])
    took = time.process_time() - began
    print(f"  {n_scans} scans, {took * 1e3 / n_scans:.2f} ms each, all in; peak {_peak() / 1024:.0f} MB")


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
