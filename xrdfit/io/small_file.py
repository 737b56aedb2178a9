"""Files that are small by their nature, read whole: recipes, instruments, tables of times."""

from __future__ import annotations

import errno
from pathlib import Path

MOST_BYTES = 64 * 1024**2


def small_file(path: Path) -> bytes:
    """All of a file; a device or a pipe, which need not have an end, is not opened.

    Raises
    ------
    OSError
        It cannot be read, is no file, or larger than `MOST_BYTES`.
    """
    size = path.stat().st_size
    if not path.is_file():
        raise OSError(errno.EINVAL, "a folder or device", str(path))
    if size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"{size / 1024**2:.0f} MB against at most {MOST_BYTES // 1024**2}", str(path))
    return path.read_bytes()
