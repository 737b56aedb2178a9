"""Bad scans of every kind among good ones: what they do to the others, and whether each is named.

    python benchmarks/fault_injection.py --seeds 3            # sequential and series mode
    python benchmarks/fault_injection.py --clean              # series without a bad scan: nothing may be named
    python benchmarks/fault_injection.py --recipes RECIPE ...  # the same of measured series

A tenth of the scans of a simulated series is spoiled, each kind in turn at places drawn at random. Every number of
every other scan is held against a run in which the bad scans are left out, in units of its esd.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import truth
from numpy.typing import NDArray

import xrdfit
from xrdfit.data import Pattern, ScanStack, ScanTimes
from xrdfit.errors import DataError, Problem
from xrdfit.recipe import Job
from xrdfit.simulate import SCENARIOS, WELL_BEHAVED, Scenario, simulate_stack

Counts = NDArray[np.float64]
Spoil = Callable[[Counts, np.random.Generator], Counts]

# esds by which a number of a good scan may move.
ALLOWED = {"sequential": 0.01, "series": 0.1}


def _zero(counts: Counts, rng: np.random.Generator) -> Counts:
    return np.zeros_like(counts)


def _saturated(counts: Counts, rng: np.random.Generator) -> Counts:
    return np.minimum(counts, np.round(rng.uniform(0.3, 0.7) * counts.max()))


def _spiked(counts: Counts, rng: np.random.Generator) -> Counts:
    """Cosmic rays: one to six, one to three points wide, from a tenth of the strongest line to a hundred times it."""
    for at in rng.integers(3, counts.size - 3, rng.integers(1, 7)):
        counts[at : at + rng.integers(1, 4)] += np.round(counts.max() * 10.0 ** rng.uniform(-1.0, 2.0))
    return counts


def _beam_lost(counts: Counts, rng: np.random.Generator) -> Counts:
    """From some point on nothing but what the detector counts by itself."""
    first = rng.integers(counts.size // 10, counts.size - counts.size // 10)
    counts[first:] = rng.poisson(0.02 * np.median(counts), counts.size - first)
    return counts


def _beam_off(counts: Counts, rng: np.random.Generator) -> Counts:
    return rng.poisson(0.05 * np.median(counts), counts.size).astype(np.float64)


def _beam_gap(counts: Counts, rng: np.random.Generator) -> Counts:
    first = rng.integers(0, counts.size * 3 // 4)
    counts[first : first + counts.size // 5] = 0.0
    return counts


def _nan(counts: Counts, rng: np.random.Generator) -> Counts:
    return np.full_like(counts, np.nan)


def _partly_nan(counts: Counts, rng: np.random.Generator) -> Counts:
    counts[rng.random(counts.size) < rng.uniform(0.2, 0.8)] = np.nan
    return counts


def _cut(counts: Counts, rng: np.random.Generator) -> Counts:
    """A row of which the end was never written."""
    counts[rng.integers(counts.size // 10, counts.size * 8 // 10) :] = np.nan
    return counts


def _shuffled(counts: Counts, rng: np.random.Generator) -> Counts:
    return rng.permutation(counts)


def _negative(counts: Counts, rng: np.random.Generator) -> Counts:
    return -counts


def _partly_negative(counts: Counts, rng: np.random.Generator) -> Counts:
    first = rng.integers(0, counts.size // 2)
    counts[first : first + counts.size // 3] *= -1.0
    return counts


def _infinite(counts: Counts, rng: np.random.Generator) -> Counts:
    counts[rng.integers(0, counts.size, 5)] = np.inf
    return counts


KINDS: Mapping[str, Spoil] = {
    "all zero": _zero,
    "saturated": _saturated,
    "spikes": _spiked,
    "beam lost": _beam_lost,
    "beam off": _beam_off,
    "gap in the beam": _beam_gap,
    "all NaN": _nan,
    "partly NaN": _partly_nan,
    "row cut short": _cut,
    "shuffled points": _shuffled,
    "negative": _negative,
    "partly negative": _partly_negative,
    "infinite": _infinite,
}
# These need more than the counts of one scan.
OTHERS = ("repeated", "file cut short", "cannot be read")


@dataclass(frozen=True, slots=True)
class SpoiledStack:
    """A stack of which some scans are bad; ``bad`` gives their kind."""

    stack: ScanStack
    bad: Mapping[int, str]
    seed: int

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def sources(self) -> tuple[str, ...]:
        return self.stack.sources

    @property
    def times(self) -> ScanTimes | None:
        return self.stack.times

    def read(self, index: int) -> Pattern:
        pattern, kind = self.stack.read(index), self.bad.get(index)
        rng = np.random.default_rng([self.seed, index])
        if kind is None:
            return pattern
        if kind == "cannot be read":
            raise DataError(
                Problem(code="E113", what="damaged", where=pattern.source, found="nonsense", todo="export again")
            )
        if kind == "repeated":
            other = next(i for i in (index - 1, index - 2, index + 1, index + 2) if i >= 0 and i not in self.bad)
            return replace(pattern, intensity=self.stack.read(other).intensity)
        if kind == "file cut short":
            kept = slice(0, int(rng.integers(pattern.two_theta.size // 20, pattern.two_theta.size * 8 // 10)))
            arrays = {name: getattr(pattern, name)[kept] for name in ("two_theta", "intensity", "mask")}
            return replace(pattern, **arrays)
        intensity = KINDS[kind](pattern.intensity.copy(), rng)
        return replace(pattern, intensity=intensity, mask=pattern.mask & np.isfinite(intensity))


def spoiled(stack: ScanStack, *, share: float, seed: int) -> SpoiledStack:
    rng = np.random.default_rng(seed)
    kinds = [*KINDS, *OTHERS]
    places = rng.choice(len(stack), round(share * len(stack)), replace=False)
    return SpoiledStack(stack, {int(i): kinds[(seed * 7 + n) % len(kinds)] for n, i in enumerate(places)}, seed)


def largest_shift(job: Job, bad: SpoiledStack) -> tuple[float, str, list[str]]:
    """The largest shift of a number of a good scan, in esds, and where; and scans that are wrongly named, or not."""
    good = [index for index in range(len(bad)) if index not in bad.bad]
    there = xrdfit.refine_series(replace(job, stack=bad))
    without = xrdfit.refine_series(job, scans=good)
    largest, where = 0.0, "nowhere"
    for name in without.columns:
        if f"{name}_esd" not in without.columns:
            continue
        one, other = there.columns[name][good], without.columns[name]
        esd = without.columns[f"{name}_esd"]
        if (np.isfinite(one) != np.isfinite(other)).any():
            return np.inf, f"{name} found in one run only", []
        shift = np.abs(one - other) / np.where(esd > 0.0, esd, np.inf)
        if np.nanmax(shift, initial=0.0) > largest:
            largest, where = float(np.nanmax(shift)), f"{name} of scan {good[int(np.nanargmax(shift))]}"
    said = named(there)
    wrong = [f"scan {i} not named: {kind}" for i, kind in sorted(bad.bad.items()) if i not in said]
    return largest, where, wrong + [f"scan {i} named though good: {said[i]}" for i in sorted(said) if i not in bad.bad]


def named(result: xrdfit.SeriesResult) -> dict[int, str]:
    """Scans that are told to be left out in the warning, with what is said of each in the messages."""
    outcomes = zip(result.columns["scan"], result.columns["outcome"], strict=True)
    left_out = {int(scan) for scan, outcome in outcomes if outcome == "no_data"}
    warning = next((line.split(" · ")[2] for line in result.warnings if line.startswith("W411")), "")
    assert {int(number) for number in re.findall(r"\b\d+\b", warning)} == left_out, warning
    texts = {int(line.split(":")[0].removeprefix("scan ")): line.partition(": ")[2] for line in result.messages}
    return {scan: texts[scan] for scan in sorted(left_out)}


def _job(course: Scenario, *, seed: int, n_scans: int, mode: str) -> Job:
    return truth.job_of(simulate_stack(course, seed=seed, n_scans=n_scans), mode=mode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--modes", nargs="+", default=list(ALLOWED))
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--recipes", nargs="+", type=Path)
    options = parser.parse_args()
    seeds, failed = range(options.first_seed, options.first_seed + options.seeds), False
    if options.recipes or options.clean:
        for name, job in _clean(options.recipes, seeds, options.scans):
            said = named(xrdfit.refine_series(job))
            failed |= bool(said)
            print(f"{name}: {len(job.stack)} scans, {len(said)} left out {list(said.items())[:5]}", flush=True)
        sys.exit(failed)
    for mode in options.modes:
        for seed in seeds:
            job = _job(WELL_BEHAVED, seed=seed, n_scans=options.scans, mode=mode)
            bad = spoiled(job.stack, share=options.share, seed=seed)
            shift, where, wrong = largest_shift(job, bad)
            failed |= shift > ALLOWED[mode] or bool(wrong)
            print(
                f"{mode:10} seed {seed}: {len(bad.bad)} bad of {len(bad)}; largest shift of a good one {shift:.2g} esd "
                f"({where}); {'; '.join(wrong) or 'every bad scan named, no good one'}",
                flush=True,
            )
    sys.exit(failed)


def _clean(recipes: Sequence[Path] | None, seeds: range, n_scans: int) -> Iterable[tuple[str, Job]]:
    if recipes:
        return ((str(path), xrdfit.build_job(xrdfit.load_recipe(path))) for path in recipes)
    return (
        (f"{name}, seed {seed}", _job(course, seed=seed, n_scans=n_scans, mode="sequential"))
        for name, course in SCENARIOS.items()
        for seed in seeds
    )


if __name__ == "__main__":
    main()
