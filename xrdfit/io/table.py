"""Columns of numbers out of a text file, whatever separates them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xrdfit.io.problems import Code, data_error

COMMENT_MARKS = ("#", "!", "%", "'", '"', "/", "*", ";")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan|[+-]?inf", re.IGNORECASE)
_SAMPLE_LINES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What separates fields (None: white space) and what marks decimals."""

    delimiter: str | None
    decimal: str

    def fields(self, line: str) -> list[str]:
        """The fields of a line, with a point for the decimal mark."""
        if self.delimiter is not None:
            line = line.strip().removesuffix(self.delimiter)
        fields = [field.strip() for field in line.split(self.delimiter)]
        return [field.replace(",", ".") for field in fields] if self.decimal == "," else fields

    def numbers(self, line: str) -> list[str] | None:
        """The fields if there are two or more and all are numbers, else None."""
        fields = self.fields(line)
        return fields if len(fields) >= 2 and all(map(_NUMBER.fullmatch, fields)) else None


# In order of preference: the first that reads most lines wins.
_DIALECTS = tuple(
    Dialect(delimiter=delimiter, decimal=decimal)
    for delimiter, decimal in ((None, "."), (";", "."), (",", "."), (";", ","), (None, ","))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``columns`` (n, k) and the lines that stood before them."""

    columns: NDArray[np.float64]
    header: tuple[str, ...]
    dialect: Dialect


def text_lines(raw: bytes) -> list[str]:
    """Lines of a file in UTF-8 or UTF-16 if it says so, else in the one-byte encoding of instrument computers.

    The ``$`` with which some neutron instruments end every line is dropped.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return [line.rstrip().removesuffix("$") for line in text.splitlines()]


def header_lines(path: Path) -> tuple[str, ...]:
    """The lines before the first row of numbers, read without the rest of the file."""
    with path.open("rb") as file:
        lines = text_lines(file.read(16384))
    dialect = sniff(lines)
    return tuple(lines if dialect is None else lines[: _first_row(lines, dialect)])


def sniff(lines: list[str]) -> Dialect | None:
    """The dialect that makes rows of two or more numbers out of most lines; None if none does."""
    middle = len(lines) // 2
    sample = [line for line in lines[middle : middle + _SAMPLE_LINES] if _is_content(line)]
    sample = sample or [line for line in lines if _is_content(line)]
    scores = [sum(dialect.numbers(line) is not None for line in sample) for dialect in _DIALECTS]
    best = max(scores)
    return _DIALECTS[scores.index(best)] if best else None


def read_table(lines: list[str], *, source: str) -> Table:
    """All rows of numbers; what stands before them is the header.

    Raises
    ------
    DataError
        No numbers, a field that is not one, rows of different length, or commas that may mean two things.
    """
    dialect = sniff(lines)
    if dialect is None:
        raise _no_rows(lines, source)
    first = _first_row(lines, dialect)
    rows = [dialect.fields(line) for line in lines[first:] if _is_content(line)]
    _refuse_ambiguous_commas(rows[0], dialect, f"{source}:{first + 1}", lines[first])
    width = len(rows[0])
    if any(len(row) != width for row in rows):
        raise _bad_line(lines, first, dialect, width, source)
    try:
        columns = np.array(rows, dtype=np.float64)
    except ValueError:
        raise _bad_line(lines, first, dialect, width, source) from None
    return Table(columns=columns, header=tuple(lines[:first]), dialect=dialect)


def _is_content(line: str) -> bool:
    stripped = line.lstrip()
    return bool(stripped) and not stripped.startswith(COMMENT_MARKS)


def _first_row(lines: list[str], dialect: Dialect) -> int:
    return next((i for i, line in enumerate(lines) if _is_content(line) and dialect.numbers(line)), len(lines))


def _refuse_ambiguous_commas(row: list[str], dialect: Dialect, where: str, line: str) -> None:
    """Three and more whole numbers between commas may be two decimal numbers: 20,01,1234 is not guessed at."""
    if dialect.delimiter == "," and len(row) > 2 and all(field.lstrip("+-").isdigit() for field in row):
        raise data_error(
            Code.DECIMAL_COMMA,
            "commas may separate columns or decimals",
            where=where,
            found=f"{line.strip()!r} against columns separated by blanks, tabs or semicolons",
            todo="export with decimal points or with another separator",
        )


def _no_rows(lines: list[str], source: str) -> Exception:
    content = [(i, line.strip()) for i, line in enumerate(lines) if _is_content(line)]
    if not content:
        return data_error(
            Code.EMPTY,
            "the file holds no data",
            where=source,
            found="no line but comments against rows of numbers",
            todo="export the pattern again",
        )
    number, line = content[len(content) // 2]
    if _NUMBER.fullmatch(line):
        return data_error(
            Code.COLUMNS,
            "wrong number of columns",
            where=f"{source}:{number + 1}",
            found="1 column against 2theta and intensity",
            todo="export 2theta, intensity and, if known, sigma",
        )
    if re.fullmatch(r"[\d.,;\s+-]+", line) and "," in line and "." in line:
        return data_error(
            Code.DECIMAL_COMMA,
            "commas and points are mixed",
            where=f"{source}:{number + 1}",
            found=f"{line[:40]!r} against one decimal mark",
            todo="export without thousands separators",
        )
    return data_error(
        Code.NOT_A_NUMBER,
        "no rows of numbers",
        where=f"{source}:{number + 1}",
        found=f"{line[:40]!r} against 2theta and intensity",
        todo="check that this is a text file with a pattern",
    )


def _bad_line(lines: list[str], first: int, dialect: Dialect, width: int, source: str) -> Exception:
    """Name the line that spoils the table."""
    for number, line in enumerate(lines[first:], start=first + 1):
        if not _is_content(line):
            continue
        fields = dialect.fields(line)
        wrong = next((field for field in fields if not _NUMBER.fullmatch(field)), None)
        if wrong is not None:
            return data_error(
                Code.NOT_A_NUMBER,
                "a value is not a number",
                where=f"{source}:{number}",
                found=f"{wrong[:40]!r} against a number",
                todo="correct the line or export the pattern again",
            )
        if len(fields) != width:
            return data_error(
                Code.COLUMNS,
                "wrong number of columns",
                where=f"{source}:{number}",
                found=f"{len(fields)} against {width} in the lines before",
                todo="correct the line or export again; the last line of a file is short if it was cut",
            )
    raise AssertionError("no line of the table is wrong")
