"""HDF5 files that are written to a disk that may be full."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py


class PatientFile(io.RawIOBase):
    """A new file that takes whatever is written to it; what the system refuses it keeps in memory, and tells later.

    HDF5 crashes at the end of the program if a write has failed in the middle of its work. So it is never told: its
    user asks with `check`, as often as they can afford to go on in vain.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = io.FileIO(path, "w+")
        self._refused: OSError | None = None
        self._kept: list[tuple[int, bytes]] = []
        self._place = self._size = 0

    def check(self) -> None:
        """See that all has been written.

        Raises
        ------
        OSError
            What the system said when it refused for the first time.
        """
        if self._refused is not None:
            raise OSError(self._refused.errno, self._refused.strerror, str(self._path))

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Always all of it."""
        content = memoryview(data)
        if self._refused is None:
            try:
                self._file.seek(self._place)
                rest = content
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._refused = error
        if self._refused is not None:
            self._kept.append((self._place, bytes(content)))
        self._place += len(content)
        self._size = max(self._size, self._place)
        return len(content)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """From the disk and, in the order in which it came, from what it refused."""
        data = bytearray(min(len(buffer), max(self._size - self._place, 0)))
        self._file.seek(self._place)
        there = self._file.read(len(data))
        data[: len(there)] = there
        for at, kept in self._kept:
            first, last = max(at, self._place), min(at + len(kept), self._place + len(data))
            if first < last:
                data[first - self._place : last - self._place] = kept[first - at : last - at]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of any file."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        """As of any file."""
        return self._place

    def truncate(self, size: int | None = None) -> int:
        """As of any file."""
        self._size = self._place if size is None else size
        if self._refused is None:
            try:
                self._file.truncate(self._size)
            except OSError as error:
                self._refused = error
        return self._size

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Let go of what was kept, too."""
        self._kept.clear()
        self._file.close()
        super().close()


@contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, PatientFile]]:
    """A new file, whole after the block, and what it is written through.

    Raises
    ------
    OSError
        The system refuses to write it.
    """
    with PatientFile(path) as disk:
        with h5py.File(disk, "w") as file:
            yield file, disk
        disk.check()
