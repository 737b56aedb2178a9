"""A series followed scan by scan comes to the numbers of the refinement of the whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.recipes import sequential
from xrdfit.data import SeriesResult
from xrdfit.io import pack, unpack
from xrdfit.recipe import Job, build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.series.following import Following, Known, Row
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

N_SCANS = 16


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("series")
    simulated = simulate_stack(WELL_BEHAVED, seed=5, n_scans=N_SCANS)
    write_simulated(folder / "stack.h5", simulated)
    (folder / "cell.toml").write_text(sequential(simulated.recipe_text), encoding="utf-8")
    return build_job(load_recipe(Path(folder / "cell.toml")))


@pytest.fixture(scope="module")
def whole(job: Job) -> SeriesResult:
    return refine_series(job)


def following(job: Job, known: Known | None = None) -> Following:
    return Following(
        instrument=job.instrument,
        phases=job.phases,
        background=job.background,
        settings=job.settings,
        known=known,
    )


def rows_of(job: Job, *, interrupted: bool = False) -> Iterator[Row]:
    """A row for every scan; if `interrupted`, what is known goes through its bytes after each."""
    here = following(job)
    for scan in range(N_SCANS):
        followed = here.fit(job.stack.read(scan))
        yield followed.row
        if interrupted:
            here = following(job, unpack(pack(followed.known), Known))


def test_cells_are_those_of_the_sequential_refinement_within_their_errors(job: Job, whole: SeriesResult) -> None:
    rows = list(rows_of(job))
    for name in ("LFP_a", "LFP_b", "LFP_c", "LFP_volume", "FP_a", "FP_b", "FP_c", "FP_volume"):
        live = np.array([row[name] for row in rows], dtype=float)
        # Where lines overlap, the whole series says more of their areas than one scan does.
        esd = np.array([row[f"{name}_esd"] for row in rows], dtype=float)
        apart = (live - whole.columns[name]) / np.fmax(esd, whole.columns[f"{name}_esd"])
        both = apart[np.isfinite(apart)]
        assert both.size > 0.7 * N_SCANS, name
        assert abs(np.median(both)) < 0.3, name
        assert np.abs(both).max() < 2.0, (name, both)


def test_an_interruption_changes_no_number(job: Job) -> None:
    for straight, interrupted in zip(rows_of(job), rows_of(job, interrupted=True), strict=True):
        assert straight.keys() == interrupted.keys()
        for name, value in straight.items():
            np.testing.assert_equal(interrupted[name], value)


def test_a_scan_without_sample_is_no_start_for_the_next(job: Job) -> None:
    here = following(job)
    here.fit(job.stack.read(0))
    before = here.known
    pattern = job.stack.read(1)
    noise = np.random.default_rng(0).poisson(5.0, pattern.intensity.size).astype(float)
    assert here.fit(replace(pattern, intensity=np.zeros_like(noise))).row["outcome"] == "no_data"
    here.fit(replace(pattern, intensity=noise))
    assert before is not None
    assert here.known is not None
    assert here.known.last is before.last
    again = here.fit(pattern).row
    fresh = following(job)
    fresh.fit(job.stack.read(0))
    assert again["LFP_a"] == pytest.approx(fresh.fit(pattern).row["LFP_a"], abs=1e-5)


@pytest.mark.parametrize("kind", ["huge", "negative", "noise", "one point", "tiny"])
def test_numbers_that_no_detector_gives_end_no_watch_and_move_no_neighbour(job: Job, kind: str) -> None:
    here = following(job)
    here.fit(job.stack.read(0))
    pattern = job.stack.read(1)
    wrong = {
        "huge": np.full_like(pattern.intensity, 1e300) * (1.0 + np.arange(pattern.intensity.size) % 3),
        "negative": -pattern.intensity,
        "noise": np.random.default_rng(1).uniform(0.0, 1e6, pattern.intensity.size),
        "one point": np.where(np.arange(pattern.intensity.size) == 100, 1e9, 0.0),
        "tiny": pattern.intensity * 1e-300,
    }[kind]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here.fit(replace(pattern, intensity=wrong))
    fresh = following(job)
    fresh.fit(job.stack.read(0))
    row, straight = here.fit(pattern).row, fresh.fit(pattern).row
    assert abs(float(row["LFP_a"]) - float(straight["LFP_a"])) < 0.05 * float(straight["LFP_a_esd"])
