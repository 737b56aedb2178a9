"""What a whole run in series mode costs, from the files that it reads to those that it writes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from xrdfit.bench.timing import summary
from xrdfit.data import SeriesResult
from xrdfit.io import SeriesFile, write_trajectories_csv
from xrdfit.recipe import build_job, load_recipe, package_versions
from xrdfit.series import refine_series
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

_WARMING = 12


def measure_series(n_scans: int, *, repeats: int) -> dict[str, Any]:
    """Times of a series of the reference case, start-up and compiling left out."""
    with TemporaryDirectory(prefix="xrdfit-bench-") as folder:
        _refine(_written(Path(folder) / "warming", _WARMING))
        recipe = _written(Path(folder) / "timed", n_scans)
        took = []
        for _ in range(repeats):
            began = perf_counter()
            result = _refine(recipe)
            took.append((perf_counter() - began) / n_scans)
    per_scan = summary(took)
    iterations = re.search(r"(\d+) iterations", " ".join(result.notes))
    return per_scan.as_json() | {
        "scans": n_scans,
        "scans_per_second": 1e3 / per_scan.min_ms,
        "iterations": int(iterations.group(1)) if iterations else None,
        "evaluations": int(result.columns["nfev"].sum()),
        "outcomes": dict(Counter(str(outcome) for outcome in result.columns["outcome"])),
    }


def _written(folder: Path, n_scans: int) -> Path:
    """The recipe of a simulated stack, both written."""
    folder.mkdir()
    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_scans)
    write_simulated(folder / "stack.h5", simulated)
    recipe = folder / "recipe.toml"
    recipe.write_text(simulated.recipe_text, encoding="utf-8")
    return recipe


def _refine(recipe: Path) -> SeriesResult:
    """As ``xrdfit refine`` does it, without figures."""
    job = build_job(load_recipe(recipe))
    with (
        TemporaryDirectory(dir=recipe.parent) as target,
        SeriesFile(
            Path(target),
            recipe_text=job.recipe_text,
            recipe_hash=job.recipe_hash,
            versions=package_versions(),
            stack=job.stack,
        ) as series_file,
    ):
        result = refine_series(job, writer=series_file)
        series_file.finish(result)
        write_trajectories_csv(Path(target) / "trajectories.csv", result)
    return result
