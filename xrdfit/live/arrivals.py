"""What has come: files of a folder, or frames of a stack that another program is writing."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from xrdfit.data import Pattern
from xrdfit.errors import InputError, Problem
from xrdfit.io import CUT, Hdf5Stack, files_there, is_hdf5, open_stack, read_patterns
from xrdfit.live.entries import Entry
from xrdfit.recipe import Recipe

# Times the interval of looking after which what cannot be read is named, and what seems unfinished is taken as it is.
PATIENCE = 30.0
# Part of the usual number of points below which a scan is taken to be still being written.
_WHOLE = 0.9
_RECENT = 31
# Points at the end of a frame without a value from which on it is taken to be still being written.
_BLANK_TAIL = 8
# Bytes by which one sees whether a file is HDF5.
_LEAST_BYTES = 8
# Frames ahead of the one that comes next of which it is remembered what they looked like.
_AHEAD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A scan that has come; for the rest see `Entry`."""

    source: str
    path: str
    place: int
    of: int
    size: int
    mtime_ns: int
    pattern: Pattern


@dataclass(slots=True)
class Tally:
    """How things stand.

    Attributes
    ----------
    backlog : scans that have come and are not fitted. waiting : files or frames that are still being written.
    troubled : by name, why a file cannot be read that nobody writes any more.
    last_change : monotonic time at which something new was seen.
    """

    backlog: int = 0
    waiting: int = 0
    troubled: dict[str, str] = field(default_factory=dict)
    last_change: float = field(default_factory=time.monotonic)


class Arrivals(Protocol):
    """Where scans come from."""

    tally: Tally

    def done_before(self, entry: Entry) -> None:
        """A scan that was fitted by an earlier watch."""
        ...

    def look(self) -> Iterator[Frame]:
        """The scans that can be fitted now, each read when it is asked for."""
        ...

    def left_over(self) -> set[str]:
        """Paths of files that are there and could not be fitted."""
        ...


def arrivals_of(recipe: Recipe, *, wavelength: float | None, poll_s: float) -> FileArrivals | FrameArrivals | None:
    """The files of a recipe, or the frames of its stack; None as long as nothing tells which.

    Raises
    ------
    DataError
        Files beside an HDF5 stack.
    """
    there = files_there(recipe.tables.data.files, base=recipe.directory)
    begun = [path for path in there if (mark := _mark(path)) and mark[0] >= _LEAST_BYTES]
    try:
        if not begun:
            return None
        if not is_hdf5(begun[0]):
            return FileArrivals(recipe, wavelength=wavelength, poll_s=poll_s)
    except OSError:
        return None
    if len(begun) > 1:
        open_stack(begun, base=recipe.directory, beside_writer=True)
    return FrameArrivals(recipe, wavelength=wavelength, poll_s=poll_s)


@dataclass(slots=True)
class _Seen:
    """How a file, or a frame, looked, since when (monotonic) it has, and how many frames there were then."""

    mark: tuple[int, int]
    since: float
    n_there: int = 0


