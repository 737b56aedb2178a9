"""Bruker ``.raw``, versions 3 (RAW1.01) and 4 (RAW4.00): binary, little-endian.

The layouts follow what DIFFRAC writes beside its text exports; only what is needed is named here. Every length is
checked against the bytes that are there before anything is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.content import Content
from xrdfit.io.instants import american_instant_or_none
from xrdfit.io.measured import MeasuredScan, patterns_of, regular_grid
from xrdfit.io.problems import Code, data_error

NAME_3, NAME_4 = "Bruker RAW version 3", "Bruker RAW version 4"
_MAXIMUM_RANGES = 100_000
_V3_FILE_HEADER = 712
_V3_SMALLEST_RANGE_HEADER = 260
_V4_FILE_HEADER = 61
_V4_RANGE_HEADER = 160
_V4_DURATION = 48
_LONGEST_S = 366.0 * 86400.0
# Scan types of version 3 that leave 2theta alone.
_V3_OTHER_SCANS = {3: "theta", 4: "chi", 5: "phi", 6: "x", 7: "y", 8: "z"}
# Records of a RAW4.00 file.
_V4_SOURCE, _V4_DRIVE, _V4_RANGES = 30, 50, (0, 160)


def is_bruker_3(content: Content) -> bool:
    """Whether the file begins as version 3 does."""
    return content.raw.startswith(b"RAW1.01")


def is_bruker_4(content: Content) -> bool:
    """Whether the file begins as version 4 does."""
    return content.raw.startswith(b"RAW4.00")


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Checked access to the bytes of a file."""

    raw: bytes
    source: str

    def integer(self, at: int) -> int:
        return int(self._unpack("<I", at))

    def single(self, at: int) -> float:
        return float(f"{self._unpack('<f', at):.7g}")

    def double(self, at: int) -> float:
        return float(self._unpack("<d", at))

    def text(self, at: int, length: int) -> str:
        self.need(at, length)
        return self.raw[at : at + length].split(b"\0")[0].decode("latin-1").strip()

    def column(self, at: int, n_points: int, size: int, *, kind: str = "<f4", within: int = 0) -> NDArray[np.float64]:
        """The number of this kind that every record of ``size`` bytes has at byte ``within``."""
        self.need(at, n_points * size)
        return np.ndarray((n_points,), kind, self.raw, at + within, (size,)).astype(np.float64)

    def need(self, at: int, length: int) -> None:
        if at < 0 or length < 0 or at + length > len(self.raw):
            self.damaged(f"{at + length} bytes needed, {len(self.raw)} there")

    def damaged(self, found: str) -> NoReturn:
        raise data_error(
            Code.DAMAGED,
            "the file is cut short or damaged",
            where=self.source,
            found=found,
            todo="copy the file again, or export it as .brml or .xy",
        )

    def _unpack(self, form: str, at: int) -> float:
        self.need(at, struct.calcsize(form))
        value: float = struct.unpack_from(form, self.raw, at)[0]
        return value


def read_bruker_3(content: Content) -> tuple[Pattern, ...]:
    """All ranges of a RAW1.01 file. Its one date is that of the first range, its duration that of all of them."""
    file = _Bytes(content.raw, content.source)
    n_ranges = file.integer(12)
    if not 0 < n_ranges <= _MAXIMUM_RANGES:
        file.damaged(f"{n_ranges} ranges")
    common = PatternHeader(
        format=NAME_3,
        wavelengths=_wavelengths(file.double(624), file.double(632)),
        alpha2_ratio=_positive(file.double(648)),
        anode=file.text(608, 4) or None,
        goniometer_radius_mm=_positive(file.single(564)),
    )
    started = american_instant_or_none(f"{file.text(16, 10)} {file.text(26, 10)}")
    ended = _end(started, file.single(664), n_ranges)
    scans: list[MeasuredScan] = []
    at = _V3_FILE_HEADER
    for number in range(n_ranges):
        length, n_points = file.integer(at), file.integer(at + 4)
        record, extra = file.integer(at + 252), file.integer(at + 256)
        if length < _V3_SMALLEST_RANGE_HEADER or record < 4:
            file.damaged(f"a range header of {length} bytes with records of {record} bytes")
        if (scan_type := file.integer(at + 196)) in _V3_OTHER_SCANS:
            _refuse_axis(file, _V3_OTHER_SCANS[scan_type])
        data = at + length + extra
        detected = file.column(data, n_points, record)
        two_theta = regular_grid(file.double(at + 16), file.double(at + 176), n_points)
        if file.integer(at + 248) & 1 and record >= 12:
            two_theta = file.column(data, n_points, record, kind="<f8", within=4)
        times = (None, None) if number else (started, ended)
        header = replace(common, start_time=times[0], end_time=times[1], step_time_s=_positive(file.single(at + 192)))
        scans.append(MeasuredScan(two_theta=two_theta, detected=detected, header=header))
        at = data + n_points * record
    return patterns_of(scans, source=content.source)


