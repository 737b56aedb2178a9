"""Zip archives from strangers: members are read into memory within limits and never written anywhere."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from xrdfit.io.problems import Code, data_error

MAXIMUM_MEMBERS = 20_000
MAXIMUM_MEMBER_BYTES = 256 * 1024**2
MAXIMUM_TOTAL_BYTES = 512 * 1024**2
# XML of measured patterns shrinks to a fifteenth; a bomb to a thousandth.
MAXIMUM_RATIO = 200
_RATIO_MATTERS = 16 * 1024**2


class SafeZip:
    """Read-only view of an archive in memory.

    Parameters
    ----------
    raw : the archive.

    Raises
    ------
    DataError
        Damaged or cut short, empty, or with more members than a measurement can have.
    """

    def __init__(self, raw: bytes, *, source: str) -> None:
        self._source = source
        self._left = MAXIMUM_TOTAL_BYTES
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(raw))
            self.names: tuple[str, ...] = tuple(self._archive.namelist())
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from None
        if not self.names:
            raise data_error(
                Code.EMPTY,
                "the archive is empty",
                where=source,
                found="no member against a measured pattern",
                todo="copy or export the file again",
            )
        if len(self.names) > MAXIMUM_MEMBERS:
            raise self._beyond(f"{len(self.names)} members against at most {MAXIMUM_MEMBERS}")

    def read(self, name: str) -> bytes:
        """The bytes of a member.

        Raises
        ------
        DataError
            Missing, damaged, encrypted, or larger than the limits, which is looked at before anything is unpacked.
        """
        try:
            info = self._archive.getinfo(name)
        except KeyError:
            raise self._damaged(f"no member {name}") from None
        if info.file_size > min(MAXIMUM_MEMBER_BYTES, self._left):
            raise self._beyond(f"{name} unpacks to {info.file_size / 1024**2:.0f} MB")
        if info.file_size > _RATIO_MATTERS and info.file_size > MAXIMUM_RATIO * max(info.compress_size, 1):
            raise self._beyond(f"{name} unpacks to {info.file_size / max(info.compress_size, 1):.0f} times its size")
        try:
            with self._archive.open(info) as member:
                # What the directory says of the size is not what has to come.
                content = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error) as error:
            raise self._damaged(f"{name}: {error}") from None
        except (NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"{name}: {error} (encrypted, or an unknown compression)") from None
        if len(content) != info.file_size:
            raise self._damaged(f"{name} has another size than the directory says")
        self._left -= len(content)
        return content

    def _damaged(self, found: str) -> Exception:
        return data_error(
            Code.DAMAGED,
            "the archive is cut short or damaged",
            where=self._source,
            found=f"{found} against a zip archive",
            todo="copy or export the file again",
        )

    def _beyond(self, found: str) -> Exception:
        return data_error(
            Code.LIMIT,
            "the archive is beyond the limits",
            where=self._source,
            found=f"{found} against a measured pattern",
            todo="do not use this file unless you know its origin",
        )
