"""A stack of patterns in one HDF5 file, read row by row."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, ScanTimes
from xrdfit.errors import DataError
from xrdfit.io.check import check_two_theta, rising, usable
from xrdfit.io.hdf5_access import Access, damage_told, open_hdf5, text_attribute
from xrdfit.io.hdf5_header import read_header
from xrdfit.io.nxdata import StackNames, find_stack, read_axis
from xrdfit.io.problems import Code, data_error
from xrdfit.io.times import scan_times
from xrdfit.io.unchanged import FileState

# A file of a few bytes can announce any number of them; a year of one each half minute is this many.
_MOST_SCANS = 1_000_000
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


class Hdf5Stack:
    """Lazy view of the NXdata stack of an HDF5 file; implements `xrdfit.data.ScanStack`.

    One row is read at a time and nothing but a common 2theta grid is kept. The file is opened by the first reader of
    each process, so a stack may be pickled and sent to workers.

    Angles that descend are turned round. NaN intensities and errors that are not positive are masked; a row of nothing
    but NaN is a scan without data.

    Parameters
    ----------
    path : the file.
    dataset : HDF5 path of the NXdata group or its signal; None finds it by @default and NXdata attributes.
    zone : time zone of times that state none.
    wavelength : angstrom, to make 2theta of Q; None takes that of the file, if it tells one.
    allow : what may be followed: ``"external-links"`` into other files, ``"hdf5-plugins"`` that unpack data.
    beside_writer : another program is writing the file; scans that it has not written yet, and times, are left out.

    Raises
    ------
    DataError
        A file that cannot be opened, no or several stacks in it, a grid that is not ascending 2theta, bad times, data
        outside of the file or packed by a plugin.
    """

    def __init__(
        self,
        path: str | Path,
        dataset: str | None = None,
        *,
        zone: tzinfo | None = None,
        wavelength: float | None = None,
        allow: Collection[str] = (),
        beside_writer: bool = False,
    ) -> None:
        self.path = Path(path)
        self._beside_writer = beside_writer
        self._state = FileState.now(self.path)
        self._reader: tuple[int, h5py.File, dict[str, h5py.Dataset]] | None = None
        with open_hdf5(self.path, beside_writer=beside_writer) as file, damage_told(str(path)):
            access = Access(self.path.name, tuple(allow))
            self._names: StackNames = find_stack(file, dataset, access)
            self._header = read_header(file, self._names.group)
            # The fit wants what Q it was: any wavelength gives the same d-spacings back, as long as it is the fit's.
            own = self._header.wavelengths[0] if self._header.wavelengths else None
            self._wavelength = wavelength or own
            if self._names.abscissa.is_q and self._wavelength:
                said = (f"2theta from Q with {self._wavelength} Å",)
                self._header = replace(self._header, wavelengths=(self._wavelength,), remarks=said)
            signal = file[self._names.signal]
            self._n_scans = int(signal.shape[0]) if signal.ndim == 2 else 1
            if self._n_scans > _MOST_SCANS:
                raise data_error(
                    Code.LIMIT,
                    "the stack is beyond the limits",
                    where=f"{path}{self._names.signal}",
                    found=f"{self._n_scans} scans against at most {_MOST_SCANS}",
                    todo="divide it, or do not use this file unless you know its origin",
                )
            if self._n_scans == 0:
                raise data_error(
                    Code.EMPTY,
                    "the stack holds no scan",
                    where=f"{path}{self._names.signal}",
                    found=f"shape {signal.shape} against (n_scans, n_points)",
                    todo="measure or export it again",
                )
            first = read_axis(file, self._names, 0, self._wavelength)
            self._order = rising(first)
            first = np.ascontiguousarray(first[self._order])
            check_two_theta(first, source=f"{path}{self._names.axis}")
            self._two_theta: NDArray[np.float64] | None = first if file[self._names.axis].ndim == 1 else None
            # A scan and its time are written one after the other.
            self._times = None if beside_writer else _read_times(file[self._names.group], self._n_scans, access, zone)

    @property
    def group(self) -> str:
        """HDF5 path of the NXdata group."""
        return self._names.group

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(f"{self.path.name}[{index}]" for index in range(self._n_scans))

    @property
    def times(self) -> ScanTimes | None:
        return self._times

    def with_times(self, times: ScanTimes | None) -> Hdf5Stack:
        """The same stack with times from elsewhere, or with none."""
        other = Hdf5Stack.__new__(Hdf5Stack)
        other.__dict__ |= self.__getstate__() | {"_times": times}
        return other

    def __len__(self) -> int:
        return self._n_scans

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}

    def close(self) -> None:
        """Let go of the file; the next reading opens it again."""
        if self._reader is not None:
            self._reader[1].close()
            self._reader = None

    def read(self, index: int) -> Pattern:
        """Read one scan.

        Raises
        ------
        DataError
            The row cannot be read, or its own 2theta grid does not ascend.
        LostInputError
            The file was cut, or the row cannot be read and the file is not what it was when the stack was opened.
        """
        if not 0 <= index < self._n_scans:
            raise IndexError(f"scan {index} of {self._n_scans}")
        try:
            pattern = self._read(index)
        except (DataError, OSError):
            if not self._beside_writer:
                self._state.check()
            raise
        # Behind the end of a file that has been cut HDF5 reads zeros.
        self._state.check(open_as=self._file().id.get_vfd_handle())
        return pattern

    def _read(self, index: int) -> Pattern:
        source = f"{self.path.name}[{index}]"
        file = self._file()
        with damage_told(source):
            two_theta, order = self._two_theta, self._order
            if two_theta is None:
                two_theta = read_axis(file, self._names, index, self._wavelength)
                order = rising(two_theta)
                two_theta = np.ascontiguousarray(two_theta[order])
                check_two_theta(two_theta, source=source)
            intensity = self._row(self._names.signal, index, two_theta.size, order)
            sigma = None
            if self._names.errors is not None:
                sigma = self._row(self._names.errors, index, two_theta.size, order)
        start_s, end_s = (None, None)
        if self._times is not None:
            start_s, end_s = float(self._times.start_s[index]), float(self._times.end_s[index])
        return Pattern(
            two_theta=two_theta,
            intensity=intensity,
            sigma=sigma,
            mask=usable(two_theta, intensity, sigma),
            source=source,
            start_s=start_s,
            end_s=end_s,
            header=self._header,
        )

    def _row(self, name: str, index: int, n_points: int, order: slice) -> NDArray[np.float64]:
        values = self._dataset(name)
        row = np.asarray(values[()] if values.ndim == 1 else values[index, :n_points], dtype=np.float64)
        # Contiguous, because compiled code is specialised on the memory layout of what it is given.
        return np.ascontiguousarray(row[order])

    def _file(self) -> h5py.File:
        """The open file; an HDF5 handle must not cross a fork."""
        if self._reader is None or self._reader[0] != os.getpid():
            self._reader = (os.getpid(), open_hdf5(self.path, beside_writer=self._beside_writer), {})
        return self._reader[1]

    def _dataset(self, name: str) -> h5py.Dataset:
        """A dataset that stays open: a chunk of many rows is forgotten when it is closed, and would be unpacked again
        for every row."""
        file = self._file()
        assert self._reader is not None
        held = self._reader[2]
        if name not in held:
            held[name] = file[name]
        return held[name]


def _read_times(group: h5py.Group, n_scans: int, access: Access, zone: tzinfo | None) -> ScanTimes | None:
    start, end = access.get(group, "start_time"), access.get(group, "end_time")
    if start is None:
        start, end = access.get(group, "time"), None
    if start is None:
        return None
    source = access.source
    for item in (start, end):
        if item is not None and item.shape != (n_scans,):
            raise data_error(
                Code.TIMES,
                "wrong number of times",
                where=f"{source}{item.name}",
                found=f"shape {item.shape} against ({n_scans},)",
                todo="write one time a scan",
            )
    times = scan_times(_values(start), None if end is None else _values(end), source=f"{source}{start.name}", zone=zone)
    origin = times.origin or text_attribute(start, "start")
    return ScanTimes(start_s=times.start_s, end_s=times.end_s, origin=origin)


def _values(item: h5py.Dataset) -> list[str] | list[float]:
    if item.dtype.kind in "OS":
        return list(item.asstr()[()])
    return list(item[()] * _SECONDS.get(text_attribute(item, "units") or "s", 1.0))
