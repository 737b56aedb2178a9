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

import numpy as np
import truth

from xrdfit.data import SeriesResult
from xrdfit.simulate import SCENARIOS, SimulatedStack, cramer_rao_scan_by_scan, pooled_bound, simulate_stack


def refine(simulated: SimulatedStack, solver: str = "compiled") -> SeriesResult:
    """Scans one after the other."""
    return truth.refine(simulated, mode="sequential", intensities="lebail", scope={}, drift={}, solver=solver)


def against_truth(scenario: str, seeds: range) -> None:
    found = truth.CellScores()
    bounds: dict[str, float] = {}
    false_present = absent = 0
    began = time.perf_counter()
    for seed in seeds:
        simulated = simulate_stack(SCENARIOS[scenario], seed=seed)
        bounds = bounds or pooled_bound(simulated, cramer_rao_scan_by_scan(simulated))
        columns = refine(simulated).columns
        found.add(simulated, columns)
        for phase in truth.PHASES:
            nothing = simulated.truth[f"{phase}_fraction"] == 0.0
            absent += int(nothing.sum())
            false_present += int(np.count_nonzero(nothing & (columns[f"{phase}_present"] == 1)))
    seconds = (time.perf_counter() - began) / len(seeds)
    print(f"\n{scenario}: {len(seeds)} series (seeds {seeds.start} to {seeds.stop - 1}), {seconds:.1f} s a series")
    found.print(bounds)
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
