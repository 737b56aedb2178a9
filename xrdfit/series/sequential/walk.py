"""The first pass along a part of a series: every scan fitted, or only as many as account for the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from xrdfit.data import Outcome
from xrdfit.series.sequential.first_pass import FirstPass, blank
from xrdfit.series.sequential.mixture import Shown, mixtures, shown
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.state import ScanRecord

# Scans from one that is fitted in any case to the next, at most, in a sparse pass.
_STRIDE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A part of the series in the order in which it is refined, and what is known of the scans around."""

    order: Sequence[int]
    around: Neighbours


def refine_first(first: FirstPass, walk: Walk) -> Iterator[tuple[int, ScanRecord]]:
    """The scans of a walk that have no record yet."""
    on_the_way = _Walked(first, walk)
    for index in _landmarks(walk) if first.sparse else walk.order:
        if index not in walk.around.records:
            yield on_the_way.refined(index)
    if first.sparse:
        yield from on_the_way.filled_in()


def _landmarks(walk: Walk) -> list[int]:
    """The scans of a walk that are fitted in any case: where it begins, where it ends, and some in between.

    Those that have been fitted before serve as well.
    """
    scans, known = sorted(walk.order), walk.around.records
    given = [place for place, index in enumerate(scans) if index in known or index == walk.order[0]]
    chosen = {0, *given, len(scans) - 1}
    for left, right in pairwise(sorted(chosen)):
        count = -(-(right - left) // _STRIDE)
        chosen |= {left + (right - left) * step // count for step in range(count)}
    landmarks = {scans[place] for place in chosen}
    return [index for index in walk.order if index in landmarks]


@dataclass(slots=True)
class _Walked:
    """A walk, as far as it has come. ``ends``: patterns of the fitted scans between which it last was."""

    first: FirstPass
    walk: Walk
    ends: dict[int, Shown | None] = field(default_factory=dict)

    def refined(self, index: int) -> tuple[int, ScanRecord]:
        record = self.first.refine(index, self.walk.around)
        self.first.add(self.walk.around, index, record)
        return index, record

    def filled_in(self) -> Iterator[tuple[int, ScanRecord]]:
        """The scans between those that have been refined."""
        scans, known = sorted(self.walk.order), self.walk.around.records
        fitted = [index for index in scans if index in known and known[index].usable]
        left_over = [index for index in scans if index not in known]
        for left, right in pairwise(fitted):
            yield from self._between(left, [index for index in left_over if left < index < right], right)
        for index in left_over:
            if not fitted or not fitted[0] < index < fitted[-1]:
                yield self.refined(index)

    def _between(self, left: int, inside: Sequence[int], right: int) -> Iterator[tuple[int, ScanRecord]]:
        """Scans between two that have been refined."""
        if not inside:
            return
        self.ends = {index: self._shown(index) for index in (left, right)}
        one, two = self.ends[left], self.ends[right]
        model = self.first.fitter.model
        both = (one.beside(two, model), two.beside(one, model)) if one is not None and two is not None else (None, None)
        if both[0] is None or both[1] is None:
            # What changes between them has its place on one side of the middle.
            place = len(inside) // 2
            index, record = self.refined(inside[place])
            yield index, record
            if record.usable:
                yield from self._between(left, inside[:place], index)
                yield from self._between(index, inside[place + 1 :], right)
            else:
                yield from self._between(left, [*inside[:place], *inside[place + 1 :]], right)
            return
        prepared = {index: self.first.prepare(index) for index in inside}
        scans = {index: scan for index, scan in prepared.items() if not isinstance(scan, str)}
        parts = [(index - left) / (right - left) for index in scans]
        mixed = dict(zip(scans, mixtures(model, list(scans.values()), both[0], both[1], parts=parts), strict=True))
        for index, scan in prepared.items():
            if isinstance(scan, str):
                yield index, blank(self.first.fitter, Outcome.NO_DATA, scan)
            elif (record_of_mixture := mixed[index]) is not None:
                yield index, record_of_mixture
            else:
                yield self.refined(index)

    def _shown(self, index: int) -> Shown | None:
        if index in self.ends:
            return self.ends[index]
        scan = self.first.prepare(index)
        return None if isinstance(scan, str) else shown(self.first.fitter, scan, self.walk.around.records[index])
