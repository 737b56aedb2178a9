"""How the first scan of a series is begun."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from xrdfit.data import Pattern
from xrdfit.fit import PreparedScan, start_values
from xrdfit.model import PatternModel
from xrdfit.recipe import Job
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.cold_fits import ColdFits
from xrdfit.series.sequential.first_pass import prepared
from xrdfit.series.sequential.scanfit import NARROW, ScanFitter
from xrdfit.series.sequential.survey import one_after_the_other
from xrdfit.series.sequential.widths import observed_fwhm, with_first_widths
from xrdfit.series.workers import Here
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


@dataclass
class LosingItsFile:
    """A stack one scan of which cannot be read any more."""

    lost: int

    def __len__(self) -> int:
        return len(SIMULATED)

    def read(self, index: int) -> Pattern:
        if index == self.lost:
            raise OSError("gone")
        return SIMULATED.read(index)


@dataclass
class Elsewhere(Here):
    """Whoever works elsewhere gets everything as bytes, and so do those who wait for it."""

    def map(self, function: Callable, tasks: Sequence, context: object) -> Iterator:
        sent = pickle.dumps(context)
        return (pickle.loads(pickle.dumps(function(pickle.loads(sent), task))) for task in tasks)


def test_scans_that_workers_fit_from_nothing_are_those_that_were_fitted_here_to_the_last_bit(
    fitter: ScanFitter,
) -> None:
    scans = {index: scan_of(fitter, index) for index in (LFP_ALONE, BOTH, 20)}
    reach = [NARROW, NARROW]
    here = one_after_the_other(fitter, scans, fitter.yardstick, reach)
    there = ColdFits(Elsewhere(), LosingItsFile(lost=20))(fitter, scans, fitter.yardstick, reach)
    # What is at hand here needs no file.
    at_hand = ColdFits(Here(), LosingItsFile(lost=BOTH))(fitter, scans, fitter.yardstick, reach)
    assert list(there) == [LFP_ALONE, BOTH] and list(at_hand) == list(here)
    for found in (there, at_hand):
        for index, fitted in found.items():
            assert fitted.status == here[index].status
            assert fitted.fit.values.tobytes() == here[index].fit.values.tobytes()
            assert fitted.fit.esd.tobytes() == here[index].fit.esd.tobytes()
