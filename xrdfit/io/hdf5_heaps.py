"""Where HDF5 keeps texts of any length: one damaged entry sends it round for ever, so they are looked at first."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

# A collection of the global heap (HDF5 file format, III.E): its mark, version 1, three empty bytes, its size.
_MARK = b"GCOL\x01\0\0\0"
_SIZE = struct.Struct("<Q")
# Index, references, four empty bytes, size; index 0 is free space, whose size holds this head.
_ENTRY = struct.Struct("<HHIQ")
# Texts of attributes stand at the beginning of a file, before its data, or in a file that is not large.
_LOOKED_AT = 256 * 1024**2


def heaps_end(path: Path) -> bool:
    """Whether every collection of texts comes to its end; of a large file, those in its first part."""
    if path.stat().st_size == 0:
        return True
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(_MARK, 0, _LOOKED_AT)
        while place >= 0:
            if not _ends(content, place):
                return False
            place = content.find(_MARK, place + len(_MARK), _LOOKED_AT)
    return True


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
