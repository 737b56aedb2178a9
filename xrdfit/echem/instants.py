"""Dates of a record: whether the day or the month comes first, and seconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from xrdfit.data import DateOrder, instant_or_none, is_ambiguous, orders_of_dates
from xrdfit.echem.problems import Code, cycler_error

_LEAST, _MOST = datetime(1990, 1, 1), datetime(2100, 1, 1)


def settled_order(
    texts: Sequence[str], dates: DateOrder | None, *, source: str, usual: DateOrder | None = None
) -> DateOrder | None:
    """What comes first in dates: a date that leaves no choice decides for all; None if it does not matter.

    Parameters
    ----------
    dates : what the user says comes first. usual : of a program that writes no other.

    Raises
    ------
    DataError
        Dates in two orders, or dates none of which tells whether the day comes first.
    """
    told = orders_of_dates(texts)
    if len(told | ({dates} if dates and told else set())) > 1:
        both = "both in the record" if len(told) > 1 else f"{next(iter(told))} in the record, {dates} as given"
        raise cycler_error(
            Code.DATES,
            "dates with the day first and with the month first",
            where=source,
            found=f"{both}, against one of them",
            todo="export the dates in one way" if len(told) > 1 else "correct cycler.dates",
        )
    order = dates or next(iter(told), usual)
    unclear = next((text for text in texts if order is None and is_ambiguous(text)), None)
    if unclear is not None:
        raise cycler_error(
            Code.DATES,
            "day and month cannot be told apart",
            where=source,
            found=f"{unclear!r} against a date that can be read in one way only",
            todo='write dates = "day-first", or "month-first", under [cycler] (gitt: --dates)',
        )
    return order


def parse_instant(text: str, order: DateOrder | None) -> datetime | None:
    """A date with a time of day, or None for anything else."""
    return instant_or_none(text, order) if ":" in text else None


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
