"""Scans read and looked at one after the other, before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanStack
from xrdfit.fit import PreparedScan
from xrdfit.series.kept import KeptScan, KeptScans
from xrdfit.series.screening.signs import Signs, signs_of
from xrdfit.series.sequential.first_pass import prepared
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.workers import Workers

# Parts of the range in which a scan is held against its neighbours.
_BLOCKS = 16
# Scans that are held in memory together, and that a worker looks at in one go.
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Reader:
    """What all scans have in common; ``edges`` : see `block_edges`. ``keep``: what was read is sent back."""

    fitter: ScanFitter
    stack: ScanStack
    edges: NDArray[np.float64] | None
    keep: bool


def look_at(
    fitter: ScanFitter, stack: ScanStack, scans: Sequence[int], workers: Workers, at_hand: KeptScans | None
) -> Iterator[tuple[int, Signs | str]]:
    """What scans show, in their order, or else why they cannot be fitted.

    at_hand : gets those that can be.
    """
    parts = [scans[begin : begin + _AT_ONCE] for begin in range(0, len(scans), _AT_ONCE)]
    reader = _Reader(fitter, stack, None, keep=at_hand is not None)
    # The first that can be read says where the edges are; no scan is read twice for it.
    while parts and reader.edges is None:
        seen = _look(reader, parts.pop(0))
        yield from seen.handed_to(at_hand)
        reader = replace(reader, edges=seen.edges)
    for seen in workers.map(_look, parts, reader):
        yield from seen.handed_to(at_hand)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Some scans: what they show or why they cannot be fitted, those that are kept, and the edges of the blocks."""

    signs: list[tuple[int, Signs | str]]
    kept: dict[int, KeptScan]
    edges: NDArray[np.float64] | None

    def handed_to(self, at_hand: KeptScans | None) -> list[tuple[int, Signs | str]]:
        if at_hand is not None:
            for index, scan in self.kept.items():
                at_hand.take(index, scan)
        return self.signs


def _look(reader: _Reader, scans: Sequence[int]) -> _Seen:
    kept, edges = KeptScans(), reader.edges

    def prepare(index: int) -> PreparedScan | str:
        nonlocal edges
        scan = prepared(reader.fitter, reader.stack, index)
        if edges is None and isinstance(scan, PreparedScan):
            edges = block_edges(scan)
        if reader.keep and isinstance(scan, PreparedScan):
            kept.keep(index, scan)
        return scan

    return _Seen(list(signs_in(scans, prepare, reader.edges)), dict(kept), edges)


def block_edges(scan: PreparedScan) -> NDArray[np.float64]:
    """(n_blocks + 1,) deg."""
    two_theta = scan.points.two_theta
    return np.linspace(two_theta[0], two_theta[-1], _BLOCKS + 1)


def signs_in(
    scans: Sequence[int],
    prepare: Callable[[int], PreparedScan | str],
    edges: NDArray[np.float64] | None = None,
) -> Iterator[tuple[int, Signs | str]]:
    """What scans show, in their order, or else why they cannot be fitted, as `prepare` says; edges : `block_edges`."""
    unread: list[tuple[int, str]] = []

    def ready() -> Iterator[tuple[int, PreparedScan]]:
        for index in scans:
            scan = prepare(index)
            if isinstance(scan, str):
                unread.append((index, scan))
            else:
                yield index, scan

    for alike in _alike(ready()):
        edges = block_edges(alike[0][1]) if edges is None else edges
        indices, some = zip(*alike, strict=True)
        yield from zip(indices, signs_of(some, edges), strict=True)
    yield from unread


def _alike(scans: Iterable[tuple[int, PreparedScan]]) -> Iterator[list[tuple[int, PreparedScan]]]:
    """Scans in a row that have the same angles, not too many at once."""
    group: list[tuple[int, PreparedScan]] = []
    for index, scan in scans:
        full = len(group) == _AT_ONCE
        if group and (full or not np.array_equal(scan.points.two_theta, group[0][1].points.two_theta)):
            yield group
            group = []
        group.append((index, scan))
    if group:
        yield group