class FileArrivals:
    """Files, as their names sort. One counts when it reads well and either stood still or is followed by another.

    A file that is shorter than the others, or ends in mid-number, waits longer. One that changes after it was fitted is
    fitted again.
    """

    def __init__(self, recipe: Recipe, *, wavelength: float | None, poll_s: float) -> None:
        self.tally = Tally()
        self._recipe, self._wavelength, self._poll_s = recipe, wavelength, poll_s
        self._done: dict[str, tuple[int, int]] = {}
        self._parts: dict[str, tuple[tuple[int, int], set[int]]] = {}
        self._seen: dict[str, _Seen] = {}
        self._points: deque[int] = deque(maxlen=_RECENT)
        self._has_looked = False

    def done_before(self, entry: Entry) -> None:
        """See `Arrivals.done_before`; a file of several scans is done when all of them are."""
        self._note(entry.path, entry.place, entry.of, (entry.size, entry.mtime_ns))

    def _note(self, name: str, place: int, of: int, mark: tuple[int, int]) -> None:
        """A scan of a file is done, as the file is now."""
        if name not in self._parts or self._parts[name][0] != mark:
            self._parts[name] = (mark, set())
        places = self._parts[name][1]
        places.add(place)
        if len(places) == of:
            self._done[name] = mark
            del self._parts[name]

    def look(self) -> Iterator[Frame]:
        """See `Arrivals.look`."""
        base, now = self._recipe.directory, time.monotonic()
        paths = files_there(self._recipe.tables.data.files, base=base)
        ready: list[tuple[Path, str, bool]] = []
        waiting, followed = 0, False
        for path in reversed(paths):
            name = str(path)
            mark = _mark(path)
            if mark is None or self._done.get(name) == mark:
                followed = True
                continue
            seen = self._seen.get(name)
            if seen is None or seen.mark != mark:
                # What was there before the watch began may have been there for long, by the clock of the files; later
                # ones are seen to stand still, because that clock may be another one.
                quiet = 0.0 if self._has_looked else min(max(time.time() - mark[1] * 1e-9, 0.0), 3.0 * self._poll_s)
                seen = self._seen[name] = _Seen(mark, now - quiet)
                self.tally.last_change = now
                self.tally.troubled.pop(path.name, None)
            still = now - seen.since
            if path.name in self.tally.troubled:
                continue
            if mark[0] and (followed or still >= 2.0 * self._poll_s):
                ready.append((path, name, still >= PATIENCE * self._poll_s))
            else:
                waiting += 1
            if not mark[0] and still >= PATIENCE * self._poll_s:
                self.tally.troubled[path.name] = "the file is empty"
            followed = followed or bool(mark[0])
        self._has_looked = True
        self.tally.waiting, self.tally.backlog = waiting, len(ready)
        for path, name, out_of_patience in reversed(ready):
            yield from self._frames(path, name, out_of_patience)

    def left_over(self) -> set[str]:
        """See `Arrivals.left_over`."""
        there = files_there(self._recipe.tables.data.files, base=self._recipe.directory)
        return {str(path) for path in there} - self._done.keys()

    def _frames(self, path: Path, name: str, out_of_patience: bool) -> Iterator[Frame]:
        mark = self._seen[name].mark
        self.tally.backlog -= 1
        try:
            patterns = read_patterns(path, wavelength=self._wavelength, columns=self._recipe.tables.data.columns)
        except (InputError, OSError) as error:
            if out_of_patience:
                self.tally.troubled[path.name] = _in_words(error)
            else:
                self.tally.waiting += 1
            return
        if name in self._parts and self._parts[name][0] != mark:
            del self._parts[name]
        if _mark(path) != mark or (not out_of_patience and any(self._seems_cut(pattern) for pattern in patterns)):
            self.tally.waiting += 1
            return
        _, done = self._parts.get(name, (mark, set()))
        for place, pattern in enumerate(patterns):
            if place in done:
                continue
            source = path.name if len(patterns) == 1 else f"{path.name}[{place}]"
            self._points.append(pattern.two_theta.size)
            self._note(name, place, len(patterns), mark)
            yield Frame(
                source=source,
                path=name,
                place=place,
                of=len(patterns),
                size=mark[0],
                mtime_ns=mark[1],
                pattern=replace(pattern, source=source),
            )

    def _seems_cut(self, pattern: Pattern) -> bool:
        cut = pattern.header is not None and CUT in pattern.header.remarks
        return cut or (len(self._points) > 0 and pattern.two_theta.size < _WHOLE * float(np.median(self._points)))


