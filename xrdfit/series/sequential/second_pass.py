"""The second pass of a sequential series: every scan again, from both sides, with a test of presence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome
from xrdfit.fit import Expected, PreparedScan
from xrdfit.series.presence import Z_CELL, Z_PRESENT, PresenceTest, presence_test
from xrdfit.series.search import CHANCE
from xrdfit.series.sequential.complaints import complaints, is_poor
from xrdfit.series.sequential.evidence import TOO_BROAD, Evidence
from xrdfit.series.sequential.first_pass import FirstPass
from xrdfit.series.sequential.fitted import Fitted, record_of
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.segments import Segment
from xrdfit.series.sequential.selection import gains, mean_widths
from xrdfit.series.state import ScanRecord, Status

Summary = TypeVar("Summary")

# A phase is taken back if R_wp without it is this much higher.
_SPOILED = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalScan:
    """The last word on a scan: the fit (None where there is none), its record and the tests of presence."""

    fitted: Fitted | None
    record: ScanRecord
    tests: tuple[PresenceTest | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord(Generic[Summary]):
    """What all scans have in common in the second pass.

    Attributes
    ----------
    finisher : makes the last fit of every scan. usual : median GoF and R_wp of the first pass. unproven : phases that
        are taken to be nowhere.
    summarise : what is wanted of a finished scan.
    """

    first: FirstPass
    finisher: ScanFitter
    usual: tuple[float, float]
    unproven: Sequence[int]
    summarise: Callable[[FinalScan], Summary]


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A segment, what is known of its scans and of those around, and the evidence on them."""

    segment: Segment
    around: Neighbours
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Generic[Summary]):
    """A finished scan: its index, whether there is a fit, its R_wp, and what was wanted of it."""

    index: int
    usable: bool
    r_wp: float
    summary: Summary


def refine_second(word: LastWord[Summary], way: WayBack) -> Iterator[Finished[Summary]]:
    """The scans of a segment, the last one first."""
    second = SecondPass(
        word.first, word.finisher, word.usual, word.unproven, way.segment.head, way.around, way.evidence
    )
    for index in reversed(way.segment.order(word.finisher.settings.direction)):
        final = second.refine(index)
        record = final.record
        way.around.replace(index, record)
        yield Finished(index=index, usable=record.usable, r_wp=record.r_wp, summary=word.summarise(final))


