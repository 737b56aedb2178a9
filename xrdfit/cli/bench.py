"""``xrdfit bench``: how fast refinements are on this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from xrdfit.bench import run_benchmark
from xrdfit.cli.import_files import refuse_existing
from xrdfit.io import atomic_write


def run_bench(output: Path | None, *, peers: bool, quick: bool, fresh: bool, as_json: bool) -> int:
    """Measure, print, and write what was measured as JSON if asked for."""
    if output is not None:
        refuse_existing(output, fresh=fresh)
    told = run_benchmark(quick=quick, peers=peers, say=lambda word: print(word, file=sys.stderr))
    text = json.dumps(told, indent=2)
    if output is not None:
        atomic_write(output, text + "\n")
    if as_json:
        print(text)
    else:
        _print(told)
    return 0


def _print(told: dict[str, Any]) -> None:
    # A table in a file or a pipe is not to be broken at the width of no terminal.
    console = Console(width=None if sys.stdout.isatty() else 110)
    here = told["machine"]
    versions = here["versions"]
    console.print(
        f"{here['cpu']}, {here['cores']} cores, load {here['load_1min']}; Python {versions['python']}, "
        f"numpy {versions['numpy']}, numba {versions['numba']}, xrdfit {versions['xrdfit']}; one thread",
        highlight=False,
    )
    table = _table("", "min ms", "median ms", "repeats", "")
    for name, case in told["cases"].items():
        table.add_section()
        lines = f"{case['lines']} lines" + (f" x {case['wavelengths']}" if case["wavelengths"] > 1 else "")
        table.add_row(name, "", "", "", f"{case['points']} points, {lines}, {case['refined']} refined")
        _add(table, "  pattern", case["pattern"])
        _add(table, "  pattern and Jacobian", case["pattern_and_jacobian"])
        for solver, timing in case["warm_scan"].items():
            _add(table, f"  warm scan, {solver}", timing, f"{timing['evaluations']} evaluations")
    series = told["series"]
    table.add_section()
    table.add_row("series mode, files read and written")
    iterations = f"{series['iterations']} iterations, {series['scans_per_second']:.0f} scans/s"
    _add(table, f"  series of {series['scans']}, a scan", series, iterations)
    console.print(table)
    if "peers" in told:
        console.print(_peers(told["peers"]))


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        table.add_column(column, justify="right" if column.endswith("ms") or column == "repeats" else "left")
    return table


def _add(table: Table, name: str, timing: dict[str, Any], counts: str = "") -> None:
    table.add_row(name, f"{timing['min_ms']:.3f}", f"{timing['median_ms']:.3f}", str(timing["repeats"]), counts)


def _peers(told: dict[str, Any]) -> Table:
    table = _table("program", "median ms", "times as long", "RMS ppm", "LFP, FP 1e-3 Å", "pull", "converged")
    table.title = f"{told['scans']} scans of {told['points']} points, each begun from the answer of the scan before"
    for row in told["programs"]:
        name = f"{row['name']} {row.get('version', '')}\n{row['mode']}"
        if row["status"] != "run":
            table.add_row(name, "", "", "", f"{row['status']}:\n{row['reason']}")
            continue
        errors = [f"{error:.2f}" for error in row["rms_error_mA"].values()]
        table.add_row(
            name,
            f"{row['median_ms']:.2f}",
            f"{row['times_as_long']:.1f}",
            f"{row['rms_error_ppm']:.0f}",
            f"{' '.join(errors[:3])}\n{' '.join(errors[3:])}",
            f"{row['rms_pull']:.2f}",
            f"{row['converged']:.0%}",
        )
    return table
