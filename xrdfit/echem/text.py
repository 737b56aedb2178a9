"""Text of cyclers: encodings, separators, decimal marks, and the columns of a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.echem.problems import Code, cycler_error

_CLOCK = re.compile(r"(?:(\d+)d?[ \-])?\s*(\d+):(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_PLAIN = re.compile(r"[+-]?(?:\d+|\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """The rows of a file under the names of their columns.

    ``first_line`` is the number of the first row in the file, from 1; ``notes`` say what was left out.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    first_line: int
    source: str
    notes: tuple[str, ...] = ()

    def texts(self, column: int) -> list[str]:
        """The fields of a column."""
        return [row[column] for row in self.rows]


def decoded(raw: bytes) -> str:
    """Text in UTF-8 or UTF-16 if it is that, else in the one-byte encoding of Windows in western Europe."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def separator_of(line: str) -> str:
    """What separates the names in a line of headings: tab, semicolon or comma."""
    return max("\t;,", key=line.count)


def fields_of(line: str, separator: str) -> tuple[str, ...]:
    """The fields of a line; quotes keep a separator within a field."""
    quoted = '"' in line
    fields = next(csv.reader([line], delimiter=separator), []) if quoted else line.split(separator)
    return tuple(field.strip() for field in fields)


def read_rows(text: str, *, heading: int, source: str, keep: Callable[[str], bool] = lambda name: True) -> TextTable:
    """The columns to keep, by their names, of the table under the line ``heading`` (from 0) of a file.

    A last row with fields missing is what a writer that was interrupted leaves, and is left out. So is one without an
    end of line whose last field may have been longer: others of its column are.

    Raises
    ------
    DataError
        Rows that have not as many fields as there are names, or no row at all.
    """
    lines = text.splitlines()
    separator = separator_of(lines[heading])
    names = _without_empty_end(fields_of(lines[heading], separator))
    kept = [column for column, name in enumerate(names) if keep(name)]
    rows: list[tuple[str, ...]] = []
    longest = 0
    notes: tuple[str, ...] = ()
    content = [(number, line) for number, line in enumerate(lines[heading + 1 :], heading + 2) if line.strip()]
    for number, line in content:
        row = fields_of(line, separator)
        surplus = row[len(names) :]
        if len(row) < len(names) and number == content[-1][0]:
            notes = ("the last row is incomplete and was left out",)
        elif len(row) < len(names) or any(surplus):
            raise cycler_error(
                Code.COLUMNS,
                "a row does not fit the names of the columns",
                where=f"{source}:{number}",
                found=f"{len(row)} fields against {len(names)} names",
                todo="a decimal comma needs another separator than the comma; else export the file again",
            )
        elif number == content[-1][0] and text[-1] not in "\r\n" and len(row[len(names) - 1].lstrip("+-")) < longest:
            notes = ("the last row may be cut off in mid-number and was left out",)
        else:
            rows.append(tuple(row[column] for column in kept))
            longest = max(longest, len(row[len(names) - 1].lstrip("+-")))
    if not rows:
        raise cycler_error(
            Code.COLUMNS,
            "the record has no rows",
            where=source,
            found="names of columns and nothing below against at least 2 rows",
            todo="export the record again",
        )
    names = tuple(names[column] for column in kept)
    return TextTable(names=names, rows=tuple(rows), first_line=content[0][0], source=source, notes=notes)


def numbers(table: TextTable, columns: Sequence[int]) -> dict[int, NDArray[np.float64]]:
    """These columns as numbers, with one decimal mark for all of them.

    Raises
    ------
    DataError
        A field that is no number, points and commas in one table, or separators of thousands.
    """
    texts = {column: table.texts(column) for column in columns}
    point = comma = False
    for column, column_texts in texts.items():
        for line, text in enumerate(column_texts):
            if _PLAIN.fullmatch(text):
                point |= "." in text
            elif _COMMA.fullmatch(text):
                comma = True
            elif ":" not in text:
                raise _no_number(table, column, line, text)
    if point and comma:
        raise cycler_error(
            Code.NUMBER,
            "points and commas are mixed",
            where=table.source,
            found="some numbers with a point, some with a comma, against one decimal mark",
            todo="export again with one decimal mark and without separators of thousands",
        )
    return {column: _values(table, column, column_texts) for column, column_texts in texts.items()}


def _values(table: TextTable, column: int, texts: list[str]) -> NDArray[np.float64]:
    if any(":" in text for text in texts):
        return np.array([_seconds(table, column, line, text) for line, text in enumerate(texts)])
    values = np.array([float(text.replace(",", ".")) for text in texts])
    if not np.all(np.isfinite(values)):
        line = int(np.argmin(np.isfinite(values)))
        raise _no_number(table, column, line, texts[line])
    return values


def _seconds(table: TextTable, column: int, line: int, text: str) -> float:
    """Seconds of ``h:mm:ss`` with perhaps days before it."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise _no_number(table, column, line, text)
    days, hours, minutes, seconds = match.groups()
    return 86400.0 * int(days or 0) + 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds.replace(",", "."))


def _no_number(table: TextTable, column: int, line: int, text: str) -> Exception:
    separated = re.fullmatch(r"[+-]?\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d*)?(?:[eE][+-]?\d+)?", text) is not None
    return cycler_error(
        Code.NUMBER,
        "a number with separators of thousands" if separated else "a value is not a number",
        where=f"{table.source}:{table.first_line + line}",
        found=f"{text[:_SHOWN]!r} in column {table.names[column]} against a number",
        todo="export again without separators of thousands" if separated else "correct the line or export again",
    )


def _without_empty_end(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names up to the last that is not empty: many programs end lines with a separator."""
    last = max((index for index, name in enumerate(names) if name), default=-1)
    return names[: last + 1]
