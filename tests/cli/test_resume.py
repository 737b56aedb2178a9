"""A run that did not come to its end: what it leaves, who may go on with it, and that nothing is lost or mixed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.recipes import sequential
from xrdfit.cli import refine as refine_verb
from xrdfit.cli.app import app
from xrdfit.io import Journal
from xrdfit.recipe import lock
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

Xrdfit = Callable[..., Result]
N_SCANS = 80
HIDDEN = ".out.*"


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series of two segments, with a recipe that refines it scan by scan."""
    folder = tmp_path_factory.mktemp("series")
    simulated = simulate_stack(WELL_BEHAVED, seed=11, n_scans=N_SCANS)
    write_simulated(folder / "stack.h5", simulated)
    (folder / "cell.toml").write_text(sequential(simulated.recipe_text), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def neither_figures_nor_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine_verb, "results_figures", lambda *_: None)
    monkeypatch.setattr(refine_verb, "write_report", lambda *_: None)


@pytest.fixture(scope="module")
def undisturbed(series: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of a run that nobody disturbed."""
    target = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine_verb, "results_figures", lambda *_: None)
        patch.setattr(refine_verb, "write_report", lambda *_: None)
        assert CliRunner().invoke(app, ["refine", str(series / "cell.toml"), "-o", str(target)]).exit_code in (0, 1)
    return (target / "trajectories.csv").read_bytes()


def killed_when(target: Path, recipe: Path, *, journal_bytes: int) -> None:
    """Begin a run in a process of its own and kill it as soon as its journal has so many bytes."""
    words = ("refine", str(recipe), "-o", str(target))
    run = subprocess.Popen(
        [sys.executable, "-c", "from xrdfit.cli import main; main()", *words], start_new_session=True
    )
    journal = target.with_name(f".{target.name}.journal")
    for _ in range(6000):
        if journal.exists() and journal.stat().st_size >= journal_bytes:
            break
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


@pytest.mark.parametrize("journal_bytes", [1, 60_000, 1_000_000], ids=["at once", "first pass", "second pass"])
def test_a_killed_run_goes_on_to_the_same_bytes_and_leaves_nothing_else(
    series: Path, undisturbed: bytes, tmp_path: Path, xrdfit: Xrdfit, journal_bytes: int
) -> None:
    target = tmp_path / "out"
    killed_when(target, series / "cell.toml", journal_bytes=journal_bytes)
    assert not target.exists()
    run = xrdfit("refine", series / "cell.toml", "-o", target, "--resume")
    assert run.exit_code in (0, 1), run.stderr
    assert ("going on with an interrupted run" in run.stderr) == (journal_bytes > 1)
    assert (target / "trajectories.csv").read_bytes() == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def interrupted(series: Path, tmp_path: Path, xrdfit: Xrdfit) -> Path:
    """Where a run was interrupted when all scans were refined and nothing was written yet."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refine_verb, "write_trajectories_csv", stop)
        run = xrdfit("refine", series / "cell.toml", "-o", tmp_path / "out")
    assert run.exit_code == 130
    assert "--resume" in run.stderr
    assert [path.name for path in tmp_path.glob("*")] == [".out.journal"]
    return tmp_path / "out"


def test_without_a_word_an_interrupted_run_is_gone_on_with_and_said_so(
    series: Path, interrupted: Path, undisturbed: bytes, xrdfit: Xrdfit
) -> None:
    run = xrdfit("refine", series / "cell.toml", "-o", interrupted)
    assert f"{N_SCANS} of the second" in run.stderr
    assert (interrupted / "trajectories.csv").read_bytes() == undisturbed


def test_fresh_begins_anew(series: Path, interrupted: Path, undisturbed: bytes, xrdfit: Xrdfit) -> None:
    run = xrdfit("refine", series / "cell.toml", "-o", interrupted, "--fresh")
    assert "going on" not in run.stderr
    assert (interrupted / "trajectories.csv").read_bytes() == undisturbed


def test_a_run_of_another_lineage_is_not_resumed_and_what_differs_is_named(
    series: Path, interrupted: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (series / "cell.toml").read_text(encoding="utf-8")
    (series / "other.toml").write_text(text.replace("terms = 6", "terms = 5"), encoding="utf-8")
    journal = interrupted.with_name(".out.journal")
    before = journal.read_bytes()

    def told(*words: object) -> str:
        run = xrdfit("refine", *words, "-o", interrupted, "--resume")
        assert run.exit_code == 2
        assert run.stderr.splitlines()[-1].startswith("E184 an interrupted run of something else")
        assert journal.read_bytes() == before
        assert not interrupted.exists()
        return run.stderr

    assert "another recipe" in told(series / "other.toml")
    assert f"another choice of scans (0:{N_SCANS} against 0:70)" in told(series / "cell.toml", "--scans", "0:70")
    with monkeypatch.context() as patch:
        patch.setattr(lock, "version", lambda name: "99.0")
        assert "other versions (gemmi " in told(series / "cell.toml")
    stack = series / "stack.h5"
    whole = stack.read_bytes()
    try:
        stack.write_bytes(whole + b" ")
        assert "other files (stack.h5)" in told(series / "cell.toml")
    finally:
        stack.write_bytes(whole)


def test_finished_results_of_other_versions_are_not_taken_for_these(
    series: Path, interrupted: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert xrdfit("refine", series / "cell.toml", "-o", interrupted).exit_code in (0, 1)
    assert "nothing to resume" in xrdfit("refine", series / "cell.toml", "-o", interrupted, "--resume").stdout
    monkeypatch.setattr(lock, "version", lambda name: "99.0")
    run = xrdfit("refine", series / "cell.toml", "-o", interrupted, "--resume")
    assert run.exit_code == 2
    assert "E184 results of something else" in run.stderr
    assert "numba" in run.stderr or "and 4 more" in run.stderr


def test_a_full_disk_is_told_keeps_what_there_was_and_the_run_goes_on_later(
    series: Path, undisturbed: bytes, tmp_path: Path, xrdfit: Xrdfit
) -> None:
    target = tmp_path / "out"
    recipe = series / "cell.toml"
    assert xrdfit("refine", recipe, "-o", target, "--scans", "0:10").exit_code in (0, 1)
    before = {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()}
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
        run = xrdfit("refine", recipe, "-o", target, "--fresh")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert run.exit_code == 2
    assert [line[:4] for line in run.stderr.splitlines()] == ["E169"]
    assert "--resume" in run.stderr
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.glob(HIDDEN)] == [".out.journal"]
    run = xrdfit("refine", recipe, "-o", target, "--resume")
    assert "going on with an interrupted run" in run.stderr
    assert (target / "trajectories.csv").read_bytes() == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_results_that_may_not_be_put_in_their_place_are_kept_beside_it(
    series: Path, tmp_path: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "out"))

    words = ("refine", series / "cell.toml", "-o", tmp_path / "out", "--scans", "0:6")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.move", refuse)
        (tmp_path / "out").mkdir()
        run = xrdfit(*words)
    assert run.exit_code == 2
    assert run.stderr.startswith("E182 cannot read or write")
    assert ".out.complete" in run.stderr
    assert "nothing to resume" in xrdfit(*words, "--resume").stdout
    assert (tmp_path / "out" / "series.h5").exists()


def test_two_runs_into_one_directory_are_refused(series: Path, tmp_path: Path, xrdfit: Xrdfit) -> None:
    with Journal(tmp_path / ".out.journal"):
        run = xrdfit("refine", series / "cell.toml", "-o", tmp_path / "out", "--resume")
    assert run.exit_code == 2
    assert run.stderr.startswith("E170 another run is writing there")
