"""A series that is still being measured: each scan is fitted when it comes, from the last good one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.data import MemoryStack, Outcome, Pattern, RefineSettings
from xrdfit.errors import InputError
from xrdfit.fit import PreparedScan, start_values
from xrdfit.model import Background, Instrument, PatternModel
from xrdfit.series.columns import fill_cells, scan_row
from xrdfit.series.microstructure import microstructure
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.complaints import is_poor
from xrdfit.series.sequential.first_pass import NO_FIT, FirstPass, blank, prepared_pattern
from xrdfit.series.sequential.fitted import Fitted
from xrdfit.series.sequential.neighbours import Neighbours
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.second_pass import FinalScan
from xrdfit.series.sequential.survey import Survey, survey
from xrdfit.series.state import ScanRecord, Status
from xrdfit.series.summary import sequential_summary

Row = dict[str, float | str]

# By what factor a phase must have grown to be surveyed anew.
_STRONGER = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the scans so far say of those to come.

    Attributes
    ----------
    last : the last good scan. seeing : per phase, the last one that said where it is, None where none did.
    first, start : (n_parameters,) values that the surveys began from, and what they found.
    strength : of each phase in the scan in which it was surveyed, see `ScanRecord.significance`; 0 if it never was.
    doubted : whether the scan before was taken for no start.
    """

    last: ScanRecord
    seeing: tuple[ScanRecord | None, ...]
    first: NDArray[np.float64]
    start: NDArray[np.float64]
    strength: tuple[float, ...]
    doubted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedScan:
    """A scan fitted as it came: its row of the table, and what is known then."""

    row: Row
    message: str
    known: Known | None


class Following:
    """Fits scans in the order in which they come; keeps nothing of them but what the next one begins from.

    Every scan is fitted as in the first pass of a sequential refinement, whatever the mode of the recipe is: what
    drifts with time is free in every scan, and line intensities are, too. The last word is that of the refinement of
    the whole series.
    """

    def __init__(
        self,
        *,
        instrument: Instrument,
        phases: tuple[Phase, ...],
        background: Background,
        settings: RefineSettings,
        known: Known | None = None,
    ) -> None:
        scope = {name: "scan" if where == "drift" else where for name, where in settings.scope.items()}
        settings = replace(settings, mode="sequential", solver="compiled", extraction="joint", scope=scope, drift={})
        self.model = PatternModel.of(instrument, phases, background)
        self._start = start_values(self.model.table, settings.overrides)
        # Two, because one scan alone would leave to itself what belongs to the series.
        scopes = settle_scopes(self.model, settings, n_scans=2)
        self._fitter = ScanFitter(model=self.model, settings=settings, scopes=scopes, yardstick=self._start)
        self.known = known

    def fit(self, pattern: Pattern) -> FollowedScan:
        """The next scan; one that cannot be fitted says why, and changes nothing for those that follow."""
        before = self.known
        try:
            return self._fit(pattern)
        except (ArithmeticError, InputError, LookupError, ValueError) as error:
            # Numbers that no detector gives may end in any of these, and the measurement goes on.
            self.known = before
            return self._without_fit(Outcome.FAILED, f"{NO_FIT}: {error}")

    def _fit(self, pattern: Pattern) -> FollowedScan:
        scan = prepared_pattern(self._fitter, pattern)
        if isinstance(scan, str):
            return self._without_fit(Outcome.NO_DATA, scan)
        fitted = self._fitted(scan)
        if fitted is None:
            return self._without_fit(Outcome.FAILED, NO_FIT)
        record = self._pass().record(fitted)
        if self._shows_more(record):
            self._survey(scan)
            fitted = self._fitted(scan) or fitted
            record = self._pass().record(fitted)
        self._learn(record)
        return self._followed(FinalScan(fitted=fitted, record=record, tests=()))

    @property
    def _phases(self) -> range:
        return range(len(self.model.phases))

    def _shows_more(self, record: ScanRecord) -> bool:
        """Whether a phase has come, or is so much stronger that what belongs to the series is better found here."""
        assert self.known is not None
        return any(
            self._sees(record, phase) and record.significance[phase] > _STRONGER * self.known.strength[phase]
            for phase in self._phases
        )

    def _fitted(self, scan: PreparedScan) -> Fitted | None:
        if self.known is None and not self._survey(scan):
            return None
        assert self.known is not None
        first = self._pass()
        around = Neighbours.none(len(self._phases))
        # Records in the order in which they are found: the last scan next to the new one.
        for place, record in enumerate(r for r in (*self.known.seeing, self.known.last) if r is not None):
            first.add(around, place, record)
        return first.fit(len(around.records), scan, around)

    def _survey(self, scan: PreparedScan) -> bool:
        found = survey(self._fitter, {0: scan}, self._start)
        if found is None:
            return False
        record, start = found.records[0], found.start.copy()
        strength = [record.significance[phase] if found.found[phase] else 0.0 for phase in self._phases]
        last, seeing = record, tuple[ScanRecord | None, ...]([None] * len(self._phases))
        if self.known is not None:
            last, seeing = self.known.last, self.known.seeing
            for phase in self._phases:
                if self.known.strength[phase] > strength[phase]:
                    own = self.model.of_phase(phase)
                    start[own], strength[phase] = self.known.start[own], self.known.strength[phase]
        self.known = Known(last=last, seeing=seeing, first=found.first, start=start, strength=tuple(strength))
        return True

    def _pass(self) -> FirstPass:
        assert self.known is not None
        known = self.known
        found = tuple(strength > 0.0 for strength in known.strength)
        seen = Survey(records={0: known.last}, fits={}, first=known.first, start=known.start, anchor=0, found=found)
        # Nothing is read through a stack: the scans are given.
        nothing = MemoryStack(())
        return FirstPass(fitter=replace(self._fitter, yardstick=known.start), stack=nothing, seen=seen)

    def _sees(self, record: ScanRecord, phase: int) -> bool:
        return self._fitter.record_sees(record, phase)

    def _learn(self, record: ScanRecord) -> None:
        """A scan that fits much worse than the last good one, or shows nothing, is no start for others.

        The second such scan in a row is: the series has changed then.
        """
        assert self.known is not None
        nothing = all(state == Status.ABSENT for state in record.status)
        poor = is_poor(record, self.known.last.gof, self.known.last.r_wp)
        if not record.usable or nothing or (poor and not self.known.doubted):
            self.known = replace(self.known, doubted=True)
            return
        seeing = tuple(record if self._sees(record, p) else self.known.seeing[p] for p in self._phases)
        self.known = replace(self.known, last=record, seeing=seeing, doubted=False)

    def _without_fit(self, outcome: Outcome, reason: str) -> FollowedScan:
        record = blank(self._fitter, outcome, reason)
        return self._followed(FinalScan(fitted=None, record=record, tests=()))

    def _followed(self, final: FinalScan) -> FollowedScan:
        summary = sequential_summary(self.model, final)
        row = scan_row(self.model, summary, [microstructure(self.model, phase, None) for phase in self._phases])
        fill_cells(self.model, {0: row}, {0: summary.cell})
        return FollowedScan(row=row, message=summary.message, known=self.known)
