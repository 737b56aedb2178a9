"""What writing results and drawing a progress bar add to the CPU time of a series.

    python benchmarks/writing_cost.py --scans 420 --repeats 5

The runs with and without take turns; the smallest CPU time of each counts. Figures and the page are made after a run;
their time stands apart.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from xrdfit.cli import refine as cli
from xrdfit.cli.figures import results_figures
from xrdfit.recipe import Job, build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated


def cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def written(folder: Path, n_scans: int) -> Job:
    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_scans)
    write_simulated(folder / "stack.h5", simulated)
    recipe = folder / "recipe.toml"
    recipe.write_text(simulated.recipe_text, encoding="utf-8")
    return build_job(load_recipe(recipe))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=420)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    # As in ``xrdfit refine``, but for figures and page, and with a bar that believes it is drawn on a terminal.
    page = cli.write_report
    cli.results_figures = cli.write_report = lambda *_: None  # type: ignore[assignment]
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    cli.Console = lambda **_: Console(file=nowhere, force_terminal=True)  # type: ignore[assignment,misc]
    with TemporaryDirectory() as folder:
        job = written(Path(folder), options.scans)
        refine_series(job)
        bare, whole = [], []
        for repeat in range(options.repeats):
            bare.append(cpu(lambda: refine_series(job)))
            target = Path(folder) / f"results-{repeat}"
            whole.append(cpu(lambda target=target: cli.refine_into(job, target)))
        figures = cpu(lambda: results_figures(target))
        paged = cpu(lambda: page(target, target))
    added = min(whole) - min(bare)
    print(f"{options.scans} scans, CPU time, least of {options.repeats}")
    print(f"refined {min(bare):.2f} s; with files and progress {min(whole):.2f} s: {added / min(bare):+.1%}")
    print(f"figures, whatever the number of scans: {figures:.2f} s; page: {paged:.2f} s")


if __name__ == "__main__":
    main()
