"""Opening many scans as one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xrdfit.data import Pattern, ScanStack, ScanTimes
from xrdfit.errors import DataError, Problem
from xrdfit.io.hdf5_stack import Hdf5Stack
from xrdfit.io.paths import expand_files
from xrdfit.io.pattern import is_hdf5, read_pattern
from xrdfit.io.problems import Code, data_error
from xrdfit.io.times import RegularTimes, times_from_csv, times_from_headers


@dataclass(frozen=True, slots=True)
class FileStack:
    """One text file a scan, read when asked for."""

    paths: tuple[Path, ...]
    times: ScanTimes | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(path.name for path in self.paths)

    def read(self, index: int) -> Pattern:
        """Read one scan from its file.

        Raises
        ------
        DataError
            The file cannot be read as a pattern.
        """
        pattern = replace(read_pattern(self.paths[index]), source=self.paths[index].name)
        if self.times is None:
            return pattern
        return replace(pattern, start_s=float(self.times.start_s[index]), end_s=float(self.times.end_s[index]))


def open_stack(
    files: str | Path | Sequence[str | Path],
    *,
    base: Path,
    dataset: str | None = None,
    times: str | RegularTimes = "header",
) -> ScanStack:
    """Open text files, or one HDF5 stack, as a lazy stack of scans.

    Parameters
    ----------
    files : names and patterns relative to ``base``; natural order within a pattern.
    dataset : path of the NXdata group within an HDF5 file; None finds it by its attributes.
    times : ``"header"`` (from the files themselves, where they tell), a CSV relative to ``base``, or a regular clock.

    Raises
    ------
    DataError
        Files that are missing, empty, or of mixed kinds; times that do not fit the scans.
    """
    paths = expand_files(files, base=base)
    are_hdf5 = [is_hdf5(path) for path in paths]
    if any(are_hdf5) and len(paths) > 1:
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "an HDF5 stack stands alone",
            where=paths[are_hdf5.index(True)],
            found=f"{len(paths)} files against one HDF5 stack or text files",
            todo="give one stack.h5, or text files only",
        )
    if are_hdf5[0]:
        stack = Hdf5Stack(paths[0], dataset)
        return stack if times == "header" else stack.with_times(_given_times(times, stack.sources, base))
    if times == "header":
        return FileStack(paths, times_from_headers(paths))
    return FileStack(paths, _given_times(times, tuple(path.name for path in paths), base))


def check_files(stack: ScanStack) -> None:
    """Read every file of a `FileStack` once, so that all mistakes are told before anything is computed.

    The rows of an HDF5 stack need no such pass: a row without usable points is a scan without data.

    Raises
    ------
    DataError
        With the problem of every file that cannot be used.
    """
    problems: list[Problem] = []
    if isinstance(stack, FileStack):
        for index in range(len(stack)):
            try:
                stack.read(index)
            except DataError as error:
                problems += error.problems
    if problems:
        raise DataError(*problems)


def _given_times(times: str | RegularTimes, sources: tuple[str, ...], base: Path) -> ScanTimes:
    if isinstance(times, RegularTimes):
        return times.scan_times(len(sources))
    return times_from_csv(base / times, sources)
