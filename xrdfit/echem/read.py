"""Reading a cell's record from whatever files the cycler left: the registry of formats, and joining several files."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from xrdfit.echem import biologic, neware, tables
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.tables import Reading
from xrdfit.echem.text import decoded

_MOST_TEXT_BYTES = 500_000_000
# A pause longer than this between two files is one in the record.
_PAUSE_S = 60.0
# What begins files that are not read.
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x00\x01\x00\x00Standard", "an Access database (Arbin .res)"),
    (b"\xd0\xcf\x11\xe0", "an old Office file (.xls)"),
    (b"\x89HDF", "HDF5"),
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "a gzip archive"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """A text format: how it is recognised and how its text becomes a record."""

    name: str
    recognise: Callable[[str], bool]
    read: Callable[[str, str, Reading], CyclerRecord]


TEXT_FORMATS = (
    TextFormat(name="BDF", recognise=tables.is_bdf, read=tables.read_bdf),
    TextFormat(name="Maccor", recognise=tables.is_maccor, read=tables.read_maccor),
    TextFormat(name="Arbin", recognise=tables.is_arbin, read=tables.read_arbin),
    TextFormat(name="columns", recognise=lambda text: True, read=tables.read_columns),
)
FORMATS = ("BioLogic .mpt .mpr .mps", "Neware .nda .ndax", *(entry.name for entry in TEXT_FORMATS))


def read_cycler(
    files: str | Path | Sequence[str | Path], *, base: Path = Path(), reading: Reading | None = None
) -> CyclerRecord:
    """The record of one cell from one file or several, the content of each deciding on its format.

    Several files, the techniques of one file and those that a ``.mps`` lists are put one after the other by their
    start times.

    Parameters
    ----------
    files : names and patterns with ``*``, relative to ``base``; a ``.mps`` stands for the data files beside it.
    reading : what the user says of columns, units and the sign of the current.

    Raises
    ------
    DataError
        Files that are missing or of no format that is read, libraries that are not installed, values that are no
        numbers or not plausible, records that overlap.
    """
    reading = Reading() if reading is None else reading
    paths = cycler_files(files, base=base)
    records = [record for path in paths for record in _read_file(path, reading)]
    return join_records(records)


def cycler_files(files: str | Path | Sequence[str | Path], *, base: Path = Path()) -> list[Path]:
    """The files of a record: those named and matched by patterns, and for a settings file (``.mps``) its data files.

    Raises
    ------
    DataError
        If one is missing.
    """
    paths: list[Path] = []
    for entry in [files] if isinstance(files, str | Path) else files:
        path = base / entry
        matches = [path] if path.is_file() else []
        if glob.has_magic(str(entry)) and not matches:
            matches = sorted((Path(match) for match in glob.glob(str(path))), key=_natural)
        if not matches:
            folder = path.is_dir()
            near = sorted({child.suffix for child in path.iterdir() if child.is_file()}) if folder else []
            raise cycler_error(
                Code.FILE,
                "a folder is not a record" if folder else "the cycler file does not exist",
                where=path,
                found=f"a folder with {', '.join(near) or 'no files'}" if folder else "nothing there",
                todo=f'write for instance "{entry}/*{near[0]}"' if near else "correct cycler.file",
            )
        for match in matches:
            may_be_list = match.suffix.lower() == ".mps" and match.stat().st_size <= _MOST_TEXT_BYTES
            is_list = may_be_list and biologic.is_mps(decoded(match.read_bytes()))
            paths += biologic.linked_files(match) if is_list else [match]
    return list(dict.fromkeys(paths))


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]


def _read_file(path: Path, reading: Reading) -> list[CyclerRecord]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError as error:
        raise cycler_error(
            Code.FILE,
            "the cycler file cannot be read",
            where=path,
            found=str(error.strerror),
            todo="check that it is a file and that you may read it",
        ) from None
    if not head.strip():
        raise cycler_error(
            Code.FILE,
            "the cycler file is empty",
            where=path,
            found=f"{size} bytes against a record",
            todo="export the record again",
        )
    if head.startswith(biologic.MPR_MAGIC):
        return [biologic.read_mpr(path, reading)]
    if head.startswith(neware.NDA_MAGIC) or (head.startswith(b"PK\x03\x04") and neware.is_ndax(path)):
        return [neware.read_neware(path, reading)]
    _refuse_foreign(path, head, size)
    text = decoded(path.read_bytes())
    if biologic.is_mpt(text):
        return biologic.read_mpt(text, path.name, reading)
    entry = next(entry for entry in TEXT_FORMATS if entry.recognise(text))
    return [entry.read(text, path.name, reading)]


def _refuse_foreign(path: Path, head: bytes, size: int) -> None:
    if head.startswith(b"PK\x03\x04") and path.suffix.lower() == ".ndax":
        raise cycler_error(
            Code.FILE,
            "the archive is cut short or damaged",
            where=path,
            found="a zip without its list of contents, or without a record, against a Neware .ndax",
            todo="copy the file again",
        )
    name = next((name for magic, name in _FOREIGN if head.startswith(magic)), None)
    if name is None and head.startswith(b"PK\x03\x04"):
        name = "a zip archive (Excel .xlsx?)"
    if name is None and b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        name = "an unknown binary format"
    if name is None and re.match(rb"\s*<(!doctype|html|\?xml)", head, re.IGNORECASE):
        name = "a web page or XML"
    if name is None and size > _MOST_TEXT_BYTES:
        name = f"{size / 1e9:.1f} GB of text"
    if name is not None:
        raise cycler_error(
            Code.FORMAT,
            "this format of cycler files is not read",
            where=path,
            found=f"{name} against {', '.join(FORMATS)}",
            todo="export the record as text with names above its columns",
        )


def join_records(records: Sequence[CyclerRecord]) -> CyclerRecord:
    """One record of several of the same cell, in the order of their times.

    Raises
    ------
    DataError
        If one of several has no start, or two were taken at the same time.
    """
    if len(records) == 1:
        return records[0]
    starts = [record.start for record in records]
    if any(start is None for start in starts) or len({start.tzinfo is None for start in starts if start}) > 1:
        raise cycler_error(
            Code.TIMES,
            "records without date cannot be put one after the other",
            where=", ".join(record.source for record in records)[:200],
            found=f"{sum(start is None for start in starts)} of {len(starts)} without date against a date in each",
            todo="give one file, or export the date, too",
        )
    first = min(start for start in starts if start is not None)
    moved = [
        replace(record, time_s=record.time_s + (start - first).total_seconds(), start=first)
        for record, start in zip(records, starts, strict=True)
        if start is not None
    ]
    moved.sort(key=lambda record: (record.time_s[0], record.time_s[-1]))
    for one, other in pairwise(moved):
        if other.time_s[0] < one.time_s[-1] - 1.0:
            raise cycler_error(
                Code.TIMES,
                "two records of the same time",
                where=f"{one.source} and {other.source}",
                found=f"{(one.time_s[-1] - other.time_s[0]) / 3600.0:.3g} h in common against one after the other",
                todo="give the files of one cell, each once",
            )
    return _one_after_the_other(moved)


def _one_after_the_other(records: Sequence[CyclerRecord]) -> CyclerRecord:
    pauses: list[np.ndarray] = []
    own: list[np.ndarray] | None = []
    level = 0.0
    for index, record in enumerate(records):
        pauses.append(record.pause_after)
        if index + 1 < len(records):
            pauses.append(np.array([records[index + 1].time_s[0] - record.time_s[-1] > _PAUSE_S]))
        charge = record.own_charge_mAh
        if charge is None and not np.any(record.current_A):
            charge = np.zeros(len(record))
        if own is not None and charge is not None:
            own.append(charge - charge[0] + level)
            level = float(own[-1][-1])
        else:
            own = None
    kinds, techniques, sources = (
        list(dict.fromkeys(getattr(record, name) for record in records)) for name in ("format", "technique", "source")
    )
    shown = sources if len(sources) <= 3 else [sources[0], "…", sources[-1]]
    return CyclerRecord(
        time_s=np.maximum.accumulate(np.concatenate([record.time_s for record in records])),
        voltage_V=np.concatenate([record.voltage_V for record in records]),
        current_A=np.concatenate([record.current_A for record in records]),
        own_charge_mAh=None if own is None else np.concatenate(own),
        derived_current=any(record.derived_current for record in records),
        start=records[0].start,
        pause_after=np.concatenate(pauses),
        source=", ".join(shown),
        format=", ".join(kinds),
        technique=", ".join(technique for technique in techniques if technique),
        notes=(
            f"{len(records)} records put one after the other",
            *dict.fromkeys(note for record in records for note in record.notes),
        ),
    )
