"""A window that is declared but not there, and how little of one is found.

    python benchmarks/window.py --seeds 10 --first-seed 4000
    python benchmarks/window.py --mode sequential

The window (aluminium, its cell known, its place and the width of its lines not) is declared in every recipe, without a
structure. It is in none of the scans, in the second half of them, or in all; its height is that of its strongest line
against the strongest of pure LFP.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field, replace

import numpy as np
import truth
from joint_presence import NOMINAL, THRESHOLD
from numpy.typing import NDArray

import xrdfit
from xrdfit.simulate import BILAYER, WELL_BEHAVED, SimulatedStack, simulate_stack
from xrdfit.simulate.crystals import inert_phase

WINDOW = BILAYER.inert[1]
BARE = replace(WELL_BEHAVED, n_points=BILAYER.n_points)
# The last is easily seen.
HEIGHTS = (0.01, 0.02, 0.04, 0.2)


def stack(seed: int, n_scans: int, height: float, *, from_scan: int = 0) -> SimulatedStack:
    """A series with a window of this height from a scan on; without any if the height is 0."""
    bare = simulate_stack(BARE, seed=seed, n_scans=n_scans)
    if height == 0.0:
        return bare
    behind = simulate_stack(replace(BARE, inert=(replace(WINDOW, height=height),)), seed=seed, n_scans=n_scans)
    there = np.arange(n_scans)[:, None] >= from_scan
    return replace(behind, counts=np.where(there, behind.counts, bare.counts))


def columns_of(simulated: SimulatedStack, mode: str) -> truth.Columns:
    job = truth.job_of(simulated, mode=mode)
    window = replace(inert_phase(WINDOW), structure=None)
    return xrdfit.refine_series(replace(job, phases=(*simulated.phases[:2], window))).columns


@dataclass(slots=True)
class Seen:
    present: list[bool] = field(default_factory=list)
    z: list[float] = field(default_factory=list)

    def add(self, columns: truth.Columns, where: NDArray[np.bool_]) -> None:
        self.present += (columns["Al_present"][where] == 1).tolist()
        self.z += columns["Al_presence_z"][where].tolist()

    def __str__(self) -> str:
        z = np.array(self.z)[np.isfinite(self.z)]
        mean = f"; mean z {z.mean():.2f}, standard deviation {z.std():.2f}" if z.size else "; no z"
        return f"called present in {np.mean(self.present):6.2%} of {len(self.present)} scans{mean}"


def main(options: argparse.Namespace) -> None:
    seeds, n, mode = range(options.first_seed, options.first_seed + options.seeds), options.scans, options.mode
    every, late = np.ones(n, dtype=np.bool_), np.arange(n) >= n // 2
    nowhere, before, after = Seen(), Seen(), Seen()
    for seed in seeds:
        nowhere.add(columns_of(stack(seed, n, 0.0), mode), every)
        found = columns_of(stack(seed, n, HEIGHTS[-1], from_scan=n // 2), mode)
        before.add(found, ~late)
        after.add(found, late)
    expected = math.sqrt(NOMINAL * (1.0 - NOMINAL) / len(before.z))
    print(f"{mode}, {len(seeds)} series of {n} scans; nominal {NOMINAL:.0%} (z {THRESHOLD}) +- {expected:.2%}")
    print(f"  no window:                     {nowhere}")
    print(f"  {HEIGHTS[-1]:.0%}, before it comes:         {before}")
    print(f"  {HEIGHTS[-1]:.0%}, from then on:            {after}", flush=True)
    for height in HEIGHTS[:-1]:
        found_in_all = Seen()
        for seed in seeds:
            found_in_all.add(columns_of(stack(seed, n, height), mode), every)
        print(f"  {height:.0%} in all scans:               {found_in_all}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scans", type=int, default=42)
    parser.add_argument("--mode", choices=("series", "sequential"), default="series")
    main(parser.parse_args())
