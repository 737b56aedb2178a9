"""The first pass of a joint fit: a scan that two fitted ones account for needs no fit, any other has its own."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

import xrdfit
from tests.stacks import kept
from xrdfit.data import MemoryStack, Pattern
from xrdfit.fit import start_values
from xrdfit.model import PatternModel
from xrdfit.recipe import Job
from xrdfit.series.kept import KeptScans
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.first_pass import FirstPass
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.series import SequentialSeries
from xrdfit.series.state import ScanRecord, Status
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

# Of 200 scans of a cycle: those in which FP comes up.
N_SCANS, PART = 200, range(14, 54)


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=78, n_scans=N_SCANS)


@dataclass
class Explored:
    """A first pass, and the scans that were fitted in it."""

    records: dict[int, ScanRecord]
    fitted: set[int]

    @property
    def not_fitted(self) -> list[int]:
        return [index for index in self.records if index not in self.fitted]


Explore = Callable[..., Explored]


@pytest.fixture
def explore(simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]) -> Iterator[Explore]:
    job = job_of(simulated)
    model = PatternModel.of(job.instrument, job.phases, job.background)
    patterns = [simulated.read(scan) for scan in range(N_SCANS)]
    with pytest.MonkeyPatch.context() as patch:
        fitted: set[int] = set()
        refine = FirstPass.refine

        def counting(self: FirstPass, index: int, around: Neighbours) -> ScanRecord:
            fitted.add(index)
            return refine(self, index, around)

        patch.setattr(FirstPass, "refine", counting)

        def run(changed: dict[int, Callable[[Pattern], Pattern]] | None = None, passes: int = 1) -> Explored:
            fitted.clear()
            those = [(changed or {}).get(i, lambda same: same)(pattern) for i, pattern in enumerate(patterns)]
            start = start_values(model.table, job.settings.overrides)
            scopes = settle_scopes(model, job.settings, n_scans=len(PART))
            series = SequentialSeries(
                fitter=ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start),
                stack=MemoryStack.of(those, times=simulated.times),
                scans=list(PART),
                start=start,
                summarise=id,
                on_final=lambda *_: None,
            )
            series.explore(passes=passes)
            assert series.seen is not None
            return Explored(dict(sorted(series.records.items())), fitted | set(series.seen.records))

        yield run


def areas(record: ScanRecord) -> np.ndarray:
    return np.array([sum(own.values()) for own in record.areas])


def scatter(records: dict[int, ScanRecord], chosen: list[int]) -> float:
    """RMS by which the areas of the phases leave a parabola in time."""
    found = np.array([areas(records[index]) for index in chosen])
    course = np.polynomial.Polynomial
    return float(np.std([own - course.fit(chosen, own, 2)(np.array(chosen)) for own in found.T]))


def test_scans_that_are_not_fitted_are_known_as_well_as_by_a_fit_of_each(explore: Explore) -> None:
    sparse, dense = explore(), explore(passes=2)
    assert len(sparse.not_fitted) > len(PART) // 3
    assert not dense.not_fitted
    for index in sparse.not_fitted:
        assert sparse.records[index].gof == pytest.approx(dense.records[index].gof, abs=0.12)
    assert scatter(sparse.records, sparse.not_fitted) < scatter(dense.records, sparse.not_fitted)


def test_a_phase_that_comes_between_two_fitted_scans_is_in_those_that_have_enough_of_it(
    explore: Explore, simulated: SimulatedStack
) -> None:
    found, phase = explore(), 1
    share = simulated.truth["FP_fraction"]
    assert {found.records[index].status[phase] for index in found.not_fitted} == {Status.ABSENT, Status.REFINED}
    for index in found.not_fitted:
        record = found.records[index]
        assert (record.status[phase] == Status.REFINED) == bool(record.lines[phase]) == (areas(record)[phase] > 0.0)
        if not 0.0 < share[index] < 0.05:
            assert record.status[phase] == (Status.REFINED if share[index] > 0.0 else Status.ABSENT)


@pytest.mark.parametrize("harm", ["moved", "strange line"])
def test_a_scan_in_which_something_happens_is_fitted_and_its_neighbours_are_not(explore: Explore, harm: str) -> None:
    usual = explore()
    index = next(i for i in usual.not_fitted if {i - 1, i + 1} <= set(usual.not_fitted))

    def harmed(pattern: Pattern) -> Pattern:
        y = pattern.intensity.copy()
        if harm == "moved":
            return replace(pattern, intensity=np.roll(y, 2))
        y[400:412] += 0.25 * np.ptp(y)
        return replace(pattern, intensity=y)

    assert explore({index: harmed}).fitted == usual.fitted | {index}


def test_a_scan_with_less_in_the_beam_has_as_much_less_without_a_fit(explore: Explore) -> None:
    usual = explore()
    index = usual.not_fitted[0]

    def thinned(pattern: Pattern) -> Pattern:
        counts = np.random.default_rng(1).binomial(pattern.intensity.astype(np.int64), 0.7)
        return replace(pattern, intensity=counts.astype(np.float64))

    less = explore({index: thinned})
    assert index in less.not_fitted
    total = areas(less.records[index]).sum() / areas(usual.records[index]).sum()
    assert total == pytest.approx(0.7, abs=0.03)


def test_scans_at_hand_stay_here_when_a_pass_is_sent_elsewhere() -> None:
    scans = KeptScans({3: kept(np.full(50, 7.0), np.linspace(20.0, 30.0, 50))})
    assert pickle.loads(pickle.dumps(scans)) == {}


def test_a_joint_fit_reads_every_scan_once(simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]) -> None:
    read: Counter[int] = Counter()

    class Counted(MemoryStack):
        def read(self, index: int) -> Pattern:
            read[index] += 1
            return super().read(index)

    stack = Counted.of([simulated.read(scan) for scan in range(N_SCANS)], times=simulated.times)
    job = job_of(simulated)
    settings = replace(job.settings, mode="series")
    xrdfit.refine_series(replace(job, stack=stack, settings=settings), scans=list(PART)[:20])
    assert read == Counter(list(PART)[:20])
