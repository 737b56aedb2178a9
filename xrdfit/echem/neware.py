"""Neware's binary files, ``.nda`` and ``.ndax``."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from xrdfit.echem.instants import wall_clock
from xrdfit.echem.plausible import check_sign, check_values, settled_time
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord, long_intervals
from xrdfit.echem.tables import Reading, counted_up

NDA_MAGIC = b"NEWARE"
# What an .ndax may unpack to: weeks of a cycler are some ten megabytes.
_MOST_BYTES = 2_000_000_000


def is_ndax(path: Path) -> bool:
    """Whether a zip archive holds a Neware record."""
    names = {Path(item.filename).name.lower() for item in _members(path)}
    return "data.ndc" in names or "versioninfo.xml" in names


def _members(path: Path) -> list[zipfile.ZipInfo]:
    """What a zip archive lists; nothing if it is damaged, or of a kind that Python does not unpack."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return []


@contextmanager
def _python_unpacks() -> Iterator[None]:
    """Give back to Python what fastnda replaces in the whole process: another unpacker, with errors of its own."""
    kept = {name: getattr(zlib, name) for name in ("decompress", "decompressobj")}
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(zlib, name, function)


def read_neware(path: Path, reading: Reading) -> CyclerRecord:
    """A record of Neware's cyclers, read by fastnda (BSD licence), which is an extra because of its size.

    Its clock is the cycler's local time.

    Raises
    ------
    DataError
        fastnda is not installed or cannot read the file, the archive is a bomb, or the values make no sense.
    """
    try:
        with _python_unpacks():
            import fastnda
    except ImportError:
        raise cycler_error(
            Code.EXTRA,
            "a library is missing for this format",
            where=path,
            found="Neware .nda or .ndax against the installed readers",
            todo='pip install "operando-xrdfit[neware]", or export the record as CSV',
        ) from None
    kind = "Neware .nda"
    if members := _members(path):
        kind = "Neware .ndax"
        _refuse_bomb(path, members)
    if path.suffix.lower() != kind.split()[1]:
        raise cycler_error(
            Code.FORMAT,
            "the suffix does not tell the format",
            where=path,
            found=f"{path.suffix or 'none'} against {kind.split()[1]}",
            todo=f"rename the file to {path.stem}{kind.split()[1]}",
        )
    try:
        with _python_unpacks():
            frame = fastnda.read(path)
        names = ("total_time_s", "voltage_V", "current_mA", "capacity_mAh", "unix_time_s")
        of = {name: np.asarray(frame[name].to_numpy(), dtype=np.float64) for name in names if name in frame.columns}
        time_s, voltage_V, current_mA = (of[name] for name in names[:3])
    except Exception as error:  # whatever a damaged file makes of a foreign reader
        raise cycler_error(
            Code.FILE,
            "the file cannot be read",
            where=path,
            found=f"fastnda: {type(error).__name__} {str(error)[:80]} against a whole file of a kind that it knows",
            todo="export the record as CSV",
        ) from None
    source = path.name
    if not np.all(np.isfinite([time_s, voltage_V, current_mA])):
        raise cycler_error(
            Code.NUMBER,
            "a value is not a number",
            where=source,
            found="rows without time, voltage or current against numbers",
            todo="export the record as CSV",
        )
    time_s = settled_time(time_s, source=source)
    turn = -1.0 if reading.positive_current == "discharge" else 1.0
    current_A = turn * 1e-3 * current_mA
    check_values(voltage_V, current_A, source=source, trusted="voltage" in reading.columns.units)
    check_sign(voltage_V, current_A, source=source)
    own = None
    if "capacity_mAh" in of:
        counter = of["capacity_mAh"]
        own = turn * (counted_up(np.maximum(counter, 0.0)) - counted_up(np.maximum(-counter, 0.0)))
    start = wall_clock(float(of["unix_time_s"][0] - time_s[0])) if "unix_time_s" in of else None
    return CyclerRecord(
        time_s=time_s,
        voltage_V=voltage_V,
        current_A=current_A,
        own_charge_mAh=own,
        start=start,
        pause_after=long_intervals(time_s),
        source=source,
        format=kind,
    )


def _refuse_bomb(path: Path, members: list[zipfile.ZipInfo]) -> None:
    size = sum(item.file_size for item in members)
    if size > _MOST_BYTES:
        raise cycler_error(
            Code.FILE,
            "the archive unpacks to too much",
            where=path,
            found=f"{size / 1e9:.1f} GB against at most {_MOST_BYTES / 1e9:.0f} GB",
            todo="export the record as CSV",
        )
