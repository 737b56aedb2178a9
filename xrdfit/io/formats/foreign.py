"""Formats that are not read, told by name instead of by a complaint about their bytes."""

from __future__ import annotations

import re

from xrdfit.io.content import HDF5_MAGIC, Content
from xrdfit.io.problems import Code, data_error

# What a file begins with.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"RAW ", "Bruker RAW version 1"),
    (b"RAW2", "Bruker RAW version 2"),
    (b"RAW_", "STOE .raw"),
    (b"RAW", "a Bruker RAW of an unknown version"),
    (b"FI\x00\x00", "Rigaku binary .raw"),
    (b"V3RD", "Philips .rd"),
    (b"V5RD", "Philips .rd"),
    (b"_FILEVERSION", "Bruker .uxd"),
    (b"SampleIdent", "Philips .udf"),
    (b"SIETRONICS", "Sietronics .cpi"),
    (b"\x89PNG", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF8", "an image (GIF)"),
    (b"II*\x00", "an image (TIFF)"),
    (b"MM\x00*", "an image (TIFF)"),
    (b"BM", "an image (BMP)"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a packed file (gzip)"),
    (b"BZh", "a packed file (bzip2)"),
    (b"7z\xbc\xaf", "a packed file (7z)"),
    (b"Rar!", "a packed file (rar)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
)
# Suffixes of formats without a mark of their own; text columns under these names would be misread.
_SUFFIXES = {
    ".uxd": "Bruker .uxd",
    ".udf": "Philips .udf",
    ".mdi": "Jade .mdi",
    ".cpi": "Sietronics .cpi",
    ".sqt": ".sqt",
    ".rd": "Philips .rd",
    ".sd": "Philips .sd",
}
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body)", re.IGNORECASE)


def refuse_foreign(content: Content) -> None:
    """Raise if the file is of a kind that is known and not read.

    Raises
    ------
    DataError
        With the name of the format.
    """
    head = content.head
    if content.raw.startswith(HDF5_MAGIC):
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "an HDF5 file is a stack, not one pattern",
            where=content.source,
            found="HDF5 against a pattern",
            todo="give it alone as data.files",
        )
    if _HTML.match(head):
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "a web page, not a pattern",
            where=content.source,
            found="HTML against a pattern",
            todo="download the file itself; the server sent a page, perhaps to log in",
        )
    name = next((name for magic, name in _MAGIC if content.raw.startswith(magic)), _SUFFIXES.get(content.suffix))
    if name == "an image (BMP)" and b"\x00" not in head[:64]:
        name = None  # two letters are not enough
    if name is None and re.search(rb"^_FILEVERSION", head, re.MULTILINE):
        name = "Bruker .uxd"
    if name is None and head.startswith(b"<"):
        name = "XML of another kind"
    if name is None and b"\x00" in head[:2000] and not content.raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "an unknown binary format"
    if name is not None:
        raise unread(name, content.source)


def unread(name: str, source: str) -> Exception:
    """The error for a format that is not read."""
    return data_error(
        Code.UNSUPPORTED_FORMAT,
        "this file format is not read",
        where=source,
        found=f"{name} against the formats that xrdfit reads (.xy .xye .brml .raw .xrdml .ras .rasx .fxye .cif …)",
        todo="export the pattern as .xye with the instrument's program",
    )
