"""The columns of a refined series: as CSV, as a table for Origin, and as NXdata."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.data import PhaseLabel, SeriesResult
from xrdfit.errors import in_one_line
from xrdfit.io.atomic import atomic_text, atomic_write_blocks
from xrdfit.io.write_stack import new_group

_FORMULA = ("=", "+", "-", "@")
# Rows that are texts at the same time: numbers as texts take ten times their memory.
_ROWS_AT_ONCE = 1000


def write_trajectories_csv(path: Path, series: SeriesResult, *, origin: Path | None = None) -> None:
    """One row a scan, one header row, an empty field for what was not measured.

    origin : where the same rows go under the three that Origin takes as long names, units and comments.
    """
    heads = {path: [list(series.columns)]} | ({} if origin is None else {origin: _origin_head(series)})
    with ExitStack() as stack:
        files = [stack.enter_context(atomic_text(table)) for table in heads]
        for file, head in zip(files, heads.values(), strict=True):
            file.write(_csv_text(head))
        # Numbers take their time to become texts.
        for block in _blocks(series.columns):
            for file in files:
                file.write(block)


def write_table(path: Path, columns: Mapping[str, NDArray]) -> None:
    """Columns as ``trajectories.csv`` has them, whole or not at all."""
    atomic_write_blocks(path, trajectories_blocks(columns))


def trajectories_text(columns: Mapping[str, NDArray]) -> str:
    """What ``trajectories.csv`` says of these columns."""
    return "".join(trajectories_blocks(columns))


def trajectories_blocks(columns: Mapping[str, NDArray]) -> Iterator[str]:
    """What ``trajectories.csv`` says of these columns, some rows at a time."""
    yield _csv_text([list(columns)])
    yield from _blocks(columns)


def origin_blocks(series: SeriesResult) -> Iterator[str]:
    """What ``trajectories_origin.csv`` says of a series, some rows at a time."""
    yield _csv_text(_origin_head(series))
    yield from _blocks(series.columns)


def _origin_head(series: SeriesResult) -> list[list[str]]:
    names = list(series.columns)
    long_names = [name.replace("_", " ") for name in names]
    units = [series.units.get(name, "") for name in names]
    references = {**series.comments, **_references(series.phases)}
    comments = [references.get(name, "") for name in names]
    return [long_names, units, comments]


def write_trajectories(entry: h5py.Group, series: SeriesResult) -> None:
    """``/entry/trajectories``: an NXdata whose figure is the first cell parameter of every phase.

    The column ``x_esd`` is the dataset ``x_errors``, as NeXus has it.
    """
    group = new_group(entry, "trajectories", "NXdata", title="refined trajectories")
    for name, values in series.columns.items():
        if values.dtype.kind in "OUS":
            texts = [str(value) for value in values]
            column = group.create_dataset(nexus_name(name), data=texts, dtype=h5py.string_dtype())
        else:
            column = group.create_dataset(nexus_name(name), data=values)
        if name in series.units:
            column.attrs["units"] = series.units[name]
        if name in series.comments:
            column.attrs["long_name"] = f"{name}: {series.comments[name]}"
    shown = _shown_columns(series)
    group.attrs["signal"] = shown[0]
    group.attrs["auxiliary_signals"] = shown[1:]
    times = series.columns.get("time_s")
    group.attrs["axes"] = ["time_s" if times is not None and np.all(np.isfinite(times)) else "scan"]


def write_phases(entry: h5py.Group, phases: Iterable[PhaseLabel]) -> None:
    """``/entry/phases``: names, colours and reference values, in order."""
    group = new_group(entry, "phases", "NXcollection")
    for phase in phases:
        item = new_group(group, phase.name, "NXcollection", role=phase.role)
        item.attrs["cell_names"] = list(phase.cell_names)
        item.attrs["reference"] = json.dumps(dict(phase.reference))
        if phase.color is not None:
            item.attrs["color"] = phase.color
        if phase.reference_source is not None:
            item.attrs["reference_source"] = phase.reference_source


def nexus_name(column: str) -> str:
    """The dataset of a column of ``trajectories.csv``."""
    return f"{column.removesuffix('_esd')}_errors" if column.endswith("_esd") else column


def column_name(dataset: str) -> str:
    """The column of ``trajectories.csv`` that a dataset holds."""
    return f"{dataset.removesuffix('_errors')}_esd" if dataset.endswith("_errors") else dataset


def _shown_columns(series: SeriesResult) -> list[str]:
    cells = [f"{phase.name}_{phase.cell_names[0]}" for phase in series.phases if phase.cell_names]
    shown = [name for name in cells if name in series.columns]
    return shown or [name for name in series.columns if name == "r_wp"] or list(series.columns)[:1]


def _blocks(columns: Mapping[str, NDArray]) -> Iterator[str]:
    n_rows = min((len(values) for values in columns.values()), default=0)
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        yield _csv_text(zip(*(_fields(values[part]) for values in columns.values()), strict=True))


def _fields(values: NDArray) -> list[str]:
    if values.dtype.kind in "OUS":
        return [_text_field(str(value)) for value in values]
    numbers = np.asarray(values, dtype=np.float64)
    return [f"{n:.10g}" if there else "" for n, there in zip(numbers.tolist(), np.isfinite(numbers), strict=True)]


def _text_field(value: str) -> str:
    text = in_one_line(value)
    # A spreadsheet would take such a name of a file for a formula, and run it.
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_text(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _references(phases: Iterable[PhaseLabel]) -> dict[str, str]:
    return {
        f"{phase.name}_{name}": f"reference {value:.10g} ({phase.reference_source or 'recipe'})"
        for phase in phases
        for name, value in phase.reference.items()
    }
