"""A file as it was read: its bytes, and its lines if it is text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from xrdfit.io.problems import Code, data_error
from xrdfit.io.table import text_lines

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
# A pattern of a million points is 20 MB as text; nothing that is one comes near this.
MAXIMUM_BYTES = 512 * 1024**2
HEAD_BYTES = 65536
# Rows at the end of a text among which the last is looked at.
_COMPARED = 200
CUT = "the last row may be cut off in mid-number and is not used"
ColumnName = Literal["two_theta", "intensity", "sigma", "-"]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the readers of all formats are given.

    Attributes
    ----------
    raw : the bytes of the file, or its first `HEAD_BYTES` where it is only to be recognised.
    source : the file, for messages.
    wavelength : angstrom, for patterns over Q; None if it is not known.
    columns : what the columns of a text without a format of its own are, as the user says it; None leaves it to the
        names above them and to their number.
    """

    raw: bytes
    source: str
    wavelength: float | None = None
    columns: tuple[ColumnName, ...] | None = None

    @cached_property
    def lines(self) -> list[str]:
        """Decoded lines."""
        return text_lines(self.raw)

    @cached_property
    def head(self) -> bytes:
        """The first bytes without byte-order mark and leading white space."""
        return self.raw[:HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()

    @cached_property
    def may_be_cut(self) -> bool:
        """Whether the last number of a text may have lost its end: no line end behind it, and others are longer."""
        if self.raw.rstrip(b"\0").endswith((b"\n", b"\r")):
            return False
        lines = [line for line in self.lines if line.strip()][-_COMPARED:]
        ends = [re.split(r"[\s;,]+", line.strip(" \t;,"))[-1].lstrip("+-") for line in lines]
        length = [len(end) for end in ends if end[:1].isdigit() or end[:1] == "."]
        return bool(length) and len(ends[-1]) < max(length)

    @property
    def suffix(self) -> str:
        """Suffix of the file in small letters, with its point."""
        return Path(self.source).suffix.lower()


def read_content(
    path: Path,
    *,
    wavelength: float | None = None,
    columns: tuple[ColumnName, ...] | None = None,
    only_head: bool = False,
) -> Content:
    """Read a file, or the beginning that tells its format.

    Raises
    ------
    DataError
        Missing, unreadable, empty, or too large to be a pattern.
    """
    try:
        if not path.is_file():
            raise _missing(path, "a folder or device" if path.exists() else "nothing there")
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            raise data_error(
                Code.LIMIT,
                "the file is too large for a pattern",
                where=path,
                found=f"{size / 1024**2:.0f} MB against at most {MAXIMUM_BYTES / 1024**2:.0f} MB",
                todo="check that this is a powder pattern; put long series into an HDF5 stack",
            )
        with path.open("rb") as file:
            raw = file.read(HEAD_BYTES if only_head else size)
    except OSError as error:
        raise _missing(path, str(error.strerror)) from None
    if not raw.strip():
        raise data_error(
            Code.EMPTY,
            "the file is empty",
            where=path,
            found=f"{len(raw)} bytes against a pattern",
            todo="measure or export it again, or leave it out",
        )
    return Content(raw=raw, source=str(path), wavelength=wavelength, columns=columns)


def _missing(path: Path, found: str) -> Exception:
    exists = path.exists()
    return data_error(
        Code.MISSING,
        "the file cannot be read" if exists else "the file does not exist",
        where=path,
        found=found,
        todo="check that it is a file and that you may read it" if exists else "correct the path",
    )
