"""From the scans of a series to the columns of ``trajectories.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanResult, ScanStack
from xrdfit.model import PatternModel
from xrdfit.series.state import Status
from xrdfit.series.summary import ScanSummary


def scan_row(model: PatternModel, summary: ScanSummary) -> dict[str, float | str]:
    """A scan's row of the table, without its number, source and times; a number not measured is NaN."""
    row: dict[str, float | str] = {}
    result = summary.result
    for number, phase in enumerate(model.phases):
        status = summary.status[number]
        measured = status == Status.REFINED
        row[f"{phase.name}_present"] = np.nan if result is None else float(status != Status.ABSENT)
        for name in phase.group.free_parameters:
            row |= _pair(f"{phase.name}_{name}", result if measured else None)
        volume = summary.volume[number] if measured else (np.nan, np.nan)
        row[f"{phase.name}_volume"], row[f"{phase.name}_volume_esd"] = volume
        scale = summary.scale[number] if status != Status.ABSENT else (np.nan, np.nan)
        row[f"{phase.name}_scale"], row[f"{phase.name}_scale_esd"] = scale
        for name in ("fraction", "fraction_esd", "fraction_upper95"):
            row[f"{phase.name}_{name}"] = np.nan
        row[f"{phase.name}_apparent_share"] = summary.apparent_share[number]
        row[f"{phase.name}_scale_upper95"] = summary.scale_upper95[number] if status == Status.ABSENT else np.nan
        row[f"{phase.name}_presence_z"] = summary.presence_z[number]
        row |= _pair(f"{phase.name}_lorentz_size", result if measured else None)
    row |= _pair("sample_displacement", result)
    row["r_wp"] = np.nan if result is None else result.r_wp
    row["r_exp"] = np.nan if result is None else result.r_exp
    row["gof"] = np.nan if result is None else result.gof
    row["durbin_watson"] = np.nan if result is None else result.durbin_watson
    row["nfev"] = np.nan if result is None else float(result.nfev)
    row["outcome"] = str(summary.outcome)
    return row


def _pair(name: str, result: ScanResult | None) -> dict[str, float | str]:
    """Value and esd of a parameter that was measured; one fixed, held or at its limit has no esd and stays out."""
    if result is None or name not in result.esd:
        return {name: np.nan, f"{name}_esd": np.nan}
    return {name: result.values[name], f"{name}_esd": result.esd[name]}


def series_columns(
    stack: ScanStack, scans: Sequence[int], rows: Mapping[int, dict[str, float | str]]
) -> dict[str, NDArray]:
    """The table, columns in the contract's order."""
    times = stack.times
    sources = stack.sources
    columns: dict[str, NDArray] = {
        "scan": np.array(scans, dtype=float),
        "source": np.array([sources[i] for i in scans], dtype=object),
        "time_s": np.array(
            [np.nan if times is None else 0.5 * (times.start_s[i] + times.end_s[i]) for i in scans], dtype=float
        ),
    }
    for name in ("voltage_V", "capacity_mAh", "soc"):
        columns[name] = np.full(len(scans), np.nan)
    for name in rows[scans[0]]:
        values = [rows[i][name] for i in scans]
        columns[name] = np.array(values, dtype=object if name == "outcome" else float)
    return columns


def column_units(model: PatternModel, names: Sequence[str]) -> dict[str, str]:
    """Unit of every column; empty for numbers without one."""
    table = {spec.name: spec.unit for spec in model.table}
    fixed = {"time_s": "s", "voltage_V": "V", "capacity_mAh": "mA h"}
    units = {}
    for name in names:
        base = name.removesuffix("_esd")
        if base.endswith("_volume"):
            units[name] = "Å^3"
        elif base.endswith(("_scale", "_scale_upper95")):
            units[name] = "intensity deg"
        else:
            units[name] = fixed.get(base, table.get(base, ""))
    return units
