"""Sequential Le Bail against known truth: errors beside the Cramer-Rao bound, and whether the esds are honest.

    python benchmarks/known_truth.py --seeds 10
    python benchmarks/known_truth.py --seeds 2 --drivers        # compiled against lmfit's leastsq

Prints, for every cell parameter over scans with more than 10 % of the phase: RMS error, the scan-by-scan bound for the
same model, their ratio, and RMS of error/esd; then how many scans were lost, and cells printed for a phase that is not
there.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import xrdfit
from xrdfit.data import SeriesResult
from xrdfit.recipe import Job
from xrdfit.simulate import (
    LEAST_FRACTION,
    SCENARIOS,
    SimulatedStack,
    cramer_rao_scan_by_scan,
    pooled_bound,
    simulate_stack,
    write_simulated,
)

CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")


def job_of(simulated: SimulatedStack, folder: Path) -> Job:
    """The job that a user would have, stack and recipe as files, but with its scans refined one after the other."""
    write_simulated(folder / "stack.h5", simulated)
    (folder / "recipe.toml").write_text(simulated.recipe_text)
    job = xrdfit.build_job(xrdfit.load_recipe(folder / "recipe.toml"))
    return replace(job, settings=replace(job.settings, mode="sequential", intensities="lebail", scope={}, drift={}))


def refine(simulated: SimulatedStack, solver: str = "compiled") -> SeriesResult:
    with TemporaryDirectory() as folder:
        job = job_of(simulated, Path(folder))
        return xrdfit.refine_series(replace(job, settings=replace(job.settings, solver=solver)))


def against_truth(scenario: str, seeds: range) -> None:
    errors, scores = defaultdict(list), defaultdict(list)
    bounds: dict[str, float] = {}
    lost = ghosts = false_present = absent = 0
    outcomes: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in seeds:
        simulated = simulate_stack(SCENARIOS[scenario], seed=seed)
        bounds = bounds or pooled_bound(simulated, cramer_rao_scan_by_scan(simulated))
        columns = refine(simulated).columns
        outcomes.update(columns["outcome"])
        for name in CELLS:
            fraction = simulated.truth[f"{name[:-2]}_fraction"]
            error = columns[name] - simulated.truth[name]
            counted = fraction > LEAST_FRACTION
            lost += int(np.count_nonzero(counted & ~np.isfinite(error)))
            ghosts += int(np.count_nonzero((fraction == 0.0) & np.isfinite(error)))
            counted &= np.isfinite(error)
            errors[name].append(error[counted])
            scores[name].append((error / columns[f"{name}_esd"])[counted])
        for phase in ("LFP", "FP"):
            nothing = simulated.truth[f"{phase}_fraction"] == 0.0
            absent += int(nothing.sum())
            false_present += int(np.count_nonzero(nothing & (columns[f"{phase}_present"] == 1)))
    seconds = (time.perf_counter() - began) / len(seeds)
    print(f"\n{scenario}: {len(seeds)} series (seeds {seeds.start} to {seeds.stop - 1}), {seconds:.1f} s a series")
    print(f"  {'':6} {'RMS error':>10} {'bound':>8} {'ratio':>6} {'RMS z':>6}   (1e-3 Å)")
    for name in CELLS:
        rms = float(np.sqrt(np.mean(np.concatenate(errors[name]) ** 2)))
        z = float(np.sqrt(np.mean(np.concatenate(scores[name]) ** 2)))
        print(f"  {name:6} {1e3 * rms:10.2f} {1e3 * bounds[name]:8.2f} {rms / bounds[name]:6.3f} {z:6.3f}")
    print(
        f"  outcomes {dict(outcomes)}; cells missing above {LEAST_FRACTION:.0%}: {lost}; "
        f"cells of absent phases: {ghosts}"
    )
    print(f"  called present where the fraction is 0: {false_present} of {absent}")


def drivers(scenario: str, seeds: range) -> None:
    worst = 0.0
    for seed in seeds:
        simulated = simulate_stack(SCENARIOS[scenario], seed=seed)
        compiled, lmfit = refine(simulated).columns, refine(simulated, "leastsq").columns
        worst = max(worst, largest_difference(compiled, lmfit))
    print(f"{scenario}: compiled against leastsq, {len(seeds)} series: at most {worst:.1e} esd apart")


def largest_difference(one: dict, other: dict) -> float:
    """Largest |difference| / esd over all refined columns; infinite where one has a value and the other none."""
    worst = 0.0
    for name, esd in one.items():
        base = name.removesuffix("_esd")
        if name.endswith("_esd") and base in one:
            if (np.isfinite(one[base]) != np.isfinite(other[base])).any():
                return float("inf")
            apart = np.abs(one[base] - other[base]) / esd
            worst = max(worst, float(np.nanmax(apart, initial=0.0)))
    return worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--drivers", action="store_true")
    options = parser.parse_args()
    chosen = range(options.first_seed, options.first_seed + options.seeds)
    for each in SCENARIOS:
        (drivers if options.drivers else against_truth)(each, chosen)
