"""When the scans were measured: from file headers, a table, a regular clock or an HDF5 file."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import numpy as np

from xrdfit.data import DateOrder, PatternHeader, ScanTimes, instant_or_none, is_ambiguous, orders_of_dates
from xrdfit.io.instants import in_zone
from xrdfit.io.problems import Code, data_error
from xrdfit.io.small_file import small_file
from xrdfit.io.table import header_lines, text_lines

_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"
    r"|\d{1,2}\.\d{1,2}\.\d{4}[T ,]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?"
)
_KEY_NAMES = ("source", "file", "filename", "file_name", "scan", "scan_number", "name")
_START_NAMES = ("start_time", "start", "start_s", "time", "time_s", "begin")
_END_NAMES = ("end_time", "end", "end_s", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularTimes:
    """Scans that follow each other without a pause: the instant of the first, and seconds from start to start."""

    start: datetime
    interval_s: float

    def scan_times(self, n_scans: int, *, zone: tzinfo | None = None) -> ScanTimes:
        """Spans of ``n_scans`` scans; ``zone`` is what a start without a time zone is meant in."""
        start = self.interval_s * np.arange(n_scans, dtype=np.float64)
        origin = in_zone(self.start, zone).isoformat()
        return ScanTimes(start_s=start, end_s=start + self.interval_s, origin=origin)


def scan_times(
    starts: Sequence[str | float | datetime],
    ends: Sequence[str | float | datetime] | None,
    *,
    source: str,
    zone: tzinfo | None = None,
    dates: DateOrder | None = None,
) -> ScanTimes:
    """Times given as seconds or as dates; without ends a span reaches to the next start, the last takes the median.

    Parameters
    ----------
    zone : what instants without a time zone are meant in.
    dates : what comes first in dates with slashes; None leaves it to those that tell it.

    Raises
    ------
    DataError
        Something that is not a time, dates in two orders, a scan that ends before it starts, scans out of the order of
        their times, or times of which only some have a zone.
    """
    orders = orders_of_dates([*starts, *(ends or ())])
    if len(orders | ({dates} if dates and orders else set())) > 1:
        both = "both in the table" if len(orders) > 1 else f"{next(iter(orders))} in the table, {dates} as given"
        raise data_error(
            Code.TIMES,
            "dates with the day first and with the month first",
            where=source,
            found=f"{both}, against one of them",
            todo="write all dates like 2026-05-02T09:14:00+02:00" if len(orders) > 1 else "correct dates",
        )
    dates = dates or next(iter(orders), None)
    reading = _Reading(source=source, zone=zone, dates=dates)
    first = reading.parse(starts[0])
    start_s = np.array([reading.seconds_since(first, start) for start in starts])
    if np.any(np.diff(start_s) <= 0.0):
        scan = int(np.argmax(np.diff(start_s) <= 0.0))
        raise data_error(
            Code.TIMES,
            "scans are not in the order of their times",
            where=source,
            found=f"scan {scan + 1} starts at {starts[scan + 1]}, scan {scan} at {starts[scan]}",
            todo="order the scans by time, or correct the times",
        )
    if ends is None:
        spans = np.diff(start_s)
        end_s = np.append(start_s[1:], start_s[-1] + (np.median(spans) if spans.size else 0.0))
    else:
        end_s = np.array([reading.seconds_since(first, end) for end in ends])
    if np.any(end_s < start_s):
        scan = int(np.argmax(end_s < start_s))
        raise data_error(
            Code.TIMES,
            "a scan ends before it starts",
            where=source,
            found=f"scan {scan} ends {start_s[scan] - end_s[scan]:g} s before its start",
            todo="correct the times",
        )
    return ScanTimes(start_s=start_s, end_s=end_s, origin=first.isoformat() if isinstance(first, datetime) else None)


def times_from_headers(headers: Sequence[PatternHeader | None], *, zone: tzinfo | None = None) -> ScanTimes | None:
    """Times that the files themselves tell; None unless all tell when they began.

    Raises
    ------
    DataError
        As `scan_times`.
    """
    known = [header for header in headers if header is not None and header.start_time is not None]
    if len(known) < len(headers):
        return None
    starts = [header.start_time for header in known if header.start_time is not None]
    ends = [header.end_time for header in known if header.end_time is not None]
    return scan_times(starts, ends if len(ends) == len(starts) else None, source="headers of the files", zone=zone)


def times_of_modification(paths: Sequence[Path]) -> ScanTimes:
    """When the files were last written, taken for the ends of their scans; each began when the one before ended.

    Only on request: copying a file may change it.

    Raises
    ------
    DataError
        Files out of the order of their times.
    """
    ends = [datetime.fromtimestamp(path.stat().st_mtime, tz=UTC) for path in paths]
    spans = np.diff([end.timestamp() for end in ends])
    first = ends[0] - timedelta(seconds=float(np.median(spans)) if spans.size else 0.0)
    return scan_times([first, *ends[:-1]], ends, source="file modification")


def date_in_header(path: Path) -> datetime | None:
    """The first date (ISO 8601, or the day first with dots) before the numbers of a text file."""
    found = (match[0] for line in header_lines(path) if (match := _DATE.search(line)))
    return instant_or_none(next(found, None))


def times_from_csv(
    path: Path, sources: Sequence[str], *, zone: tzinfo | None = None, dates: DateOrder | None = None
) -> ScanTimes:
    """Times from a table with a column ``start_time`` (or ``time``) and perhaps ``end_time``.

    A column ``file`` or ``scan_number`` assigns rows to scans by what their file names begin with; without one the
    rows are in the order of the scans.

    Raises
    ------
    DataError
        Missing table or column, or rows that do not match the scans.
    """
    if not path.is_file():
        raise data_error(
            Code.MISSING, "the table of times does not exist", where=path, found="no such file", todo="correct the path"
        )
    try:
        lines = text_lines(small_file(path))
    except OSError as error:
        raise data_error(
            Code.MISSING,
            "the table of times cannot be read",
            where=path,
            found=f"{error.strerror} against a table of scans",
            todo="check the path",
        ) from None
    # Spreadsheets with a decimal comma separate columns with semicolons.
    separator = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    rows = [
        {(key or "").strip().lower(): value for key, value in row.items()}
        for row in csv.DictReader(lines, delimiter=separator, restval="")
    ]
    names = tuple(rows[0]) if rows else ()
    start = next((name for name in _START_NAMES if name in names), None)
    end = next((name for name in _END_NAMES if name in names), None)
    key = next((name for name in _KEY_NAMES if name in names), None)
    if start is None:
        raise data_error(
            Code.TIMES,
            "no column of start times",
            where=path,
            found=f"columns {', '.join(names) or 'none'} against start_time and end_time",
            todo="name the columns in the first line",
        )
    if key is not None:
        rows = [_row_of(source, rows, key, path) for source in sources]
    elif len(rows) != len(sources):
        raise data_error(
            Code.TIMES,
            "wrong number of rows",
            where=path,
            found=f"{len(rows)} rows against {len(sources)} scans",
            todo="give one row a scan, or a column file that assigns them",
        )
    ends = None if end is None else [row[end] for row in rows]
    return scan_times([row[start] for row in rows], ends, source=str(path), zone=zone, dates=dates)


def _row_of(source: str, rows: list[dict[str, str]], key: str, path: Path) -> dict[str, str]:
    """The one row whose key is the scan's file name, its stem, or the first word of it."""
    name = Path(source).name
    keys = {name, Path(source).stem, re.split(r"[\W_]", name)[0]}
    fits = [row for row in rows if Path(row[key] or "").name in keys]
    if len(fits) != 1:
        raise data_error(
            Code.TIMES,
            "no row for a scan" if not fits else "several rows for a scan",
            where=path,
            found=f"{len(fits)} rows whose {key} is {name}",
            todo="give one row a scan",
        )
    return fits[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How the times of one source are read: the zone and the order of dates that they do not tell themselves."""

    source: str
    zone: tzinfo | None
    dates: DateOrder | None

    def parse(self, value: str | float | datetime) -> float | datetime:
        if isinstance(value, datetime):
            return in_zone(value, self.zone)
        if isinstance(value, str):
            try:
                return _finite_float(value.strip())
            except ValueError:
                instant = instant_or_none(value, self.dates)
                if instant is not None:
                    return in_zone(instant, self.zone)
        elif math.isfinite(value):
            return float(value)
        raise self._bad_time(value)

    def seconds_since(self, first: float | datetime, value: str | float | datetime) -> float:
        instant = self.parse(value)
        if isinstance(first, datetime) and isinstance(instant, datetime):
            if (first.tzinfo is None) == (instant.tzinfo is None):
                return (instant - first).total_seconds()
            raise data_error(
                Code.TIMES,
                "only some of the times have a time zone",
                where=self.source,
                found=f"{first} and {instant} against all of one kind",
                todo='say what the others are meant in, for instance times = { time_zone = "Europe/Berlin" }',
            )
        if isinstance(first, float) and isinstance(instant, float):
            return instant - first
        raise self._bad_time(value)

    def _bad_time(self, value: str | float | datetime) -> Exception:
        if is_ambiguous(value):
            return data_error(
                Code.TIMES,
                "day and month cannot be told apart",
                where=self.source,
                found=f"{str(value)!r} against a date that can be read in one way only",
                todo=f'write times = {{ source = "{Path(self.source).name}", dates = "day-first" }}, or "month-first"'
                " (import: --dates)",
            )
        return data_error(
            Code.TIMES,
            "a time cannot be read",
            where=self.source,
            found=f"{str(value)!r} against seconds or a date and time, all of one kind",
            todo="write like 2026-05-02T09:14:00+02:00",
        )


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
