"""What the divergence of the beam costs: a series refined with it and without, each beside its own simulation.

    python benchmarks/divergence.py --repeats 3
    python benchmarks/divergence.py --series 10     # does every fit of so many series of each come to its end?

CPU time is that of the whole refinement; the least of the repeats counts. z is error over esd of the cells, over scans
with more than 10 % of the phase: the copies that stand for a line are few, and this shows that they are enough.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import truth

import xrdfit
from xrdfit.model import Instrument
from xrdfit.simulate import LAB_INSTRUMENT, WELL_BEHAVED, SimulatedStack, simulate_stack


def instruments() -> dict[str, Instrument]:
    profile = LAB_INSTRUMENT.profile
    assert profile is not None
    soller = replace(LAB_INSTRUMENT, profile=replace(profile, axial_soller=2.3))
    slits = replace(LAB_INSTRUMENT, profile=replace(profile, axial_sample=0.02, axial_detector=0.02))
    return {
        "none": LAB_INSTRUMENT,
        "two Soller slits of 2.3 deg": soller,
        "and a slit of 0.5 deg": replace(soller, equatorial_divergence=0.5),
        "and a slit of 1 deg": replace(soller, equatorial_divergence=1.0),
        "Finger-Cox-Jephcoat, 0.02 and 0.02": slits,
    }


def _seconds(stacks: list[SimulatedStack], repeats: int) -> tuple[list[float], list[truth.CellScores]]:
    """Least CPU time of each stack's refinement, repeats taken in turn, and the errors."""
    least = [np.inf] * len(stacks)
    scores = [truth.CellScores() for _ in stacks]
    jobs = [truth.job_of(stack) for stack in stacks]
    for repeat in range(repeats):
        for number, (stack, job) in enumerate(zip(stacks, jobs, strict=True)):
            began = time.process_time()
            columns = xrdfit.refine_series(job).columns
            least[number] = min(least[number], time.process_time() - began)
            if repeat == 0:
                scores[number].add(stack, columns)
    return least, scores


def main(options: argparse.Namespace) -> None:
    known = instruments()
    warm = [simulate_stack(WELL_BEHAVED, seed=0, n_scans=3, instrument=instrument) for instrument in known.values()]
    _seconds(warm, 1)
    stacks = [simulate_stack(WELL_BEHAVED, seed=options.seed, instrument=instrument) for instrument in known.values()]
    seconds, scores = _seconds(stacks, options.repeats)
    print(f"{len(stacks[0])} scans of the reference case, CPU time of a series, least of {options.repeats}")
    for name, second, score in zip(known, seconds, scores, strict=True):
        z = score.overall_z
        print(f"  {name:36} {second:6.2f} s  {second / seconds[0]:5.2f} times  RMS z of the cells {z:.2f}")


def ends(options: argparse.Namespace) -> None:
    for name, instrument in instruments().items():
        score, iterations, scans, ended = truth.CellScores(), [], 0, 0
        for seed in range(options.seed, options.seed + options.series):
            stack = simulate_stack(WELL_BEHAVED, seed=seed, instrument=instrument)
            columns = xrdfit.refine_series(truth.job_of(stack)).columns
            score.add(stack, columns)
            iterations.append(int(np.max(columns["nfev"])))
            scans += len(stack)
            ended += int(np.count_nonzero(columns["outcome"] == "converged"))
        print(
            f"  {name:36} {ended} of {scans} scans converged, at most {max(iterations)} iterations a series, "
            f"RMS z of the cells {score.overall_z:.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--series", type=int, default=0)
    options = parser.parse_args()
    (ends if options.series else main)(options)
