"""Cells that shrink told from cells that do not, and what is said when the model's assumptions do not hold."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import truth
from numpy.typing import NDArray

import xrdfit
from xrdfit.cli.bound import joint_bound_of
from xrdfit.data import Drift, RefineSettings, SeriesResult
from xrdfit.errors import XrdfitError
from xrdfit.simulate import SCENARIOS, WELL_BEHAVED, Departures, SimulatedStack, simulate_stack

SHRINKING = ("LFP_b", "LFP_c", "FP_b", "FP_c")

# Departure, and the scopes and drifts that a user would choose for it.
BROKEN: dict[str, tuple[Departures, dict[str, Any]]] = {
    "texture 10 %": (Departures(texture=0.1), {}),
    "texture 30 %": (Departures(texture=0.3), {}),
    "one line off by 20 %": (Departures(line_off=0.2), {}),
    "displacement jumps by 0.05 mm": (
        Departures(displacement_jump_mm=0.05),
        {"scope": {"sample_displacement": "scan"}},
    ),
    "foreign phase grows to 10 %": (Departures(foreign=0.1), {}),
    "FP strain doubles": (
        Departures(fp_strain_growth=1.0),
        {"scope": {"FP_lorentz_strain": "drift"}, "drift": {"FP_lorentz_strain": Drift(order=1)}},
    ),
}


def scenario(seeds: range, _: argparse.Namespace) -> None:
    for name, course in SCENARIOS.items():
        print(f"\n{name}: loss of length over the charge, 1e-3 of the length, {len(seeds)} series")
        scores: list[float] = []
        for seed in seeds:
            simulated = simulate_stack(course, seed=seed)
            columns = truth.refine(simulated).columns
            for cell in SHRINKING:
                error = columns[cell] - simulated.truth[cell]
                esd = columns[f"{cell}_esd"]
                scores += (error / esd)[np.isfinite(error)].tolist()
                loss, loss_esd = _shrinkage(simulated, columns, cell)
                phase = course.lfp if cell.startswith("LFP") else course.fp
                true = phase.shrinkage["abc".index(cell[-1])]
                mean = _mean(error, esd)
                # What a length that is one value for the series would be known to.
                mean_esd = joint_bound_of(simulated, RefineSettings(scope={cell: "series"}))[cell]
                print(
                    f"  seed {seed} {cell:6} {1e3 * loss:6.2f} +- {1e3 * loss_esd:.2f}, true {1e3 * true:5.2f}; "
                    f"mean error over the series {1e3 * mean:+.2f} (1e-3 Å), {mean / np.nanmax(mean_esd):+.2f} esds"
                )
        z = np.abs(scores)
        print(
            f"  of {z.size} lengths, {np.mean(z <= 2.0):.1%} within two esds, RMS z {truth.rms(z):.3f}, "
            f"largest |z| {z.max():.2f}"
        )


def _shrinkage(simulated: SimulatedStack, columns: truth.Columns, cell: str) -> tuple[float, float]:
    """Relative loss of length from the beginning to the end of charge, by a weighted straight line, and its esd."""
    knots, time_s = simulated.scenario.knots_s, simulated.truth["time_s"]
    used = np.isfinite(columns[cell]) & (time_s >= knots[1]) & (time_s <= knots[2])
    weight = 1.0 / columns[f"{cell}_esd"][used]
    rows = np.column_stack([np.ones(used.sum()), simulated.scenario.depth(time_s[used])]) * weight[:, np.newaxis]
    line = np.linalg.lstsq(rows, columns[cell][used] * weight, rcond=None)[0]
    covariance = np.linalg.inv(rows.T @ rows)
    return -float(line[1] / line[0]), float(np.sqrt(covariance[1, 1]) / line[0])


def _mean(error: NDArray[np.float64], esd: NDArray[np.float64]) -> float:
    known = np.isfinite(error)
    return float(np.average(error[known], weights=esd[known] ** -2))


def broken(seeds: range, _: argparse.Namespace) -> None:
    for seed in seeds:
        usual = truth.refine(simulate_stack(WELL_BEHAVED, seed=seed))
        print(f"\nseed {seed}; undisturbed: {_outcomes(usual)}")
        for name, (departures, scopes) in BROKEN.items():
            simulated = simulate_stack(WELL_BEHAVED, seed=seed, departures=departures)
            print(f"{name}")
            _report(simulated, usual, "shared", {})
            if scopes:
                _report(simulated, usual, "shared, suitable scopes", scopes)
            _report(simulated, usual, "hierarchical", {"intensities": "hierarchical", **scopes})


def _report(simulated: SimulatedStack, usual: SeriesResult, words: str, settings: Mapping[str, Any]) -> None:
    job = truth.job_of(simulated)
    changed = {
        key: value if key == "intensities" else {**getattr(job.settings, key), **value}
        for key, value in settings.items()
    }
    try:
        result = xrdfit.refine_series(replace(job, settings=replace(job.settings, **changed)))
    except XrdfitError as error:
        print(f"  {words}: {error}")
        return
    found = truth.CellScores()
    found.add(simulated, result.columns)
    each = ", ".join(f"{cell} {found.z(cell):.2f}" for cell in truth.CELLS)
    print(f"  {words}: RMS z {found.overall_z:.2f} ({each}); {_outcomes(result)}")
    known = {_without_numbers(note) for note in usual.notes}
    for note in result.notes:
        if _without_numbers(note) not in known:
            print(f"      note: {note}")
    for warning in result.warnings:
        print(f"      warning: {warning}")
    told = Counter(_without_numbers(message) for message in result.messages)
    for message, times in told.most_common(6):
        print(f"      {times} x {message}")


def _outcomes(result: SeriesResult) -> str:
    return f"outcomes {dict(Counter(result.columns['outcome']))}"


def _without_numbers(text: str) -> str:
    return re.sub(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", "#", text)
