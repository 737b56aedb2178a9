"""A run that was interrupted and one that was not end in the same numbers, to the last bit."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import xrdfit
from tests.series.test_workers import Bits
from xrdfit.data import SeriesResult
from xrdfit.errors import DataError, LostInputError
from xrdfit.io import Journal
from xrdfit.recipe import Job
from xrdfit.series.sequential import segments
from xrdfit.series.sequential.second_pass import SecondPass
from xrdfit.series.workers import Here, Pool, Workers
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

N_SCANS = 12


class Interruption(BaseException):
    pass


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=91, n_scans=N_SCANS)


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LONGEST", 4)


def stop() -> None:
    raise Interruption


class Run:
    """A job that is refined again and again, with one journal."""

    def __init__(self, job: Job, path: Path) -> None:
        self.job, self.path = job, path
        with Journal(path) as journal:
            journal.begin({})

    def steps(
        self, *, until: int | None = None, interrupt: Callable[[], object] = stop, workers: Workers | None = None
    ) -> list[int]:
        """Refine; the steps that were told, up to where it was interrupted."""
        told: list[int] = []

        def tell(done: int, total: int, word: str) -> None:
            told.append(done)
            if done == until:
                interrupt()

        self.writer = Bits()
        with Journal(self.path) as journal, suppress(Interruption):
            self.result: SeriesResult = xrdfit.refine_series(
                self.job, writer=self.writer, progress=tell, workers=workers or Here(), records=journal
            )
        return told

    def bits(self) -> object:
        columns = {name: column.tobytes() for name, column in self.result.columns.items() if column.dtype != object}
        return columns, self.writer.scans, self.result.messages, self.result.notes, self.result.warnings

    def remembered(self, stage: int) -> int:
        with Journal(self.path) as journal:
            return journal.scans_of_stage(stage)


@pytest.fixture
def one_by_one(simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]) -> Job:
    return job_of(simulated)


@pytest.fixture
def jointly(simulated: SimulatedStack, one_by_one: Job) -> Job:
    recipe = one_by_one.directory / "joint.toml"
    recipe.write_text(simulated.recipe_text)
    return xrdfit.build_job(xrdfit.load_recipe(recipe))


@pytest.mark.parametrize("mode", ["one_by_one", "jointly"])
def test_interrupted_at_any_step_the_rest_ends_in_the_same_bits(
    request: pytest.FixtureRequest, tmp_path: Path, mode: str
) -> None:
    job = request.getfixturevalue(mode)
    whole = Run(job, tmp_path / "whole")
    steps = whole.steps()
    for until in steps[1::5]:
        run = Run(job, tmp_path / f"{until}")
        run.steps(until=until)
        run.steps()
        assert run.bits() == whole.bits()
        assert run.remembered(0) == whole.remembered(0)


def test_two_workers_go_on_where_one_has_ended(one_by_one: Job, tmp_path: Path) -> None:
    run = Run(one_by_one, tmp_path / "one")
    run.steps()
    here = run.bits()
    run = Run(run.job, tmp_path / "two")
    run.steps(until=N_SCANS + 6)
    assert 0 < run.remembered(1) < N_SCANS
    with Pool(2) as two:
        run.steps(workers=two)
    assert run.bits() == here


def test_what_was_finished_is_not_done_again(one_by_one: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(one_by_one, tmp_path / "journal")
    run.steps(until=N_SCANS + 9)
    done = run.remembered(1)
    assert done == 8
    again: list[int] = []
    refine = SecondPass.refine
    monkeypatch.setattr(SecondPass, "refine", lambda self, index: (again.append(index), refine(self, index))[1])
    run.steps()
    assert len(again) == N_SCANS - done


def test_a_journal_with_other_content_is_refused_in_words(one_by_one: Job, tmp_path: Path) -> None:
    run = Run(one_by_one, tmp_path / "journal")
    with Journal(run.path) as journal:
        journal.append(0, 4, b"something else")
    with pytest.raises(DataError, match="E116 what an interrupted run has left is damaged"):
        run.steps()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: os.truncate(path, 3000)], ids=["vanishes", "is cut"])
def test_a_file_that_is_lost_in_mid_run_ends_it_and_it_goes_on_when_it_is_back(
    one_by_one: Job, simulated: SimulatedStack, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = one_by_one.directory
    for number, counts in enumerate(simulated.counts):
        np.savetxt(folder / f"{number}.xy", np.column_stack((simulated.two_theta, counts)), fmt="%.4f")
    recipe = folder / "files.toml"
    recipe.write_text((folder / "recipe.toml").read_text().replace('"stack.h5"', '"*.xy"'))
    job = xrdfit.build_job(xrdfit.load_recipe(recipe))
    whole = Run(job, tmp_path / "whole")
    whole.steps()
    lost = folder / f"{N_SCANS - 1}.xy"
    there = lost.read_bytes()
    run = Run(job, tmp_path / "journal")
    with pytest.raises(LostInputError, match=r"E175 the file changed while it was read · .*11.xy · "):
        run.steps(until=6, interrupt=lambda: spoil(lost))
    assert 0 < run.remembered(0) < N_SCANS
    lost.write_bytes(there)
    run.steps()
    assert run.bits() == whole.bits()
