"""HDF5 files from strangers: data in other files, or packed by foreign code, are not followed unasked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xrdfit.io.hdf5_heaps import heaps_end
from xrdfit.io.problems import Code, data_error

EXTERNAL_LINKS, PLUGINS = "external-links", "hdf5-plugins"
# gzip, shuffle, fletcher32, szip, nbit, scale-offset and lzf come with HDF5 and h5py.
_BUILT_IN_FILTERS = (1, 2, 3, 4, 5, 6, 32000)
_MAXIMUM_CHUNK_BYTES = 1024**3
_MAXIMUM_POINTS = 10_000_000
_MAXIMUM_SOFT_LINKS = 32
_MAXIMUM_NAMES = 1000
_MAXIMUM_DEPTH = 32
_MAXIMUM_TEXT = 100_000
# Of each open dataset: stacks of many rows a chunk are read row by row, and HDF5 keeps no chunk that is larger.
_CHUNK_CACHE_BYTES = 16 * 1024**2
# What h5py raises on a damaged file.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def open_hdf5(path: Path, *, beside_writer: bool = False, chunk_cache: int = _CHUNK_CACHE_BYTES) -> h5py.File:
    """Open for reading.

    beside_writer : a file that another program is writing. It is not locked, so that the writer may close and open it
        as it likes, and of one written in HDF5's SWMR mode all is seen that has been flushed.
    chunk_cache : bytes of each dataset that are kept unpacked.

    Raises
    ------
    DataError
        Missing, damaged or not an HDF5 file.
    """
    try:
        if not heaps_end(path):
            raise OSError("texts that have no end")
        if beside_writer:
            return h5py.File(path, "r", rdcc_nbytes=chunk_cache, locking=False, swmr=True)
        return h5py.File(path, "r", rdcc_nbytes=chunk_cache)
    except FileNotFoundError:
        raise data_error(
            Code.MISSING, "the file does not exist", where=path, found="nothing there", todo="correct the path"
        ) from None
    except (OSError, RuntimeError) as error:
        raise data_error(
            Code.HDF5_UNREADABLE,
            "the HDF5 file cannot be opened",
            where=path,
            found=str(error).split("(")[-1].rstrip(")"),
            todo="check that it was written to its end and that no program holds it open",
        ) from None


@contextmanager
def damage_told(source: str) -> Iterator[None]:
    """Turn what h5py raises on a damaged file, of which there are many kinds, into one message.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        yield
    except DAMAGE as error:
        raise data_error(
            Code.HDF5_UNREADABLE,
            "the HDF5 file is damaged",
            where=source,
            found=" ".join(str(error).split())[:120],
            todo="copy or write it again; it may have been cut short",
        ) from error


def attribute(item: h5py.HLObject, name: str) -> Any:
    """An attribute, or None if it is not there or larger than a name or a list of names can be."""
    if name not in item.attrs:
        return None
    stored = item.attrs.get_id(name)
    if stored.get_space().get_simple_extent_npoints() > _MAXIMUM_NAMES or stored.dtype.itemsize > _MAXIMUM_TEXT:
        return None
    return item.attrs[name]


def text_attribute(item: h5py.HLObject, name: str) -> str | None:
    """A string attribute, whether stored as str, bytes or an array of one."""
    value = attribute(item, name)
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return None if value is None else str(value)


def members(group: h5py.Group) -> Iterator[h5py.Group | h5py.Dataset]:
    """All that is in a group and below it, depth first, each once; links are not followed.

    HDF5's own walk takes time with the square of the depth, which here has an end.
    """
    return _members(group, set(), _MAXIMUM_DEPTH)


def _members(group: h5py.Group, seen: set[int], levels: int) -> Iterator[h5py.Group | h5py.Dataset]:
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if not isinstance(item, h5py.Group | h5py.Dataset) or (place := h5py.h5o.get_info(item.id).addr) in seen:
            continue
        seen.add(place)
        yield item
        if isinstance(item, h5py.Group) and levels > 1:
            yield from _members(item, seen, levels - 1)


@dataclass(frozen=True, slots=True)
class Access:
    """What may be followed in a file.

    Attributes
    ----------
    source : the file, for messages.
    allow : of `EXTERNAL_LINKS` and `PLUGINS`.
    """

    source: str
    allow: Collection[str] = ()

    def get(self, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
        """The member of a group at a path, or None.

        Raises
        ------
        DataError
            The path leads out of the file, and that is not allowed.
        """
        if EXTERNAL_LINKS not in self.allow:
            self._refuse_external(group, name, _MAXIMUM_SOFT_LINKS)
        try:
            item = group.get(name)
        except (KeyError, OSError, RuntimeError):
            return None
        return item if isinstance(item, h5py.Group | h5py.Dataset) else None

    def check(self, dataset: h5py.Dataset) -> None:
        """Look at how a dataset is stored, before it is read.

        Raises
        ------
        DataError
            Stored in other files or packed by a plugin, where that is not allowed; beyond all sizes of a pattern.
        """
        where = f"{self.source}{dataset.name}"
        if EXTERNAL_LINKS not in self.allow:
            files = [name for name, *_ in dataset.external or ()]
            if dataset.is_virtual:
                files += [part.file_name for part in dataset.virtual_sources() if part.file_name != "."]
            if files:
                raise self._outside(where, files[0])
        properties = dataset.id.get_create_plist()
        filters = [properties.get_filter(place) for place in range(properties.get_nfilters())]
        foreign = [(code, name) for code, _, _, name in filters if code not in _BUILT_IN_FILTERS]
        if foreign and PLUGINS not in self.allow:
            code, name = foreign[0]
            raise data_error(
                Code.NOT_FOLLOWED,
                "the data are packed by a plugin of HDF5",
                where=where,
                found=f"filter {code} {name.decode(errors='replace')[:40]!r} against those built in",
                todo=f'unpack them with h5repack, or trust the plugin: allow = ["{PLUGINS}"] in [data]',
            )
        chunk_bytes = int(np.prod(dataset.chunks or (1,), dtype=np.float64) * dataset.dtype.itemsize)
        if chunk_bytes > _MAXIMUM_CHUNK_BYTES or (dataset.shape and dataset.shape[-1] > _MAXIMUM_POINTS):
            raise data_error(
                Code.LIMIT,
                "the dataset is beyond the limits",
                where=where,
                found=f"shape {dataset.shape} in chunks of {chunk_bytes / 1024**2:.0f} MB against patterns",
                todo="do not use this file unless you know its origin",
            )

    def _refuse_external(self, group: h5py.Group, name: str, links_left: int) -> None:
        """Walk a path link by link without opening what an external link leads to."""
        here: h5py.Group = group.file["/"] if name.startswith("/") else group
        parts = [part for part in name.split("/") if part not in ("", ".")]
        for place, part in enumerate(parts):
            link = here.get(part, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise self._outside(f"{self.source}{here.name}/{part}".replace("//", "/"), link.filename)
            if isinstance(link, h5py.SoftLink):
                if links_left == 0:
                    return
                rest = "/".join((link.path, *parts[place + 1 :]))
                self._refuse_external(here, rest, links_left - 1)
                return
            if link is None or place + 1 == len(parts) or not isinstance(here := here[part], h5py.Group):
                return

    def _outside(self, where: str, file: str) -> Exception:
        return data_error(
            Code.NOT_FOLLOWED,
            "the data lie in another file",
            where=where,
            found=f"a link to {file!r} against data in the file itself",
            todo=f'copy them into one file, or trust the link: allow = ["{EXTERNAL_LINKS}"] in [data]',
        )
