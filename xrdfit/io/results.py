"""Reading a results directory back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import index
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Curves, PhaseLabel, PhaseLines, SeriesResult
from xrdfit.errors import DataError
from xrdfit.io.hdf5_access import DAMAGE, Access, open_hdf5, text_attribute
from xrdfit.io.problems import Code, data_error
from xrdfit.io.series_file import FORMAT_VERSION, LINES, SERIES_FILE
from xrdfit.io.trajectories import column_name

# Of all that is not read scan by scan.
_MAXIMUM_BYTES = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResults:
    """What a results directory holds; curves and lines are read when asked for.

    ``columns`` are those of ``trajectories.csv``, in order, with NaN for "not measured"; ``date`` is when the run
    ended, ISO 8601.
    """

    directory: Path
    columns: Mapping[str, NDArray]
    units: Mapping[str, str]
    phases: tuple[PhaseLabel, ...]
    messages: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    comments: Mapping[str, str]
    recipe_text: str
    recipe_hash: str
    versions: Mapping[str, str]
    date: str

    def series(self) -> SeriesResult:
        """What the run returned: the table with what was said of it."""
        return SeriesResult(
            columns=self.columns,
            units=self.units,
            phases=self.phases,
            messages=self.messages,
            notes=self.notes,
            warnings=self.warnings,
            comments=self.comments,
        )

    def curves(self, scan: int) -> Curves:
        """Observed and calculated pattern of one scan (its row in the stack).

        Raises
        ------
        DataError
            The scan was not refined, or its fit failed.
        """
        scan = index(scan)  # what is no whole number is the caller's mistake, not a damaged file
        with _open(self.directory) as file:
            return self._curves(_Rows(file["/entry/patterns"]), scan)

    def lines(self, scan: int) -> tuple[PhaseLines, ...]:
        """The lines of every phase in one scan; a phase without lines there is left out."""
        scan = index(scan)
        with _open(self.directory) as file:
            return _lines(_rows_of_lines(file), scan)

    def each(self, scans: Iterable[int]) -> Iterator[tuple[Curves, tuple[PhaseLines, ...]]]:
        """`curves` and `lines` of many scans, several times as fast as one by one."""
        with _open(self.directory) as file:
            patterns, lines = _Rows(file["/entry/patterns"]), _rows_of_lines(file)
            for scan in scans:
                yield self._curves(patterns, scan), _lines(lines, scan)

    def _curves(self, patterns: _Rows, scan: int) -> Curves:
        observed = patterns.row("observed", scan) if patterns.has("observed", scan) else np.empty(0)
        if np.all(np.isnan(observed)):
            raise data_error(
                Code.RESULTS,
                "no fitted pattern of this scan",
                where=f"{self.directory}[{scan}]",
                found="nothing stored against a refined scan",
                todo="choose a scan whose outcome is not failed",
            )
        two_theta = patterns.row("two_theta", scan)
        n_points = int(np.isfinite(two_theta).sum())
        calculated, background, sigma, used = (
            patterns.row(name, scan)[:n_points] for name in ("calculated", "background", "sigma", "used")
        )
        return Curves(
            two_theta=two_theta[:n_points],
            observed=observed[:n_points],
            sigma=sigma.astype(np.float64),
            calculated=calculated,
            background=background,
            used=used.astype(np.bool_),
        )


def read_results(directory: str | Path) -> StoredResults:
    """Open a results directory.

    Raises
    ------
    DataError
        No results there, or a ``series.h5`` that is damaged or of another version.
    """
    directory = Path(directory)
    with _open(directory) as file:
        _refuse_what_is_no_result(file)
        entry = file["entry"]
        trajectories = {column_name(name): item for name, item in entry["trajectories"].items()}
        process = entry["process"]
        return StoredResults(
            directory=directory,
            columns={name: _column(item) for name, item in trajectories.items()},
            units={name: item.attrs["units"] for name, item in trajectories.items() if "units" in item.attrs},
            phases=tuple(_phase(name, group) for name, group in entry["phases"].items()),
            messages=tuple(entry["messages"].asstr()[()]),
            warnings=tuple(entry["warnings"].asstr()[()]),
            notes=tuple(entry["notes"].asstr()[()]),
            comments={name: text for name, item in trajectories.items() if (text := _comment(name, item))},
            recipe_text=process["recipe/data"].asstr()[()],
            recipe_hash=process["recipe/sha256"].asstr()[()],
            versions={name: item.asstr()[()] for name, item in process["versions"].items()},
            date=process["date"].asstr()[()],
        )


@contextmanager
def _open(directory: Path) -> Iterator[h5py.File]:
    """The open ``series.h5``; whatever is amiss with it becomes one problem."""
    path = directory / SERIES_FILE
    if not path.is_file():
        raise data_error(
            Code.RESULTS,
            "no results here",
            where=directory,
            found=f"no {SERIES_FILE} against a results directory",
            todo="give the directory that xrdfit refine wrote",
        )
    try:
        # What is unpacked is kept by `_Rows`, of each of the many datasets one chunk.
        with open_hdf5(path, chunk_cache=0) as file:
            if file.attrs.get("xrdfit_format") != FORMAT_VERSION:
                raise data_error(
                    Code.RESULTS,
                    "results of another version",
                    where=path,
                    found=f"format {file.attrs.get('xrdfit_format', 'none')} against {FORMAT_VERSION}",
                    todo="refine again with --fresh",
                )
            yield file
    except DataError:
        raise
    except DAMAGE as error:
        raise data_error(
            Code.RESULTS,
            "the results are damaged",
            where=path,
            found=" ".join(str(error).split()).strip("'\"")[:160],
            todo="refine again with --fresh",
        ) from error


def _refuse_what_is_no_result(file: h5py.File) -> None:
    """Look at all there is before anything is read: links out of the file, plugins, sizes beyond any series."""
    access = Access(file.filename)
    seen, waiting, n_bytes = set(), [file["/"]], 0
    while waiting:
        group = waiting.pop()
        for name in group:
            if (group.name, name) == ("/entry", "raw"):
                continue  # leads to the patterns that were refined; nobody follows it
            item = access.get(group, name)
            if isinstance(item, h5py.Group) and (place := h5py.h5o.get_info(item.id).addr) not in seen:
                seen.add(place)
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                access.check(item)
                by_scan = group.name.startswith(("/entry/patterns", "/entry/lines"))
                n_bytes += 0 if by_scan else item.nbytes
    if n_bytes > _MAXIMUM_BYTES:
        raise data_error(
            Code.LIMIT,
            "the results are beyond the limits",
            where=file.filename,
            found=f"{n_bytes / 1024**2:.0f} MB of columns against those of a series",
            todo="do not use this file unless you know its origin",
        )


class _Rows:
    """Rows of the datasets of a group, with what is unpacked beside them kept until another part is asked for."""

    def __init__(self, group: h5py.Group) -> None:
        self._datasets: dict[str, h5py.Dataset] = dict(group.items())
        self._part: dict[str, tuple[int, NDArray]] = {}

    def has(self, name: str, scan: int) -> bool:
        return name in self._datasets and 0 <= scan < self._datasets[name].shape[0]

    def row(self, name: str, scan: int) -> NDArray:
        """A row, or what there is but once for all scans."""
        dataset = self._datasets[name]
        alike = dataset.ndim == 1
        at_once = dataset.chunks[0] if dataset.chunks and not alike else 1
        first = 0 if alike else scan - scan % at_once
        if name not in self._part or self._part[name][0] != first:
            self._part[name] = first, dataset[()] if alike else dataset[first : first + at_once]
        part = self._part[name][1]
        return part if alike else np.asarray(part[scan - first])


def _rows_of_lines(file: h5py.File) -> dict[str, _Rows]:
    return {name: _Rows(group) for name, group in file["/entry/lines"].items()}


def _lines(phases: Mapping[str, _Rows], scan: int) -> tuple[PhaseLines, ...]:
    found = []
    for name, rows in phases.items():
        hkl: NDArray[np.int32] = rows.row("hkl", scan) if rows.has("hkl", scan) else np.zeros((0, 3), dtype=np.int32)
        n_lines = int(np.any(hkl != 0, axis=1).sum())
        if not n_lines:
            continue
        values = {key: rows.row(key, scan)[:n_lines] for key in LINES}
        found.append(PhaseLines(phase=name, hkl=hkl[:n_lines], **values))
    return tuple(found)


def _column(item: h5py.Dataset) -> NDArray:
    return item.asstr()[()].astype(object) if item.dtype.kind == "O" else item[()]


def _comment(column: str, item: h5py.Dataset) -> str:
    """What is said of a column behind its name."""
    return (text_attribute(item, "long_name") or "").removeprefix(column).removeprefix(": ")


def _phase(name: str, group: h5py.Group) -> PhaseLabel:
    return PhaseLabel(
        name=name,
        color=text_attribute(group, "color"),
        role=text_attribute(group, "role") or "active",
        cell_names=tuple(str(cell) for cell in group.attrs["cell_names"]),
        reference=json.loads(group.attrs["reference"]),
        reference_source=text_attribute(group, "reference_source"),
    )