def read_bruker_4(content: Content) -> tuple[Pattern, ...]:
    """All ranges of a RAW4.00 file. Its one date is that of the first range, its duration that of all of them."""
    file = _Bytes(content.raw, content.source)
    started = american_instant_or_none(f"{file.text(12, 12)} {file.text(24, 10)}")
    common = PatternHeader(format=NAME_4)
    scans: list[MeasuredScan] = []
    at = _V4_FILE_HEADER
    while at + 8 <= len(content.raw):
        kind, length = file.integer(at), file.integer(at + 4)
        if kind in _V4_RANGES:
            scan, at = _range_4(file, at, common, None if scans else started)
            scans.append(scan)
            continue
        if kind == _V4_SOURCE:
            common = _source_4(file, at)
        if length < 8:
            file.damaged(f"a record of {length} bytes at byte {at}")
        file.need(at, length)
        at += length
    if scans:
        ended = _end(started, file.single(_V4_DURATION), len(scans))
        scans[0] = replace(scans[0], header=replace(scans[0].header, end_time=ended))
    return patterns_of(scans, source=content.source)


def _end(started: datetime | None, duration_s: float, n_ranges: int) -> datetime | None:
    """When a file of one range was measured, by the duration that stands in its head; None where it does not.

    Points times time of a point is no duration: of a detector with strips the time of a point is the sum over them.
    """
    if started is None or n_ranges != 1 or not 0.0 < duration_s < _LONGEST_S:
        return None
    return started + timedelta(seconds=duration_s)


def _source_4(file: _Bytes, at: int) -> PatternHeader:
    # The diameter of the measuring circle stands where one would look for the radius.
    diameter = _positive(file.single(at + 24))
    return PatternHeader(
        format=NAME_4,
        wavelengths=_wavelengths(file.double(at + 80), file.double(at + 88)),
        alpha2_ratio=_positive(file.double(at + 104)),
        anode=file.text(at + 116, 4) or None,
        goniometer_radius_mm=None if diameter is None else diameter / 2.0,
    )


def _range_4(file: _Bytes, at: int, common: PatternHeader, started: datetime | None) -> tuple[MeasuredScan, int]:
    start, step, n_points = file.double(at + 72), file.double(at + 80), file.integer(at + 88)
    record, extra = file.integer(at + 136), file.integer(at + 140)
    if record < 4:
        file.damaged(f"records of {record} bytes")
    drives, data = at + _V4_RANGE_HEADER, at + _V4_RANGE_HEADER + extra
    file.need(drives, extra)
    two_theta = None
    while drives + 8 <= data:
        kind, length = file.integer(drives), file.integer(drives + 4)
        if length < 8 or drives + length > data:
            file.damaged(f"a record of {length} bytes at byte {drives}")
        if kind == _V4_DRIVE and length >= 64 and file.text(drives + 12, 24) == "2Theta":
            two_theta = file.double(drives + 56)
        drives += length
    if two_theta is not None and abs(two_theta - start) > 1e-4:
        _refuse_axis(file, f"{file.text(at + 32, 24)} from {start:g}, 2theta at {two_theta:g} deg")
    # The column comes first: it is what checks the number of points against the file.
    detected = file.column(data, n_points, record)
    scan = MeasuredScan(
        two_theta=regular_grid(start, step, n_points),
        detected=detected,
        header=replace(common, start_time=started, step_time_s=_positive(file.single(at + 92))),
    )
    return scan, data + n_points * record


def _refuse_axis(file: _Bytes, found: str) -> NoReturn:
    raise data_error(
        Code.UNITS,
        "the scan is not over 2theta",
        where=file.source,
        found=f"a scan of {found} against 2theta or theta-2theta",
        todo="give powder patterns only",
    )


def _positive(value: float) -> float | None:
    return value if 0.0 < value < np.inf else None


def _wavelengths(*values: float) -> tuple[float, ...]:
    """Those that are there; a line that was left out is stored as zero, a single one twice or as its average."""
    return tuple(dict.fromkeys(value for value in values if 0.0 < value < np.inf))
