"""BioLogic: EC-Lab and BT-Lab as text (``.mpt``), as binary files (``.mpr``) and as lists of techniques (``.mps``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from xrdfit.data import DateOrder
from xrdfit.echem.instants import parse_instant, settled_order
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.quantities import find_columns, is_known
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.tables import Reading, find_names, record_of
from xrdfit.echem.text import TextTable, decoded, read_rows

MPR_MAGIC = b"BIO-LOGIC MODULAR FILE"
_TITLE = re.compile(r"^(EC|BT)-Lab ASCII FILE\s*$", re.MULTILINE)
_MPS_TITLE = re.compile(r"^(EC|BT)-LAB SETTING FILE", re.IGNORECASE)
_HEADER_COUNT = re.compile(r"^Nb header lines\s*:\s*(\d+)", re.MULTILINE)
_ACQUISITION = re.compile(r"^Acquisition started on\s*:\s*(.+?)\s*$", re.MULTILINE)
_TECHNIQUE_START = re.compile(r"^Technique started on\s*:\s*(.+?)\s*$", re.MULTILINE)
_DOTTED = re.compile(r"^(\d{1,2})\.(\d{1,2})\.(?=\d{4}\s)")


def is_mpt(text: str) -> bool:
    """Whether a text is an export of EC-Lab or BT-Lab with its header."""
    return _TITLE.match(text) is not None


def is_mps(text: str) -> bool:
    """Whether a text is a settings file."""
    return _MPS_TITLE.match(text) is not None


def read_mpt(text: str, source: str, reading: Reading) -> list[CyclerRecord]:
    """The records of an ``.mpt``, one a technique; a technique without voltage over time (impedance) is left out.

    Raises
    ------
    DataError
        No technique with voltage and current, a header that is cut short, or values that make no sense.
    """
    begins = [match.start() for match in _TITLE.finditer(text)]
    parts = [text[first:last] for first, last in zip(begins, [*begins[1:], len(text)], strict=True)]
    records = [record for part in parts if (record := _technique(part, source, reading)) is not None]
    if not records:
        raise cycler_error(
            Code.COLUMNS,
            "no technique with voltage over time",
            where=source,
            found="techniques such as impedance against time/s and Ewe/V",
            todo="give the file of the cycling",
        )
    if len(records) < len(parts):
        left = f"{len(parts) - len(records)} techniques without voltage over time were left out"
        records[0] = replace(records[0], notes=(*records[0].notes, left))
    return records


def _technique(text: str, source: str, reading: Reading) -> CyclerRecord | None:
    count = _HEADER_COUNT.search(text)
    lines = text.splitlines()
    if count is None or not 3 <= int(count[1]) < len(lines):
        raise cycler_error(
            Code.COLUMNS,
            "the header is cut short",
            where=source,
            found=f"{len(lines)} lines against {count[1] if count else 'a number of'} header lines and rows below",
            todo="export the file again",
        )
    heading = int(count[1]) - 1
    header = "\n".join(lines[:heading])
    technique = next((line.strip() for line in lines[2:heading] if line.strip()), "")
    names = [name.strip() for name in lines[heading].split("\t")]
    if not {"voltage", "time"} <= find_names(names) or "freq/Hz" in names:
        return None
    table = _filled_rows(read_rows(text, heading=heading, source=source, keep=partial(is_known, said=reading.columns)))
    columns = find_columns(table.names, said=reading.columns, source=source)
    times = table.texts(columns["time"].index)
    first = next(iter(times), "")
    dates = [*times, *(match[1] for pattern in (_ACQUISITION, _TECHNIQUE_START) if (match := pattern.search(header)))]
    # With slashes EC-Lab has the month first; with dots, as its machine's locale has it.
    usual: DateOrder | None = None if any(_DOTTED.match(date) for date in dates) else "month-first"
    order = settled_order([_slashed(date) for date in dates], reading.dates, source=source, usual=usual)
    absolute = parse_instant(_slashed(first), order)
    if absolute is not None:
        table = _seconds_since(absolute, table, columns["time"].index, order)
        start: datetime | None = absolute
    else:
        passed = float(first.replace(",", ".")) if re.fullmatch(r"[\d.,eE+\-]+", first) else 0.0
        start = _start(header, passed, order)
    return record_of(table, reading, kind="BioLogic .mpt", start=start, technique=technique)


def _start(header: str, first_time_s: float, order: DateOrder | None) -> datetime | None:
    """The instant of zero seconds: the begin of the acquisition, or of the technique if times begin anew with it."""
    acquisition, technique = (
        parse_instant(_slashed(match[1]), order) if (match := pattern.search(header)) else None
        for pattern in (_ACQUISITION, _TECHNIQUE_START)
    )
    if acquisition is None or technique is None:
        return acquisition or technique
    late = (technique - acquisition).total_seconds()
    return technique if late > 0.0 and first_time_s < 0.5 * late else acquisition


def _slashed(date: str) -> str:
    """A date with slashes for dots, which elsewhere say that the day comes first, but not here."""
    return _DOTTED.sub(r"\1/\2/", date)


def _filled_rows(table: TextTable) -> TextTable:
    """The table without rows that EC-Lab could not fill (``XXX``)."""
    rows = tuple(row for row in table.rows if "XXX" not in row)
    left = len(table.rows) - len(rows)
    notes = (*table.notes, f"{left} rows without values (XXX) were left out") if left else table.notes
    return replace(table, rows=rows, notes=notes)


def _seconds_since(start: datetime, table: TextTable, column: int, order: DateOrder | None) -> TextTable:
    rows = []
    for line, row in enumerate(table.rows):
        instant = parse_instant(_slashed(row[column]), order)
        if instant is None:
            raise cycler_error(
                Code.TIMES,
                "a time cannot be read",
                where=f"{table.source}:{table.first_line + line}",
                found=f"{row[column][:40]!r} against a date and time as in the first row",
                todo="export the file again, with time in seconds",
            )
        seconds = f"{(instant - start).total_seconds():.6f}"
        rows.append((*row[:column], seconds, *row[column + 1 :]))
    return replace(table, rows=tuple(rows))


def linked_files(path: Path) -> list[Path]:
    """The data files of the techniques that a settings file (``.mps``) lists, in their order; text before binary.

    Raises
    ------
    DataError
        If none lies beside it.
    """
    text = decoded(path.read_bytes())
    saved = re.search(r"^Filename\s*:\s*(.+?)\s*$", text, re.MULTILINE)
    stems = {path.stem} | ({re.split(r"[\\/]", saved[1])[-1].rsplit(".", 1)[0]} if saved else set())
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(stems)))})(?:_(\d+)_[^_]+)?(?:_C[A-Z]?\d+)?")
    found: dict[str, Path] = {}
    for candidate in sorted(path.parent.iterdir()):
        suffix = candidate.suffix.lower()
        if suffix in (".mpr", ".mpt") and pattern.fullmatch(candidate.stem):
            found[candidate.stem] = candidate  # .mpt comes after .mpr
    if not found:
        raise cycler_error(
            Code.FILE,
            "a settings file holds no data",
            where=path,
            found=f"no {' or '.join(sorted(stems))}*.mpt or .mpr beside it",
            todo="give the data files",
        )
    return [found[stem] for stem in sorted(found, key=_technique_number)]


def _technique_number(stem: str) -> tuple[int, str]:
    match = re.search(r"_(\d+)_[^_]+(?:_C[A-Z]?\d+)?$", stem)
    return (int(match[1]) if match else 0, stem)


def read_mpr(path: Path, reading: Reading) -> CyclerRecord:
    """A binary file of EC-Lab or BT-Lab, read by galvani, which is an extra because its licence is the GPL.

    Raises
    ------
    DataError
        galvani is not installed or cannot read the file, or the values make no sense.
    """
    try:
        from galvani import BioLogic
    except ImportError:
        raise cycler_error(
            Code.EXTRA,
            "a library is missing for this format",
            where=path,
            found="BioLogic .mpr against the installed readers",
            todo='pip install "operando-xrdfit[biologic]", or export the file as text (.mpt)',
        ) from None
    try:
        contents = BioLogic.MPRfile(str(path))
        data = contents.data
        names: Sequence[str] = data.dtype.names
        values = {name: np.asarray(data[name]) for name in names}
    except Exception as error:  # whatever a damaged file makes of a foreign reader
        raise cycler_error(
            Code.FILE,
            "the file cannot be read",
            where=path,
            found=f"galvani: {type(error).__name__} {str(error)[:80]} against a whole .mpr of a kind that it knows",
            todo="export the file as text (.mpt)",
        ) from None
    chosen = [name for name in names if values[name].ndim == 1 and values[name].dtype.kind in "fiu"]
    with np.errstate(invalid="ignore"):
        rows = tuple(zip(*(map(repr, values[name].astype(float).tolist()) for name in chosen), strict=True))
    table = TextTable(names=tuple(chosen), rows=rows, first_line=1, source=path.name)
    start = getattr(contents, "timestamp", None)
    return record_of(table, reading, kind="BioLogic .mpr", start=start if isinstance(start, datetime) else None)
