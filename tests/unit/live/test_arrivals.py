"""What counts as having come: whole files and frames, each once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.cli.conftest import RECIPE
from xrdfit.errors import InputError
from xrdfit.live import FileArrivals, FrameArrivals, arrivals_of
from xrdfit.live.entries import Entry
from xrdfit.recipe import Recipe, load_recipe

POLL_S = 0.02
TWO_THETA = np.arange(20.0, 30.0, 0.1)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "scans").mkdir()
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return load_recipe(tmp_path / "recipe.toml")


@pytest.fixture
def files(recipe: Recipe) -> FileArrivals:
    return FileArrivals(recipe, wavelength=None, poll_s=POLL_S)


def text(n_points: int = TWO_THETA.size, level: int = 100) -> str:
    return "".join(f"{angle:.2f} {level + number % 7}\n" for number, angle in enumerate(TWO_THETA[:n_points]))


def write(recipe: Recipe, name: str, content: str) -> Path:
    path = recipe.directory / "scans" / name
    path.write_text(content, encoding="utf-8")
    return path


def looks(arrivals: FileArrivals | FrameArrivals, n_times: int = 4) -> list[str]:
    """Scans that come while one looks so many times."""
    found = []
    for _ in range(n_times):
        found += [frame.source for frame in arrivals.look()]
        time.sleep(POLL_S)
    return found


def test_a_file_counts_once_when_it_stands_still(recipe: Recipe, files: FileArrivals) -> None:
    write(recipe, "a.xy", text())
    assert looks(files, 1) == []
    assert looks(files, 5) == ["a.xy"]
    assert looks(files, 5) == []


def test_a_file_that_still_grows_waits(recipe: Recipe, files: FileArrivals) -> None:
    for n_points in (30, 50, 70, 90):
        write(recipe, "a.xy", text(n_points))
        assert looks(files, 1) == []
        assert files.tally.waiting == 1
    assert looks(files, 5) == ["a.xy"]


def test_files_come_in_natural_order_and_the_next_one_says_that_the_last_is_whole(
    recipe: Recipe, files: FileArrivals
) -> None:
    for name in ("scan_10.xy", "scan_2.xy", "scan_1.xy"):
        write(recipe, name, text())
    assert looks(files, 1) == ["scan_1.xy", "scan_2.xy"]
    assert looks(files, 4) == ["scan_10.xy"]


def test_a_file_cut_at_the_end_of_a_line_waits_for_its_rest(recipe: Recipe, files: FileArrivals) -> None:
    write(recipe, "a.xy", text())
    assert looks(files) == ["a.xy"]
    write(recipe, "b.xy", text(50))
    assert looks(files, 8) == []
    write(recipe, "b.xy", text())
    assert looks(files, 5) == ["b.xy"]


def test_a_file_that_stays_short_is_taken_as_it_is_after_a_while(recipe: Recipe, files: FileArrivals) -> None:
    write(recipe, "a.xy", text())
    assert looks(files) == ["a.xy"]
    write(recipe, "b.xy", text(50))
    assert looks(files, 40) == ["b.xy"]


def test_a_file_that_changes_comes_again(recipe: Recipe, files: FileArrivals) -> None:
    write(recipe, "a.xy", text())
    assert looks(files) == ["a.xy"]
    write(recipe, "a.xy", text(level=1000))
    assert looks(files, 5) == ["a.xy"]


def test_a_file_that_cannot_be_read_is_named_after_a_while_and_comes_when_it_is_mended(
    recipe: Recipe, files: FileArrivals
) -> None:
    write(recipe, "a.xy", "<html>404</html>\n")
    assert looks(files, 10) == []
    assert not files.tally.troubled
    assert looks(files, 30) == []
    assert list(files.tally.troubled) == ["a.xy"]
    assert files.left_over() == {str(recipe.directory / "scans" / "a.xy")}
    write(recipe, "a.xy", text())
    assert looks(files, 5) == ["a.xy"]
    assert not files.tally.troubled


def test_what_was_fitted_before_does_not_come_unless_it_has_changed(recipe: Recipe, files: FileArrivals) -> None:
    for name in ("a.xy", "b.xy"):
        path = write(recipe, name, text())
        state = os.stat(path)
        files.done_before(entry(path, size=state.st_size, mtime_ns=state.st_mtime_ns))
    write(recipe, "b.xy", text(level=500))
    assert looks(files, 5) == ["b.xy"]


def entry(path: Path, *, place: int = 0, of: int = 1, size: int = 0, mtime_ns: int = 0) -> Entry:
    return Entry(
        source=path.name,
        path=str(path),
        place=place,
        of=of,
        size=size,
        mtime_ns=mtime_ns,
        when=0.0,
        counts=0.0,
        outcome="converged",
        message="",
        numbers={},
        image=np.zeros(3, dtype=np.float32),
    )


def new_stack(path: Path, n_frames: int) -> h5py.File:
    file = h5py.File(path, "w", locking=False)
    data = file.create_group("data")
    data.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": [".", "two_theta"]})
    data.create_dataset("two_theta", data=TWO_THETA).attrs["units"] = "deg"
    shape = (n_frames, TWO_THETA.size)
    data.create_dataset("I", shape, maxshape=(None, TWO_THETA.size), chunks=(1, TWO_THETA.size), dtype="f8")
    file.flush()
    return file


@pytest.fixture
def stack(recipe: Recipe) -> h5py.File:
    path = recipe.directory / "recipe.toml"
    path.write_text(RECIPE.replace("scans/*.xy", "stack.h5"), encoding="utf-8")
    return new_stack(recipe.directory / "stack.h5", 0)


def frames(file: h5py.File) -> FrameArrivals:
    recipe = load_recipe(Path(file.filename).with_name("recipe.toml"))
    # HDF5 opens a file twice in one process only in the same way.
    return FrameArrivals(recipe, wavelength=None, poll_s=POLL_S)


def fill(file: h5py.File, number: int, part: float = 1.0, level: float = 100.0) -> None:
    n_points = int(part * TWO_THETA.size)
    if number >= file["data/I"].shape[0]:
        file["data/I"].resize(number + 1, axis=0)
    file["data/I"][number, :n_points] = level + np.arange(n_points) % 7
    file.flush()


def test_frames_come_once_and_in_order(stack: h5py.File) -> None:
    arrivals = frames(stack)
    found = []
    for number in range(5):
        fill(stack, number)
        found += looks(arrivals, 1)
    assert found + looks(arrivals) == [f"stack.h5[{number}]" for number in range(5)]
    assert looks(arrivals) == []


def test_a_frame_of_which_half_is_written_waits(stack: h5py.File) -> None:
    arrivals = frames(stack)
    fill(stack, 0)
    assert looks(arrivals) == ["stack.h5[0]"]
    fill(stack, 1, part=0.5)
    assert looks(arrivals, 8) == []
    fill(stack, 1)
    assert looks(arrivals) == ["stack.h5[1]"]


def test_room_for_frames_to_come_is_no_frame(recipe: Recipe, stack: h5py.File) -> None:
    stack["data/I"].resize(50, axis=0)
    arrivals = frames(stack)
    fill(stack, 0)
    fill(stack, 1)
    assert looks(arrivals, 40) == ["stack.h5[0]", "stack.h5[1]"]
    assert arrivals.tally.backlog == 0


def test_a_dark_frame_between_others_is_a_frame(stack: h5py.File) -> None:
    arrivals = frames(stack)
    fill(stack, 0)
    fill(stack, 2)
    assert looks(arrivals, 6) == [f"stack.h5[{number}]" for number in range(3)]


def test_dark_frames_that_are_added_one_by_one_are_frames(stack: h5py.File) -> None:
    arrivals = frames(stack)
    fill(stack, 0)
    found = looks(arrivals)
    for n_frames in range(2, 8):
        stack["data/I"].resize(n_frames, axis=0)
        stack.flush()
        found += looks(arrivals, 2)
    assert len(found) >= 5


def test_frames_fitted_before_do_not_come_again(stack: h5py.File) -> None:
    for number in range(4):
        fill(stack, number)
    first = frames(stack)
    came = []
    for _ in range(4):
        came += list(first.look())
        time.sleep(POLL_S)
    arrivals = frames(stack)
    arrivals.done_before(entry(Path(stack.filename), place=2, size=came[2].size, mtime_ns=came[2].mtime_ns))
    assert looks(arrivals) == ["stack.h5[3]"]


def test_a_stack_in_the_place_of_another_is_refused(stack: h5py.File) -> None:
    fill(stack, 0)
    arrivals = frames(stack)
    arrivals.done_before(entry(Path(stack.filename), place=0, size=1, mtime_ns=2))
    with pytest.raises(InputError, match="E184"):
        looks(arrivals)


def test_a_stack_that_has_shrunk_is_told(stack: h5py.File) -> None:
    fill(stack, 0)
    arrivals = frames(stack)
    arrivals.done_before(entry(Path(stack.filename), place=5))
    assert looks(arrivals) == []
    assert "1 frames against 6" in arrivals.tally.troubled["stack.h5"]


def test_a_file_whose_clock_is_behind_still_has_to_stand_still(recipe: Recipe, files: FileArrivals) -> None:
    assert looks(files, 1) == []
    path = write(recipe, "a.xy", text(50))
    os.utime(path, (0, 0))
    assert looks(files, 1) == []
    assert looks(files, 5) == ["a.xy"]


def test_what_was_there_before_the_watch_comes_at_once(recipe: Recipe, files: FileArrivals) -> None:
    path = write(recipe, "a.xy", text())
    os.utime(path, (0, 0))
    assert looks(files, 1) == ["a.xy"]


def test_several_stacks_are_refused_at_once(recipe: Recipe, stack: h5py.File) -> None:
    path = recipe.directory / "recipe.toml"
    path.write_text(RECIPE.replace("scans/*.xy", "*.h5"), encoding="utf-8")
    (recipe.directory / "other.h5").write_bytes(Path(stack.filename).read_bytes())
    with pytest.raises(InputError, match="E104"):
        arrivals_of(load_recipe(path), wavelength=None, poll_s=POLL_S)


def test_nothing_tells_yet_what_comes(recipe: Recipe) -> None:
    write(recipe, "a.xy", "")
    assert arrivals_of(recipe, wavelength=None, poll_s=POLL_S) is None
    write(recipe, "a.xy", text())
    assert isinstance(arrivals_of(recipe, wavelength=None, poll_s=POLL_S), FileArrivals)
