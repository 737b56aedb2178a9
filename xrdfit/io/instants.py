"""Instants as instruments write them, and the time zone they are meant in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Literal

from xrdfit.data import zone_or_none
from xrdfit.io.problems import Code, data_error

# Bruker RAW and Rigaku RAS write the month first; where that is no month, the day.
_AMERICAN = ("%m/%d/%Y %H:%M:%S", "%m/%d/%y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%y %H:%M:%S")
_EARLIEST = 1970
DateOrder = Literal["day-first", "month-first"]
_NUMERIC = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[./])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})[ T,]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,]\d+)?)?"
)


def instant_or_none(text: str | None, dates: DateOrder | None = None) -> datetime | None:
    """An instant, or None for anything else, dates that stand for "unknown" included.

    ISO 8601 with or without a zone; ``02.05.2026 09:14``, the day first; ``02/05/2026 09:14`` if ``dates`` says which
    comes first, or if one of the two can be no month.

    >>> instant_or_none("02.05.2026 09:14"), instant_or_none("02/05/2026 09:14"), instant_or_none("5/22/2026 9:14")
    (datetime.datetime(2026, 5, 2, 9, 14), None, datetime.datetime(2026, 5, 22, 9, 14))
    """
    text = (text or "").strip()
    match = _NUMERIC.fullmatch(text)
    order = _order_of(match) or dates if match else None
    try:
        if match is None:
            instant = datetime.fromisoformat(text)
        elif order is None:
            return None
        else:
            day, month = (match["one"], match["two"]) if order == "day-first" else (match["two"], match["one"])
            clock = (int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
            instant = datetime(int(match["year"]), int(month), int(day), *clock)
    except ValueError:
        return None
    return instant if instant.year > _EARLIEST else None


def orders_of_dates(texts: Iterable[object]) -> set[DateOrder]:
    """Which of day and month comes first, told by the dates with slashes among the texts that leave no choice."""
    matches = (_NUMERIC.fullmatch(text.strip()) for text in texts if isinstance(text, str))
    return {order for match in matches if match and match["mark"] == "/" and (order := _order_of(match))}


def is_ambiguous(text: object) -> bool:
    """Whether a text is a date whose day might be its month."""
    match = _NUMERIC.fullmatch(text.strip()) if isinstance(text, str) else None
    return match is not None and _order_of(match) is None


def _order_of(match: re.Match[str]) -> DateOrder | None:
    if match["mark"] == "." or int(match["one"]) > 12:
        return "day-first"
    return "month-first" if int(match["two"]) > 12 else None


def american_instant_or_none(text: str | None) -> datetime | None:
    """``MM/DD/YYYY HH:MM:SS`` in local time, or None."""
    for form in _AMERICAN:
        try:
            instant = datetime.strptime((text or "").strip(), form)
        except ValueError:
            continue
        return instant if instant.year > _EARLIEST else None
    return None


def zone_named(name: str) -> tzinfo:
    """A time zone of the IANA database, such as Europe/Berlin, or an offset from UTC, such as +02:00.

    Raises
    ------
    DataError
        No such zone.
    """
    zone = zone_or_none(name)
    if zone is None:
        raise data_error(
            Code.TIMES,
            "the time zone is not known",
            where="data.times.time_zone",
            found=f"{name!r} against a name like Europe/Berlin, or +02:00",
            todo="correct the name",
        )
    return zone


def in_zone(instant: datetime, zone: tzinfo | None) -> datetime:
    """The instant with a fixed offset from UTC if it has a zone or is given one; else as it is.

    A fixed offset, because differences within one zone would ignore its summer time.
    """
    if instant.tzinfo is None:
        if zone is None:
            return instant
        instant = instant.replace(tzinfo=zone)
    offset = instant.utcoffset() or timedelta()
    return instant.replace(tzinfo=UTC if not offset else timezone(offset))
