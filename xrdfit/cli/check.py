"""``xrdfit check``: what a run would do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from xrdfit.cli.words import counted
from xrdfit.data import Pattern, PatternHeader
from xrdfit.echem import ScanElectrochemistry
from xrdfit.errors import CrystalError, InputError, NoResultError
from xrdfit.fit import PreparedScan, lmfit_parameters, prepare_scan, start_values
from xrdfit.model import PatternModel, default_scope, select_points
from xrdfit.recipe import Job, build_job, load_recipe


def run_check(recipe: Path, *, as_json: bool) -> int:
    """Read every input and print the plan."""
    plan = make_plan(build_job(load_recipe(recipe)))
    if as_json:
        print(json.dumps(plan))
    else:
        _print(plan)
    return 0


def make_plan(job: Job) -> dict[str, Any]:
    """Scans, points, weights, phases and parameters of a job, as plain values."""
    model = PatternModel.of(job.instrument, job.phases, job.background)
    values = start_values(model.table, job.settings.overrides)
    pattern, first = _first_scan(job)
    header = pattern.header or PatternHeader(format="")
    parameters = lmfit_parameters(
        model.table, values, np.ones(len(model.table), dtype=np.bool_), job.settings.overrides
    )
    tied = [name for name in parameters if parameters[name].expr]
    for name in tied:
        values[model.table.index(name)] = parameters[name].value
    try:
        lines = model.choose_lines(values, first.points.two_theta, [True] * len(job.phases))
    except CrystalError as error:
        place = ", ".join(f"refine.parameters.{name}" for name in tied)
        raise InputError(*(replace(problem, where=place or problem.where) for problem in error.problems)) from None
    times = job.stack.times
    return {
        "scans": len(job.stack),
        "first_source": job.stack.sources[0],
        "hours": None if times is None else float(times.end_s[-1] - times.start_s[0]) / 3600.0,
        "cycler": None if job.electrochemistry is None else _cycler_plan(job.electrochemistry),
        "points": int(first.points.two_theta.size),
        "two_theta": [float(first.points.two_theta[0]), float(first.points.two_theta[-1])],
        "weights": first.noise.regime,
        "file": _said_by_file(header),
        "warnings": [
            *(str(problem) for problem in job.warnings),
            *(() if job.electrochemistry is None else job.electrochemistry.warnings),
        ],
        "instrument": {
            "geometry": job.instrument.geometry,
            "wavelengths": [line for line, _ in job.instrument.lines],
            "detector": job.instrument.detector,
        },
        "mode": job.settings.mode,
        "intensities": job.settings.intensities,
        "solver": job.settings.solver,
        "phases": {
            phase.name: {
                "space_group": phase.group.name,
                "cell": [float(value) for value in phase.cell.lengths_angles],
                "lines": int(np.count_nonzero(lines.phase == number)),
            }
            for number, phase in enumerate(job.phases)
        },
        "parameters": {
            spec.name: {
                "scope": job.settings.scope.get(spec.name, default_scope(spec, job.settings.mode)),
                "start": float(value),
            }
            for spec, value in zip(model.table, values, strict=True)
        },
    }


def _said_by_file(header: PatternHeader) -> dict[str, Any]:
    """What the first scan's file says of its measurement, as plain values."""
    return {
        "format": header.format,
        "start_time": None if header.start_time is None else header.start_time.isoformat(),
        "step_time_s": header.step_time_s,
        "wavelengths": list(header.wavelengths),
        "anode": header.anode,
        "goniometer_radius_mm": header.goniometer_radius_mm,
        "remarks": list(header.remarks),
    }


def _cycler_plan(cycler: ScanElectrochemistry) -> dict[str, Any]:
    record = cycler.record
    instant = record.first_instant
    return {
        "source": record.source,
        "format": record.format,
        "technique": record.technique,
        "rows": len(record),
        "start": None if instant is None else instant.isoformat(timespec="seconds"),
        "hours": record.duration_s / 3600.0,
        "voltage_V": [float(record.voltage_V.min()), float(record.voltage_V.max())],
        "half_cycles_mAh": [half.sign * half.capacity_mAh for half in cycler.count.half_cycles],
        "scans_covered": int(np.isfinite(cycler.columns["voltage_V"]).sum()),
        "notes": list(cycler.notes),
    }


def _first_scan(job: Job) -> tuple[Pattern, PreparedScan]:
    """The first scan that has a valid point in the range."""
    for scan in range(len(job.stack)):
        pattern = job.stack.read(scan)
        points = select_points(pattern, two_theta_range=job.settings.two_theta_range, exclude=job.settings.exclude)
        if points.two_theta.size:
            return pattern, prepare_scan(pattern, job.settings, job.background)
    raise NoResultError(f"no valid point in any of {len(job.stack)} scans")


def _print(plan: dict[str, Any]) -> None:
    low, high = plan["two_theta"]
    span = "" if plan["hours"] is None else f" over {plan['hours']:.1f} h"
    points = f"{plan['points']} points from {low:g} to {high:g} deg"
    print(f"{counted(plan['scans'])}{span}, {points}, {plan['weights']} weights")
    said = plan["file"]
    lines = " ".join(f"{value:g}" for value in said["wavelengths"])
    facts = [said["format"], said["start_time"], lines and f"{lines} Å", *said["remarks"]]
    if any(facts):
        print("first scan: " + ", ".join(fact for fact in facts if fact))
    instrument = plan["instrument"]
    lines = " ".join(f"{value:g}" for value in instrument["wavelengths"])
    print(f"{instrument['geometry']}, {lines} Å, {instrument['detector']} detector")
    print(f"mode {plan['mode']}, intensities {plan['intensities']}, solver {plan['solver']}")
    if plan["cycler"] is not None:
        _print_cycler(plan["cycler"], plan["scans"])
    table = Table("phase", "space group", "start cell (Å, deg)", "lines in range")
    for name, phase in plan["phases"].items():
        table.add_row(name, phase["space_group"], " ".join(f"{v:g}" for v in phase["cell"]), str(phase["lines"]))
    console = Console()
    console.print(table)
    scopes = Table("parameters", "scope")
    for scope in ("scan", "drift", "series", "fixed"):
        names = [name for name, row in plan["parameters"].items() if row["scope"] == scope]
        if names:
            scopes.add_row(" ".join(names), scope)
    console.print(scopes)
    for warning in plan["warnings"]:
        print(warning)


def _print_cycler(cycler: dict[str, Any], scans: int) -> None:
    low, high = cycler["voltage_V"]
    start = "" if cycler["start"] is None else f" from {cycler['start']}"
    print(f"cycler: {cycler['rows']} rows{start} over {cycler['hours']:.1f} h, {low:.3f} to {high:.3f} V")
    words = [f"{'charge' if mAh > 0.0 else 'discharge'} {abs(mAh):.4g}" for mAh in cycler["half_cycles_mAh"]]
    if len(words) > 6:
        words = [*words[:5], f"… {len(words) - 5} more"]
    print(f"half cycles (mA h): {', '.join(words) or 'none'}")
    print(f"{cycler['scans_covered']} of {counted(scans)} {'lie' if scans > 1 else 'lies'} within the record")
    for note in cycler["notes"]:
        print(f"  {note}")
