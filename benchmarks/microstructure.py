"""Sizes and strains against known truth.

    python benchmarks/microstructure.py isotropic --seeds 5 --first-seed 2000
    python benchmarks/microstructure.py stephens     # strain that depends on the direction
    python benchmarks/microstructure.py size         # size that depends on the direction
    python benchmarks/microstructure.py range        # what each range of angles tells

LFP of 125 nm with a maximum strain of 16e-4 turns into FP of 77 nm with 18e-4, by the conventions of the documentation.
z is error over esd; a series has one size and one strain a phase, so that it counts once.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import truth

from xrdfit.model import lorentz_strain_of, size_of
from xrdfit.model.parameter_rows import stephens_isotropic
from xrdfit.simulate import WELL_BEHAVED, Scenario, SimulatedStack, simulate_stack
from xrdfit.simulate.crystals import lfp_and_fp
from xrdfit.simulate.scenario import LAB_INSTRUMENT

WAVELENGTH = LAB_INSTRUMENT.lines[0][0]
SIZES_NM = {"LFP": 125.0, "FP": 77.0}
STRAINS = {"LFP": 16e-4, "FP": 18e-4}
# Last angle, deg, of a pattern that begins at 20 deg.
RANGES = (38.0, 60.0, 90.0)
# Strain and size along h00, 0k0, 00l against the mean.
STRAIN_ALONG = (1.5, 0.8, 0.6)
SIZE_ALONG = (0.7, 1.0, 1.6)
_AXES = ("h00", "0k0", "00l")


def scenario(last: float, *, stephens: bool = False, sizes: bool = False) -> Scenario:
    """The reference case with these sizes and strains, measured up to an angle (deg)."""
    courses = []
    for phase, course in zip(lfp_and_fp(), (WELL_BEHAVED.lfp, WELL_BEHAVED.fp), strict=True):
        size, strain = SIZES_NM[phase.name], STRAINS[phase.name]
        course = replace(course, lorentz_size=size_of(size, wavelength=WAVELENGTH), strain=strain)
        if stephens:
            course = replace(course, stephens=_terms(phase.cell, strain))
        if sizes:
            h00, k00, l00 = (size_of(size * factor, wavelength=WAVELENGTH) for factor in SIZE_ALONG)
            course = replace(course, sizes=(h00, k00, l00))
        courses.append(course)
    n_points = int((last - WELL_BEHAVED.first) / WELL_BEHAVED.step) + 1
    return replace(WELL_BEHAVED, lfp=courses[0], fp=courses[1], n_points=n_points)


def _terms(cell: object, strain: float) -> dict[str, float]:
    """Strain whose root is a form of second order: the squares of the axes' strains, and their products."""
    isotropic = stephens_isotropic(cell, lorentz_strain_of(strain))  # type: ignore[arg-type]
    a, b, c = STRAIN_ALONG
    factors = {"S400": a * a, "S040": b * b, "S004": c * c, "S220": a * b, "S202": a * c, "S022": b * c}
    return {name: factor * float(isotropic[i]) for i, (name, factor) in enumerate(factors.items())}


class Scores:
    """Values, errors and z by name."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = defaultdict(list)
        self.z: dict[str, list[float]] = defaultdict(list)
        self.esd: dict[str, list[float]] = defaultdict(list)
        self.truth: dict[str, float] = {}
        self.hidden: dict[str, int] = defaultdict(int)

    def add(self, name: str, value: float, esd: float, true: float) -> None:
        self.truth[name] = true
        if not np.isfinite(value):
            self.hidden[name] += 1
            return
        self.values[name].append(value)
        self.esd[name].append(esd)
        self.z[name].append((value - true) / esd)

    def print(self) -> None:
        for name, true in self.truth.items():
            z = np.array(self.z[name])
            if not z.size:
                print(f"  {name:18} truth {true:9.4g}: never shown")
                continue
            mean, esd = np.mean(self.values[name]), np.mean(self.esd[name])
            print(
                f"  {name:18} truth {true:9.4g}  mean {mean:9.4g}  esd {esd:8.2g}"
                f"  mean z {z.mean():+.2f}  RMS z {truth.rms(z):.2f}  shown {z.size} of {z.size + self.hidden[name]}"
            )
        every = np.concatenate([np.array(z) for z in self.z.values()])
        print(f"  RMS z of all {truth.rms(every):.3f} ({every.size} numbers)")


def _shown(scores: Scores, simulated: SimulatedStack, columns: truth.Columns, axes: Iterable[str]) -> None:
    for phase in truth.PHASES:
        for axis in axes:
            size = SIZES_NM[phase] * dict(zip(("", *_AXES), (1.0, *SIZE_ALONG), strict=True))[axis]
            _first(scores, columns, f"{phase}_size_{axis}_nm".replace("__", "_"), size)
        _first(scores, columns, f"{phase}_strain", STRAINS[phase])


def _first(scores: Scores, columns: truth.Columns, name: str, true: float) -> None:
    """The value that all scans have in common, from the first that shows it."""
    if name not in columns:
        return
    shown = np.flatnonzero(np.isfinite(columns[name]))
    if shown.size:
        scores.add(name, float(columns[name][shown[0]]), float(columns[f"{name}_esd"][shown[0]]), true)
    else:
        scores.add(name, np.nan, np.nan, true)


def isotropic(seeds: range, options: argparse.Namespace) -> None:
    _run(scenario(options.last), seeds, options, f"one size and strain a phase, 20 to {options.last:g} deg")


def size(seeds: range, options: argparse.Namespace) -> None:
    _run(scenario(options.last, sizes=True), seeds, options, f"sizes by direction, 20 to {options.last:g} deg")


def stephens(seeds: range, options: argparse.Namespace) -> None:
    _run(scenario(options.last, stephens=True), seeds, options, f"strain by direction, 20 to {options.last:g} deg")


def range_(seeds: range, options: argparse.Namespace) -> None:
    for last in RANGES:
        _run(scenario(last), seeds, options, f"20 to {last:g} deg")


def _run(course: Scenario, seeds: range, options: argparse.Namespace, words: str) -> None:
    scores = Scores()
    began = time.perf_counter()
    for seed in seeds:
        simulated = simulate_stack(course, seed=seed, n_scans=options.scans)
        result = truth.refine(simulated)
        _shown(scores, simulated, result.columns, _AXES if course.lfp.sizes else ("",))
        for phase in truth.PHASES:
            for term in course.lfp.stephens or ():
                value, esd = _noted(result.notes, f"{phase}_{term}")
                scores.add(f"{phase}_{term}", value, esd, float(simulated.truth[f"{phase}_{term}"][0]))
    seconds = (time.perf_counter() - began) / len(seeds)
    print(f"\n{words}: {len(seeds)} series of {options.scans} scans (from seed {seeds.start}), {seconds:.1f} s each")
    scores.print()


def _noted(notes: Iterable[str], name: str) -> tuple[float, float]:
    """Value and esd of a parameter of the series, from the run's notes."""
    for note in notes:
        if note.startswith(f"{name} = ") and ", esd " in note:
            return float(note.split(" = ")[1].split()[0]), float(note.split(", esd ")[1])
    return np.nan, np.nan


COMMANDS = {run.__name__.strip("_"): run for run in (isotropic, stephens, size, range_)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scans", type=int, default=12)
    parser.add_argument("--last", type=float, default=60.0, help="end of the range, deg")
    options = parser.parse_args()
    COMMANDS[options.what](range(options.first_seed, options.first_seed + options.seeds), options)
