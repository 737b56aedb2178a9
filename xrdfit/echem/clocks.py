"""The clocks of scans and cycler: where the one begins on the other, and what is suspect about that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanTimes, zone_or_none
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.settings import CyclerSettings
from xrdfit.errors import Problem

# A record this part of the series, or this many times as long, is rarely meant.
_LEAST_SHARE, _MOST_SHARE = 1.0 / 30.0, 500.0
_CHECK_UNIT = "check the unit of the record's time: [cycler.units] time"
# Hours by which time zones differ, and how nearly whole they are then.
_MOST_HOURS, _WHOLE_S = 14, 120.0


def begin_on_scan_clock(record: CyclerRecord, times: ScanTimes, settings: CyclerSettings) -> tuple[float, str]:
    """Where the record's zero lies on the scans' clock (s since the first scan began), and how that is known."""
    offset = settings.clock_offset_s or 0.0
    told = f"clock offset {offset:g} s"
    origin = None if times.origin is None else datetime.fromisoformat(times.origin)
    if origin is None or record.start is None:
        if settings.clock_offset_s is None:
            without = "cycler record" if origin is not None else "scans" if record.start is not None else "two"
            raise cycler_error(
                Code.CLOCKS,
                "scans and cycler have no clock in common",
                where="cycler.clock_offset_s",
                found=f"no date in the {without} against dates in both",
                todo="give the seconds from the first scan's start to the record's zero (0 if they began together)",
            )
        return offset, f"no dates; its zero lies {offset:g} s after the first scan's start, as given"
    start = record.start
    if start.tzinfo is None and settings.time_zone is not None:
        start = start.replace(tzinfo=_zone(settings.time_zone))
    if (start.tzinfo is None) != (origin.tzinfo is None):
        told += ", local times of both taken as of one zone"
        origin, start = origin.replace(tzinfo=None), start.replace(tzinfo=None)
    return (start - origin).total_seconds() + offset, told


def zone_warnings(record: CyclerRecord, times: ScanTimes, settings: CyclerSettings) -> Iterator[str]:
    """Times of scans in UTC beside a cycler's local ones: the state of charge would be off by the zone."""
    origin = None if times.origin is None else datetime.fromisoformat(times.origin)
    if origin is None or origin.tzinfo is None or record.start is None or record.start.tzinfo is not None:
        return
    if settings.time_zone is None and origin.utcoffset() == timedelta(0):
        yield str(
            Problem(
                code="W104",
                what="scans in UTC, cycler in a local time that it does not name",
                where="cycler.time_zone",
                found=f"scans from {origin.isoformat()}, cycler from {record.start.isoformat()}, taken as of one zone",
                todo='write time_zone = "Europe/Berlin" or such, or "+00:00" if the cycler counts in UTC, too',
            )
        )


def shift_notes(record: CyclerRecord, begin_s: float, times: ScanTimes, settings: CyclerSettings) -> Iterator[str]:
    """A record that begins, by its date, whole hours before or after the first scan, though not all scans lie in it.

    A note, as one record in 15 does so by chance. What the user says of the clocks is believed.

    begin_s : first row of the record, seconds since the first scan began.
    """
    if times.origin is None or record.start is None or settings.clock_offset_s:
        return
    late_s = begin_s - float(times.start_s[0])
    hours = round(late_s / 3600.0)
    if 0 < abs(hours) <= _MOST_HOURS and abs(late_s - 3600.0 * hours) < _WHOLE_S:
        side = "after" if hours > 0 else "before"
        yield (
            f"the record begins {abs(late_s) / 3600.0:.2f} h {side} the first scan: if that is no accident, check time "
            f"zones and summer time of both clocks; with clock_offset_s = {-late_s:.0f} they would begin together"
        )


def duration_warnings(record: CyclerRecord, times: ScanTimes) -> Iterator[str]:
    """A record much shorter, or very much longer, than the series: its time may be in another unit."""
    if _lengths_differ(record, times):
        scans_s = float(times.end_s[-1] - times.start_s[0])
        yield str(
            Problem(
                code="W107",
                what="scans and cycler are of very different lengths",
                where=record.source,
                found=f"{record.duration_s / 3600.0:.3g} h of record against {scans_s / 3600.0:.3g} h of scans",
                todo=f"{_CHECK_UNIT}, and the times of the scans",
            )
        )


def _lengths_differ(record: CyclerRecord, times: ScanTimes) -> bool:
    scans_s = float(times.end_s[-1] - times.start_s[0])
    if scans_s <= 0.0 or record.duration_s <= 0.0 or len(times.start_s) < 2:
        return False
    return not _LEAST_SHARE <= record.duration_s / scans_s <= _MOST_SHARE


def _zone(name: str) -> tzinfo:
    zone = zone_or_none(name)
    if zone is None:
        raise cycler_error(
            Code.CLOCKS,
            "the time zone is not known",
            where="cycler.time_zone",
            found=f"{name!r} against a name such as Europe/Berlin or an offset such as +02:00",
            todo="correct it",
        )
    return zone


def disjoint(
    record: CyclerRecord, times: ScanTimes, settings: CyclerSettings, time_s: NDArray[np.float64]
) -> Exception:
    """Both ranges, and the offset with which the record would begin with the first scan."""
    ranges = []
    for first, last in ((times.start_s[0], times.end_s[-1]), (time_s[0], time_s[-1])):
        if times.origin is None or record.start is None:
            ranges.append(f"{first:.0f} to {last:.0f} s")
        else:
            origin = datetime.fromisoformat(times.origin)
            ends = (origin + timedelta(seconds=float(end)) for end in (first, last))
            ranges.append(" to ".join(end.isoformat(sep=" ", timespec="seconds") for end in ends))
    late_s = float(time_s[0] - times.start_s[0])
    needed = (settings.clock_offset_s or 0.0) - late_s
    todo = [_CHECK_UNIT] if _lengths_differ(record, times) else []
    if round(late_s):
        todo.append(f"check both clocks; clock_offset_s = {needed:.0f} would let the record begin with the first scan")
    return cycler_error(
        Code.CLOCKS,
        "no scan lies within the cycler's record",
        where=record.source,
        found=f"scans {ranges[0]}, cycler {ranges[1]} on the scans' clock, against an overlap",
        todo=", and ".join(todo) or "check the times of the record",
    )
