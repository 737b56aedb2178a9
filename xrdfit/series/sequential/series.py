"""Scan after scan: outward from where the series stands best, then back, with a test of presence in between."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, RefineSettings, ScanStack
from xrdfit.errors import DataError
from xrdfit.fit import TOLERANCE, PreparedScan, prepare_scan
from xrdfit.series.search import CHANCE
from xrdfit.series.sequential.complaints import is_poor
from xrdfit.series.sequential.evidence import Evidence
from xrdfit.series.sequential.scanfit import NARROW, WIDE, Fitted, ScanFitter, record_of
from xrdfit.series.sequential.second_pass import FinalScan, SecondPass
from xrdfit.series.sequential.selection import is_seen
from xrdfit.series.sequential.survey import LEAST_SURVEYED, MAX_SURVEYED, Survey, survey, survey_indices
from xrdfit.series.state import ScanRecord, Status

Progress = Callable[[int, int, str], None]

# Points that a fit needs beyond its parameters.
_SPARE_POINTS = 20
# Fall in chi^2 that is nothing where the pass is but a start for something else: a tenth of an esd.
_NEAR = 1e-2


@dataclass(slots=True)
class SequentialSeries:
    """A series being refined; `run` yields the scans in their final form, in the order of the second pass.

    Only numbers of each scan are kept: patterns are read when they are needed and let go.
    """

    fitter: ScanFitter
    stack: ScanStack
    scans: Sequence[int]
    start: NDArray[np.float64]
    on_final: Callable[[int, FinalScan], None]
    progress: Progress | None = None
    records: dict[int, ScanRecord] = field(default_factory=dict)
    seen: Survey | None = None
    finisher: ScanFitter | None = None
    unproven: list[int] = field(default_factory=list)
    _evidence: Evidence | None = None
    _refined: list[list[int]] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        """What the first pass has found; there is none before the second."""
        assert self._evidence is not None
        return self._evidence

    @property
    def settings(self) -> RefineSettings:
        return self.fitter.settings

    def run(self) -> bool:
        """Refine all scans; False if not one could be fitted."""
        order = self.explore(passes=2)
        if not order:
            return False
        again = SecondPass(series=self, usual=self._usual_quality())
        for step, index in enumerate(reversed(order)):
            self._finish(index, again.refine(index))
            self._say(len(order) + step, 2 * len(order), index)
        return any(record.usable for record in self.records.values())

    def explore(self, *, passes: int) -> list[int]:
        """The first pass of so many: a record of every scan, and the evidence.

        Returns the order of the scans; empty if none can be fitted: all are finished then.
        """
        # Where a fit begins and what it holds is found by the compiled driver, whatever driver has the last word: two
        # drivers then end in one optimum of several.
        self.finisher = self.fitter
        exploring = replace(self.settings, solver="compiled", extraction="joint")
        # Where the pass is but a start for something else, every fit may end as soon as it is near.
        tolerance = TOLERANCE if passes > 1 else _NEAR
        self.fitter = replace(self.fitter, settings=exploring, tolerance=tolerance)
        enough = MAX_SURVEYED if passes > 1 else max(len(self.scans) // 5, LEAST_SURVEYED)
        chosen = survey_indices(self.scans, min(enough, MAX_SURVEYED))
        prepared = {}
        for index in chosen:
            scan = self.prepare(index)
            if isinstance(scan, PreparedScan):
                prepared[index] = scan
        self.seen = survey(self.fitter, prepared, self.start, brief=passes == 1) if prepared else None
        if self.seen is None:
            for index in self.scans:
                self._finish(index, self._nothing(self.prepare(index)))
            return []
        self.fitter = replace(self.fitter, yardstick=self.seen.start)
        self._refined = [[] for _ in self.fitter.model.phases]
        order = walk_order(self.scans, self.seen.anchor, self.settings.direction)
        if passes == 1:
            self._take_surveyed()
        for step, index in enumerate(order):
            if index not in self.records:
                self.records[index] = self.first_pass(index)
            record = self.records[index]
            for phase, known in enumerate(self._refined):
                if record.usable and self.is_seen(record, phase):
                    insort(known, index)
            self._say(step, passes * len(order), index)
        phases = range(len(self.fitter.model.phases))
        self.leave_out([phase for phase in phases if not self._is_established(phase, alone=passes > 1)])
        return order

    def leave_out(self, phases: Sequence[int]) -> None:
        """Take phases that nothing has shown to be there out of the series."""
        self.unproven += phases
        self._forget(self.unproven)

    def look_again(self, phases: Sequence[int]) -> None:
        """Put phases that are not where they were found to where they gain most in the surveyed scans together."""
        assert self.seen is not None
        values = self.seen.start.copy()
        for phase in phases:
            own, surveyed = self.fitter.model.of_phase(phase), list(self.seen.fits.values())
            values[own] = self.fitter.best_place(surveyed, self.seen.first, phase, reach=WIDE)[own]
        self.seen = replace(self.seen, start=values)
        self._forget(phases)

    def _forget(self, phases: Sequence[int]) -> None:
        """Take phases out of all records."""
        assert self.seen is not None
        for index, record in self.records.items():
            self.records[index] = record.without(phases)
        self._evidence = Evidence(self.fitter.model, self.records, self.seen.start)

    def _take_surveyed(self) -> None:
        """Scans of the survey that were fitted as well as the others need no other fit."""
        assert self.seen is not None
        gof, r_wp = _median_quality(self.seen.records.values())
        for index, fitted in self.seen.fits.items():
            if _good(fitted) and not is_poor(fitted.fit.agreement, gof, r_wp) and not self._strayed(fitted):
                self.records[index] = self._record(fitted)

    def _say(self, step: int, total: int, index: int) -> None:
        if self.progress is not None:
            record = self.records[index]
            self.progress(step + 1, total, f"scan {index}: GoF {record.gof:.2f}")

    def _finish(self, index: int, final: FinalScan) -> None:
        self.records[index] = final.record
        self.on_final(index, final)

    def prepare(self, index: int) -> PreparedScan | str:
        """The scan ready to be fitted, or why it cannot be."""
        try:
            pattern = self.stack.read(index)
        except (DataError, OSError) as error:
            return str(error)
        if not (pattern.mask & np.isfinite(pattern.intensity)).any():
            return "no valid point"
        prepared = prepare_scan(pattern, self.settings, self.fitter.model.background)
        n_free = int(np.count_nonzero(self.fitter.scopes.scan))
        y = prepared.points.intensity
        if y.size < n_free + _SPARE_POINTS:
            return f"{y.size} usable points for {n_free} parameters and the line areas"
        if not np.ptp(y) > 0.0:
            return f"all values equal {y[0]:g}"
        return prepared

    def _nothing(self, reason: PreparedScan | str) -> FinalScan:
        if isinstance(reason, str):
            return FinalScan(fitted=None, record=self._blank(Outcome.NO_DATA, reason), tests=())
        return FinalScan(fitted=None, record=self._blank(Outcome.FAILED, "no fit converged"), tests=())

    def _blank(self, outcome: Outcome, message: str) -> ScanRecord:
        n_phases = len(self.fitter.model.phases)
        nothing = np.full(len(self.fitter.model.table), np.nan)
        return ScanRecord(
            outcome=outcome,
            message=message,
            values=nothing,
            esd=nothing,
            status=(Status.ABSENT,) * n_phases,
            significance=(0.0,) * n_phases,
            stands_out=(False,) * n_phases,
            areas=({},) * n_phases,
            width=(np.nan,) * n_phases,
            chi2=np.nan,
            gof=np.nan,
            r_wp=np.nan,
        )

    def first_pass(self, index: int) -> ScanRecord:
        """A scan from its nearest neighbour, or from nothing."""
        scan = self.prepare(index)
        if isinstance(scan, str):
            return self._blank(Outcome.NO_DATA, scan)
        start, status, neighbour = self.start_from(index)
        fitted = self._ladder(scan, start, status, neighbour)
        if fitted is None:
            return self._blank(Outcome.FAILED, "no fit converged: warm, staged and cold starts tried")
        return self._record(fitted)

    def _record(self, fitted: Fitted) -> ScanRecord:
        stands_out = self.fitter.stands_out(fitted)
        return record_of(fitted, outcome=Outcome.CONVERGED, message="", stands_out=stands_out)

    def start_from(
        self, index: int, *, side: int = 0
    ) -> tuple[NDArray[np.float64], tuple[Status, ...], ScanRecord | None]:
        """Start values and statuses: the nearest good scan's, absent phases as they were where last refined.

        side : +1 or -1 looks at later or earlier scans first. The third is that scan, None if the survey had to serve.
        """
        assert self.seen is not None
        neighbour = self._nearest(index, side)
        if neighbour is None:
            surveyed = min(self.seen.records, key=lambda i: abs(i - index))
            nearest = self.seen.records[surveyed]
        else:
            nearest = self.records[neighbour]
        values = nearest.values.copy()
        series = self.fitter.scopes.series
        values[series] = self.seen.start[series]
        for phase in range(len(self.fitter.model.phases)):
            if not self.is_seen(nearest, phase):
                own = self.fitter.model.of_phase(phase)
                source = self._nearest_refined(index, phase)
                values[own] = self.seen.start[own] if source is None else self.records[source].values[own]
        return values, nearest.status, None if neighbour is None else nearest

    def is_seen(self, record: ScanRecord, phase: int) -> bool:
        """Whether a scan says where a phase is."""
        known = self.fitter.model.phases[phase]
        return is_seen(known, record.status[phase], record.significance[phase], len(record.areas[phase]))

    def _nearest(self, index: int, side: int) -> int | None:
        """The nearest scan at hand whose fit may seed others."""
        for distance in range(1, max(self.scans[-1] - index, index - self.scans[0]) + 1):
            for candidate in (index + distance, index - distance) if side > 0 else (index - distance, index + distance):
                if candidate in self.records and self.records[candidate].usable:
                    return candidate
        return None

    def _nearest_refined(self, index: int, phase: int) -> int | None:
        """The nearest scan of the first pass in which a phase was refined."""
        known = self._refined[phase]
        place = bisect_left(known, index)
        near = [i for i in known[max(place - 1, 0) : place + 2] if i != index]
        return min(near, key=lambda i: abs(i - index), default=None)

    def _ladder(
        self,
        scan: PreparedScan,
        start: NDArray[np.float64],
        status: tuple[Status, ...],
        neighbour: ScanRecord | None,
    ) -> Fitted | None:
        """Warm; if that fails, or fits worse than the neighbour did, staged, then cold; the best of them."""
        best = self.fitter.settle(scan, start, status)
        lost = [
            neighbour is not None and before == Status.REFINED and after == Status.ABSENT
            for before, after in zip(status, best.status, strict=True)
        ]
        poor = neighbour is not None and is_poor(best.fit.agreement, neighbour.gof, neighbour.r_wp)
        assert self.seen is not None
        if _good(best) and not poor and not any(lost):
            return self._or_from_home(scan, best)
        reach = [WIDE if gone else NARROW for gone in lost]
        staged = self.fitter.staged(scan, start, status)
        candidates = [
            best,
            self.fitter.settle(scan, staged.values, status, predicted=start),
            self.fitter.cold(scan, start, reach=reach),
            self.fitter.cold(scan, self.seen.start, reach=reach),
        ]
        usable = [candidate for candidate in candidates if np.isfinite(candidate.fit.agreement.chi2)]
        converged = [candidate for candidate in usable if _good(candidate)] or usable
        return min(converged, key=lambda candidate: candidate.fit.agreement.gof) if converged else None

    def _or_from_home(self, scan: PreparedScan, best: Fitted) -> Fitted:
        """The fit, or a better one with those phases that have strayed begun from where the survey saw them best.

        A weak phase may settle on what is not its own, and as it grows its neighbours would follow it there.
        """
        assert self.seen is not None
        strayed = self._strayed(best)
        if not strayed:
            return best
        values = best.fit.values.copy()
        for phase in strayed:
            own = self.fitter.model.of_phase(phase)
            values[own] = self.seen.start[own]
        other = self.fitter.settle(scan, values, best.status)
        return other if _good(other) and other.fit.agreement.gof < best.fit.agreement.gof else best

    def _strayed(self, fitted: Fitted) -> list[int]:
        """Phases with a line that is not where the survey saw the phase best."""
        assert self.seen is not None
        return [
            phase
            for phase, state in enumerate(fitted.status)
            if state == Status.REFINED
            and self.seen.found[phase]
            and self.fitter.strayed(fitted.fit, self.seen.start, phase)
        ]

    def _is_established(self, phase: int, *, alone: bool) -> bool:
        """Whether a phase, in the scan where it stands best, shows more than a line or two of something else.

        Of one whose cell is known, whether it brings more than noise in some scan; not asked if a joint fit, which sees
        more, is still to come (not `alone`).
        """
        by_gain = sorted(self.records, key=lambda index: self.records[index].significance[phase], reverse=True)
        if self.fitter.model.phases[phase].fixed_cell:
            return not alone or any(self._is_no_chance(index, phase) for index in by_gain)
        record = self.records[by_gain[0]]
        scan = self.prepare(by_gain[0])
        if record.status[phase] == Status.ABSENT or isinstance(scan, str):
            return False
        fit = self.fitter.fit(scan, record.values, record.status)
        return self.fitter.is_established(
            Fitted(fit=fit, status=record.status, significance=record.significance), phase
        )

    def _is_no_chance(self, index: int, phase: int) -> bool:
        """Whether a phase gains in a scan what noise hardly would in any scan of the series."""
        record, scan = self.records[index], self.prepare(index)
        if record.status[phase] == Status.ABSENT or isinstance(scan, str):
            return False
        return len(self.records) * self.fitter.chance(scan, record, phase) <= CHANCE

    def _usual_quality(self) -> tuple[float, float]:
        """Median GoF and R_wp of the scans."""
        return _median_quality(record for record in self.records.values() if record.usable)


def _median_quality(records: Iterable[ScanRecord]) -> tuple[float, float]:
    """Median GoF and R_wp."""
    quality = np.array([(record.gof, record.r_wp) for record in records])
    return (float(np.median(quality[:, 0])), float(np.median(quality[:, 1]))) if quality.size else (np.nan, np.nan)


def _good(fitted: Fitted) -> bool:
    return fitted.fit.success


def walk_order(scans: Sequence[int], anchor: int, direction: str) -> list[int]:
    """Order of the first pass: outward from the anchor (later scans first), or straight through."""
    scans = list(scans)
    if direction == "forward":
        return scans
    if direction == "backward":
        return scans[::-1]
    middle = scans.index(anchor)
    return scans[middle:] + scans[:middle][::-1]
