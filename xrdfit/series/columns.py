"""From records to the columns of ``trajectories.csv`` and the results of single scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, UnitCell
from xrdfit.data import Curves, PhaseLines, ScanResult, ScanStack
from xrdfit.fit import ScanFit, area_covariance
from xrdfit.model import PatternModel
from xrdfit.series.sequential import FinalScan
from xrdfit.series.state import Status

# Relative step of the difference quotient of the volume.
_STEP = 1e-6


def finished_scan(model: PatternModel, final: FinalScan) -> tuple[dict[str, float | str], ScanResult | None]:
    """A scan's row of the table and the scan in full; None for the latter where nothing was fitted."""
    if final.fitted is None:
        return _row(model, final, None), None
    covariance = area_covariance(final.fitted.fit)
    return _row(model, final, covariance), _scan_result(model, final, final.fitted.fit, covariance)


def _row(model: PatternModel, final: FinalScan, covariance: NDArray[np.float64] | None) -> dict[str, float | str]:
    """Without the scan's number, source and times; a number not measured is NaN."""
    row: dict[str, float | str] = {}
    fit = None if final.fitted is None else final.fitted.fit
    shares = _areas(model, fit, covariance)
    total = sum(area for area, _ in shares)
    for number, phase in enumerate(model.phases):
        status = final.record.status[number]
        test = final.tests[number] if final.tests else None
        row[f"{phase.name}_present"] = np.nan if fit is None else float(status != Status.ABSENT)
        row |= _cell_columns(model, phase, final, status)
        area, esd = shares[number]
        if fit is None:
            scale = (np.nan, np.nan)
        elif status == Status.HELD and test is not None:
            scale = (test.amplitude, test.esd)
        elif status == Status.ABSENT:
            scale = (np.nan, np.nan)
        else:
            scale = (area, esd)
        row[f"{phase.name}_scale"], row[f"{phase.name}_scale_esd"] = scale
        for name in ("fraction", "fraction_esd", "fraction_upper95"):
            row[f"{phase.name}_{name}"] = np.nan
        row[f"{phase.name}_apparent_share"] = area / total if fit is not None and total > 0.0 else np.nan
        row[f"{phase.name}_scale_upper95"] = test.upper95 if test is not None and status == Status.ABSENT else np.nan
        row[f"{phase.name}_presence_z"] = np.nan if test is None else test.z
        size = f"{phase.name}_lorentz_size"
        refined = fit is not None and size in fit.names and status == Status.REFINED
        row[size], row[f"{size}_esd"] = _value(model, fit, size) if refined else (np.nan, np.nan)
    row["sample_displacement"], row["sample_displacement_esd"] = _value(model, fit, "sample_displacement")
    quality = None if fit is None else fit.agreement
    row["r_wp"] = np.nan if quality is None else quality.r_wp
    row["r_exp"] = np.nan if quality is None else quality.r_exp
    row["gof"] = np.nan if quality is None else quality.gof
    row["durbin_watson"] = np.nan if quality is None else quality.durbin_watson
    row["nfev"] = np.nan if fit is None else float(fit.result.nfev)
    row["outcome"] = str(final.record.outcome)
    return row


def _value(model: PatternModel, fit: ScanFit | None, name: str) -> tuple[float, float]:
    if fit is None or name not in model.table.names:
        return np.nan, np.nan
    index = model.table.index(name)
    return float(fit.values[index]), float(fit.esd[index])


def _areas(
    model: PatternModel, fit: ScanFit | None, covariance: NDArray[np.float64] | None
) -> list[tuple[float, float]]:
    """Sum of the line areas of each phase and its esd, the lines' correlations included."""
    if fit is None or covariance is None:
        return [(0.0, np.nan)] * len(model.phases)
    owner, area = fit.objective.lines.phase, fit.objective.work.area
    chosen = [owner == number for number in range(len(model.phases))]
    return [(float(area[own].sum()), float(np.sqrt(covariance[np.ix_(own, own)].sum()))) for own in chosen]


