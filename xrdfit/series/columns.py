"""From the scans of a series to the columns of ``trajectories.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, UnitCell, atoms_in_formula
from xrdfit.data import ScanResult, ScanStack
from xrdfit.model import PatternModel
from xrdfit.series.fractions.composition import vegard, volumes
from xrdfit.series.microstructure import Microstructure
from xrdfit.series.state import Status
from xrdfit.series.summary import CellFit, ScanSummary


def scan_row(
    model: PatternModel, summary: ScanSummary, crystallites: Sequence[Microstructure]
) -> dict[str, float | str]:
    """A scan's row of the table, without its number, source and times; a number not measured is NaN.

    crystallites : of each phase.
    """
    row: dict[str, float | str] = {}
    result = summary.result
    for number, phase in enumerate(model.phases):
        status = summary.status[number]
        measured = status == Status.REFINED
        row[f"{phase.name}_present"] = np.nan if result is None else float(status != Status.ABSENT)
        for name in phase.group.free_parameters:
            row |= _pair(f"{phase.name}_{name}", result if measured else None)
        row[f"{phase.name}_volume"] = row[f"{phase.name}_volume_esd"] = np.nan
        scale = summary.scale[number] if status != Status.ABSENT else (np.nan, np.nan)
        row[f"{phase.name}_scale"], row[f"{phase.name}_scale_esd"] = scale
        for name in ("fraction", "fraction_esd", "fraction_upper95"):
            row[f"{phase.name}_{name}"] = np.nan
        row[f"{phase.name}_apparent_share"] = summary.apparent_share[number]
        row[f"{phase.name}_scale_upper95"] = summary.scale_upper95[number] if status == Status.ABSENT else np.nan
        row[f"{phase.name}_presence_z"] = summary.presence_z[number]
        row |= dict.fromkeys(_composition_columns(phase), np.nan)
        row |= _pair(f"{phase.name}_lorentz_size", result if measured else None)
        for name, reading in crystallites[number].items():
            row[f"{phase.name}_{name}"], row[f"{phase.name}_{name}_esd"] = reading.value, reading.esd
        if phase.own_displacement:
            row |= _pair(f"{phase.name}_displacement", result if measured else None)
    row["amount"], row["amount_esd"] = np.nan, np.nan
    row |= _pair("sample_displacement", result)
    if model.background.measured is not None:
        row |= _pair("background_measured", result)
    row["r_wp"] = np.nan if result is None else result.r_wp
    row["r_exp"] = np.nan if result is None else result.r_exp
    row["gof"] = np.nan if result is None else result.gof
    row["durbin_watson"] = np.nan if result is None else result.durbin_watson
    row["nfev"] = np.nan if result is None else float(result.nfev)
    row["outcome"] = str(summary.outcome)
    return row


def fill_cells(
    model: PatternModel,
    rows: Mapping[int, dict[str, float | str]],
    cells: Mapping[int, Sequence[CellFit | None]],
) -> None:
    """Put the volume of every refined cell into its row, and its composition by Vegard's law.

    cells : of each phase, by scan. x is given from each cell length and from the volume, with how much axes disagree;
    NaN stays where the data do not determine it.
    """
    ends = end_members(model.phases)
    for number, phase in enumerate(model.phases):
        known = {index: fit for index, fits in cells.items() if (fit := fits[number]) is not None}
        if not known:
            continue
        values = np.array([fit.values for fit in known.values()])
        covariance = np.array([fit.covariance for fit in known.values()])
        volume, variance = volumes(phase.group, values, covariance)
        determined = variance > 0.0
        columns = {
            "volume": np.where(determined, volume, np.nan),
            "volume_esd": np.sqrt(np.where(determined, variance, np.nan)),
        }
        if ends is not None and phase.role == "active":
            found = vegard(values, covariance, group=phase.group, lithiated=ends[0], delithiated=ends[1])
            for column, axis in enumerate(found.axes):
                columns |= {f"x_{axis}": found.x[:, column], f"x_{axis}_esd": found.esd[:, column]}
            columns |= {"x_volume": found.x_volume, "x_volume_esd": found.x_volume_esd}
            columns["x_disagreement"] = np.sqrt(found.chi2 / np.maximum(found.dof, 1))
        for name, column_values in columns.items():
            for index, value in zip(known, column_values.tolist(), strict=True):
                rows[index][f"{phase.name}_{name}"] = value


def end_members(phases: Sequence[Phase]) -> tuple[UnitCell, UnitCell] | None:
    """Reference cells of the lithiated and the delithiated phase, if the active phases are two of one symmetry.

    Lithiated is the one with lithium in its formula, else the first.
    """
    active = [phase for phase in phases if phase.role == "active" and phase.reference_cell is not None]
    if len(active) != 2 or active[0].group.name != active[1].group.name:
        return None
    rich, poor = active if "Li" not in atoms_in_formula(active[1].formula or "Fe") else active[::-1]
    assert rich.reference_cell is not None and poor.reference_cell is not None
    return rich.reference_cell, poor.reference_cell


def _composition_columns(phase: Phase) -> list[str]:
    lengths = [name for name in phase.group.free_parameters if name in ("a", "b", "c")]
    keys = [f"{phase.name}_x_{name}" for name in (*lengths, "volume")]
    return [*(name for key in keys for name in (key, f"{key}_esd")), f"{phase.name}_x_disagreement"]


def _pair(name: str, result: ScanResult | None) -> dict[str, float | str]:
    """Value and esd of a parameter that was measured; one fixed, held or at its limit has no esd and stays out."""
    if result is None or name not in result.esd:
        return {name: np.nan, f"{name}_esd": np.nan}
    return {name: result.values[name], f"{name}_esd": result.esd[name]}


def series_columns(
    stack: ScanStack,
    scans: Sequence[int],
    found: Mapping[str, NDArray],
    *,
    cycler: Mapping[str, NDArray[np.float64]] | None = None,
) -> dict[str, NDArray]:
    """The table, columns in the contract's order: time, what was `found`, and what else the `cycler` says.

    found : columns made of rows as `scan_row` makes them, in the order of `scans`.
    """
    times = stack.times
    sources = stack.sources
    columns: dict[str, NDArray] = {
        "scan": np.array(scans, dtype=float),
        "source": np.array([sources[i] for i in scans], dtype=object),
        "time_s": np.array(
            [np.nan if times is None else 0.5 * (times.start_s[i] + times.end_s[i]) for i in scans], dtype=float
        ),
    }
    cycler = {} if cycler is None else {name: values[list(scans)] for name, values in cycler.items()}
    for name in ("voltage_V", "capacity_mAh", "soc"):
        columns[name] = cycler.get(name, np.full(len(scans), np.nan))
    columns |= found
    return columns | {name: values for name, values in cycler.items() if name not in columns}


def column_units(model: PatternModel, names: Sequence[str]) -> dict[str, str]:
    """Unit of every column; empty for numbers without one."""
    table = {spec.name: spec.unit for spec in model.table}
    fixed = {"time_s": "s", "voltage_V": "V", "capacity_mAh": "mA h"}
    fixed |= {f"{phase.name}_volume": "Å^3" for phase in model.phases}
    units = {}
    for name in names:
        base = name.removesuffix("_esd")
        if base.endswith(("_scale", "_scale_upper95")):
            units[name] = "intensity deg"
        elif base.endswith("_nm"):
            units[name] = "nm"
        else:
            units[name] = fixed.get(base, table.get(base, ""))
    return units
