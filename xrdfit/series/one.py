"""One scan on its own, from a cold start to a result by any solver."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from xrdfit.errors import NoResultError
from xrdfit.fit import PreparedScan, ScanFit, start_values, with_seeded_background
from xrdfit.model import PatternModel
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.first_pass import prepared
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.survey import survey

if TYPE_CHECKING:
    from xrdfit.recipe import Job


def refine_one_scan(job: Job, scan: int, *, solver: str = "leastsq") -> ScanFit:
    """Refine one scan of a job by an lmfit method, or by the compiled solver.

    Which phases are there, and near which cell, is found by the compiled solver; `solver` then refines from that cell,
    with background, widths and positions at their first guesses.

    Raises
    ------
    NoResultError
        If the scan cannot be fitted.
    """
    model = PatternModel.of(job.instrument, job.phases, job.background)
    start = start_values(model.table, job.settings.overrides)
    scopes = settle_scopes(model, job.settings, n_scans=1)
    settings = replace(job.settings, solver="compiled")
    fitter = ScanFitter(model=model, settings=settings, scopes=scopes, yardstick=start)
    ready = prepared(fitter, job.stack, scan)
    found = survey(fitter, {scan: ready}, start) if isinstance(ready, PreparedScan) else None
    if found is None or not isinstance(ready, PreparedScan):
        reason = ready if isinstance(ready, str) else "no fit converged"
        raise NoResultError(f"scan {scan} could not be fitted: {reason}")
    record = found.records[scan]
    with_solver = replace(fitter, settings=replace(job.settings, solver=solver))
    first_guess = model.table.where("width", "strain", "resolution", "divergence", "emission", "position")
    values = with_seeded_background(model, ready, np.where(first_guess, start, record.values))
    return with_solver.fit(ready, values, record.status)
