"""What a stack says of its measurement beside the numbers: wavelengths, anode, radius, counting time."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import islice

import h5py
import numpy as np

from xrdfit.data import PatternHeader
from xrdfit.io.hdf5_access import members, text_attribute

NAME = "HDF5 stack"
_LENGTHS = {"angstrom": 1.0, "angstroms": 1.0, "å": 1.0, "a": 1.0, "nm": 10.0, "m": 1e10, "pm": 0.01}
_WAVELENGTH_NAMES = ("wavelength", "incident_wavelength")
# hc in angstrom eV, CODATA 2018.
_HC = 12398.419843320026
_ENERGIES = {"kev": 1e3, "ev": 1.0}
_MAXIMUM_ITEMS = 100_000
_MAXIMUM_JSON = 1_000_000


class CommonHeader:
    """Gathers headers scan by scan and keeps what is the same in all of them."""

    def __init__(self) -> None:
        self._common: PatternHeader | None = None
        self._first = True

    def add(self, header: PatternHeader | None) -> None:
        """Take the header of the next scan."""
        if self._first or header is None or self._common is None:
            self._common = header if self._first else None
            self._first = False
            return
        empty = PatternHeader(format="")
        differing = {
            field.name: getattr(empty, field.name)
            for field in fields(header)
            if getattr(header, field.name) != getattr(self._common, field.name)
        }
        self._common = replace(self._common, **differing)

    def write(self, entry: h5py.Group) -> None:
        """Write ``/entry/instrument``, if there is anything to say."""
        header = self._common
        if header is None:
            return
        group = entry.create_group("instrument")
        group.attrs["NX_class"] = "NXinstrument"
        if header.wavelengths:
            item = group.create_dataset("wavelength", data=np.array(header.wavelengths))
            item.attrs["units"] = "angstrom"
        for name, value, unit in (
            ("alpha2_ratio", header.alpha2_ratio, ""),
            ("anode", header.anode, ""),
            ("goniometer_radius", header.goniometer_radius_mm, "mm"),
            ("count_time", header.step_time_s, "s"),
            ("file_format", header.format or None, ""),
        ):
            if value is not None:
                group[name] = value
                if unit:
                    group[name].attrs["units"] = unit
        if header.remarks:
            group["remarks"] = list(header.remarks)


def read_header(file: h5py.File, group: str) -> PatternHeader:
    """What `CommonHeader` wrote, or what other programs leave: a wavelength or energy, or pyFAI's configuration.

    Links are not followed.
    """
    entry = file[group]
    while entry.parent.name != "/" and text_attribute(entry, "NX_class") != "NXentry":
        entry = entry.parent
    found: dict[str, h5py.Dataset] = {}
    for item in islice(members(entry), _MAXIMUM_ITEMS):
        short = item.name.rsplit("/", 1)[-1]
        if isinstance(item, h5py.Dataset) and _is_small_and_here(item):
            is_note = short == "data" and item.ndim == 0 and item.dtype.kind in "OS"
            found.setdefault("configuration" if is_note else short, item)
    numbers = {name: _number(found.get(name)) for name in ("alpha2_ratio", "goniometer_radius", "count_time")}
    return PatternHeader(
        format=NAME,
        wavelengths=_wavelengths(found),
        anode=_text(found.get("anode")),
        alpha2_ratio=numbers["alpha2_ratio"],
        goniometer_radius_mm=numbers["goniometer_radius"],
        step_time_s=numbers["count_time"],
    )


def _is_small_and_here(item: h5py.Dataset) -> bool:
    return item.size is not None and item.size <= 8 and not item.external and not item.is_virtual


def _wavelengths(found: dict[str, h5py.Dataset]) -> tuple[float, ...]:
    for name in _WAVELENGTH_NAMES:
        item = found.get(name)
        factor = None if item is None else _LENGTHS.get((text_attribute(item, "units") or "angstrom").lower())
        if item is not None and factor is not None and item.dtype.kind in "fiu":
            return tuple(float(value) * factor for value in np.atleast_1d(item[()]) if value > 0.0)
    for name in ("energy", "incident_energy"):
        item = found.get(name)
        factor = None if item is None else _ENERGIES.get((text_attribute(item, "units") or "").lower())
        energy = _number(item)
        if factor is not None and energy:
            return (_HC / (energy * factor),)
    return _of_configuration(_text(found.get("configuration")))


def _of_configuration(text: str | None) -> tuple[float, ...]:
    """The wavelength, in m, that pyFAI keeps in the JSON of its configuration."""
    if text is None or len(text) > _MAXIMUM_JSON:
        return ()
    try:
        said = json.loads(text)
        value = said.get("wavelength") or said["poni"]["wavelength"]
        return (float(value) * 1e10,) if 0.0 < float(value) < 1e-8 else ()
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return ()


def _number(item: h5py.Dataset | None) -> float | None:
    if item is None or item.size != 1 or item.dtype.kind not in "fiu":
        return None
    value = float(np.asarray(item[()]).flat[0])
    return value if np.isfinite(value) else None


def _text(item: h5py.Dataset | None) -> str | None:
    if item is None or item.ndim != 0 or h5py.check_string_dtype(item.dtype) is None:
        return None
    return str(item.asstr(errors="replace")[()])
