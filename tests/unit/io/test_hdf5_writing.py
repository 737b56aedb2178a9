"""HDF5 on a disk that refuses: told once, and what HDF5 reads back meanwhile is what it wrote."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest

from xrdfit.io.hdf5_writing import PatientFile, new_hdf5


class FullDisk(io.FileIO):
    """Has room for so many bytes."""

    room = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.tell() + len(data) > self.room:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("room", [0, 100, 2000, 5000, 20_000])
def test_a_refusal_is_told_when_asked_and_nothing_is_lost_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(FullDisk, "room", room)
    monkeypatch.setattr("xrdfit.io.hdf5_writing.io.FileIO", FullDisk)
    values = np.random.default_rng(1).random((50, 100))
    with PatientFile(tmp_path / "a.h5") as disk:
        with h5py.File(disk, "w") as file:
            rows = file.create_dataset("rows", (0, 100), "f8", maxshape=(None, 100), chunks=(4, 100))
            for index, row in enumerate(values):
                rows.resize((index + 1, 100))
                rows[index] = row
        with h5py.File(disk, "r") as file:
            np.testing.assert_array_equal(file["rows"][()], values)
        with pytest.raises(OSError, match="No space left on device"):
            disk.check()


def test_a_file_that_was_taken_is_a_file_like_any_other(tmp_path: Path) -> None:
    with new_hdf5(tmp_path / "a.h5") as (file, disk):
        file["x"] = np.arange(10_000.0)
        del file["x"]
        file["y"] = np.arange(5)
        disk.check()
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file) == ["y"] and file["y"][4] == 4
