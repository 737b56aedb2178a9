"""The formats of powder patterns: how each is recognised by its content, and the function that reads it.

The first that recognises a file reads it. A suffix never decides against the content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.content import Content
from xrdfit.io.formats import bruker_brml, bruker_raw, gsas, pdcif, rigaku, text, xrdml
from xrdfit.io.formats.foreign import refuse_foreign, unread
from xrdfit.io.safe_zip import SafeZip


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFormat:
    """A format: ``recognise`` looks at the head of a file, ``read`` at all of it."""

    name: str
    recognise: Callable[[Content], bool]
    read: Callable[[Content], tuple[Pattern, ...]]


def _is_zip(content: Content) -> bool:
    return content.raw.startswith(b"PK\x03\x04") or content.raw.startswith(b"PK\x05\x06")


def _read_zip(content: Content) -> tuple[Pattern, ...]:
    archive = SafeZip(content.raw, source=content.source)
    if bruker_brml.raw_data_names(archive):
        return bruker_brml.read_brml(content, archive)
    if rigaku.profile_names(archive):
        return rigaku.read_rasx(content, archive)
    is_office = any(name.startswith(("xl/", "word/")) for name in archive.names)
    raise unread("an Office document" if is_office else "a zip archive without a scan in it", content.source)


# Files of these tell of instrument and time in their headers; each may hold several scans.
INSTRUMENT_FORMATS = (
    PatternFormat(name=bruker_raw.NAME_3, recognise=bruker_raw.is_bruker_3, read=bruker_raw.read_bruker_3),
    PatternFormat(name=bruker_raw.NAME_4, recognise=bruker_raw.is_bruker_4, read=bruker_raw.read_bruker_4),
    PatternFormat(name="zip (Bruker brml, Rigaku rasx)", recognise=_is_zip, read=_read_zip),
    PatternFormat(name=xrdml.NAME, recognise=xrdml.is_xrdml, read=xrdml.read_xrdml),
    PatternFormat(name=rigaku.RAS, recognise=rigaku.is_ras, read=rigaku.read_ras),
    PatternFormat(name="GSAS", recognise=gsas.is_gsas, read=gsas.read_gsas),
    PatternFormat(name=pdcif.NAME, recognise=pdcif.is_cif, read=pdcif.read_pdcif),
)


def instrument_format(content: Content) -> PatternFormat | None:
    """The format of an instrument's own file, told by its head; None for plain text and all else."""
    return next((entry for entry in INSTRUMENT_FORMATS if entry.recognise(content)), None)


def read_patterns_of(content: Content) -> tuple[Pattern, ...]:
    """All patterns of a file, whichever format it is in.

    Raises
    ------
    DataError
        A format that is not read, or a file that is not what it says.
    """
    if (entry := instrument_format(content)) is not None:
        # Damaged files hold numbers that overflow; what comes out is looked at afterwards.
        with np.errstate(all="ignore"):
            return entry.read(content)
    refuse_foreign(content)
    name, pattern = text.read_text_pattern(content)
    return (replace(pattern, header=pattern.header or PatternHeader(format=name)),)
