"""Where HDF5 keeps texts of any length: one damaged entry sends it round for ever, so they are looked at first."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

# A collection of the global heap (HDF5 file format, III.E): its mark, version 1, three empty bytes, its size.
_MARK = b"GCOL\x01\0\0\0"
_SIZE = struct.Struct("<Q")
# Index, references, four empty bytes, size; index 0 is free space, whose size holds this head.
_ENTRY = struct.Struct("<HHIQ")
# Texts of attributes stand at the beginning of a file, before its data, or in a file that is not large.
_LOOKED_AT = 256 * 1024**2
# Looked at and let go of at a time, in whole pages: what is mapped counts as memory of the process.
_WINDOW = 16 * 1024**2


def heaps_end(path: Path) -> bool:
    """Whether every collection of texts comes to its end; of a large file, those in its first part."""
    if path.stat().st_size == 0:
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for start in range(0, min(len(content), _LOOKED_AT), _WINDOW):
            if not all(_ends(content, place) for place in _marks(content, start)):
                return False
            if hasattr(mmap, "MADV_DONTNEED"):
                content.madvise(mmap.MADV_DONTNEED, start, min(_WINDOW, len(content) - start))
    return True


def _marks(content: mmap.mmap, start: int) -> Iterator[int]:
    """Where collections begin within a window."""
    end = start + _WINDOW + len(_MARK) - 1
    place = content.find(_MARK, start, end)
    while place >= 0:
        yield place
        place = content.find(_MARK, place + len(_MARK), end)


def _ends(content: mmap.mmap, place: int) -> bool:
    start = place + len(_MARK)
    if start + _SIZE.size > len(content):
        return True
    (size,) = _SIZE.unpack_from(content, start)
    end, place = min(place + size, len(content)), start + _SIZE.size
    while place + _ENTRY.size <= end:
        index, _, _, length = _ENTRY.unpack_from(content, place)
        if index == 0 and length < _ENTRY.size:
            return False
        place += length if index == 0 else _ENTRY.size + -(-length // 8) * 8
    return True
