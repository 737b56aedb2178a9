"""Writing a stack of patterns as the NXdata that `xrdfit.io.Hdf5Stack` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, ScanTimes
from xrdfit.io.atomic import atomic_path
from xrdfit.io.hdf5_access import open_hdf5
from xrdfit.io.hdf5_header import CommonHeader
from xrdfit.io.hdf5_writing import PatientFile, new_hdf5
from xrdfit.io.problems import Code, data_error
from xrdfit.io.scan_rows import ScanRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a simulated stack was made from, kept in ``/entry/truth``.

    Attributes
    ----------
    columns : arrays of one value (or row) a scan.
    units : by column name, where there is one.
    attributes : facts of the whole series: seed, scenario, rates.
    """

    columns: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)


def write_stack(
    path: str | Path,
    patterns: Iterable[Pattern],
    *,
    times: ScanTimes | None = None,
    title: str = "powder diffraction series",
    truth: Truth | None = None,
) -> Path:
    """Write patterns one by one into an NXdata stack; the file is there when it is whole, and not before.

    Parameters
    ----------
    patterns : any iterable, consumed once; memory does not grow with their number.
    times : None takes ``start_s`` and ``end_s`` of the patterns, where all have them.
    truth : for simulated stacks.

    Notes
    -----
    A masked point keeps its intensity and gets a zero error if the pattern has errors; else its intensity is NaN.
    Scans on different grids make ``two_theta`` (n_scans, n_points), padded with NaN.

    Raises
    ------
    DataError
        No pattern at all, or patterns of which only some have errors.
    """
    path = Path(path)
    with atomic_path(path) as partial, new_hdf5(partial) as (file, disk):
        file.attrs["default"] = "entry"
        entry = new_group(file, "entry", "NXentry", default="data")
        entry["title"] = title
        group = new_group(entry, "data", "NXdata", signal="intensity")
        group.attrs["axes"] = [".", "two_theta"]
        common = CommonHeader()
        own_times = _write_patterns(group, _while_there_is_room(patterns, disk), path, common)
        common.write(entry)
        if (known_times := times or own_times) is not None:
            _write_times(group, known_times)
        if truth is not None:
            _write_truth(entry, truth)
    return path


def read_truth(path: str | Path) -> Truth:
    """The truth stored with a simulated stack.

    Raises
    ------
    DataError
        The file cannot be opened or holds none.
    """
    with open_hdf5(Path(path)) as file:
        group = file.get("/entry/truth")
        if group is None:
            raise data_error(
                Code.NO_SIGNAL,
                "the stack has no truth",
                where=path,
                found="no /entry/truth against a simulated stack",
                todo="make one with xrdfit simulate",
            )
        return Truth(
            columns={name: np.asarray(item[()]) for name, item in group.items()},
            units={name: str(item.attrs["units"]) for name, item in group.items() if "units" in item.attrs},
            attributes={
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in group.attrs.items()
                if name != "NX_class"
            },
        )


def new_group(parent: h5py.Group, name: str, nx_class: str, **attributes: str) -> h5py.Group:
    """A NeXus group; order of creation is kept."""
    group = parent.create_group(name, track_order=True)
    group.attrs["NX_class"] = nx_class
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def _write_times(group: h5py.Group, times: ScanTimes) -> None:
    """``start_time`` and ``end_time`` in s, with the instant of zero as ``@start`` if it is known."""
    for name, values in (("start_time", times.start_s), ("end_time", times.end_s)):
        item = group.create_dataset(name, data=values)
        item.attrs["units"] = "s"
        if times.origin is not None:
            item.attrs["start"] = times.origin


def _while_there_is_room(patterns: Iterable[Pattern], disk: PatientFile) -> Iterator[Pattern]:
    for pattern in patterns:
        disk.check()
        yield pattern


def _write_patterns(
    group: h5py.Group, patterns: Iterable[Pattern], path: Path, common: CommonHeader
) -> ScanTimes | None:
    """Write all rows; return the times the patterns carry, if all do."""
    rows: ScanRows | None = None
    have_sigma = False
    sources: list[str] = []
    spans: list[tuple[float, float]] = []
    for index, pattern in enumerate(patterns):
        if rows is None:
            have_sigma = pattern.sigma is not None
            names = ("intensity", "intensity_errors") if have_sigma else ("intensity",)
            rows = ScanRows(group, dict.fromkeys(names, np.float64))
        if have_sigma != (pattern.sigma is not None):
            raise data_error(
                Code.SIGMA,
                "only some scans have errors",
                where=pattern.source,
                found=f"sigma {'missing' if have_sigma else 'given'} against the scans before",
                todo="convert them apart",
            )
        values = {"intensity": pattern.intensity}
        if pattern.sigma is None:
            values["intensity"] = np.where(pattern.mask, pattern.intensity, np.nan)
        else:
            values["intensity_errors"] = np.where(pattern.mask, pattern.sigma, 0.0)
        rows.put(index, pattern.two_theta, values)
        sources.append(pattern.source)
        common.add(pattern.header)
        if pattern.start_s is not None and pattern.end_s is not None:
            spans.append((pattern.start_s, pattern.end_s))
    if rows is None:
        raise data_error(
            Code.EMPTY, "no scan to write", where=path, found="0 patterns against at least 1", todo="name the scans"
        )
    rows.flush()
    group["source"] = sources
    if len(spans) < len(sources):
        return None
    start_s, end_s = np.array(spans).T
    return ScanTimes(start_s=start_s, end_s=end_s)


def _write_truth(entry: h5py.Group, truth: Truth) -> None:
    group = new_group(entry, "truth", "NXcollection")
    for name, values in truth.columns.items():
        group[name] = np.asarray(values)
        if name in truth.units:
            group[name].attrs["units"] = truth.units[name]
    for key, value in truth.attributes.items():
        group.attrs[key] = value
