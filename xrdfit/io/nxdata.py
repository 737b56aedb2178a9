"""Finding the patterns, their axis and their errors in an HDF5 file by NeXus attributes."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from xrdfit.io.abscissa import Abscissa, abscissa_of_unit, two_theta_of
from xrdfit.io.hdf5_access import Access, attribute, members, text_attribute
from xrdfit.io.problems import Code, data_error

_AXIS_NAMES = ("two_theta", "2theta", "tth", "2th", "radial_axis", "polar_angle", "q", "x")
_MAXIMUM_DEPTH = 32
_SIGNAL_NAMES = ("intensity", "I", "data", "counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNames:
    """Where in the file things are: full HDF5 paths; ``abscissa`` makes 2theta of the axis."""

    group: str
    signal: str
    axis: str
    errors: str | None
    abscissa: Abscissa


def find_stack(file: h5py.File, dataset: str | None, access: Access) -> StackNames:
    """Locate signal, axis and errors of a stack of patterns.

    Raises
    ------
    DataError
        Nothing or more than one thing that could be the stack, an axis that is neither 2theta nor Q, or data that
        lie outside of the file.
    """
    source = access.source
    group = _named_group(file, dataset, access) if dataset else _only_group(file, access)
    signal = _signal_of(group, access.get(file, dataset) if dataset else None, access)
    if signal is None:
        raise data_error(
            Code.NO_SIGNAL,
            "the group has no signal",
            where=f"{source}{group.name}",
            found=f"{', '.join(group) or 'an empty group'} against a dataset named by @signal",
            todo="correct data.dataset",
        )
    axis = _axis_of(group, signal, access)
    if axis is None:
        raise data_error(
            Code.NO_SIGNAL,
            "the patterns have no 2theta axis",
            where=f"{source}{signal.name}",
            found=f"shape {signal.shape} and no dataset for the last axis against two_theta",
            todo="name it in @axes of the group",
        )
    errors = _errors_of(group, signal, access)
    for item in (signal, axis, errors):
        if item is not None:
            access.check(item)
            if item.dtype.kind not in "fiu":
                raise data_error(
                    Code.NO_SIGNAL,
                    "the data are no numbers",
                    where=f"{source}{item.name}",
                    found=f"values of type {item.dtype} against real numbers",
                    todo="write them as float64, or set data.dataset to another group",
                )
    return StackNames(
        group=group.name,
        signal=signal.name,
        axis=axis.name,
        errors=None if errors is None else errors.name,
        abscissa=_abscissa(axis, source),
    )


def _named_group(file: h5py.File, dataset: str, access: Access) -> h5py.Group:
    item = access.get(file, dataset)
    if isinstance(item, h5py.Dataset):
        return item.parent
    if isinstance(item, h5py.Group):
        return item
    raise data_error(
        Code.NO_SIGNAL,
        "no such dataset",
        where=f"{access.source}:{dataset}",
        found=f"NXdata groups: {', '.join(group.name for group in _candidates(file, access)) or 'none'}",
        todo="correct data.dataset",
    )


def _only_group(file: h5py.File, access: Access) -> h5py.Group:
    """The group that @default leads to, else the only candidate, else the only one called data."""
    group: h5py.Group = file
    for _ in range(_MAXIMUM_DEPTH):
        default = text_attribute(group, "default")
        below = access.get(group, default) if default else None
        if not isinstance(below, h5py.Group):
            break
        group = below
    if group != file and _is_stack(group, access):
        return group
    candidates = _candidates(file, access)
    named = [group for group in candidates if group.name.rsplit("/", 1)[-1] == "data"]
    for choice in (candidates, named):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(group.name for group in candidates)
    raise data_error(
        Code.NO_SIGNAL,
        "the stack is not to be found" if not candidates else "several groups could be the stack",
        where=access.source,
        found=f"{names or 'no NXdata with patterns over 2theta'} against one NXdata",
        todo="set data.dataset to its path",
    )


def _candidates(file: h5py.File, access: Access) -> list[h5py.Group]:
    return [
        item
        for item in members(file)
        if isinstance(item, h5py.Group)
        and text_attribute(item, "NX_class") in ("NXdata", "NXazint1d")
        and _is_stack(item, access)
    ]


def _is_stack(group: h5py.Group, access: Access) -> bool:
    signal = _signal_of(group, None, access)
    return signal is not None and _axis_of(group, signal, access) is not None


def _signal_of(group: h5py.Group, named: object, access: Access) -> h5py.Dataset | None:
    names = (text_attribute(group, "signal"), *_SIGNAL_NAMES)
    items = (named, *(access.get(group, name) for name in names if name))
    return next((item for item in items if isinstance(item, h5py.Dataset) and item.ndim in (1, 2)), None)


def _axis_of(group: h5py.Group, signal: h5py.Dataset, access: Access) -> h5py.Dataset | None:
    axes = attribute(group, "axes")
    axes = () if axes is None else axes
    axes = [axes] if isinstance(axes, str | bytes) else list(axes)
    declared = [axes[-1].decode() if isinstance(axes[-1], bytes) else str(axes[-1])] if len(axes) else []
    for name in (*declared, *_AXIS_NAMES):
        item = access.get(group, name) if name not in ("", ".") else None
        if isinstance(item, h5py.Dataset) and item.shape in ((signal.shape[-1],), signal.shape):
            return item
    return None


def _errors_of(group: h5py.Group, signal: h5py.Dataset, access: Access) -> h5py.Dataset | None:
    short = signal.name.rsplit("/", 1)[-1]
    names = (
        text_attribute(group, "uncertainties"),
        text_attribute(signal, "uncertainties"),
        f"{short}_errors",
        "errors",
    )
    items = (access.get(group, name) for name in names if name)
    return next((item for item in items if isinstance(item, h5py.Dataset) and item.shape == signal.shape), None)


def _abscissa(axis: h5py.Dataset, source: str) -> Abscissa:
    unit = text_attribute(axis, "units") or text_attribute(axis, "unit") or ""
    short = axis.name.rsplit("/", 1)[-1]
    known = Abscissa(False, 1.0) if not unit.strip() and "th" in short else abscissa_of_unit(unit)
    if known is None:
        raise data_error(
            Code.UNITS,
            "the axis is neither 2theta nor Q",
            where=f"{source}{axis.name}",
            found=f"units {unit!r} against deg or rad of 2theta, 1/nm or 1/angstrom of Q",
            todo='write the stack over 2theta, with @units = "deg"',
        )
    return known


def read_axis(file: h5py.File, names: StackNames, index: int, wavelength: float | None) -> NDArray[np.float64]:
    """2theta of one scan in deg, without the NaN that pads shorter scans.

    Raises
    ------
    DataError
        The axis is Q, and the wavelength is not known.
    """
    axis = file[names.axis]
    values = np.asarray(axis[()] if axis.ndim == 1 else axis[index], dtype=np.float64)
    if axis.ndim == 2:
        values = values[~np.isnan(values)]
    return two_theta_of(values, names.abscissa, wavelength, source=f"{file.filename}{names.axis}")
