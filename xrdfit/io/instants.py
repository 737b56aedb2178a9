"""Instants as diffractometers write them, and the time zone they are meant in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo

from xrdfit.data import zone_or_none
from xrdfit.io.problems import Code, data_error

# Bruker RAW and Rigaku RAS write the month first; where that is no month, the day.
_AMERICAN = ("%m/%d/%Y %H:%M:%S", "%m/%d/%y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%y %H:%M:%S")
_EARLIEST = 1970


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
