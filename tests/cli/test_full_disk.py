"""A disk that is full at one moment or another: one message, earlier results as they were, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.recipes import sequential
from xrdfit.cli.app import app
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

Xrdfit = Callable[..., Result]
_SIZE = 24 * 1024**2


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own, with the results of four scans on it."""
    here = tmp_path_factory.mktemp("disk")
    words = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(here)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        elsewhere = tmp_path_factory.mktemp("series")
        simulated = simulate_stack(WELL_BEHAVED, seed=11, n_scans=6)
        write_simulated(elsewhere / "stack.h5", simulated)
        recipe = elsewhere / "cell.toml"
        recipe.write_text(sequential(simulated.recipe_text), encoding="utf-8")
        words = ["refine", str(recipe), "-o", str(here / "out"), "--scans", "0:4"]
        assert CliRunner().invoke(app, words).exit_code in (0, 1)
        (here / "recipe").symlink_to(recipe)
        yield here
    finally:
        subprocess.run(["umount", "-l", str(here)], check=True)


@pytest.fixture
def leave(disk: Path) -> Iterator[Callable[[int], None]]:
    """Leave so many bytes on the disk."""
    ballast = disk / "ballast"

    def fill(free: int) -> None:
        system = os.statvfs(disk)
        ballast.write_bytes(b"\0" * (system.f_bavail * system.f_frsize - free))

    yield fill
    ballast.unlink(missing_ok=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("free", [0, 4096, 65_536, 262_144, 4_000_000])
def test_a_refinement_keeps_the_earlier_results(
    disk: Path, xrdfit: Xrdfit, leave: Callable[[int], None], free: int
) -> None:
    before = contents(disk / "out")
    leave(free)
    run = xrdfit("refine", (disk / "recipe").resolve(), "-o", disk / "out", "--fresh")
    assert run.exit_code == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("E169 no room left to write") and line.count(" · ") == 3
    assert contents(disk / "out") == before
    assert {path.name for path in disk.iterdir()} <= {"out", "recipe", "ballast", ".out.journal"}


@pytest.mark.parametrize(
    "words",
    [("report",), ("export", "cif"), ("export", "pdcif"), ("plot", "map"), ("plot", "trajectory"), ("curves",)],
    ids=" ".join,
)
@pytest.mark.parametrize("free", [0, 8192])
def test_what_is_made_of_results_is_whole_or_not_there(
    disk: Path, xrdfit: Xrdfit, leave: Callable[[int], None], words: tuple[str, ...], free: int
) -> None:
    verb, what = (words[:1], words[1:]) if words[0] == "export" else (words, ())
    before = contents(disk / "out")
    leave(free)
    run = xrdfit(*verb, disk / "out", *what)
    assert run.exit_code == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("E169 no room left to write")
    assert contents(disk / "out") == before


def test_a_stack_is_whole_or_not_there(disk: Path, xrdfit: Xrdfit, leave: Callable[[int], None]) -> None:
    leave(20_000)
    run = xrdfit("simulate", "-o", disk / "new.h5")
    assert run.exit_code == 2 and run.stderr.startswith("E169 no room left to write")
    assert not list(disk.glob("*new*"))
