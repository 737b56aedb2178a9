"""Datasets that grow scan by scan: one row a scan, on one 2theta grid as long as all scans share it."""

from __future__ import annotations

from collections.abc import Mapping

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


class ScanRows:
    """Writes rows of ``(n_scans, n_points)`` datasets of one NXdata group, in any order of scans.

    ``two_theta`` is (n_points,) as long as every scan has the same grid; the first scan that has another makes it
    (n_scans, n_points) and NaN pads the shorter scans.
    """

    def __init__(self, group: h5py.Group, dtypes: Mapping[str, DTypeLike]) -> None:
        self._group = group
        self._dtypes = dict(dtypes)
        self._common = np.empty(0)
        self._written: set[int] = set()

    def put(self, index: int, two_theta: NDArray[np.float64], rows: Mapping[str, ArrayLike]) -> None:
        """Write one scan; ``rows`` holds an (n_points,) array for every dataset."""
        if not self._written:
            self._create(two_theta)
        if self._group["two_theta"].ndim == 1 and not np.array_equal(self._common, two_theta):
            self._give_each_scan_its_grid()
        for name in self._dtypes:
            put_row(self._group[name], index, np.asarray(rows[name]))
        if self._group["two_theta"].ndim == 2:
            put_row(self._group["two_theta"], index, two_theta)
        self._written.add(index)

    def _create(self, two_theta: NDArray[np.float64]) -> None:
        self._common = two_theta.copy()
        self._group.create_dataset("two_theta", data=two_theta).attrs["units"] = "deg"
        for name, dtype in self._dtypes.items():
            create_rows(self._group, name, two_theta.shape, dtype)

    def _give_each_scan_its_grid(self) -> None:
        del self._group["two_theta"]
        axis = create_rows(self._group, "two_theta", self._common.shape, np.float64)
        axis.attrs["units"] = "deg"
        self._group.attrs["two_theta_indices"] = np.array([0, 1])
        for index in self._written:
            put_row(axis, index, self._common)


def create_rows(group: h5py.Group, name: str, row_shape: tuple[int, ...], dtype: DTypeLike) -> h5py.Dataset:
    """A compressed dataset without rows yet; a chunk is one scan, so that writing or reading one touches no other."""
    return group.create_dataset(
        name,
        shape=(0, *row_shape),
        maxshape=(None,) * (1 + len(row_shape)),
        chunks=(1, *(max(length, 1) for length in row_shape)),
        dtype=dtype,
        fillvalue=np.nan if np.issubdtype(np.dtype(dtype), np.floating) else 0,
        compression="gzip",
        compression_opts=1,
        shuffle=True,
    )


def put_row(dataset: h5py.Dataset, index: int, row: NDArray) -> None:
    """Write a row, growing the dataset where needed and filling what the row is too short for."""
    shape = (max(dataset.shape[0], index + 1), *map(max, dataset.shape[1:], row.shape))
    if shape != dataset.shape:
        dataset.resize(shape)
    full = np.full(shape[1:], dataset.fillvalue, dtype=dataset.dtype)
    full[tuple(slice(length) for length in row.shape)] = row
    dataset[index] = full
