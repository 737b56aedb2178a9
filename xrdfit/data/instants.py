"""Instants as instruments and people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

_EARLIEST = 1970
DateOrder = Literal["day-first", "month-first"]
_NUMERIC = re.compile(
    r"(?P<one>\d{1,2})(?P<mark>[./\-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})[ T,]+"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,](?P<part>\d+))?)?(\s*(?P<half>[ap]m))?",
    re.IGNORECASE,
)
# A number of seconds is none, though datetime takes 20260502.1 for one.
_ISO = re.compile(r".*[-:T].*")


def instant_or_none(text: str | None, dates: DateOrder | None = None) -> datetime | None:
    """An instant, or None for anything else, dates that stand for "unknown" included.

    ISO 8601 with or without a zone; ``02.05.2026 09:14``, the day first; ``02/05/2026 09:14`` if ``dates`` says which
    comes first, or if one of the two can be no month. Seconds may have a fraction; AM or PM may follow.

    >>> instant_or_none("02.05.2026 09:14"), instant_or_none("02/05/2026 09:14"), instant_or_none("5/22/2026 9:14 PM")
    (datetime.datetime(2026, 5, 2, 9, 14), None, datetime.datetime(2026, 5, 22, 21, 14))
    """
    text = _bare(text or "")
    match = _NUMERIC.fullmatch(text)
    try:
        if match is not None:
            instant = _of_match(match, _order_of(match) or dates)
        else:
            instant = datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.year > _EARLIEST else None


def orders_of_dates(texts: Iterable[object]) -> set[DateOrder]:
    """Which of day and month comes first, told by the dates without dots among the texts that leave no choice."""
    matches = (_NUMERIC.fullmatch(_bare(text)) for text in texts if isinstance(text, str))
    return {order for match in matches if match and match["mark"] != "." and (order := _order_of(match))}


def is_ambiguous(text: object) -> bool:
    """Whether a text is a date whose day might be its month."""
    match = _NUMERIC.fullmatch(_bare(text)) if isinstance(text, str) else None
    return match is not None and _order_of(match) is None and int(match["one"]) != int(match["two"])


def _bare(text: str) -> str:
    """Without the quotes and spaces around it."""
    return text.strip().strip("\"'").strip()


def _of_match(match: re.Match[str], order: DateOrder | None) -> datetime | None:
    if order is None and int(match["one"]) != int(match["two"]):
        return None
    day, month = (match["one"], match["two"]) if order == "day-first" else (match["two"], match["one"])
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match["half"].lower() == "pm")
    clock = (hour, int(match["minute"]), int(match["second"] or 0))
    whole = datetime(int(match["year"]), int(month), int(day), *clock)
    return whole + timedelta(seconds=float(f"0.{match['part'] or 0}"))


def _order_of(match: re.Match[str]) -> DateOrder | None:
    if match["mark"] == "." or int(match["one"]) > 12:
        return "day-first"
    return "month-first" if int(match["two"]) > 12 else None