@dataclass(frozen=True, slots=True)
class SecondPass:
    """The second pass over one segment, as `LastWord` and `WayBack` have it."""

    first: FirstPass
    finisher: ScanFitter
    usual: tuple[float, float]
    unproven: Sequence[int]
    head: int
    around: Neighbours
    evidence: Evidence

    def refine(self, index: int) -> FinalScan:
        """A scan from both sides, its phases decided on by the tests of presence."""
        scan = self.first.prepare(index)
        own = self.around.records[index]
        if isinstance(scan, str):
            return FinalScan(fitted=None, record=own, tests=())
        if not own.usable or is_poor(own, *self.usual):
            # The scans on the other side may lend what was missing on the way out.
            again = self.first.refine(index, self.around).without(self.unproven)
            if again.usable and not again.gof > own.gof:
                own = again
                self.around.replace(index, again)
        if not own.usable:
            return FinalScan(fitted=None, record=own, tests=())
        predicted = self.evidence.predicted(index, own.values)
        status, tests = self._decide(index, scan, own, predicted)
        best, other = self._final_fits(index, scan, own, predicted, status)
        if status != own.status and best.fit.agreement.r_wp > _SPOILED * own.r_wp:
            # Whatever the test says of a phase without which the pattern is not described, it is there.
            status = tuple(
                max(new, old) if self.evidence.is_of_usual_width(own, phase) else new
                for phase, (new, old) in enumerate(zip(status, own.status, strict=True))
            )
            best, other = self._final_fits(index, scan, own, predicted, status)
        messages = complaints(self.first.fitter.model, best, other, self.usual)
        outcome = Outcome.FLAGGED if messages else Outcome.CONVERGED
        if not np.isfinite(best.fit.agreement.chi2):
            outcome = Outcome.FAILED
        record = record_of(best, outcome=outcome, message="; ".join(messages), stands_out=own.stands_out)
        return FinalScan(fitted=best, record=record, tests=tests)

    def _final_fits(
        self,
        index: int,
        scan: PreparedScan,
        own: ScanRecord,
        predicted: NDArray[np.float64],
        status: tuple[Status, ...],
    ) -> tuple[Fitted, Fitted]:
        """The scan fitted from its own first result and from its neighbour across, the better one first."""
        values = predicted.copy()
        for phase, state in enumerate(status):
            if state == Status.REFINED and own.status[phase] == Status.REFINED:
                mine = self.first.fitter.model.of_phase(phase)
                values[mine] = own.values[mine]
        across, _, _ = self.first.start_from(index, self.around, side=self._far_side(index))
        # The classical partition does not know ties; its errors must not, either.
        settings = self.finisher.settings
        tied = settings.unresolved == "carried" and settings.extraction == "joint"
        expected = self.evidence.expected(index, own) if tied else []
        fits = (self._final_fit(scan, start, predicted, status, expected) for start in (values, across))
        best, other = sorted(fits, key=lambda fitted: fitted.fit.agreement.chi2)
        return best, other

    def _decide(
        self, index: int, scan: PreparedScan, own: ScanRecord, predicted: NDArray[np.float64]
    ) -> tuple[tuple[Status, ...], tuple[PresenceTest | None, ...]]:
        """Status of each phase: as first found if beyond doubt, else by the test of presence."""
        status = list(own.status)
        tests: list[PresenceTest | None] = [None] * len(status)
        for phase in range(len(status)):
            if self.evidence.is_strong(own, phase):
                status[phase] = Status.REFINED
                continue
            reference = self.evidence.reference(index, phase)
            if not reference:
                known = self.first.fitter.model.phases[phase].fixed_cell
                if known and self.first.fitter.chance(scan, own, phase) > CHANCE:
                    status[phase] = Status.ABSENT
                continue
            null = self.first.fitter.without(scan, own.values, status, phase)
            test = presence_test(self.first.fitter.model, null, values=predicted, phase=phase, reference=reference)
            tests[phase] = test
            if test.z < Z_PRESENT:
                status[phase] = Status.ABSENT
            else:
                status[phase] = Status.REFINED if test.z >= Z_CELL else Status.HELD
        return tuple(status), tuple(tests)

    def _far_side(self, index: int) -> int:
        """Where the neighbour lies that the first pass did not begin from."""
        direction = self.finisher.settings.direction
        forward = direction == "forward" or (direction == "outward" and index >= self.head)
        return 1 if forward else -1

    def _final_fit(
        self,
        scan: PreparedScan,
        start: NDArray[np.float64],
        predicted: NDArray[np.float64],
        status: tuple[Status, ...],
        expected: Sequence[Expected],
    ) -> Fitted:
        state = list(status)
        values = start.copy()
        for phase, there in enumerate(state):
            if there != Status.REFINED:
                own = self.first.fitter.model.of_phase(phase)
                values[own] = predicted[own]
        fit = self.finisher.fit(scan, values, state, expected=expected)
        width, vague = mean_widths(fit), self.first.fitter.vague(fit, state)
        vague += [
            phase
            for phase, there in enumerate(state)
            if there == Status.REFINED
            and phase not in vague
            and not width[phase] <= TOO_BROAD * self.evidence.usual_width[phase]
        ]
        if vague:
            for phase in vague:
                state[phase] = Status.HELD
                own = self.first.fitter.model.of_phase(phase)
                values[own] = predicted[own]
            fit = self.finisher.fit(scan, values, state, expected=expected)
        return Fitted(fit=fit, status=tuple(state), significance=tuple(float(g) for g in gains(fit)))
