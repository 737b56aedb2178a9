"""How long a first run waits for its kernels, and whether it gives the bits of later ones.

    python benchmarks/cold_start.py

A series is refined by processes of their own: one with an empty cache that is helped as on the command line, one that
is not; each followed by one that loads its kernels. Times are since a process began; CPU is its own, not the helpers'.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

BEGAN = "XRDFIT_BENCHMARK_BEGAN"


def refined(recipe: Path, *, ahead: bool, workers: int) -> dict[str, float | int | str]:
    """Refine in this process; when its first scan was there and when all were, and a checksum of all numbers."""
    began = float(os.environ[BEGAN])
    from xrdfit import build_job, load_recipe, refine_series
    from xrdfit.cli.compiling import tell_of_compiling
    from xrdfit.kernels.jit import KERNELS
    from xrdfit.series.workers import Here, Pool

    seen: list[float] = []
    if ahead:
        tell_of_compiling(of_series=True)
    those = Pool(workers) if workers else Here()
    job = build_job(load_recipe(recipe))
    columns = refine_series(job, workers=those, progress=lambda *_: seen.append(time.time() - began)).columns
    those.close()
    numbers = b"".join(column.tobytes() for column in columns.values() if column.dtype != object)
    return {
        "first": seen[0],
        "all": time.time() - began,
        "cpu": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
        "kernels": sum(sum(kernel.stats.cache_misses.values()) for kernel in KERNELS),
        "bits": hashlib.sha256(numbers).hexdigest()[:12],
    }


def measured(recipe: Path, cache: Path, *words: str) -> dict[str, float | int | str]:
    """The same by a new process with its own cache."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), BEGAN: str(time.time())}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path[1:]))
    program = [sys.executable, __file__, "--recipe", str(recipe), *words]
    return json.loads(subprocess.run(program, env=environment, capture_output=True, check=True).stdout)


def written(folder: Path, mode: str) -> Path:
    from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=12)
    write_simulated(folder / "stack.h5", simulated)
    text = simulated.recipe_text
    if mode == "sequential":
        text = text.partition("[refine.scope]")[0] + '[refine]\nmode = "sequential"\n'
    (folder / f"{mode}.toml").write_text(text, encoding="utf-8")
    return folder / f"{mode}.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", choices=("series", "sequential"), default="series")
    parser.add_argument("--skip-alone", action="store_true", help="without the process that compiles alone")
    parser.add_argument("--recipe", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ahead", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.recipe is not None:
        print(json.dumps(refined(options.recipe, ahead=options.ahead, workers=options.workers)))
        return
    with TemporaryDirectory() as text:
        folder = Path(text)
        recipe = written(folder, options.mode)
        rows = {"cold, helped": measured(recipe, folder / "two", "--ahead")}
        rows["warm after it"] = measured(recipe, folder / "two")
        if not options.skip_alone:
            rows["cold, alone"] = measured(recipe, folder / "one")
            rows["warm after it, two workers"] = measured(recipe, folder / "one", "--workers", "2")
    print(f"{'':28s}first scan       all       CPU  compiled  bits")
    for name, row in rows.items():
        times = "".join(f"{row[column]:8.1f} s" for column in ("first", "all", "cpu"))
        print(f"{name:28s}{times}{row['kernels']:10d}  {row['bits']}")
    print("the same bits" if len({row["bits"] for row in rows.values()}) == 1 else "OTHER BITS")


if __name__ == "__main__":
    main()
