"""Who does the work of a series changes nothing in its numbers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import xrdfit
from tests.tasks import DeadlyStack
from xrdfit.data import ScanResult, SeriesResult
from xrdfit.recipe import Job
from xrdfit.series.sequential import segments
from xrdfit.series.workers import Here, Pool, Workers
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=90, n_scans=12)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LONGEST", 4)


@pytest.fixture(scope="module")
def two() -> Iterator[Pool]:
    with Pool(2) as pool:
        yield pool


class Bits:
    """Writer that keeps what every scan is given as bytes."""

    def __init__(self) -> None:
        self.scans: dict[int, bytes] = {}

    def write_scan(self, index: int, result: ScanResult) -> None:
        assert index not in self.scans
        assert result.curves is not None
        self.scans[index] = result.curves.calculated.tobytes() + result.covariance.tobytes()


def bits_of(job: Job, workers: Workers) -> tuple[dict[str, bytes], dict[int, bytes], SeriesResult]:
    writer = Bits()
    result = xrdfit.refine_series(job, writer=writer, workers=workers)
    numbers = {name: column.tobytes() for name, column in result.columns.items() if column.dtype != object}
    return numbers, writer.scans, result


def test_the_same_bits_by_one_two_or_three_workers(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], two: Pool
) -> None:
    job = job_of(simulated)
    with Pool(1) as one, Pool(3) as three:
        numbers, scans, first = bits_of(job, one)
        assert len(scans) == 12
        for workers in (two, three):
            again, written, result = bits_of(job, workers)
            assert again == numbers
            assert written == scans
            assert list(result.columns["outcome"]) == list(first.columns["outcome"])
            assert (result.messages, result.notes, result.warnings) == (first.messages, first.notes, first.warnings)


def test_the_same_bits_without_workers(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], two: Pool
) -> None:
    job = job_of(simulated)
    # Where this process has compiled its kernels, the workers load them.
    here = bits_of(job, Here())
    assert bits_of(job, two)[:2] == here[:2]


def test_a_worker_that_is_killed_changes_nothing(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], two: Pool, tmp_path: Path
) -> None:
    job = job_of(simulated)
    mark = tmp_path / "killed"
    deadly = replace(job, stack=DeadlyStack(job.stack, scan=7, mark=mark))
    assert bits_of(deadly, two)[:2] == bits_of(job, two)[:2]
    assert mark.exists()


def test_segments_end_where_one_long_walk_ends(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(simulated)
    cut = xrdfit.refine_series(job).columns
    monkeypatch.setattr(segments, "LONGEST", 64)
    whole = xrdfit.refine_series(job).columns
    for name in ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c"):
        np.testing.assert_array_equal(np.isfinite(cut[name]), np.isfinite(whole[name]))
        assert np.nanmax(np.abs(cut[name] - whole[name]) / whole[f"{name}_esd"]) < 0.1


def test_progress_tells_of_every_scan_twice(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], two: Pool
) -> None:
    steps: list[tuple[int, int]] = []
    xrdfit.refine_series(job_of(simulated), workers=two, progress=lambda done, total, word: steps.append((done, total)))
    assert steps[-12:] == [(step, 24) for step in range(13, 25)]
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})


def test_a_job_is_sent_without_its_data(simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]) -> None:
    job = job_of(simulated)
    sent = pickle.dumps(job)
    assert len(sent) < 0.5 * simulated.counts.nbytes
    there = pickle.loads(sent)
    np.testing.assert_array_equal(there.stack.read(5).intensity, simulated.counts[5])
    assert there.settings == job.settings
