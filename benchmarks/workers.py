"""How much faster two workers are than one, on one machine: processes of this program's own, and Dask's.

    python benchmarks/workers.py --scans 2000

Wall-clock time from when the workers are there. Each pair is repeated; the best of each counts.
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--mode", choices=("sequential", "series"), default="sequential")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=options.scans)
        job = build_job(load_recipe(written(Path(folder), simulated, options.mode)))
        few = list(range(0, options.scans, max(options.scans // 20, 1)))
        for name, opened in (("processes", pool), ("Dask", dask)):
            runs = {n: [timed(job, few, opened, n) for _ in range(options.repeats)] for n in (1, 2)}
            one, two = (min(took for took, _ in runs[n]) for n in (1, 2))
            bits = {digest for n in runs for _, digest in runs[n]}
            print(f"{name}: one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f}; numbers {', '.join(bits)}")


if __name__ == "__main__":
    main()
