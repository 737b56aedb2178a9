"""Finding the patterns, their axis and their errors in an HDF5 file by NeXus attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.io.problems import Code, data_error

_AXIS_NAMES = ("two_theta", "2theta", "tth", "2th", "radial_axis", "polar_angle", "x")
_SIGNAL_NAMES = ("intensity", "I", "data", "counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNames:
    """Where in the file things are: full HDF5 paths; ``to_degrees`` multiplies the axis."""

    group: str
    signal: str
    axis: str
    errors: str | None
    to_degrees: float


def text_attribute(item: h5py.HLObject, name: str) -> str | None:
    """A string attribute, whether stored as str, bytes or an array of one."""
    value = item.attrs.get(name)
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)


def find_stack(file: h5py.File, dataset: str | None, *, source: str) -> StackNames:
    """Locate signal, axis and errors of a stack of patterns.

    Raises
    ------
    DataError
        Nothing or more than one thing that could be the stack, or an axis that is not 2theta.
    """
    group = _named_group(file, dataset, source) if dataset else _only_group(file, source)
    signal = _signal_of(group, file.get(dataset) if dataset else None)
    if signal is None:
        raise data_error(
            Code.NO_SIGNAL,
            "the group has no signal",
            where=f"{source}{group.name}",
            found=f"{', '.join(group) or 'an empty group'} against a dataset named by @signal",
            todo="correct data.dataset",
        )
    axis = _axis_of(group, signal)
    if axis is None:
        raise data_error(
            Code.NO_SIGNAL,
            "the patterns have no 2theta axis",
            where=f"{source}{signal.name}",
            found=f"shape {signal.shape} and no dataset for the last axis against two_theta",
            todo="name it in @axes of the group",
        )
    errors = _errors_of(group, signal)
    return StackNames(
        group=group.name,
        signal=signal.name,
        axis=axis.name,
        errors=None if errors is None else errors.name,
        to_degrees=_degrees_per_unit(axis, source),
    )


def _named_group(file: h5py.File, dataset: str, source: str) -> h5py.Group:
    item = file.get(dataset)
    if isinstance(item, h5py.Dataset):
        return item.parent
    if isinstance(item, h5py.Group):
        return item
    raise data_error(
        Code.NO_SIGNAL,
        "no such dataset",
        where=f"{source}:{dataset}",
        found=f"NXdata groups: {', '.join(group.name for group in _candidates(file)) or 'none'}",
        todo="correct data.dataset",
    )


def _only_group(file: h5py.File, source: str) -> h5py.Group:
    """The group that @default leads to, else the only candidate, else the only one called data."""
    group: h5py.Group = file
    while (default := text_attribute(group, "default")) and isinstance(group.get(default), h5py.Group):
        group = group[default]
    if group != file and _is_stack(group):
        return group
    candidates = _candidates(file)
    named = [group for group in candidates if group.name.rsplit("/", 1)[-1] == "data"]
    for choice in (candidates, named):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(group.name for group in candidates)
    raise data_error(
        Code.NO_SIGNAL,
        "the stack is not to be found" if not candidates else "several groups could be the stack",
        where=source,
        found=f"{names or 'no NXdata with patterns over 2theta'} against one NXdata",
        todo="set data.dataset to its path",
    )


def _candidates(file: h5py.File) -> list[h5py.Group]:
    found: list[h5py.Group] = []

    def look(name: str, item: h5py.HLObject) -> None:
        if (
            isinstance(item, h5py.Group)
            and text_attribute(item, "NX_class") in ("NXdata", "NXazint1d")
            and _is_stack(item)
        ):
            found.append(item)

    file.visititems(look)
    return found


def _is_stack(group: h5py.Group) -> bool:
    signal = _signal_of(group, None)
    return signal is not None and _axis_of(group, signal) is not None


def _signal_of(group: h5py.Group, named: object) -> h5py.Dataset | None:
    names = (text_attribute(group, "signal"), *_SIGNAL_NAMES)
    items = (named, *(group.get(name) for name in names if name))
    return next((item for item in items if isinstance(item, h5py.Dataset) and item.ndim in (1, 2)), None)


def _axis_of(group: h5py.Group, signal: h5py.Dataset) -> h5py.Dataset | None:
    axes = group.attrs.get("axes", ())
    axes = [axes] if isinstance(axes, str | bytes) else list(axes)
    declared = [axes[-1].decode() if isinstance(axes[-1], bytes) else str(axes[-1])] if len(axes) else []
    for name in (*declared, *_AXIS_NAMES):
        item = group.get(name)
        if isinstance(item, h5py.Dataset) and item.shape in ((signal.shape[-1],), signal.shape):
            return item
    return None


def _errors_of(group: h5py.Group, signal: h5py.Dataset) -> h5py.Dataset | None:
    short = signal.name.rsplit("/", 1)[-1]
    names = (
        text_attribute(group, "uncertainties"),
        text_attribute(signal, "uncertainties"),
        f"{short}_errors",
        "errors",
    )
    items = (group.get(name) for name in names if name)
    return next((item for item in items if isinstance(item, h5py.Dataset) and item.shape == signal.shape), None)


def _degrees_per_unit(axis: h5py.Dataset, source: str) -> float:
    unit = text_attribute(axis, "units") or text_attribute(axis, "unit") or ""
    word = re.split(r"[_\s]", unit.strip().lower())[-1]
    is_angle = "_" not in unit or unit.lower().startswith(("2th", "tth"))
    short = axis.name.rsplit("/", 1)[-1]
    if is_angle and (word in ("deg", "degree", "degrees", "°") or (not word and "th" in short)):
        return 1.0
    if is_angle and word in ("rad", "radian", "radians"):
        return float(np.degrees(1.0))
    raise data_error(
        Code.UNITS,
        "the axis is not 2theta",
        where=f"{source}{axis.name}",
        found=f"units {unit!r} against deg or rad of 2theta",
        todo='write the stack over 2theta, with @units = "deg"',
    )


def read_axis(file: h5py.File, names: StackNames, index: int) -> NDArray[np.float64]:
    """2theta of one scan in deg, without the NaN that pads shorter scans."""
    axis = file[names.axis]
    values = np.asarray(axis[()] if axis.ndim == 1 else axis[index], dtype=np.float64) * names.to_degrees
    return values[~np.isnan(values)] if axis.ndim == 2 else values


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading.

    Raises
    ------
    DataError
        Missing, damaged or not an HDF5 file.
    """
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        raise data_error(
            Code.MISSING, "the file does not exist", where=path, found="nothing there", todo="correct the path"
        ) from None
    except OSError as error:
        raise data_error(
            Code.HDF5_UNREADABLE,
            "the HDF5 file cannot be opened",
            where=path,
            found=str(error).split("(")[-1].rstrip(")"),
            todo="check that it was written to its end and that no program holds it open",
        ) from None
