"""``xrdfit demo``: the bundled series, written and refined."""

from __future__ import annotations

from pathlib import Path

from xrdfit.cli.problems import input_error
from xrdfit.cli.refine import print_verdict, refine_into
from xrdfit.fit import fit_report
from xrdfit.io import atomic_write
from xrdfit.recipe import build_job, load_recipe
from xrdfit.report import representative_scan
from xrdfit.series import refine_one_scan
from xrdfit.simulate import CYCLER_FILE, WELL_BEHAVED, cycler_table, simulate_stack, write_cycler, write_simulated

SEED = 20260502
STACK, RECIPE, RESULTS = "stack.h5", "recipe.toml", "results"


def run_demo(directory: Path, *, refine: bool) -> int:
    """Write the series, the cycler's record and the recipe; refine it and one scan by lmfit, if asked."""
    for name in (STACK, RECIPE, RESULTS, CYCLER_FILE):
        if (directory / name).exists():
            raise input_error(
                "E180",
                "the demo is there already",
                where=directory / name,
                found="a file or directory against none",
                todo="give another directory, or remove this one",
            )
    directory.mkdir(parents=True, exist_ok=True)
    simulated = simulate_stack(WELL_BEHAVED, seed=SEED)
    write_simulated(directory / STACK, simulated)
    write_cycler(directory / CYCLER_FILE, simulated)
    atomic_write(directory / RECIPE, simulated.recipe_text + cycler_table())
    files = f"{STACK}, {CYCLER_FILE}, {RECIPE}"
    print(f"{directory}: {len(simulated)} simulated scans of a LiFePO4 cell over one cycle ({files})")
    if not refine:
        print(f"refine them with: xrdfit refine {directory / RECIPE}")
        return 0
    job = build_job(load_recipe(directory / RECIPE))
    print("refining")
    result = refine_into(job, directory / RESULTS)
    scan = representative_scan(result)
    print(f"\nscan {scan} refined by lmfit (leastsq, analytic Jacobian, line areas solved along):\n")
    print(fit_report(refine_one_scan(job, scan)))
    print()
    print_verdict(result, directory / RESULTS)
    return 0
