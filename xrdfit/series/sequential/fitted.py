"""A scan's fit with what was decided about its phases, and the brief of it that the series keeps."""

from __future__ import annotations

from dataclasses import dataclass

from xrdfit.data import Outcome
from xrdfit.fit import ScanFit
from xrdfit.series.sequential.selection import mean_width
from xrdfit.series.state import ScanRecord, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fit with what was decided about each phase."""

    fit: ScanFit
    status: tuple[Status, ...]
    significance: tuple[float, ...]


def record_of(
    fitted: Fitted, *, outcome: Outcome, message: str, stands_out: tuple[bool, ...] | None = None
) -> ScanRecord:
    """The brief of a fit; every phase stands out if not said otherwise."""
    fit = fitted.fit
    lines = fit.objective.lines
    areas = tuple(
        {
            (int(hkl[0]), int(hkl[1]), int(hkl[2])): float(area)
            for hkl, area in zip(lines.hkl[own], fit.objective.work.area[own], strict=True)
        }
        for own in (lines.phase == phase for phase in range(len(fitted.status)))
    )
    return ScanRecord(
        outcome=outcome,
        message=message,
        values=fit.values,
        status=fitted.status,
        significance=fitted.significance,
        stands_out=(True,) * len(fitted.status) if stands_out is None else stands_out,
        areas=areas,
        width=tuple(mean_width(fit, phase) for phase in range(len(fitted.status))),
        chi2=fit.agreement.chi2,
        gof=fit.agreement.gof,
        r_wp=fit.agreement.r_wp,
    )
