"""What a run has done so far, kept so that no end of the program can take more than the last moments of it."""

from __future__ import annotations

import json
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from xrdfit.io.atomic import sync
from xrdfit.io.problems import Code, data_error

try:
    import fcntl
except ImportError:  # no such locks on Windows
    fcntl = None  # type: ignore[assignment]

# Mark, stage, number of scans, bytes that follow and their checksum.
_HEAD = struct.Struct("<4sHIQI")
_MARK = b"xrdj"
_LINEAGE = 0xFFFF
# Seconds after which what has been written is made to outlive a power cut, too.
_SYNC_S = 10.0
# Not through a link, which whoever may write there could have laid to any file of the user.
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class Journal:
    """Records of finished work, in order, each with a checksum; what was cut off at the end counts for nothing.

    The file is locked as long as it is open, where the system has locks. A record outlives the end of the program as
    soon as it is written, and a power cut some seconds later.

    Raises
    ------
    DataError
        Another process has the journal open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = os.fdopen(os.open(path, _FLAGS, 0o644), "r+b", buffering=0)
        try:
            self._lock()
            self._records = self._whole_records()
        except BaseException:
            self._file.close()
            raise
        self._synced = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def lineage(self) -> Mapping[str, Any] | None:
        """What the records were made from; None if there are none."""
        if not self._records or self._records[0][0] != _LINEAGE:
            return None
        try:
            found = json.loads(self._read(self._records[0]))
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def begin(self, lineage: Mapping[str, Any]) -> None:
        """Forget what there is, and begin the records of a run that is made from this."""
        self._file.truncate(0)
        self._records.clear()
        self._append(_LINEAGE, 0, json.dumps(lineage).encode())
        self._sync()
        sync(self.path.parent)

    def append(self, stage: int, n_scans: int, data: bytes) -> None:
        """Add a record of so many scans to those of a stage of the run."""
        self._append(stage, n_scans, data)
        if time.monotonic() - self._synced > _SYNC_S:
            self._sync()

    def of_stage(self, stage: int) -> Iterator[bytes]:
        """The records of a stage that are there now."""
        for record in [record for record in self._records if record[0] == stage]:
            yield self._read(record)

    def scans_of_stage(self, stage: int) -> int:
        """The number of scans in the records of a stage."""
        return sum(n_scans for there, n_scans, _, _ in self._records if there == stage)

    def close(self) -> None:
        """Let other processes have it."""
        self._file.close()

    def remove(self) -> None:
        """Nothing is left to go on with."""
        if self._file.closed:
            return  # what lies there now may be another run's
        self.path.unlink(missing_ok=True)
        self._records.clear()
        self.close()

    def _append(self, stage: int, n_scans: int, data: bytes) -> None:
        end = self._end()
        try:
            self._file.seek(end)
            _write(self._file, _HEAD.pack(_MARK, stage, n_scans, len(data), zlib.crc32(data)) + data)
        except BaseException:
            self._file.truncate(end)  # a full disk has room for the beginning
            raise
        self._records.append((stage, n_scans, end + _HEAD.size, len(data)))

    def _whole_records(self) -> list[tuple[int, int, int, int]]:
        """Stage, number of scans, place and length of every record up to the first that is not whole."""
        records: list[tuple[int, int, int, int]] = []
        size, place = os.fstat(self._file.fileno()).st_size, 0
        while place + _HEAD.size <= size:
            self._file.seek(place)
            mark, stage, n_scans, length, checksum = _HEAD.unpack(self._file.read(_HEAD.size))
            place += _HEAD.size
            if mark != _MARK or place + length > size or zlib.crc32(self._file.read(length)) != checksum:
                break
            records.append((stage, n_scans, place, length))
            place += length
        return records

    def _read(self, record: tuple[int, int, int, int]) -> bytes:
        self._file.seek(record[2])
        return self._file.read(record[3])

    def _end(self) -> int:
        return self._records[-1][2] + self._records[-1][3] if self._records else 0

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise data_error(
                Code.BUSY,
                "another run is writing there",
                where=self.path.parent,
                found=f"{self.path.name} held by a process that is at work against nobody",
                todo="wait until it has ended, or give another directory with -o",
            ) from error
        except OSError:
            pass  # a file system without locks


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it: the system may take less at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
