"""``python -m xrdfit.cli.ahead``: compile the kernels of a series, for processes beside the one that refines it.

That one compiles in the order of its calls. Here the longest of what the first scan needs comes first, everything else
from the end, so that the two meet in the middle; with the word ``last``, what the first scan needs is left to others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from xrdfit.fit import prepare_scan, start_values
from xrdfit.kernels.compilation.ahead import calls_in, compile_calls
from xrdfit.kernels.least_squares import minimise
from xrdfit.model import PatternModel
from xrdfit.recipe import Job, build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

# deg 2theta; one line of each phase.
_RANGE = (29.4, 31.4)


def little_job(folder: Path) -> Job:
    """A series as small as can be: two scans of some forty points."""
    simulated = simulate_stack(replace(WELL_BEHAVED, first=_RANGE[0], step=0.05, n_points=41), seed=1, n_scans=2)
    write_simulated(folder / "stack.h5", simulated)
    recipe = folder / "recipe.toml"
    recipe.write_text(simulated.recipe_text.replace("[20.0, 38.0]", str(list(_RANGE))), encoding="utf-8")
    return build_job(load_recipe(recipe))


def fit_first(job: Job) -> None:
    """The first scan as a series fits it, to what becomes of its phases."""
    model = PatternModel.of(job.instrument, job.phases, job.background)
    start = start_values(model.table, job.settings.overrides)
    # Any fit will do: what counts is which kernels are called.
    scopes = settle_scopes(model, job.settings, n_scans=1)
    fitter = ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start, tolerance=1e9)
    fitter.at_once(prepare_scan(job.stack.read(0), job.settings), start)


def compile_ahead(folder: Path, *, last: bool) -> None:
    """The kernels of a series that are not on disk yet; nothing may have called one before."""
    if not last:
        calls = calls_in(lambda: fit_first(little_job(folder)))
        compile_calls([call for call in calls if call[0] is minimise])
        compile_calls(calls[::-1])
    compile_calls(calls_in(lambda: refine_series(little_job(folder)))[::-1])


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        compile_ahead(Path(folder), last="last" in sys.argv)
