"""What is suspect about a stack before anything is fitted: scans that are not like the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from xrdfit.data import Pattern, PatternHeader, ScanStack, ScanTimes
from xrdfit.errors import Problem
from xrdfit.io import CUT
from xrdfit.model import Instrument
from xrdfit.recipe.instrument_check import instrument_warnings, named, unlike_warnings

_DAY_S = 86400.0
# A pause of so many days is told if it is so many times the usual step, and one of a month always.
_LONG_S, _UNUSUAL, _MONTH_S = 5.0 * _DAY_S, 20.0, 30.0 * _DAY_S
# Part of the usual span by which a scan that ends early is short.
_SHORT = 0.02
# No detector counts so far.
_MOST_COUNTS = 1e15
# Scans from which on an end that most of them have is no accident.
_ENOUGH = 3


class Survey:
    """Looks at scans one after the other and remembers what is to be told of them together."""

    def __init__(self) -> None:
        self.headers: list[tuple[str, PatternHeader]] = []
        self._dead: list[str] = []
        self._negative: list[str] = []
        self._huge: list[str] = []
        self._cut: list[str] = []
        self._seen: dict[bytes, str] = {}
        self._again: list[str] = []
        self._ends: list[tuple[str, float, float]] = []

    def look(self, pattern: Pattern) -> None:
        """Take the next scan."""
        if pattern.header is not None:
            self.headers.append((pattern.source, pattern.header))
            if CUT in pattern.header.remarks:
                self._cut.append(pattern.source)
        values = pattern.intensity[pattern.mask]
        if not values.size or values.min() == values.max():
            self._dead.append(pattern.source)
        else:
            first = self._seen.setdefault(hashlib.sha256(pattern.intensity.tobytes()).digest(), pattern.source)
            if first != pattern.source:
                self._again.append(f"{pattern.source} as {first}")
            if values.max() <= 0.0:
                self._negative.append(pattern.source)
            elif np.abs(values).max() > _MOST_COUNTS:
                self._huge.append(pattern.source)
        self._ends.append((pattern.source, float(pattern.two_theta[0]), float(pattern.two_theta[-1])))

    def warnings(
        self, stack: ScanStack, instrument: Instrument, two_theta_range: tuple[float, float] | None
    ) -> Iterator[Problem]:
        """Instrument, pauses, empty scans, scans that are cut short: one problem a kind."""
        yield from instrument_warnings(self.headers, instrument)
        yield from self._of_scans(stack, two_theta_range)

    def unlike(self, stack: ScanStack) -> Iterator[Problem]:
        """What is told without a recipe: scans that are not like the others."""
        yield from unlike_warnings(self.headers)
        yield from self._of_scans(stack, None)

    def _of_scans(self, stack: ScanStack, two_theta_range: tuple[float, float] | None) -> Iterator[Problem]:
        if stack.times is not None:
            yield from _pause_warnings(stack.times, stack.sources)
        if self._dead:
            yield Problem(
                code="W108",
                what="scans without intensity",
                where="data.files",
                found=f"found one value at all points, or none, in {named(self._dead)}",
                todo="they get no results; measure or export them again, or leave them out",
            )
        kinds = (("nowhere above 0", self._negative), (f"beyond {_MOST_COUNTS:g}", self._huge))
        if absurd := [f"{what} in {named(sources)}" for what, sources in kinds if sources]:
            yield Problem(
                code="W116",
                what="implausible intensities",
                where="data.files",
                found=f"found {' and '.join(absurd)} against counts",
                todo="look at the column, its unit and what was subtracted; export them again, or leave them out",
            )
        if self._again:
            yield Problem(
                code="W115",
                what="the same numbers twice",
                where="data.files",
                found=f"found {named(self._again)} against scans that differ by their noise",
                todo="give every scan once",
            )
        yield from self._short_scans(two_theta_range)
        if cut := self._cut_short():
            yield Problem(
                code="W109",
                what="files whose last number may be cut off",
                where="data.files",
                found=f"found no end of line and fewer digits than before in {named(cut)}",
                todo="look whether the files are whole; that point is not used",
            )

    def _cut_short(self) -> list[str]:
        """Files that may have lost the end of their last number; that of most scans was hardly cut in its last row, but
        comes from a program that ends no line there."""
        usual = float(np.median([end for *_, end in self._ends]))
        whole = {source for source, _, end in self._ends if len(self._ends) >= _ENOUGH and end == usual}
        return [source for source in self._cut if source not in whole]

    def _short_scans(self, two_theta_range: tuple[float, float] | None) -> Iterator[Problem]:
        low, high = two_theta_range or (-np.inf, np.inf)
        starts = np.array([max(start, low) for _, start, _ in self._ends])
        ends = np.array([min(end, high) for _, _, end in self._ends])
        usual = float(np.median(starts)), float(np.median(ends))
        slack = _SHORT * (usual[1] - usual[0])
        short = np.flatnonzero((starts > usual[0] + slack) | (ends < usual[1] - slack))
        if short.size:
            first = short[0]
            yield Problem(
                code="W109",
                what="scans that are shorter than the others",
                where="data.files",
                found=f"found {named([self._ends[i][0] for i in short])}, the first from {starts[first]:g} to "
                f"{ends[first]:g} deg, against {usual[0]:g} to {usual[1]:g} deg of most",
                todo="look whether the files are whole",
            )


def _pause_warnings(times: ScanTimes, sources: tuple[str, ...]) -> Iterator[Problem]:
    """Steps from start to start that are out of all proportion."""
    steps = np.diff(times.start_s)
    if not steps.size:
        return
    long = np.flatnonzero(((steps > _LONG_S) & (steps > _UNUSUAL * np.median(steps))) | (steps > _MONTH_S))
    if long.size:
        after = [f"{sources[i]}: {steps[i] / _DAY_S:.0f} days" for i in long]
        yield Problem(
            code="W106",
            what="long pauses between scans",
            where="data.times",
            found=f"found {long.size}, after {', '.join(after[:3])}{', …' if long.size > 3 else ''}, against "
            f"{np.median(steps) / 3600.0:.3g} h from scan to scan",
            todo="check that the scans belong to one series, and their dates; intensities and widths are shared by all",
        )
