"""The joint series fit against known truth.

    python benchmarks/joint_truth.py cells --seeds 20 --first-seed 3000
    python benchmarks/joint_truth.py fractions       # conserved, drifting amount, charge only, sweeping scans
    python benchmarks/joint_truth.py presence        # false alarms, and how little of a phase is found
    python benchmarks/joint_truth.py scenario        # cells that shrink told from cells that do not
    python benchmarks/joint_truth.py broken          # what is said when the model's assumptions do not hold
    python benchmarks/joint_truth.py bilayer         # beside an electrolyte's lines three times as strong, and a window
    python benchmarks/joint_truth.py standard        # silicon in the sample, which stands elsewhere in every scan
    python benchmarks/joint_truth.py order           # scans in another order
    python benchmarks/joint_truth.py cost            # CPU time a scan in short and long series

Errors of cells are those of scans with more than 10 % of the phase. z is error over esd.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import truth
from joint_departures import broken, scenario
from joint_presence import presence
from numpy.typing import NDArray

import xrdfit
from xrdfit.cli.bound import joint_bound_of
from xrdfit.data import Pattern, ScanTimes, SeriesResult
from xrdfit.model.instrument import Detector
from xrdfit.recipe import Job
from xrdfit.simulate import (
    BILAYER,
    CHARGE_ONLY,
    INTERNAL_STANDARD,
    LEAST_FRACTION,
    SCENARIOS,
    WELL_BEHAVED,
    Departures,
    Scenario,
    SimulatedStack,
    pooled_bound,
    simulate_stack,
)

DRIFTING = Departures(amount_drift=0.2)
SCATTERED = Departures(displacement_scatter_mm=0.05)
DIPPING = Departures(beam_dip=0.4)


def cells(seeds: range, _: argparse.Namespace) -> None:
    for name, course in SCENARIOS.items():
        found = truth.CellScores()
        bounds: dict[str, float] = {}
        seconds = 0.0
        for seed in seeds:
            simulated = simulate_stack(course, seed=seed)
            bounds = bounds or pooled_bound(simulated, joint_bound_of(simulated))
            began = time.perf_counter()
            columns = truth.refine(simulated).columns
            seconds += time.perf_counter() - began
            found.add(simulated, columns)
        print(f"\n{name}: {_words(seeds)}, {seconds / len(seeds):.1f} s a series")
        found.print(bounds)


def bilayer(seeds: range, _: argparse.Namespace) -> None:
    """LFP and FP beside LATP and behind an aluminium window that is displaced by 0.3 mm."""
    found, errors, scores, places = truth.CellScores(), [], [], []
    bounds: dict[str, float] = {}
    for seed in seeds:
        simulated = simulate_stack(BILAYER, seed=seed)
        bounds = bounds or pooled_bound(simulated, joint_bound_of(simulated))
        columns = truth.refine(simulated).columns
        found.add(simulated, columns)
        error = columns["FP_fraction"] - simulated.truth["FP_fraction"]
        score = error / columns["FP_fraction_esd"]
        errors.append(error[np.isfinite(error)])
        scores.append(score[np.isfinite(score)])
        places.append(float(columns["Al_displacement"][0]))
    print(f"bilayer: {_words(seeds)}")
    found.print(bounds)
    print(f"fraction: RMS error {truth.rms(np.concatenate(errors)):.4f}, RMS z {truth.rms(np.concatenate(scores)):.3f}")
    print(f"window: {', '.join(f'{place:.4f}' for place in places)} mm against 0.3")


def standard(seeds: range, _: argparse.Namespace) -> None:
    """An internal standard says where a sample is that stands elsewhere in every scan; beside it, the same not used."""
    for words, known in (("cell of the standard certified", True), ("cell of the standard refined", False)):
        found, offsets, scores = truth.CellScores(), [], []
        for seed in seeds:
            simulated = simulate_stack(INTERNAL_STANDARD, seed=seed, departures=SCATTERED)
            job = truth.job_of(simulated, scope={"sample_displacement": "scan"})
            phases = tuple(replace(p, fixed_cell=known) if p.name == "Si" else p for p in job.phases)
            columns = xrdfit.refine_series(replace(job, phases=phases)).columns
            found.add(simulated, columns)
            offset = columns["sample_displacement"] - simulated.truth["sample_displacement"]
            offsets.append(offset)
            scores.append(offset / columns["sample_displacement_esd"])
        print(f"internal standard, displacement of each scan: {_words(seeds)}, {words}")
        for name in truth.CELLS:
            print(f"  {name:6} RMS error {1e3 * found.error(name):6.2f} (1e-3 Å)  RMS z {found.z(name):.3f}")
        print(f"  RMS z of all cells {found.overall_z:.3f}; outcomes {dict(found.outcomes)}")
        off, z = np.concatenate(offsets), np.concatenate(scores)
        print(f"  displacement: RMS error {1e3 * truth.rms(off):.2f} µm of 50, RMS z {truth.rms(z):.3f}", flush=True)


def _words(seeds: range) -> str:
    return f"{len(seeds)} series (seeds {seeds.start} to {seeds.stop - 1})"


@dataclass(frozen=True, slots=True, kw_only=True)
class FractionErrors:
    """Of the fraction of FP: errors and z over all scans of all series; ``mean`` error on charge and discharge."""

    error: NDArray[np.float64]
    z: NDArray[np.float64]
    mean: tuple[float, float]
    results: tuple[SeriesResult, ...]
    stacks: tuple[SimulatedStack, ...]

    def __str__(self) -> str:
        share = np.isfinite(self.error).mean()
        return (
            f"RMS error {truth.rms(self.error[np.isfinite(self.error)]):.4f}, RMS z "
            f"{truth.rms(self.z[np.isfinite(self.z)]):.3f}, mean error on charge {self.mean[0]:+.4f}, on discharge "
            f"{self.mean[1]:+.4f}; determined in {share:.0%} of scans"
        )


def _fractions(
    course: Scenario,
    seeds: range,
    *,
    n_scans: int = 42,
    sweep: bool = False,
    departures: Departures | None = None,
    detector: Detector | None = None,
) -> FractionErrors:
    errors, scores, results, stacks = [], [], [], []
    halves: tuple[list[float], list[float]] = ([], [])
    for seed in seeds:
        simulated = simulate_stack(
            course, seed=seed, n_scans=n_scans, sweep=sweep, departures=departures or Departures()
        )
        result = truth.refine(simulated, detector=detector)
        error = result.columns["FP_fraction"] - simulated.truth["FP_fraction"]
        errors.append(error)
        scores.append(error / result.columns["FP_fraction_esd"])
        time_s, knots = simulated.truth["time_s"], course.knots_s
        for half, first, last in zip(halves, (1, 3), (2, 4), strict=True):
            half += error[(time_s > knots[first]) & (time_s < knots[last])].tolist()
        results.append(result)
        stacks.append(simulated)
    return FractionErrors(
        error=np.concatenate(errors),
        z=np.concatenate(scores),
        mean=(_mean(halves[0]), _mean(halves[1])),
        results=tuple(results),
        stacks=tuple(stacks),
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def fractions(seeds: range, _: argparse.Namespace) -> None:
    print(f"mole fraction of FP, {_words(seeds)} each")
    for name, course in SCENARIOS.items():
        print(f"  {name}: {_fractions(course, seeds)}")
        drifting = _fractions(course, seeds, departures=DRIFTING)
        print(f"  {name}, amount drifting by 20 %: {drifting}")
        _print_notes(drifting.results[0], "amount")
        dipping = _fractions(course, seeds, departures=DIPPING)
        print(f"  {name}, 40 % less of everything in 5 scans: {dipping}")
        _print_notes(dipping.results[0], "amount")
    record = _fractions(CHARGE_ONLY, seeds, departures=DRIFTING)
    silent = not np.isfinite(record.error).any()
    print(f"  charge only, amount drifting by 20 %: {'not determined, as it should be' if silent else record}")
    _print_notes(record.results[0], "fractions")
    for detector, words in (("point", "each point at its time"), ("area", "the sweep ignored")):
        found = _fractions(WELL_BEHAVED, seeds, n_scans=22, sweep=True, detector=detector)
        print(f"  C/20, 22 sweeping scans, {words}: {found}")
        _print_cells(found)


def _print_notes(result: SeriesResult, word: str) -> None:
    for note in result.notes:
        if word in note:
            print(f"      {note}")


def _print_cells(found: FractionErrors) -> None:
    """Mean error of b and c on charge and discharge, where a sweep that is ignored pulls them apart."""
    for name in ("LFP_b", "LFP_c", "FP_b", "FP_c"):
        halves: dict[str, list[float]] = defaultdict(list)
        scores: list[float] = []
        for stack, result in zip(found.stacks, found.results, strict=True):
            enough = stack.truth[f"{name[:-2]}_fraction"] > LEAST_FRACTION
            error = np.where(enough, result.columns[name] - stack.truth[name], np.nan)
            charge = stack.truth["time_s"] < stack.scenario.knots_s[2]
            for half, where in (("charge", charge), ("discharge", ~charge)):
                halves[half] += error[where & np.isfinite(error)].tolist()
            scores += (error / result.columns[f"{name}_esd"])[np.isfinite(error)].tolist()
        mean = ", ".join(f"on {half} {1e3 * _mean(values):+.2f}" for half, values in halves.items())
        every = np.array([*halves["charge"], *halves["discharge"]])
        print(f"      {name}: mean error {mean}; RMS {1e3 * truth.rms(every):.2f} (1e-3 Å), RMS z {_z(scores):.2f}")


def _z(scores: Sequence[float]) -> float:
    return truth.rms(np.array(scores))


@dataclass(frozen=True, slots=True)
class Reordered:
    """A stack whose scans stand in another order, each with its own times."""

    stack: SimulatedStack
    order: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.order)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self.stack.sources[i] for i in self.order)

    @property
    def times(self) -> ScanTimes:
        times = self.stack.times
        return replace(times, start_s=times.start_s[self.order], end_s=times.end_s[self.order])

    def read(self, index: int) -> Pattern:
        return self.stack.read(int(self.order[index]))


def order(seeds: range, _: argparse.Namespace) -> None:
    for name, course in SCENARIOS.items():
        for seed in seeds:
            simulated = simulate_stack(course, seed=seed)
            job = truth.job_of(simulated)
            straight = xrdfit.refine_series(job).columns
            n = len(simulated)
            orders = {"reversed": np.arange(n)[::-1], "shuffled": np.random.default_rng(seed).permutation(n)}
            for word, chosen in orders.items():
                columns = xrdfit.refine_series(replace(job, stack=Reordered(simulated, chosen))).columns
                back = {key: column[np.argsort(chosen)] for key, column in columns.items()}
                worst, column = _largest_difference(straight, back)
                print(f"{name}, seed {seed}, {word}: at most {worst:.1e} esd apart ({column})")


def _largest_difference(one: truth.Columns, other: truth.Columns) -> tuple[float, str]:
    """Largest |difference| / esd of any column and which it is; infinite where only one has a value."""
    worst, where = 0.0, "none"
    for name, esd in one.items():
        base = name.removesuffix("_esd")
        if name == base or base not in one:
            continue
        if (np.isfinite(one[base]) != np.isfinite(other[base])).any():
            return float("inf"), base
        apart = float(np.nanmax(np.abs(one[base] - other[base]) / esd, initial=0.0))
        if apart > worst:
            worst, where = apart, base
    return worst, where


def cost(seeds: range, __: argparse.Namespace) -> None:
    """The machine is faster at some times than at others: lengths are compared within turns, each about another."""
    for seed in seeds:
        jobs = {n: truth.job_of(simulate_stack(WELL_BEHAVED, seed=seed, n_scans=n)) for n in (42, 420, 4200)}
        xrdfit.refine_series(jobs[42])

        def ms_a_scan(n_scans: int, times: int, jobs: dict[int, Job] = jobs) -> float:
            began = time.process_time()
            for _ in range(times):
                xrdfit.refine_series(jobs[n_scans])
            return 1e3 * (time.process_time() - began) / n_scans / times

        print(f"seed {seed}: CPU time, ms a scan, and how it compares with that of the runs before and after")
        for (about, times), (n_scans, turns) in (((42, 3), (420, 6)), ((420, 4), (4200, 2))):
            found = []
            for _ in range(turns):
                before, middle, after = ms_a_scan(about, times), ms_a_scan(n_scans, 1), ms_a_scan(about, times)
                found.append((0.5 * (before + after), middle))
            beside, own = np.median(found, axis=0)
            ratio = [one / other for one, other in found]
            spread = f"{min(ratio):.2f} to {max(ratio):.2f} in {turns} turns"
            one, other = f"{about} scans {beside:.2f}", f"{n_scans} scans {own:.2f}"
            print(f"  {one}, {other}: ratio {np.median(ratio):.2f}, {spread}", flush=True)
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0:.0f} MB")


COMMANDS = {run.__name__: run for run in (cells, fractions, presence, scenario, broken, bilayer, standard, order, cost)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scans", type=int, default=2000, help="presence: scans without the phase that are tested")
    options = parser.parse_args()
    COMMANDS[options.what](range(options.first_seed, options.first_seed + options.seeds), options)