def _cell_columns(model: PatternModel, phase: Phase, final: FinalScan, status: Status) -> dict[str, float | str]:
    names = [f"{phase.name}_{name}" for name in phase.group.free_parameters]
    row: dict[str, float | str] = {}
    measured = final.fitted is not None and status == Status.REFINED
    for name in names:
        value, esd = _value(model, final.fitted.fit, name) if measured and final.fitted else (np.nan, np.nan)
        # One at its limit, or fixed by the user, is not a measurement: it has no esd and stays out of the table.
        row[name], row[f"{name}_esd"] = (value, esd) if np.isfinite(esd) else (np.nan, np.nan)
    volume = (np.nan, np.nan)
    if measured and final.fitted is not None:
        volume = cell_volume(model, phase, final.fitted.fit)
    row[f"{phase.name}_volume"], row[f"{phase.name}_volume_esd"] = volume
    return row


def cell_volume(model: PatternModel, phase: Phase, fit: ScanFit) -> tuple[float, float]:
    """Volume (Å^3) of a phase's refined cell and its esd from the covariance of the cell parameters."""
    names = [f"{phase.name}_{name}" for name in phase.group.free_parameters]
    index = [model.table.index(name) for name in names]
    tie, constant = phase.group.cell_tie
    free = fit.values[index]

    def volume(values: NDArray[np.float64]) -> float:
        return UnitCell(*(float(v) for v in constant + tie @ values)).volume

    gradient = np.zeros(len(names))
    for i, value in enumerate(free):
        step = np.zeros(len(names))
        step[i] = _STEP * value
        gradient[i] = (volume(free + step) - volume(free - step)) / (2.0 * step[i])
    variance = float(gradient @ fit.parameter_covariance[np.ix_(index, index)] @ gradient)
    return (volume(free), float(np.sqrt(variance))) if variance > 0.0 else (np.nan, np.nan)


def _scan_result(model: PatternModel, final: FinalScan, fit: ScanFit, covariance: NDArray[np.float64]) -> ScanResult:
    objective = fit.objective
    objective.calculate(fit.values)
    pattern, points = fit.prepared.pattern, fit.prepared.points
    esd = {name: float(e) for name, e in zip(model.table.names, fit.esd, strict=True) if np.isfinite(e)}
    return ScanResult(
        outcome=final.record.outcome,
        message=final.record.message,
        values=dict(zip(model.table.names, fit.values.tolist(), strict=True)),
        esd=esd,
        names=fit.names,
        covariance=fit.covariance,
        lines=tuple(_lines(model, fit, number, covariance) for number in range(len(model.phases))),
        curves=Curves(
            two_theta=pattern.two_theta,
            observed=pattern.intensity,
            sigma=_spread(points.used, 1.0 / np.sqrt(objective.at_points(objective.work.weight))),
            calculated=_spread(points.used, objective.at_points(objective.work.model)),
            background=_spread(points.used, objective.at_points(objective.work.background)),
            used=points.used,
        ),
        r_p=fit.agreement.r_p,
        r_wp=fit.agreement.r_wp,
        r_wp_background_subtracted=fit.agreement.r_wp_background_subtracted,
        r_exp=fit.agreement.r_exp,
        gof=fit.agreement.gof,
        durbin_watson=fit.agreement.durbin_watson,
        nfev=int(fit.result.nfev),
    )


def _spread(used: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of the used points on the pattern's full grid, NaN elsewhere."""
    full = np.full(used.size, np.nan)
    full[used] = values
    return full


def _lines(model: PatternModel, fit: ScanFit, number: int, covariance: NDArray[np.float64]) -> PhaseLines:
    own = fit.objective.lines.phase == number
    variance = np.diag(covariance)[own]
    return PhaseLines(
        phase=model.phases[number].name,
        hkl=fit.objective.lines.hkl[own],
        two_theta=fit.objective.work.position[own, 0].copy(),
        area=fit.objective.work.area[own].copy(),
        area_esd=np.where(variance > 0.0, np.sqrt(variance), np.nan),
    )


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