class FrameArrivals:
    """Frames of an HDF5 stack, in their order. One counts when it looked the same twice, the file being opened anew.

    A frame without a single value counts when others have been added or filled since: the file may have been made with
    room for frames to come. One that ends in many points without a value waits longer.
    """

    def __init__(self, recipe: Recipe, *, wavelength: float | None, poll_s: float) -> None:
        self.tally = Tally()
        self._path = files_there(recipe.tables.data.files, base=recipe.directory)[0]
        self._data, self._wavelength, self._poll_s = recipe.tables.data, wavelength, poll_s
        self._next = 0
        self._seen: dict[int, _Seen] = {}
        self._tail = 0
        self._file: _Seen | None = None
        self._last: tuple[int, tuple[int, int]] | None = None

    def done_before(self, entry: Entry) -> None:
        """See `Arrivals.done_before`."""
        if entry.place >= self._next:
            self._next = entry.place + 1
            self._last = (entry.place, (entry.size, entry.mtime_ns))

    def look(self) -> Iterator[Frame]:
        """See `Arrivals.look`."""
        now, mark = time.monotonic(), _mark(self._path) or (0, 0)
        if self._file is None or self._file.mark != mark:
            self._file = _Seen(mark, now)
            self.tally.last_change = now
            self.tally.troubled.clear()
        try:
            stack = Hdf5Stack(
                self._path,
                self._data.dataset,
                wavelength=self._wavelength,
                allow=self._data.allow,
                beside_writer=True,
            )
        except (InputError, OSError) as error:
            if now - self._file.since >= PATIENCE * self._poll_s:
                self.tally.troubled[self._path.name] = _in_words(error)
            return
        try:
            yield from self._frames(stack, now)
        finally:
            stack.close()

    def left_over(self) -> set[str]:
        """See `Arrivals.left_over`; a stack is one file."""
        return set()

    def _frames(self, stack: Hdf5Stack, now: float) -> Iterator[Frame]:
        n_there = len(stack)
        if n_there < self._next:
            self.tally.troubled[self._path.name] = f"{n_there} frames against {self._next} that were there before"
            return
        self._refuse_another(stack)
        end = min(n_there, self._next + _AHEAD)
        looked = [self._is_whole(stack, index, now) for index in range(self._next, end)]
        # Behind the last frame with a value there is only room for frames to come, as far as one can tell.
        n_filled = next((place + 1 for place in reversed(range(len(looked))) if looked[place] is not None), 0)
        n_ready = next((place for place in range(n_filled) if looked[place] is False), n_filled)
        self.tally.backlog, self.tally.waiting = n_ready + n_there - end, n_filled - n_ready
        for index in range(self._next, self._next + n_ready):
            pattern = self._read(stack, index)
            if pattern is None or _checksum(pattern) != self._seen[index].mark:
                return
            self.tally.backlog -= 1
            self._tail = _blank_tail(pattern)
            self._next = index + 1
            size, mtime_ns = self._seen.pop(index).mark
            yield Frame(
                source=pattern.source,
                path=str(self._path),
                place=index,
                of=1,
                size=size,
                mtime_ns=mtime_ns,
                pattern=pattern,
            )

    def _refuse_another(self, stack: Hdf5Stack) -> None:
        """See that the last frame that an earlier watch has fitted is in this stack."""
        if self._last is None:
            return
        index, mark = self._last
        pattern = self._read(stack, index)
        if pattern is not None and _checksum(pattern) != mark:
            raise InputError(
                Problem(
                    code="E184",
                    what="an interrupted watch of something else",
                    where=str(self._path),
                    found=f"another frame {index} against the one that was fitted",
                    todo="begin anew with --fresh, or give another directory with -o",
                )
            )
        self._last = None if pattern is not None else self._last

    def _read(self, stack: Hdf5Stack, index: int) -> Pattern | None:
        try:
            return stack.read(index)
        except (InputError, OSError):
            return None

    def _is_whole(self, stack: Hdf5Stack, index: int, now: float) -> bool | None:
        """Whether a frame can be taken for written; None if it has no value, and may be still to come."""
        pattern = self._read(stack, index)
        if pattern is None:
            return False
        mark = _checksum(pattern)
        seen = self._seen.get(index)
        blank = _blank_tail(pattern)
        is_blank = blank == pattern.intensity.size
        if seen is None or seen.mark != mark:
            self._seen[index] = _Seen(mark, now, len(stack))
            return None if is_blank else False
        still = now - seen.since
        if is_blank:
            return True if len(stack) > seen.n_there + 1 else None
        if blank >= _BLANK_TAIL and blank > self._tail + _BLANK_TAIL:
            return still >= PATIENCE * self._poll_s
        return still >= 0.5 * self._poll_s


def _checksum(pattern: Pattern) -> tuple[int, int]:
    sigma = b"" if pattern.sigma is None else pattern.sigma.tobytes()
    return zlib.crc32(pattern.intensity.tobytes()), zlib.crc32(sigma)


def _blank_tail(pattern: Pattern) -> int:
    """Points at the end that are all 0 or no number."""
    written = np.flatnonzero(np.nan_to_num(pattern.intensity) != 0.0)
    return int(pattern.intensity.size - 1 - written[-1]) if written.size else int(pattern.intensity.size)


def _mark(path: Path) -> tuple[int, int] | None:
    """Length and time of a file; None if it is gone."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _in_words(error: Exception) -> str:
    if isinstance(error, InputError):
        problem = error.problems[0]
        return f"{problem.what}: {problem.found}"
    return " ".join(str(error).split())
