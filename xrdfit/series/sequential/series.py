"""Scan after scan: outward from where the series stands best, then back, with a test of presence in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, RefineSettings, ScanStack
from xrdfit.fit import TOLERANCE, PreparedScan
from xrdfit.series.kept import KeptScans
from xrdfit.series.search import CHANCE
from xrdfit.series.sequential.cold_fits import ColdFits
from xrdfit.series.sequential.complaints import is_poor
from xrdfit.series.sequential.evidence import Evidence
from xrdfit.series.sequential.first_pass import FirstPass, blank, prepared
from xrdfit.series.sequential.fitted import Fitted
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.scanfit import WIDE, ScanFitter
from xrdfit.series.sequential.second_pass import FinalScan, LastWord, Summary, WayBack, refine_second
from xrdfit.series.sequential.segments import Segment, cut, walk_order
from xrdfit.series.sequential.survey import LEAST_SURVEYED, MAX_SURVEYED, Survey, survey, survey_indices
from xrdfit.series.sequential.walk import Walk, refine_first
from xrdfit.series.state import ScanRecord, Status
from xrdfit.series.workers import Here, MadeOnDemand, Workers

Progress = Callable[[int, int, str], None]

# Fall in chi^2 that is nothing where the pass is but a start for something else: a third of an esd.
_NEAR = 0.1


@dataclass(slots=True)
class SequentialSeries(Generic[Summary]):
    """A series being refined, segment by segment; the segments are the tasks of the workers.

    Only numbers of each scan are kept: patterns are read when they are needed and let go.

    Attributes
    ----------
    summarise, on_final : what is wanted of a finished scan is found where the work is done, and handed on here.
    at_hand : scans that need not be read.
    records : of the first pass.
    unproven : phases that are nowhere.
    """

    fitter: ScanFitter
    stack: ScanStack
    scans: Sequence[int]
    start: NDArray[np.float64]
    summarise: Callable[[FinalScan], Summary]
    on_final: Callable[[int, Summary], None]
    progress: Progress | None = None
    workers: Workers = field(default_factory=Here)
    at_hand: KeptScans = field(default_factory=KeptScans)
    records: dict[int, ScanRecord] = field(default_factory=dict)
    seen: Survey | None = None
    finisher: ScanFitter | None = None
    unproven: list[int] = field(default_factory=list)
    _evidence: Evidence | None = None
    _first: FirstPass | None = None
    _neighbours: Neighbours | None = None

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
        segments = self.explore(passes=2)
        if not segments:
            return False
        assert self._first is not None and self.finisher is not None
        word = LastWord(
            first=self._first,
            finisher=self.finisher,
            usual=self._usual_quality(),
            unproven=tuple(self.unproven),
            summarise=self.summarise,
        )
        ways = MadeOnDemand(self._way_back, segments)
        any_usable = False
        for step, done in enumerate(self.workers.chain(refine_second, ways, word), start=len(self.scans) + 1):
            any_usable |= done.usable
            self.on_final(done.index, done.summary)
            self._say(step, done.index, done.r_wp)
        return any_usable

    def explore(self, *, passes: int) -> list[Segment]:
        """The first pass of so many: a record of every scan, and the evidence.

        Returns the segments of the series; none if no scan can be fitted: all are finished then.
        """
        # Where a fit begins and what it holds is found by the compiled driver, whatever driver has the last word: two
        # drivers then end in one optimum of several.
        self.finisher = self.fitter
        exploring = replace(self.settings, solver="compiled", extraction="joint")
        # Where the pass is but a start for something else, every fit may end as soon as it is near.
        tolerance = TOLERANCE if passes > 1 else _NEAR
        self.fitter = replace(self.fitter, settings=exploring, tolerance=tolerance)
        self.seen = self._survey(passes)
        if self.seen is None:
            for index in self.scans:
                self._finish_without_fit(index)
            return []
        self.fitter = replace(self.fitter, yardstick=self.seen.start)
        # What was fitted in the survey is not needed where the work is done, and large.
        self._first = FirstPass(
            fitter=self.fitter,
            stack=self.stack,
            seen=replace(self.seen, fits={}),
            sparse=passes == 1,
            at_hand=self.at_hand,
        )
        if passes == 1:
            self._take_surveyed()
        direction = self.settings.direction
        surveyed = list(self.seen.records)
        segments = cut(self.scans, anchor=self.seen.anchor, surveyed=surveyed, direction=direction)
        if len(segments) > 1:
            self._lead([segment.head for segment in segments])
        known = self._first.neighbours(self.records)
        walks = MadeOnDemand(lambda s: Walk(order=s.order(direction), around=known.around(s.scans)), segments)
        for index, record in self.workers.chain(refine_first, walks, self._first):
            self.records[index] = record
            self._say(len(self.records), index, record.r_wp)
        self._neighbours = self._first.neighbours(self.records)
        phases = range(len(self.fitter.model.phases))
        self.leave_out([phase for phase in phases if not self._is_established(phase, alone=passes > 1)])
        return segments

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

    def forget_scans(self) -> None:
        """Let go of what was found in each scan when nobody will ask for it again."""
        self.records = {}
        self._first = self._evidence = self._neighbours = None

    def _forget(self, phases: Sequence[int]) -> None:
        """Take phases out of all records."""
        assert self.seen is not None and self._neighbours is not None
        for index, record in self.records.items():
            self.records[index] = record.without(phases)
            self._neighbours.replace(index, self.records[index])
        self._evidence = Evidence(self.fitter.model, self.records, self.seen.start)

    def _survey(self, passes: int) -> Survey | None:
        enough = MAX_SURVEYED if passes > 1 else max(len(self.scans) // 5, LEAST_SURVEYED)
        scans = {index: self.prepare(index) for index in survey_indices(self.scans, min(enough, MAX_SURVEYED))}
        readable = {index: scan for index, scan in scans.items() if isinstance(scan, PreparedScan)}
        if not readable:
            return None
        by_workers = ColdFits(self.workers, self.stack)
        return survey(self.fitter, readable, self.start, brief=passes == 1, fit_all=by_workers)

    def _take_surveyed(self) -> None:
        """Scans of the survey that were fitted as well as the others need no other fit."""
        assert self.seen is not None and self._first is not None
        gof, r_wp = _median_quality(self.seen.records.values())
        for index, fitted in self.seen.fits.items():
            poor = is_poor(fitted.fit.agreement, gof, r_wp)
            if fitted.fit.success and not poor and not self._first.strayed(fitted):
                self.records[index] = self._first.record(fitted)

    def _lead(self, heads: Sequence[int]) -> None:
        """The scans with which segments begin: each from the nearest that has been surveyed or has led before it."""
        assert self.seen is not None and self._first is not None
        nothing, led = self._first.neighbours({}), self._first.neighbours(self.seen.records)
        anchor = self.seen.anchor
        nearest = min(heads, key=lambda head: abs(head - anchor))
        for head in walk_order(heads, nearest, self.settings.direction):
            if head not in self.records:
                # One that was surveyed begins from itself.
                self.records[head] = self._first.refine(head, nothing if head in self.seen.records else led)
            if head in led.records:
                led.replace(head, self.records[head])
            else:
                self._first.add(led, head, self.records[head])

    def _say(self, done: int, index: int, r_wp: float) -> None:
        # After this pass comes a second one, or a fit of all scans together.
        if self.progress is not None:
            self.progress(done, 2 * len(self.scans), f"scan {index}: R_wp {r_wp:.4f}")

    def prepare(self, index: int) -> PreparedScan | str:
        """The scan ready to be fitted, or why it cannot be."""
        return prepared(self.fitter, self.stack, index, self.at_hand)

    def _finish_without_fit(self, index: int) -> None:
        reason = self.prepare(index)
        if isinstance(reason, str):
            record = blank(self.fitter, Outcome.NO_DATA, reason)
        else:
            record = blank(self.fitter, Outcome.FAILED, "no fit converged")
        self.records[index] = record
        self.on_final(index, self.summarise(FinalScan(fitted=None, record=record, tests=())))

    def is_seen(self, record: ScanRecord, phase: int) -> bool:
        """Whether a scan says where a phase is."""
        return self.fitter.record_sees(record, phase)

    def _is_established(self, phase: int, *, alone: bool) -> bool:
        """Whether a phase, in the scan where it stands best, shows more than a line or two of something else.

        Of one whose cell is known, whether it brings more than noise in some scan; not asked if a joint fit, which sees
        more, is still to come (not `alone`).
        """
        by_gain = sorted(self.records, key=lambda index: self.records[index].significance[phase], reverse=True)
        if self.fitter.model.phases[phase].fixed_cell:
            return not alone or any(self._is_no_chance(index, phase) for index in by_gain)
        surveyed = {} if self.seen is None else self.seen.fits
        unchanged = [i for i in by_gain if i in surveyed and surveyed[i].fit.agreement.chi2 == self.records[i].chi2]
        if unchanged:
            # A scan that was not fitted again since the survey tells at no cost, though it may not be the best.
            best = unchanged[0]
            shown = self.records[best].status[phase] != Status.ABSENT
            shown = shown and self.fitter.is_established(surveyed[best], phase)
            if shown or best == by_gain[0]:
                return shown
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

    def _way_back(self, segment: Segment) -> WayBack:
        assert self._neighbours is not None
        around = self._neighbours.around(segment.scans)
        return WayBack(segment=segment, around=around, evidence=self.evidence.around(segment.scans))

    def _usual_quality(self) -> tuple[float, float]:
        """Median GoF and R_wp of the scans."""
        return _median_quality(record for record in self.records.values() if record.usable)


def _median_quality(records: Iterable[ScanRecord]) -> tuple[float, float]:
    """Median GoF and R_wp."""
    quality = np.array([(record.gof, record.r_wp) for record in records])
    return (float(np.median(quality[:, 0])), float(np.median(quality[:, 1]))) if quality.size else (np.nan, np.nan)
