"""The scans around a scan, from which it may begin."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xrdfit.series.state import ScanRecord


@dataclass(slots=True)
class Neighbours:
    """Records of scans, those whose fit may seed others, and for each phase those that first said where it is.

    Attributes
    ----------
    usable, seeing : indices of scans, ascending; `seeing` per phase.
    """

    records: dict[int, ScanRecord]
    usable: list[int]
    seeing: list[list[int]]

    @classmethod
    def none(cls, n_phases: int) -> Neighbours:
        return cls({}, [], [[] for _ in range(n_phases)])

    def add(self, index: int, record: ScanRecord, seen: Iterable[bool]) -> None:
        """A scan that was not there before; `seen` says of which phases it tells where they are."""
        self.replace(index, record)
        for known, there in zip(self.seeing, seen, strict=True):
            if record.usable and there:
                insort(known, index)

    def replace(self, index: int, record: ScanRecord) -> None:
        """Another record of a scan, which changes nothing in what it first said of its phases."""
        was_usable = index in self.records and self.records[index].usable
        self.records[index] = record
        if record.usable and not was_usable:
            insort(self.usable, index)
        if was_usable and not record.usable:
            self.usable.remove(index)

    def nearest(self, index: int, side: int) -> int | None:
        """The nearest other scan whose fit may seed others; of two, the later one if `side` is positive."""
        near = _on_both_sides(self.usable, index)
        return min(near, key=lambda i: (abs(i - index), i < index if side > 0 else i > index), default=None)

    def nearest_seeing(self, index: int, phase: int) -> int | None:
        """The nearest other scan that says where a phase is."""
        return min(_on_both_sides(self.seeing[phase], index), key=lambda i: abs(i - index), default=None)

    def around(self, scans: Sequence[int]) -> Neighbours:
        """What these scans (ascending, successive) can find here: themselves and the nearest outside."""
        usable, *seeing = (with_the_next(known, scans[0], scans[-1]) for known in (self.usable, *self.seeing))
        inside = [i for i in scans if i in self.records]
        chosen = sorted({*inside, *usable, *(i for known in seeing for i in known)})
        return Neighbours({i: self.records[i] for i in chosen}, usable, seeing)


def _on_both_sides(known: Sequence[int], index: int) -> list[int]:
    """The nearest before and after, of indices that ascend."""
    place = bisect_left(known, index)
    after = place + 1 if place < len(known) and known[place] == index else place
    return [*known[max(place - 1, 0) : place], *known[after : after + 1]]


def with_the_next(known: Sequence[int], first: int, last: int) -> list[int]:
    """Indices from `first` to `last`, the nearest before and the nearest after, of those that ascend."""
    return list(known[max(bisect_left(known, first) - 1, 0) : bisect_left(known, last + 1) + 1])
