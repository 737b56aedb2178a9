"""Pieces of a series that can be refined without each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from xrdfit.data import Direction

# Scans of a segment at most. A matter of what the numbers are, since scans begin from neighbours of their own segment:
# it must not depend on who does the work. Long enough that what a segment costs beside its scans (0.2 ms, and the scan
# it begins with) does not show, short enough that 2000 scans keep eight workers busy.
LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Successive scans (ascending), and the one that is refined first."""

    scans: tuple[int, ...]
    head: int

    def order(self, direction: Direction) -> list[int]:
        """Order in which the scans are refined first."""
        return walk_order(self.scans, self.head, direction)


def cut(scans: Sequence[int], *, anchor: int, surveyed: Sequence[int], direction: Direction) -> list[Segment]:
    """The segments of a series, as even as can be.

    One begins with the anchor, if it has it, or else with the surveyed scan that is nearest to its middle, or its
    middle; with its first or last scan, if that is the direction.
    """
    count = -(-len(scans) // LONGEST)
    edges = [len(scans) * i // count for i in range(count + 1)]
    pieces = [tuple(scans[first:end]) for first, end in pairwise(edges)]
    known = set(surveyed)
    return [Segment(scans=piece, head=_head(piece, anchor, known, direction)) for piece in pieces]


def _head(scans: tuple[int, ...], anchor: int, surveyed: set[int], direction: Direction) -> int:
    if direction != "outward":
        return scans[0] if direction == "forward" else scans[-1]
    if anchor in scans:
        return anchor
    middle = scans[len(scans) // 2]
    return min((i for i in scans if i in surveyed), key=lambda i: abs(i - middle), default=middle)


def walk_order(scans: Sequence[int], anchor: int, direction: Direction) -> list[int]:
    """Order of the first pass: outward from the anchor (later scans first), or straight through."""
    scans = list(scans)
    if direction == "forward":
        return scans
    if direction == "backward":
        return scans[::-1]
    middle = scans.index(anchor)
    return scans[middle:] + scans[:middle][::-1]
