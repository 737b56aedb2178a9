"""What a joint fit says of each scan, in the form that tables and files are made from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Curves, Outcome, PhaseLines, ScanResult
from xrdfit.model import PatternModel
from xrdfit.series.joint.complaints import joint_complaints, stopped, with_known_places
from xrdfit.series.joint.fitted_runs import FittedNumbers, FittedPattern, FittedRuns
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.joint.unseen import UnseenTests
from xrdfit.series.microstructure import widths_of
from xrdfit.series.presence import Z_UPPER
from xrdfit.series.state import Status
from xrdfit.series.summary import ScanSummary, cells_of, nothing_fitted, on_full_grid


def joint_summary(
    model: PatternModel,
    series: JointSeries,
    index: int,
    unseen: UnseenTests,
    fitted: FittedRuns,
    amount_off: float | None = None,
) -> ScanSummary:
    """A scan of a jointly refined series.

    Parameters
    ----------
    unseen : as `xrdfit.series.joint.unseen.tests_of_unseen` gives it.
    amount_off : part by which the scan's amount is outlying, if it is.
    """
    n_phases = len(model.phases)
    if index not in series.fits:
        record = series.sequential.records[index]
        outcome = Outcome.NO_DATA if record.outcome == Outcome.NO_DATA else Outcome.FAILED
        return nothing_fitted(outcome, record.message, n_phases)
    fit = series.fits[index]
    numbers = fitted.numbers(fit)
    not_found = list(stopped(series, fit))
    messages = joint_complaints(series, fit, not_found, amount_off)
    outcome = Outcome.FLAGGED if messages else Outcome.CONVERGED
    status = with_known_places(series, fit, not_found)
    scales, esd = fit.totals() if series.regime.free else fit.scale_with_esd()
    seen = np.array([(fit.chain.layout.lines.phase == phase).any() for phase in range(n_phases)])
    shown = np.maximum(scales, 0.0)
    total = float(shown.sum())
    nan = np.full(n_phases, np.nan)
    upper, z = np.where(seen, shown + Z_UPPER * esd, nan), np.where(seen, fit.z, nan)
    for phase, test in unseen[index].items():
        upper[phase], z[phase] = test.upper95, test.z
    return ScanSummary(
        outcome=outcome,
        message="; ".join(messages),
        result=_scan_result(model, fit, fitted.pattern(fit), numbers, outcome, "; ".join(messages)),
        status=status,
        cell=cells_of(model, status, fit.values, numbers.covariance),
        widths=widths_of(model, status, fit.values, numbers.covariance),
        scale=tuple(zip(scales.tolist(), esd.tolist(), strict=True)),
        scale_upper95=tuple(upper.tolist()),
        presence_z=tuple(z.tolist()),
        apparent_share=tuple((shown / total if total > 0.0 else nan).tolist()),
    )


def _scan_result(
    model: PatternModel,
    fit: JointScanFit,
    fitted: FittedPattern,
    numbers: FittedNumbers,
    outcome: Outcome,
    message: str,
) -> ScanResult:
    layout = fit.chain.layout
    pattern, used = fit.kept.pattern, fit.kept.grid.used
    with np.errstate(invalid="ignore"):
        esd = np.sqrt(np.diag(numbers.covariance))
    measured = np.flatnonzero(np.isfinite(esd) & (esd > 0.0))
    names = model.table.names
    is_local = np.zeros(len(names), dtype=np.bool_)
    is_local[layout.local] = True
    own = measured[is_local[measured]]
    return ScanResult(
        outcome=outcome,
        message=message,
        values=dict(zip(names, fit.values.tolist(), strict=True)),
        esd=dict(zip([names[row] for row in measured], esd[measured].tolist(), strict=True)),
        names=tuple(names[row] for row in own),
        covariance=numbers.covariance[own[:, None], own],
        lines=_lines(model, fit, numbers, fitted.position[:, 0]),
        curves=Curves(
            two_theta=pattern.two_theta,
            observed=pattern.intensity,
            sigma=on_full_grid(used, 1.0 / np.sqrt(fitted.weight)),
            calculated=on_full_grid(used, fitted.model),
            background=on_full_grid(used, fitted.background),
            used=used,
        ),
        r_p=fit.agreement.r_p,
        r_wp=fit.agreement.r_wp,
        r_wp_background_subtracted=fit.agreement.r_wp_background_subtracted,
        r_exp=fit.agreement.r_exp,
        gof=fit.agreement.gof,
        durbin_watson=fit.agreement.durbin_watson,
        nfev=fit.solution.iterations,
    )


def _lines(
    model: PatternModel, fit: JointScanFit, numbers: FittedNumbers, position: NDArray[np.float64]
) -> tuple[PhaseLines, ...]:
    lines = fit.chain.layout.lines
    there = np.array([state != Status.ABSENT for state in fit.status])[lines.phase]
    area, esd = np.where(there, np.maximum(numbers.area, 0.0), 0.0), np.where(there, numbers.area_esd, np.nan)
    of_phases = (np.flatnonzero(lines.phase == number) for number in range(len(model.phases)))
    return tuple(
        PhaseLines(
            phase=known.name,
            hkl=lines.hkl[own],
            two_theta=position[own],
            area=area[own],
            area_esd=esd[own],
        )
        for known, own in zip(model.phases, of_phases, strict=True)
    )
