"""Opening many scans as one stack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import lru_cache
from pathlib import Path

from xrdfit.data import DateOrder, Pattern, PatternHeader, ScanStack, ScanTimes
from xrdfit.errors import DataError, Problem
from xrdfit.io.content import ColumnName, read_content
from xrdfit.io.formats import instrument_format
from xrdfit.io.hdf5_stack import Hdf5Stack
from xrdfit.io.instants import zone_named
from xrdfit.io.paths import expand_files
from xrdfit.io.pattern import is_hdf5, read_patterns
from xrdfit.io.problems import Code, data_error
from xrdfit.io.times import (
    RegularTimes,
    date_in_header,
    times_from_csv,
    times_from_headers,
    times_of_modification,
)
from xrdfit.io.unchanged import FileState

# What ``times`` may say instead of the name of a table.
TIMES_WORDS = ("header", "none", "file-modification")
# Programs differ by 4e-6 in what they call K-alpha1, or give the mean of the doublet (8e-4).
_ONE_WAVELENGTH = 2e-3
# Rows of an HDF5 stack that are looked at before a run, evenly spaced.
_MOST_ROWS = 2000


@dataclass(frozen=True, slots=True)
class FileStack:
    """Scans in files of their own, or several in one file, read when asked for.

    Attributes
    ----------
    paths : the file of every scan.
    places : which pattern of its file every scan is; None where each file holds one.
    wavelength : angstrom, for columns over Q. columns : what columns without names are; see `read_patterns`.
    """

    paths: tuple[Path, ...]
    times: ScanTimes | None = None
    places: tuple[int, ...] | None = None
    wavelength: float | None = None
    columns: tuple[ColumnName, ...] | None = None
    states: Mapping[Path, FileState] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def sources(self) -> tuple[str, ...]:
        if self.places is None:
            return tuple(path.name for path in self.paths)
        several = {path for path, place in zip(self.paths, self.places, strict=True) if place > 0}
        return tuple(
            f"{path.name}[{place}]" if path in several else path.name
            for path, place in zip(self.paths, self.places, strict=True)
        )

    def read(self, index: int) -> Pattern:
        """Read one scan from its file.

        Raises
        ------
        DataError
            The file cannot be read as a pattern.
        LostInputError
            It is not there any more, or has changed.
        """
        path = self.paths[index]
        try:
            return self._read(index, path)
        finally:
            # Whatever was read of a file that has changed is not what was asked for.
            if path in self.states:
                self.states[path].check()

    def _read(self, index: int, path: Path) -> Pattern:
        if self.places is None:
            (pattern,) = read_patterns(path, wavelength=self.wavelength, columns=self.columns)
            source = path.name
        else:
            pattern = _cached_patterns(path, path.stat().st_mtime_ns, self.wavelength)[self.places[index]]
            source = self.sources[index]
        pattern = replace(pattern, source=source)
        if self.times is None:
            return pattern
        return replace(pattern, start_s=float(self.times.start_s[index]), end_s=float(self.times.end_s[index]))


@lru_cache(maxsize=1)
def _cached_patterns(path: Path, mtime_ns: int, wavelength: float | None) -> tuple[Pattern, ...]:
    """The patterns of a file of many, which would else be read whole for every one of them."""
    return read_patterns(path, wavelength=wavelength)


def open_stack(
    files: str | Path | Sequence[str | Path],
    *,
    base: Path,
    dataset: str | None = None,
    times: str | RegularTimes = "header",
    time_zone: str | None = None,
    dates: DateOrder | None = None,
    wavelength: float | None = None,
    columns: tuple[ColumnName, ...] | None = None,
    allow: Collection[str] = (),
    beside_writer: bool = False,
) -> ScanStack:
    """Open pattern files, or one HDF5 stack, as a lazy stack of scans.

    Parameters
    ----------
    files : names and patterns relative to ``base``; natural order within a pattern.
    dataset : path of the NXdata group within an HDF5 file; None finds it by its attributes.
    times : ``"header"`` (from the files themselves, where they tell), ``"none"``, ``"file-modification"``, a CSV
        relative to ``base``, or a regular clock.
    time_zone : of times that state none, as ``Europe/Berlin`` or ``+02:00``; None leaves them local.
    dates : what comes first in dates with slashes of a table of times: ``"day-first"`` or ``"month-first"``.
    wavelength : angstrom, for patterns over Q.
    columns : what the columns of text files are, where their names do not tell; see `xrdfit.io.read_patterns`.
    allow, beside_writer : see `xrdfit.io.Hdf5Stack`.

    Raises
    ------
    DataError
        Files that are missing, empty, or of mixed kinds; times that do not fit the scans.
    """
    paths = expand_files(files, base=base)
    zone = None if time_zone is None else zone_named(time_zone)
    are_hdf5 = [is_hdf5(path) for path in paths]
    if any(are_hdf5) and len(paths) > 1:
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "an HDF5 stack stands alone",
            where=paths[are_hdf5.index(True)],
            found=f"{len(paths)} files against one HDF5 stack or files of single patterns",
            todo="join them into one stack (see docs: Synchrotron data)",
        )
    if are_hdf5[0]:
        stack = Hdf5Stack(paths[0], dataset, zone=zone, wavelength=wavelength, allow=allow, beside_writer=beside_writer)
        return stack if times == "header" else stack.with_times(_given_times(times, stack.sources, base, zone, dates))
    states = {path: FileState.now(path) for path in paths}
    scans = [scan for path in paths for scan in _scans_of(path, wavelength)]
    places = tuple(scan.place for scan in scans)
    files_stack = FileStack(
        tuple(scan.path for scan in scans),
        places=places if any(places) else None,
        wavelength=wavelength,
        columns=columns,
        states=states,
    )
    if times == "header":
        found = _header_times(scans, zone)
    elif times == "file-modification":
        found = times_of_modification(files_stack.paths)
    else:
        found = _given_times(times, files_stack.sources, base, zone, dates)
    return replace(files_stack, times=found)


def check_files(stack: ScanStack, *, look: Callable[[Pattern], None] = lambda pattern: None) -> None:
    """Read every file of a `FileStack` once, so that all mistakes are told before anything is computed.

    The rows of an HDF5 stack need no such pass: a row without usable points is a scan without data. At most
    `_MOST_ROWS` of them are shown to ``look``, and every file that can be read.

    Raises
    ------
    DataError
        With the problem of every file that cannot be used.
    """
    problems: list[Problem] = []
    if isinstance(stack, FileStack):
        stated: list[tuple[str, float]] = []
        for index in range(len(stack)):
            try:
                pattern = stack.read(index)
            except DataError as error:
                problems += error.problems
                continue
            look(pattern)
            if pattern.header is not None and pattern.header.wavelengths:
                stated.append((pattern.source, pattern.header.wavelengths[0]))
        problems += _of_another_wavelength(stated)
    else:
        for index in range(0, len(stack), 1 + (len(stack) - 1) // _MOST_ROWS):
            with suppress(DataError):
                look(stack.read(index))
    if problems:
        raise DataError(*problems)


def _of_another_wavelength(stated: Sequence[tuple[str, float]]) -> list[Problem]:
    """Scans whose files state another wavelength (angstrom) than the first of them that states one."""
    if not stated:
        return []
    source, first = stated[0]
    return [
        Problem(
            code=Code.UNITS,
            what="scans of two wavelengths in one series",
            where=other,
            found=f"{wavelength:g} Å against {first:g} Å in {source}",
            todo="give the files of one instrument",
        )
        for other, wavelength in stated
        if abs(wavelength / first - 1.0) > _ONE_WAVELENGTH
    ]


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan before it is read: its file, its place in it, and what the file says of it.

    ``by_instrument`` tells the header of an instrument's own file from a date in a text, which may be that of a
    conversion.
    """

    path: Path
    place: int
    header: PatternHeader | None
    by_instrument: bool


