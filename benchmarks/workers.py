"""How much faster two workers are than one, on one machine: processes of this program's own, and Dask's.

    python benchmarks/workers.py --scans 2000

Wall-clock time from when the workers are there. Pairs are repeated; the best of each kind counts. Before, what the
machine gives: two processes, strangers to each other, that refine a part of the stack at the same time, against one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from truth import written

from xrdfit.recipe import Job, build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.series.workers import Cluster, Pool, Workers
from xrdfit.simulate import WELL_BEHAVED, simulate_stack


@contextmanager
def pool(count: int) -> Iterator[Workers]:
    with closing(Pool(count)) as those:
        yield those


@contextmanager
def dask(count: int) -> Iterator[Workers]:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=count, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0") as cluster,
        closing(Cluster(cluster.scheduler_address)) as those,
    ):
        yield those


def timed(job: Job, few: list[int], opened: Callable[[int], object], count: int) -> tuple[float, str]:
    with opened(count) as those:  # type: ignore[attr-defined]
        refine_series(job, scans=few, workers=those)
        began = time.perf_counter()
        columns = refine_series(job, workers=those).columns
        took = time.perf_counter() - began
    return took, sha256(b"".join(c.tobytes() for c in columns.values() if c.dtype != object)).hexdigest()[:10]


def stranger(recipe: Path) -> None:
    """Refine as many scans as there are, once more when told to, and say how long that took."""
    job = build_job(load_recipe(recipe))
    refine_series(job)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    refine_series(job)
    print(time.perf_counter() - began, flush=True)


def strangers(recipe: Path, count: int) -> float:
    """Seconds that the slowest of so many took."""
    words = [sys.executable, __file__, "--stranger", str(recipe)]
    those = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    for one in those:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    answers = []
    for one in those:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    for one in those:
        answers.append(float(one.communicate()[0]))
    return max(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--mode", choices=("sequential", "series"), default="sequential")
    parser.add_argument("--stranger", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stranger:
        stranger(options.stranger)
        return
    with TemporaryDirectory() as folder:
        part = simulate_stack(WELL_BEHAVED, seed=1, n_scans=max(options.scans // 8, 20))
        recipe = written(Path(folder), part, options.mode)
        pairs = [(strangers(recipe, 1), strangers(recipe, 2)) for _ in range(options.repeats)]
        one, two = (min(times) for times in zip(*pairs, strict=True))
        print(f"strangers: one {one:.2f} s, two at a time {two:.2f} s: {2.0 * one / two:.2f}")
        simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=options.scans)
        job = build_job(load_recipe(written(Path(folder), simulated, options.mode)))
        few = list(range(0, options.scans, max(options.scans // 20, 1)))
        for name, opened in (("processes", pool), ("Dask", dask)):
            runs = [[timed(job, few, opened, n) for n in (1, 2)] for _ in range(options.repeats)]
            one, two = (min(took for took, _ in of_one_kind) for of_one_kind in zip(*runs, strict=True))
            bits = {digest for pair in runs for _, digest in pair}
            print(f"{name}: one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f}; numbers {', '.join(bits)}")


if __name__ == "__main__":
    main()
