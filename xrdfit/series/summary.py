"""What is said of a scan in the end, by whatever mode it was refined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Curves, Outcome, PhaseLines, ScanResult
from xrdfit.fit import ScanFit, area_covariance
from xrdfit.model import PatternModel
from xrdfit.series.microstructure import WidthFit, widths_of
from xrdfit.series.sequential.complaints import with_known_places
from xrdfit.series.sequential.second_pass import FinalScan
from xrdfit.series.state import Status

_NOTHING = (np.nan, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFit:
    """A refined cell: its free parameters (k,) in the order of the phase's group, Å and deg, and their covariance."""

    values: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """A finished scan.

    Attributes
    ----------
    result : the scan in full, None where nothing was fitted.
    status : of each phase.
    cell, widths : per phase, None where it is not refined.
    scale : per phase, value and esd. scale_upper95, presence_z, apparent_share : per phase.
    """

    outcome: Outcome
    message: str
    result: ScanResult | None
    status: tuple[Status, ...]
    cell: tuple[CellFit | None, ...]
    widths: tuple[WidthFit | None, ...]
    scale: tuple[tuple[float, float], ...]
    scale_upper95: tuple[float, ...]
    presence_z: tuple[float, ...]
    apparent_share: tuple[float, ...]


def nothing_fitted(outcome: Outcome, message: str, n_phases: int) -> ScanSummary:
    """A scan without a fit."""
    return ScanSummary(
        outcome=outcome,
        message=message,
        result=None,
        status=(Status.ABSENT,) * n_phases,
        cell=(None,) * n_phases,
        widths=(None,) * n_phases,
        scale=(_NOTHING,) * n_phases,
        scale_upper95=(np.nan,) * n_phases,
        presence_z=(np.nan,) * n_phases,
        apparent_share=(np.nan,) * n_phases,
    )


def sequential_summary(model: PatternModel, final: FinalScan) -> ScanSummary:
    """A scan that was refined on its own."""
    record = final.record
    n_phases = len(model.phases)
    if final.fitted is None:
        return nothing_fitted(record.outcome, record.message, n_phases)
    fit = final.fitted.fit
    status = with_known_places(model, fit, record.status)
    covariance = area_covariance(fit)
    shares = _areas(fit, covariance, n_phases)
    total = sum(area for area, _ in shares)
    scale, upper, z = [], [], []
    for number in range(n_phases):
        test = final.tests[number] if final.tests else None
        held = record.status[number] == Status.HELD and test is not None
        scale.append((test.amplitude, test.esd) if held and test is not None else shares[number])
        upper.append(np.nan if test is None else test.upper95)
        z.append(np.nan if test is None else test.z)
    return ScanSummary(
        outcome=record.outcome,
        message=record.message,
        result=_scan_result(model, final, fit, covariance),
        status=status,
        cell=cells_of(model, status, fit.values, fit.parameter_covariance),
        widths=widths_of(model, status, fit.values, fit.parameter_covariance),
        scale=tuple(scale),
        scale_upper95=tuple(upper),
        presence_z=tuple(z),
        apparent_share=tuple(area / total if total > 0.0 else np.nan for area, _ in shares),
    )


def _areas(fit: ScanFit, covariance: NDArray[np.float64], n_phases: int) -> list[tuple[float, float]]:
    """Sum of the line areas of each phase and its esd, the lines' correlations included."""
    owner, area = fit.objective.lines.phase, fit.objective.work.area
    chosen = [owner == number for number in range(n_phases)]
    return [(float(area[own].sum()), float(np.sqrt(covariance[np.ix_(own, own)].sum()))) for own in chosen]


def cells_of(
    model: PatternModel, status: Sequence[Status], values: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[CellFit | None, ...]:
    """The refined cells among values (n_parameters,) and covariance (n_parameters, n_parameters)."""
    cells: list[CellFit | None] = []
    for number, state in enumerate(status):
        rows, _ = model.table.cell_rows(number)
        fit = CellFit(values=values[rows], covariance=covariance[rows[:, None], rows])
        cells.append(fit if state == Status.REFINED else None)
    return tuple(cells)


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
            sigma=on_full_grid(points.used, 1.0 / np.sqrt(objective.at_points(objective.work.weight))),
            calculated=on_full_grid(points.used, objective.at_points(objective.work.model)),
            background=on_full_grid(points.used, objective.at_points(objective.work.background)),
            used=points.used,
        ),
        r_p=fit.agreement.r_p,
        r_wp=fit.agreement.r_wp,
        r_wp_background_subtracted=fit.agreement.r_wp_background_subtracted,
        r_exp=fit.agreement.r_exp,
        gof=fit.agreement.gof,
        durbin_watson=fit.agreement.durbin_watson,
        nfev=fit.minimum.nfev,
    )


def on_full_grid(used: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
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
