"""Datasets that grow scan by scan: one row a scan, on one 2theta grid as long as all scans share it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

# Rows that are written at once: a row alone costs five times as much.
_AT_ONCE = 64
# A chunk is what must be unpacked to read one row.
_CHUNK_BYTES = 2**16
_PACKING = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


class GrowingRows:
    """One dataset, whose rows may come in any order; they are there after `flush`.

    It grows with the last of its rows and with the longest; what a row is too short for is filled.
    """

    def __init__(
        self, group: h5py.Group, name: str, row_shape: tuple[int, ...], dtype: DTypeLike, *, packed: bool = True
    ) -> None:
        shape = tuple(max(length, 1) for length in row_shape)
        row_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.dataset = group.create_dataset(
            name,
            shape=(0, *row_shape),
            maxshape=(None,) * (1 + len(row_shape)),
            chunks=(min(max(_CHUNK_BYTES // row_bytes, 1), _AT_ONCE), *shape),
            dtype=dtype,
            fillvalue=np.nan if np.issubdtype(np.dtype(dtype), np.floating) else 0,
            **(_PACKING if packed else {}),
        )
        self._waiting: dict[int, NDArray] = {}

    def put(self, index: int, row: NDArray) -> None:
        """A row, in the place of what was there."""
        self._waiting[index] = row
        if len(self._waiting) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait, those that follow each other at once."""
        if not self._waiting:
            return
        indices = np.array(sorted(self._waiting))
        rows = [self._waiting[index] for index in indices.tolist()]
        longest = np.max([row.shape for row in rows], axis=0).tolist()
        shape = tuple(map(max, self.dataset.shape, (int(indices[-1]) + 1, *longest)))
        if shape != self.dataset.shape:
            self.dataset.resize(shape)
        full = np.full((len(rows), *shape[1:]), self.dataset.fillvalue, dtype=self.dataset.dtype)
        for place, row in enumerate(rows):
            full[place][tuple(slice(length) for length in row.shape)] = row
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(indices) != 1) + 1):
            self.dataset[indices[run[0]] : indices[run[-1]] + 1] = full[run[0] : run[-1] + 1]
        self._waiting.clear()


class ScanRows:
    """Writes rows of ``(n_scans, n_points)`` datasets of one NXdata group, in any order of scans.

    ``two_theta`` is (n_points,) as long as every scan has the same grid; the first scan that has another makes it
    (n_scans, n_points) and NaN pads the shorter scans.

    Parameters
    ----------
    dtypes : of every dataset.
    unpacked : datasets whose numbers are not worth packing.
    """

    def __init__(self, group: h5py.Group, dtypes: Mapping[str, DTypeLike], *, unpacked: Collection[str] = ()) -> None:
        self._group = group
        self._dtypes = dict(dtypes)
        self._unpacked = frozenset(unpacked)
        self._common = np.empty(0)
        self._rows: dict[str, GrowingRows] = {}
        self._grids: GrowingRows | None = None
        self._written: set[int] = set()

    def put(self, index: int, two_theta: NDArray[np.float64], rows: Mapping[str, ArrayLike]) -> None:
        """Write one scan; ``rows`` holds an (n_points,) array for every dataset."""
        if not self._rows:
            self._create(two_theta)
        if self._grids is None and not np.array_equal(self._common, two_theta):
            self._grids = self._give_each_scan_its_grid()
        for name, dataset in self._rows.items():
            dataset.put(index, np.asarray(rows[name]))
        if self._grids is not None:
            self._grids.put(index, two_theta)
        self._written.add(index)

    def flush(self) -> None:
        """Write what waits; the last thing to do."""
        for dataset in (*self._rows.values(), *(() if self._grids is None else (self._grids,))):
            dataset.flush()

    def _create(self, two_theta: NDArray[np.float64]) -> None:
        self._common = two_theta.copy()
        self._group.create_dataset("two_theta", data=two_theta).attrs["units"] = "deg"
        for name, dtype in self._dtypes.items():
            packed = name not in self._unpacked
            self._rows[name] = GrowingRows(self._group, name, two_theta.shape, dtype, packed=packed)

    def _give_each_scan_its_grid(self) -> GrowingRows:
        del self._group["two_theta"]
        grids = GrowingRows(self._group, "two_theta", self._common.shape, np.float64)
        grids.dataset.attrs["units"] = "deg"
        self._group.attrs["two_theta_indices"] = np.array([0, 1])
        for index in self._written:
            grids.put(index, self._common)
        return grids
