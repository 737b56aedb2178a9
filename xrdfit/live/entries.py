"""What is kept of a scan that has been fitted, and the file in which it outlives the program."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.errors import InputError, Problem
from xrdfit.io import Journal, pack, unpack
from xrdfit.series.following import Known

_SCANS, _KNOWN = 0, 1
# Scans between two notes of what the next one begins from, which are larger than what is kept of a scan.
_NOTED_EVERY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fitted scan: numbers, no pattern.

    Attributes
    ----------
    source : its name; a scan that is fitted again has the same one.
    path, place, of : the file as the system has it, which of its scans this is, and how many they are.
    size, mtime_ns : of the file when it was read; of a frame of a stack, two checksums of its numbers.
    when : s since 1970 at which the scan had come.
    counts : sum of its intensities.
    numbers : columns of the table. image : (n_columns,) of the map, see `image_of`.
    """

    source: str
    path: str
    place: int
    of: int
    size: int
    mtime_ns: int
    when: float
    counts: float
    outcome: str
    message: str
    numbers: Mapping[str, float]
    image: NDArray[np.float32]


class Ledger:
    """The scans fitted so far, on disk: each is there as soon as it is written, whatever ends the program.

    Raises
    ------
    DataError
        Another watch is at work with it.
    """

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._since_noted = 0
        self._strength: tuple[float, ...] = ()

    def begin(self, lineage: Mapping[str, Any], *, fresh: bool) -> None:
        """Go on with what is there, or begin.

        Raises
        ------
        InputError
            What is there was made from something else, and it is not to be `fresh`.
        """
        there = self._journal.lineage
        if there is None or fresh:
            self._journal.begin(lineage)
        elif there != lineage:
            differs = ", ".join(sorted(name for name in lineage if there.get(name) != lineage[name]))
            raise InputError(
                Problem(
                    code="E184",
                    what="an interrupted watch of something else",
                    where=str(self._journal.path.parent),
                    found=f"another {differs} against the same",
                    todo="begin anew with --fresh, give another directory with -o, or bring back what was changed",
                )
            )

    def entries(self) -> Iterator[Entry]:
        """What was fitted before, in the order in which it was; a scan that was fitted again comes again."""
        for data in self._journal.of_stage(_SCANS):
            yield self._unpacked(data, Entry)

    def known(self) -> Known | None:
        """What the next scan begins from."""
        notes = deque(self._journal.of_stage(_KNOWN), maxlen=1)
        return self._unpacked(notes[0], Known) if notes else None

    def add(self, entry: Entry, known: Known | None) -> None:
        """Keep a scan, and now and then what the next one begins from."""
        self._journal.append(_SCANS, 1, pack(entry))
        self._since_noted += 1
        if known is not None and (known.strength != self._strength or self._since_noted >= _NOTED_EVERY):
            self._journal.append(_KNOWN, 0, pack(known))
            self._since_noted, self._strength = 0, known.strength

    def close(self) -> None:
        """Let another watch go on with it; if nothing was fitted, nothing is left."""
        if self._journal.scans_of_stage(_SCANS):
            self._journal.close()
        else:
            self._journal.remove()

    def remove(self) -> None:
        """The final pass has made it needless."""
        self._journal.remove()

    def _unpacked(self, data: bytes, kind: Any) -> Any:
        try:
            return unpack(data, kind)
        except ValueError as error:
            raise InputError(
                Problem(
                    code="E116",
                    what="what an interrupted watch has left is damaged",
                    where=str(self._journal.path),
                    found=" ".join(str(error).split())[:160],
                    todo="begin again with --fresh",
                )
            ) from error
