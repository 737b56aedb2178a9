"""A scan's fit with what was decided about its phases, and the brief of it that the series keeps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xrdfit.data import Outcome
from xrdfit.fit import ScanFit
from xrdfit.series.sequential.selection import mean_widths
from xrdfit.series.state import Hkl, ScanRecord, Status


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
    chosen = [np.flatnonzero(lines.phase == phase) for phase in range(len(fitted.status))]
    return ScanRecord(
        outcome=outcome,
        message=message,
        values=fit.values,
        status=fitted.status,
        significance=fitted.significance,
        stands_out=(True,) * len(fitted.status) if stands_out is None else stands_out,
        lines=tuple(_as_tuples(lines.hkl[own].tobytes()) for own in chosen),
        line_area=fit.objective.work.area[np.concatenate(chosen)],
        width=tuple(mean_widths(fit).tolist()),
        chi2=fit.agreement.chi2,
        gof=fit.agreement.gof,
        r_wp=fit.agreement.r_wp,
    )


@lru_cache(maxsize=1024)
def _as_tuples(hkl: bytes) -> tuple[Hkl, ...]:
    """Indices (m, 3) int32; records of scans with the same lines have them in common."""
    return tuple((h, k, m) for h, k, m in np.frombuffer(hkl, dtype=np.int32).reshape(-1, 3).tolist())