def _scans_of(path: Path, wavelength: float | None) -> list[_Scan]:
    """The scans of a file; one without header if it cannot be read, which `check_files` says later."""
    try:
        if instrument_format(read_content(path, only_head=True)) is None:
            return [_Scan(path, 0, PatternHeader(format="text", start_time=date_in_header(path)), False)]
        patterns = read_patterns(path, wavelength=wavelength)
    except DataError:
        return [_Scan(path, 0, None, True)]
    return [_Scan(path, place, pattern.header, True) for place, pattern in enumerate(patterns)]


def _header_times(scans: Sequence[_Scan], zone: tzinfo | None) -> ScanTimes | None:
    """Times from headers; dates in texts that are equal or out of order say when files were converted."""
    headers = [scan.header for scan in scans]
    if all(scan.by_instrument for scan in scans):
        return times_from_headers(headers, zone=zone)
    try:
        return times_from_headers(headers, zone=zone)
    except DataError:
        return None


def _given_times(
    times: str | RegularTimes, sources: tuple[str, ...], base: Path, zone: tzinfo | None, dates: DateOrder | None
) -> ScanTimes | None:
    if isinstance(times, RegularTimes):
        return times.scan_times(len(sources), zone=zone)
    if times == "none":
        return None
    if times in TIMES_WORDS:
        raise data_error(
            Code.TIMES,
            "an HDF5 stack has one time of modification for all scans",
            where="data.times",
            found=f"{times!r} against the times of single scans",
            todo="give a CSV, or start and interval_s",
        )
    return times_from_csv(base / times, sources, zone=zone, dates=dates)
