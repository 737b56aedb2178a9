"""How the first scan of a series is begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xrdfit.fit import PreparedScan, start_values
from xrdfit.model import PatternModel
from xrdfit.recipe import Job
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.first_pass import prepared
from xrdfit.series.sequential.scanfit import NARROW, ScanFitter
from xrdfit.series.sequential.widths import observed_fwhm, with_first_widths
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

SIMULATED = simulate_stack(WELL_BEHAVED, seed=11)
BOTH, LFP_ALONE = 10, 0


@pytest.fixture
def fitter(job_of: Callable[[SimulatedStack], Job]) -> ScanFitter:
    job = job_of(SIMULATED)
    model = PatternModel.of(job.instrument, job.phases, job.background)
    start = start_values(model.table, job.settings.overrides)
    scopes = settle_scopes(model, job.settings, n_scans=len(SIMULATED))
    found = ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start)
    fwhm = observed_fwhm(model, [scan_of(found, BOTH)], start)
    return replace(found, yardstick=with_first_widths(model, start, fwhm, job.settings, scopes))


def scan_of(fitter: ScanFitter, index: int) -> PreparedScan:
    scan = prepared(fitter, SIMULATED, index)
    assert isinstance(scan, PreparedScan)
    return scan


def test_near_the_start_cells_all_phases_at_once_lead_where_one_after_the_other_do(fitter: ScanFitter) -> None:
    scan = scan_of(fitter, BOTH)
    at_once = fitter.at_once(scan, fitter.yardstick)
    one_by_one = fitter.cold(scan, fitter.yardstick, reach=[NARROW, NARROW])
    assert at_once is not None
    apart = np.abs(at_once.fit.values - one_by_one.fit.values) / one_by_one.fit.esd
    assert np.nanmax(apart) < 0.01


@pytest.mark.parametrize("factor", [0.985, 1.02])
def test_start_cells_that_are_far_off_prove_nothing(fitter: ScanFitter, factor: float) -> None:
    start = fitter.yardstick.copy()
    start[fitter.model.table.where("cell")] *= factor
    assert fitter.at_once(scan_of(fitter, BOTH), start) is None


def test_a_phase_that_is_hardly_there_proves_nothing(fitter: ScanFitter) -> None:
    assert fitter.at_once(scan_of(fitter, LFP_ALONE), fitter.yardstick) is None
