"""Results from strangers: a message, and nothing followed out of the file."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from tests.results import write_results
from xrdfit.errors import DataError
from xrdfit.io import read_results


def test_links_out_of_results_are_not_followed(tmp_path: Path) -> None:
    write_results(tmp_path / "mine", n_scans=3)
    write_results(tmp_path / "other", n_scans=3)
    with h5py.File(tmp_path / "mine" / "series.h5", "r+") as file:
        del file["entry/trajectories"]
        file["entry/trajectories"] = h5py.ExternalLink("../other/series.h5", "/entry/trajectories")
    with pytest.raises(DataError, match=r"the data lie in another file"):
        read_results(tmp_path / "mine")


def test_columns_larger_than_any_series_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    write_results(tmp_path, n_scans=3)
    with h5py.File(tmp_path / "series.h5", "r+") as file:
        for number in range(20):
            file["entry/trajectories"].create_dataset(f"bomb{number}", (9_000_000,), "f8", compression="gzip")
    assert (tmp_path / "series.h5").stat().st_size < 1_000_000
    with pytest.raises(DataError, match="beyond the limits"):
        read_results(tmp_path)


def test_damage_that_hdf5_finds_by_its_checksums_is_told(tmp_path: Path) -> None:
    write_results(tmp_path, n_scans=3)
    path = tmp_path / "series.h5"
    whole = path.read_bytes()
    told = 0
    for at in range(0, len(whole), 997):
        path.write_bytes(whole[:at] + b"\xa5\x5a" + whole[at + 2 :])
        try:
            read_results(tmp_path)
        except DataError:
            told += 1
    assert told > 0
