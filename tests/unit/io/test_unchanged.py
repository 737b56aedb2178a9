"""A file that is lost while a run reads it is told apart from one that never could be read."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from xrdfit.errors import DataError, LostInputError
from xrdfit.io import Hdf5Stack, open_stack

N_SCANS, N_POINTS = 8, 20_000


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack whose rows are chunks of their own."""
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update(NX_class="NXdata", signal="intensity", axes=[".", "two_theta"])
        group["two_theta"] = np.linspace(10.0, 90.0, N_POINTS)
        group["two_theta"].attrs["units"] = "deg"
        counts = np.random.default_rng(1).poisson(100.0, (N_SCANS, N_POINTS)).astype(np.float64)
        group.create_dataset("intensity", data=counts, chunks=(1, N_POINTS))
    return path


def test_zeros_behind_the_end_of_a_stack_that_was_cut_are_not_taken_for_intensities(stack: Path) -> None:
    there = Hdf5Stack(stack)
    there.read(0)
    os.truncate(stack, stack.stat().st_size // 2)
    with pytest.raises(LostInputError, match="E175 the file changed while it was read"):
        there.read(N_SCANS - 1)


def test_a_stack_that_vanishes_is_lost_to_a_worker_who_has_not_opened_it(stack: Path) -> None:
    sent = pickle.dumps(Hdf5Stack(stack))
    stack.unlink()
    with pytest.raises(LostInputError, match="nothing there against"):
        pickle.loads(sent).read(0)


def test_a_row_that_never_could_be_read_costs_itself_only(stack: Path) -> None:
    with h5py.File(stack, "r+") as file:
        del file["/entry/data/intensity"]
        packed = file.create_dataset(
            "/entry/data/intensity", data=np.ones((N_SCANS, N_POINTS)), chunks=(1, N_POINTS), compression="gzip"
        )
        offset = packed.id.get_chunk_info(3).byte_offset
    with stack.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff" * 16)
    there = Hdf5Stack(stack)
    with pytest.raises(DataError):
        there.read(3)
    assert there.read(4).intensity.size == N_POINTS


def test_a_text_file_that_has_grown_or_gone_is_lost(tmp_path: Path) -> None:
    for number in range(2):
        table = np.column_stack((np.linspace(20.0, 30.0, 50), np.arange(50.0)))
        np.savetxt(tmp_path / f"{number}.xy", table, fmt="%.3f")
    there = open_stack("*.xy", base=tmp_path)
    assert there.read(0).intensity.size == 50
    with (tmp_path / "0.xy").open("a") as file:
        file.write("30.5 7.0\n")
    (tmp_path / "1.xy").unlink()
    for index in range(2):
        with pytest.raises(LostInputError, match=f"E175 .*{index}.xy"):
            there.read(index)
