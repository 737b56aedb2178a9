"""What the first pass knows of each phase: where it stands beyond doubt, and how it looks there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import Expected
from xrdfit.model import PatternModel
from xrdfit.series.sequential.neighbours import with_the_next
from xrdfit.series.sequential.selection import gain_threshold
from xrdfit.series.state import Hkl, ScanRecord, Status

# A phase whose lines gain this many thresholds needs no test; one that gains as much serves as reference for others.
_SURE = 10.0
# A phase whose lines are this much broader than where it stands best may be soaking up misfit: it is tested like a
# weak one.
TOO_BROAD = 2.0


class Evidence:
    """Frozen after the first pass.

    Parameters
    ----------
    records : of the first pass, by scan.
    start : (n_parameters,) cells and widths for a phase that stands nowhere beyond doubt.
    """

    def __init__(self, model: PatternModel, records: Mapping[int, ScanRecord], start: NDArray[np.float64]) -> None:
        self._model = model
        self._records = dict(records)
        self._start = start
        phases = range(len(model.phases))
        self.usual_width = [self._median_width(phase) for phase in phases]
        usable = sorted(i for i, record in records.items() if record.usable)
        self._sure = [[i for i in usable if self._is_sure(records[i], phase)] for phase in phases]
        self._n_sure = [len(sure) for sure in self._sure]
        self._pool: list[dict[Hkl, float]] = [{} for _ in phases]
        for phase in phases:
            for i in self._sure[phase]:
                self._add(self._pool[phase], records[i], phase, +1.0)

    def around(self, scans: Sequence[int]) -> Evidence:
        """The same for those who ask of these scans (ascending, successive) alone."""
        other = copy(self)
        other._sure = [with_the_next(sure, scans[0], scans[-1]) for sure in self._sure]
        chosen = {i for sure in other._sure for i in sure} | {i for i in scans if i in self._records}
        other._records = {i: self._records[i] for i in sorted(chosen)}
        return other

    def is_strong(self, record: ScanRecord, phase: int) -> bool:
        """Whether a phase's lines gain so much, there only and at their usual width, that no test is needed."""
        enough = record.significance[phase] > _SURE * gain_threshold(len(record.lines[phase]))
        return bool(enough and record.stands_out[phase] and self.is_of_usual_width(record, phase))

    def is_of_usual_width(self, record: ScanRecord, phase: int) -> bool:
        """Whether a phase's lines are about as broad as where it stands best; so are those it does not have."""
        return not record.width[phase] > TOO_BROAD * self.usual_width[phase]

    def predicted(self, scan: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` with cells and widths of every phase as the other scans would have them: between the nearest two."""
        result = values.copy()
        for phase, sure in enumerate(self._sure):
            own = self._model.of_phase(phase)
            place = bisect_left(sure, scan)
            left = sure[place - 1] if place > 0 else None
            after = place + 1 if place < len(sure) and sure[place] == scan else place
            right = sure[after] if after < len(sure) else None
            if left is not None and right is not None:
                part = (scan - left) / (right - left)
                result[own] = (1.0 - part) * self._records[left].values[own] + part * self._records[right].values[own]
            elif left is not None:
                result[own] = self._records[left].values[own]
            elif right is not None:
                result[own] = self._records[right].values[own]
            else:
                result[own] = self._start[own]
        return result

    def reference(self, scan: int, phase: int) -> dict[Hkl, float]:
        """Relative intensities (sum 1) of a phase where it stands beyond doubt, `scan` left out; empty if nowhere."""
        pool = dict(self._pool[phase])
        sure = self._sure[phase]
        place = bisect_left(sure, scan)
        if place < len(sure) and sure[place] == scan:
            self._add(pool, self._records[scan], phase, -1.0)
            if self._n_sure[phase] == 1:
                return {}
        positive = {hkl: value for hkl, value in pool.items() if value > 0.0}
        total = sum(positive.values())
        return {hkl: value / total for hkl, value in positive.items()} if total > 0.0 else {}

    def expected(self, scan: int, record: ScanRecord) -> list[Expected]:
        """Per phase, the areas its lines would have in a scan if they divided its intensity as in the other scans."""
        areas: list[Expected] = []
        for phase, own in enumerate(record.areas):
            total = sum(own.values())
            areas.append({hkl: total * part for hkl, part in self.reference(scan, phase).items()})
        return areas

    def _is_sure(self, record: ScanRecord, phase: int) -> bool:
        return record.status[phase] == Status.REFINED and self.is_strong(record, phase)

    def _add(self, pool: dict[Hkl, float], record: ScanRecord, phase: int, sign: float) -> None:
        """Add a scan's relative intensities, weighted by what the phase brings there."""
        areas = record.areas[phase]
        norm = sum(areas.values())
        for hkl, area in areas.items():
            pool[hkl] = pool.get(hkl, 0.0) + sign * record.significance[phase] * area / norm

    def _median_width(self, phase: int) -> float:
        """FWHM (deg) of a phase's lines where it stands best: the median over scans, weighted by significance."""
        refined = [r for r in self._records.values() if r.usable and r.status[phase] == Status.REFINED]
        if not refined:
            return np.nan
        widths = np.array([record.width[phase] for record in refined])
        weights = np.array([record.significance[phase] for record in refined])
        order = np.argsort(widths)
        total = np.cumsum(weights[order])
        return float(widths[order][np.searchsorted(total, 0.5 * total[-1])])
