"""The first pass of a sequential series: every scan from its nearest neighbour, or from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, Pattern, ScanStack
from xrdfit.errors import DataError
from xrdfit.fit import PreparedScan, prepare_scan
from xrdfit.series.kept import KeptScan, KeptScans
from xrdfit.series.sequential.complaints import is_poor
from xrdfit.series.sequential.fitted import Fitted, record_of
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.scanfit import NARROW, WIDE, ScanFitter, is_major
from xrdfit.series.sequential.selection import MISFIT
from xrdfit.series.sequential.survey import Survey
from xrdfit.series.state import ScanRecord, Status

NO_FIT = "no fit converged: warm, staged and cold starts tried"
# Points that a fit needs beyond its parameters.
_SPARE_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPass:
    """What all scans have in common in the first pass.

    Attributes
    ----------
    sparse : whether a scan that is a mixture of two others needs no fit; see `xrdfit.series.sequential.mixture`.
    at_hand : scans that need not be read.
    """

    fitter: ScanFitter
    stack: ScanStack
    seen: Survey
    sparse: bool = False
    at_hand: KeptScans = field(default_factory=KeptScans)

    def prepare(self, index: int) -> PreparedScan | str:
        """The scan ready to be fitted, or why it cannot be."""
        return prepared(self.fitter, self.stack, index, self.at_hand)

    def refine(self, index: int, around: Neighbours) -> ScanRecord:
        """A scan from its nearest neighbour, or from nothing."""
        scan = self.prepare(index)
        if isinstance(scan, str):
            return blank(self.fitter, Outcome.NO_DATA, scan)
        fitted = self.fit(index, scan, around)
        return blank(self.fitter, Outcome.FAILED, NO_FIT) if fitted is None else self.record(fitted)

    def fit(self, index: int, scan: PreparedScan, around: Neighbours) -> Fitted | None:
        """The fit of a scan from its nearest neighbour, or from nothing; None if none could be found."""
        start, status, neighbour = self.start_from(index, around)
        return self._ladder(scan, start, status, neighbour)

    def record(self, fitted: Fitted) -> ScanRecord:
        stands_out = self.fitter.stands_out(fitted)
        return record_of(fitted, outcome=Outcome.CONVERGED, message="", stands_out=stands_out)

    def start_from(
        self, index: int, around: Neighbours, *, side: int = 0
    ) -> tuple[NDArray[np.float64], tuple[Status, ...], ScanRecord | None]:
        """Start values and statuses: the nearest good scan's, absent phases as they were where last refined.

        side : +1 or -1 looks at later or earlier scans first. The third is that scan, None if the survey had to serve.
        """
        neighbour = around.nearest(index, side)
        if neighbour is None:
            surveyed = min(self.seen.records, key=lambda i: abs(i - index))
            nearest = self.seen.records[surveyed]
        else:
            nearest = around.records[neighbour]
        values = nearest.values.copy()
        series = self.fitter.scopes.series
        values[series] = self.seen.start[series]
        for phase in range(len(self.fitter.model.phases)):
            if not self.fitter.record_sees(nearest, phase):
                own = self.fitter.model.of_phase(phase)
                source = around.nearest_seeing(index, phase)
                values[own] = self.seen.start[own] if source is None else around.records[source].values[own]
        return values, nearest.status, None if neighbour is None else nearest

    def add(self, around: Neighbours, index: int, record: ScanRecord) -> None:
        """Put a scan that was not there among the neighbours."""
        phases = range(len(self.fitter.model.phases))
        around.add(index, record, [self.fitter.record_sees(record, phase) for phase in phases])

    def neighbours(self, records: Mapping[int, ScanRecord]) -> Neighbours:
        """These records as neighbours of others."""
        found = Neighbours.none(len(self.fitter.model.phases))
        for index, record in records.items():
            self.add(found, index, record)
        return found

    def _ladder(
        self,
        scan: PreparedScan,
        start: NDArray[np.float64],
        status: tuple[Status, ...],
        neighbour: ScanRecord | None,
    ) -> Fitted | None:
        """Warm; if that fails, or fits or says less than the neighbour did, staged, then cold; the best of them."""
        best = self.fitter.settle(scan, start, status)
        # A phase that comes to its end is missing from its place, and from everywhere else.
        lost = [
            neighbour is not None
            and before == Status.REFINED
            and after == Status.ABSENT
            and not self.fitter.gains_nowhere(best, phase, reach=WIDE)
            for phase, (before, after) in enumerate(zip(status, best.status, strict=True))
        ]
        # Lines that explain much say where they are, unless others have taken their places.
        unread = neighbour is not None and any(
            before == Status.REFINED and after == Status.HELD and is_major(best, phase)
            for phase, (before, after) in enumerate(zip(status, best.status, strict=True))
        )
        poor = neighbour is not None and is_poor(best.fit.agreement, neighbour.gof, neighbour.r_wp)
        if best.fit.success and not poor and not unread and not any(lost):
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
        converged = [candidate for candidate in usable if candidate.fit.success] or usable
        return min(converged, key=lambda candidate: candidate.fit.agreement.gof) if converged else None

    def _or_from_home(self, scan: PreparedScan, best: Fitted) -> Fitted:
        """The fit, or a better one with those phases that have strayed begun from where the survey saw them best.

        A weak phase may settle on what is not its own, and as it grows its neighbours would follow it there.
        """
        strayed = self.strayed(best)
        if not strayed:
            return best
        values = best.fit.values.copy()
        for phase in strayed:
            own = self.fitter.model.of_phase(phase)
            values[own] = self.seen.start[own]
        other = self.fitter.settle(scan, values, best.status)
        # Where misfit rules, a lower chi^2 does not say which lines are whose.
        better = other.fit.agreement.gof < best.fit.agreement.gof and other.fit.agreement.chi2_reduced <= MISFIT
        return other if other.fit.success and better else best

    def strayed(self, fitted: Fitted) -> list[int]:
        """Phases with a line that has left the place where the survey saw the phase best by more than its FWHM."""
        moved = self.fitter.moved(fitted.fit, self.seen.start)
        return [
            phase
            for phase, state in enumerate(fitted.status)
            if state == Status.REFINED and self.seen.found[phase] and moved[phase] > 1.0
        ]


def prepared(
    fitter: ScanFitter, stack: ScanStack, index: int, at_hand: Mapping[int, KeptScan] | None = None
) -> PreparedScan | str:
    """A scan ready to be fitted, or why it cannot be; those `at_hand` are not read."""
    kept = at_hand.get(index) if at_hand else None
    if kept is not None:
        return _with_enough(fitter, kept.prepared)
    try:
        pattern = stack.read(index)
    except (DataError, OSError) as error:
        return str(error)
    return prepared_pattern(fitter, pattern)


def prepared_pattern(fitter: ScanFitter, pattern: Pattern) -> PreparedScan | str:
    """A pattern ready to be fitted, or why it cannot be."""
    if not (pattern.mask & np.isfinite(pattern.intensity)).any():
        return "no valid point"
    return _with_enough(fitter, prepare_scan(pattern, fitter.settings))


def _with_enough(fitter: ScanFitter, scan: PreparedScan) -> PreparedScan | str:
    n_free = int(np.count_nonzero(fitter.scopes.scan))
    y = scan.points.intensity
    if y.size < n_free + _SPARE_POINTS:
        return f"{y.size} usable points for {n_free} parameters and the line areas"
    if not np.ptp(y) > 0.0:
        return f"all values equal {y[0]:g}"
    return scan


def blank(fitter: ScanFitter, outcome: Outcome, message: str) -> ScanRecord:
    """The record of a scan without a fit."""
    n_phases = len(fitter.model.phases)
    return ScanRecord(
        outcome=outcome,
        message=message,
        values=np.full(len(fitter.model.table), np.nan),
        status=(Status.ABSENT,) * n_phases,
        significance=(0.0,) * n_phases,
        stands_out=(False,) * n_phases,
        lines=((),) * n_phases,
        line_area=np.empty(0),
        width=(np.nan,) * n_phases,
        chi2=np.nan,
        gof=np.nan,
        r_wp=np.nan,
    )
