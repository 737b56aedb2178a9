"""Dates and times as cyclers write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_NUMERIC = re.compile(
    r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})[ T]+(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d+))?\s*([AaPp][Mm])?"
)
_LEAST, _MOST = datetime(1990, 1, 1), datetime(2100, 1, 1)


def parse_instants(texts: Sequence[str]) -> list[datetime | None]:
    """The instants of a column: one date with the day first says that all of them are written so."""
    matches = (_NUMERIC.fullmatch(text.strip().strip("\"'")) for text in texts)
    day_first = any(match is not None and int(match[1]) > 12 for match in matches)
    return [parse_instant(text, day_first=day_first) for text in texts]


def parse_instant(text: str, *, day_first: bool = False) -> datetime | None:
    """An instant from ISO 8601, ``05/26/2022 15:59:30.758`` (month first, unless it cannot be one or ``day_first``) or
    ``26.05.2022 15:59:30`` (day first); None if it is none of these."""
    text = text.strip().strip("\"'")
    match = _NUMERIC.fullmatch(text)
    try:
        if match is None:
            return datetime.fromisoformat(text) if ":" in text else None
        first, mark, second, year, hour, minute, whole, part, half = match.groups()
        day_first = day_first or mark == "." or int(first) > 12
        month, day = (int(second), int(first)) if day_first else (int(first), int(second))
        hours = int(hour) % 12 + 12 * (half.lower() == "pm") if half else int(hour)
        instant = datetime(int(year), month, day, hours, int(minute), int(whole))
    except ValueError:
        return None
    return instant + timedelta(seconds=float(f"0.{part}") if part else 0.0)


def wall_clock(unix_s: float) -> datetime | None:
    """The local time that a cycler stored as seconds since 1970 without a zone; None if that is no likely date."""
    try:
        instant = datetime.fromtimestamp(unix_s, UTC).replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):
        return None
    return instant if _LEAST < instant < _MOST else None


def utc(unix_s: float) -> datetime | None:
    """The instant of seconds since 1970 in UTC; None if that is no likely date."""
    instant = wall_clock(unix_s)
    return None if instant is None else instant.replace(tzinfo=UTC)
