"""One scan of a series: the fit with whatever phases it shows, and the ladder of rescues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.fit import TOLERANCE, Expected, PreparedScan, ScanFit, fit_scan, with_seeded_background
from xrdfit.kernels.phase_evidence import farthest_moves
from xrdfit.model import PatternModel
from xrdfit.series.scopes import Scopes
from xrdfit.series.search import search_for
from xrdfit.series.sequential.fitted import Fitted
from xrdfit.series.sequential.selection import (
    DECOYS,
    DETERMINED,
    MISFIT,
    RUNAWAY,
    broadening,
    cell_blur,
    gain_of_adding,
    gain_of_the_rest,
    gain_threshold,
    gains,
    is_seen,
    scale_grid,
    scaled_cell,
)
from xrdfit.series.state import ScanRecord, Status

# Cell search around a start: first narrow, then as far as a wrong temperature or composition takes a cell.
NARROW = 0.004
WIDE = 0.03
_MAX_ROUNDS = 6
# By what factor the tolerance of a fit is larger that only prepares another.
_COARSER = 30.0
# A phase that brings more than this part of what all phases bring is there, however bad the fit. (Its part of the
# intensity would not do: lines on top of another phase's may carry off any part of that.)
_MAJOR = 0.1
# By what factor a phase must gain more than its decoys.
_CLEARLY = 2.5
# A phase with no more lines than this in range cannot be asked for more than two.
_FEW_LINES = 3
# Thresholds that the others must gain: they follow the shapes of foreign lines and the noise around them, too.
_PROOF = 2.0
# A line that moves by this part of its FWHM when another phase is taken away has left its place.
_OUT_OF_PLACE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFitter:
    """Fits scans of one series with one model; knows nothing of neighbours.

    ``yardstick`` (n_parameters,) holds the widths against which a phase's lines are called too broad. ``tolerance`` is
    the fall in chi^2 that the compiled driver takes for nothing.
    """

    model: PatternModel
    settings: RefineSettings
    scopes: Scopes
    yardstick: NDArray[np.float64]
    tolerance: float = TOLERANCE

    def fit(
        self,
        prepared: PreparedScan,
        start: NDArray[np.float64],
        status: Sequence[Status],
        *,
        kinds: Sequence[str] | None = None,
        expected: Sequence[Expected] = (),
    ) -> ScanFit:
        """Fit with the given phases; the cell and widths of a held phase stay at `start`.

        kinds : only these kinds of parameters move (all if None). expected : areas that tie unresolved lines.
        """
        vary = self.scopes.scan.copy()
        if kinds is not None:
            vary &= self.model.table.where(*kinds)
        for phase, state in enumerate(status):
            if state != Status.REFINED:
                vary &= ~self.model.of_phase(phase)
        present = [state != Status.ABSENT for state in status]
        return fit_scan(
            self.model,
            prepared,
            self.settings,
            start=start,
            present=present,
            vary=vary,
            expected=expected,
            tolerance=self.tolerance,
        )

    def staged(self, prepared: PreparedScan, start: NDArray[np.float64], status: Sequence[Status]) -> ScanFit:
        """Background first, then positions, then widths, then all: for a start that is not close."""
        values = with_seeded_background(self.model, prepared, start)
        for kinds in (
            ("background",),
            ("background", "cell"),
            ("background", "cell", "position"),
            ("background", "cell", "position", "width"),
        ):
            values = self.fit(prepared, values, status, kinds=kinds).values
        return self.fit(prepared, values, status)

    def settle(
        self,
        prepared: PreparedScan,
        start: NDArray[np.float64],
        status: Sequence[Status],
        *,
        predicted: NDArray[np.float64] | None = None,
    ) -> Fitted:
        """Fit, then let go what is not there, take in what is, and hold what cannot be read off.

        predicted : (n_parameters,) where a phase is held whose cell cannot be read off; `start` if None.
        """
        predicted = start if predicted is None else predicted
        # What was too weak in the scan before may be strong enough in this one.
        state = [Status.ABSENT if there == Status.ABSENT else Status.REFINED for there in status]
        found = self.fit(prepared, start, state)
        held_for_good: set[int] = set()
        for _ in range(_MAX_ROUNDS):
            gain = gains(found)
            changed = False
            for phase in np.argsort(gain):
                there = state[phase] != Status.ABSENT
                n_lines = int(np.count_nonzero(found.objective.lines.phase == phase))
                if there and gain[phase] < gain_threshold(n_lines) and not self.model.phases[phase].fixed_cell:
                    state[phase] = Status.ABSENT
                    changed = True
                    break
            if not changed:
                for phase in self.vague(found, state):
                    state[phase] = Status.HELD
                    held_for_good.add(phase)
                    changed = True
            if not changed:
                best = self._best_newcomer(predicted, found, state)
                if best is not None:
                    state[best] = Status.HELD if best in held_for_good else Status.REFINED
                    changed = True
                    # A phase that was let go and comes back must not go round in circles.
                    held_for_good.add(best)
            if not changed:
                break
            found = self.fit(prepared, self._carry(found, predicted, state), state)
        return Fitted(fit=found, status=tuple(state), significance=tuple(float(g) for g in gains(found)))

    def vague(self, found: ScanFit, status: Sequence[Status]) -> list[int]:
        """Refined phases whose cell cannot be read off: it is not determined, or the lines are no lines any more."""
        broader = broadening(found, self.yardstick)
        return [
            phase
            for phase, state in enumerate(status)
            if state == Status.REFINED
            and not (cell_blur(found, self.model, phase) < DETERMINED and broader[phase] < RUNAWAY)
        ]

    def stands_out(self, fitted: Fitted) -> tuple[bool, ...]:
        """Whether each phase's lines gain clearly more at its cell than with the cell stretched or squeezed.

        Asked only where misfit, not noise, makes the residual: free areas then gain something anywhere near strong
        lines, whatever is there. A phase that explains much of the pattern needs no such proof.
        """
        return tuple(
            fitted.fit.agreement.chi2_reduced <= MISFIT
            or state == Status.ABSENT
            or is_major(fitted, phase)
            or self._outscores_decoys(fitted, phase)
            for phase, state in enumerate(fitted.status)
        )

    def is_seen(self, fitted: Fitted, phase: int) -> bool:
        """Whether a fit says where a phase is."""
        n_lines = int(np.count_nonzero(fitted.fit.objective.lines.phase == phase))
        return is_seen(self.model.phases[phase], fitted.status[phase], fitted.significance[phase], n_lines)

    def record_sees(self, record: ScanRecord, phase: int) -> bool:
        """The same of a fit in brief."""
        n_lines = len(record.lines[phase])
        return is_seen(self.model.phases[phase], record.status[phase], record.significance[phase], n_lines)

    def best_place(
        self, fits: Sequence[Fitted], values: NDArray[np.float64], phase: int, *, reach: float
    ) -> NDArray[np.float64]:
        """`values` with a phase where it gains most in these scans together, though it may not be seen in any of them.

        reach : how far it is looked for, as a part of cell lengths.
        """
        if not fits or not self._moves(phase):
            return values
        gains_at: dict[float, float] = {}
        for fitted in fits:
            null = self.without(fitted.fit.prepared, fitted.fit.values, fitted.status, phase)
            scores = gain_of_adding(
                self.model,
                null.prepared,
                values=np.where(self.model.of_phase(phase), values, null.values),
                present=null.present,
                phase=phase,
                factors=scale_grid(self.model, values, null.prepared.points.two_theta, reach),
                weight=null.objective.at_points(null.objective.work.weight),
            )
            for gain, factor, _ in scores:
                gains_at[factor] = gains_at.get(factor, 0.0) + gain / max(null.agreement.chi2_reduced, 1.0)
        return scaled_cell(self.model, values, phase, max(gains_at, key=lambda factor: gains_at[factor]))

    def is_established(self, fitted: Fitted, phase: int) -> bool:
        """Whether a phase owes its gain to more than two lines, and stands out where there is misfit.

        One or two lines of something that is not in the recipe fit many a cell: what the other lines add must be more
        than noise. A phase with too few lines for that must outscore its decoys.
        """
        n_lines = int(np.count_nonzero(fitted.fit.objective.lines.phase == phase))
        if n_lines <= _FEW_LINES:
            return self._outscores_decoys(fitted, phase)
        enough = gain_of_the_rest(fitted.fit, phase) > _PROOF * gain_threshold(n_lines - 2)
        return enough and self.stands_out(fitted)[phase]

    def chance(self, prepared: PreparedScan, record: ScanRecord, phase: int) -> float:
        """At most how likely noise gains as much as a phase does in a scan, its place and width having been looked for.

        What it gains is what a fit without it lacks, everything else being free to make up for it.
        """
        null = self.without(prepared, record.values, record.status, phase)
        scale = max(null.agreement.chi2_reduced, 1.0)
        search = search_for(
            self.model,
            record.values,
            phase,
            two_theta=prepared.points.two_theta,
            moving=self.scopes.scan | self.scopes.series,
            known_intensities=self.settings.intensities == "structure",
        )
        return search.chance(float(np.sqrt(max(null.agreement.chi2 - record.chi2, 0.0) / scale)))

    def without(
        self, prepared: PreparedScan, values: NDArray[np.float64], status: Sequence[Status], phase: int
    ) -> ScanFit:
        """The scan fitted without one of its phases, begun from `values`.

        Where the other phases would leave their places to cover for the missing one, they are held where they were.
        """
        others = [Status.ABSENT if number == phase else state for number, state in enumerate(status)]
        free = self.fit(prepared, values, others)
        if self.moved(free, values).max(initial=0.0) > _OUT_OF_PLACE:
            return self.fit(prepared, values, others, kinds=("background",))
        return free

    def moved(self, found: ScanFit, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_phases,) how far a line of each phase is at most from where `values` put it, in the FWHM it has there."""
        objective = found.objective
        objective.calculate(found.values)
        there = objective.place(values)
        position, phase = objective.work.position, objective.lines.phase
        return farthest_moves(position, there.position, there.gauss, there.lorentz, phase, len(self.model.phases))

    def _outscores_decoys(self, fitted: Fitted, phase: int) -> bool:
        null = self.without(fitted.fit.prepared, fitted.fit.values, fitted.status, phase)
        scores = gain_of_adding(
            self.model,
            null.prepared,
            values=np.where(self.model.of_phase(phase), fitted.fit.values, null.values),
            present=null.present,
            phase=phase,
            factors=(1.0, *DECOYS),
            weight=null.objective.at_points(null.objective.work.weight),
        )
        here = next(gain for gain, factor, _ in scores if factor == 1.0)
        best_elsewhere = max(gain for gain, factor, _ in scores if factor != 1.0)
        return here > _CLEARLY * best_elsewhere

    def _carry(self, found: ScanFit, start: NDArray[np.float64], status: Sequence[Status]) -> NDArray[np.float64]:
        """Values to go on from: the fit's, but the prediction for phases it does not refine."""
        values = found.values.copy()
        for phase, state in enumerate(status):
            if state != Status.REFINED or not found.present[phase]:
                own = self.model.of_phase(phase)
                values[own] = start[own]
        return values

    def gains_nowhere(self, fitted: Fitted, phase: int, *, reach: float) -> bool:
        """Whether an absent phase would gain no more than noise does, wherever it is within `reach` of its place."""
        found, values = fitted.fit, fitted.fit.values
        factors = self._places(values, found.prepared, phase, reach)
        gain, _, n_lines = self._best_of_adding(found, values, fitted.status, phase, factors=factors)
        return gain / _misfit(found) < gain_threshold(n_lines)

    def _best_of_adding(
        self,
        found: ScanFit,
        values: NDArray[np.float64],
        status: Sequence[Status],
        phase: int,
        *,
        factors: Iterable[float],
    ) -> tuple[float, float, int]:
        """Gain of a phase beside those of a fit, where it is greatest; the factor on its cell there, and its lines."""
        return gain_of_adding(
            self.model,
            found.prepared,
            values=values,
            present=[state != Status.ABSENT for state in status],
            phase=phase,
            factors=factors,
            weight=found.objective.at_points(found.objective.work.weight),
        )[0]

    def _best_newcomer(self, start: NDArray[np.float64], found: ScanFit, status: Sequence[Status]) -> int | None:
        values = self._carry(found, start, status)
        scale = _misfit(found)
        best, phase_found = 0.0, None
        for phase, state in enumerate(status):
            if state == Status.ABSENT:
                gain, _, n_lines = self._best_of_adding(found, values, status, phase, factors=(1.0,))
                surplus = gain / scale - gain_threshold(n_lines)
                if n_lines and surplus > best:
                    best, phase_found = surplus, phase
        return phase_found

    def _places(self, values: NDArray[np.float64], scan: PreparedScan, phase: int, reach: float) -> list[float]:
        """Factors on a phase's cell at which it is looked for."""
        return scale_grid(self.model, values, scan.points.two_theta, reach) if self._moves(phase) else [1.0]

    def _moves(self, phase: int) -> bool:
        """Whether a phase's lines may be elsewhere than its start values put them."""
        moving = (self.scopes.scan | self.scopes.series) & self.model.of_phase(phase)
        return bool((moving & self.model.table.where("cell", "position")).any())

    def at_once(self, prepared: PreparedScan, start: NDArray[np.float64]) -> Fitted | None:
        """All phases from their start values; None where that does not prove itself.

        It does where noise alone is left and every phase explains much of the pattern.
        """
        everything = [Status.REFINED] * len(self.model.phases)
        fitted = self.settle(prepared, with_seeded_background(self.model, prepared, start), everything)
        proven = fitted.fit.success and fitted.fit.agreement.chi2_reduced <= MISFIT
        proven = proven and list(fitted.status) == everything
        return fitted if proven and all(is_major(fitted, phase) for phase in range(len(everything))) else None

    def cold(self, prepared: PreparedScan, start: NDArray[np.float64], *, reach: Sequence[float]) -> Fitted:
        """From nothing: phases taken in one by one, the strongest first, each looked for around its start cell.

        reach : (n_phases,) how far the cell lengths of each are searched, relative.
        """
        values = with_seeded_background(self.model, prepared, start)
        status = [Status.ABSENT] * len(self.model.phases)
        # What is still without some of its phases need not be fitted to the last digit.
        coarse = replace(self, tolerance=_COARSER * self.tolerance)
        found = coarse.fit(prepared, values, status)
        for _ in self.model.phases:
            best: tuple[float, int, float] | None = None
            scale = _misfit(found)
            absent = [phase for phase, state in enumerate(status) if state == Status.ABSENT]
            # A cell that is known can cover for nothing else; others might cover for its lines, and take their places.
            known = [phase for phase in absent if self.model.phases[phase].fixed_cell]
            for phase in known or absent:
                factors = self._places(values, prepared, phase, reach[phase])
                gain, factor, n_lines = self._best_of_adding(found, values, status, phase, factors=factors)
                surplus = gain / scale / gain_threshold(n_lines)
                if n_lines and surplus > 1.0 and (best is None or gain > best[0]):
                    best = (gain, phase, factor)
            if best is None and not known:
                break
            _, phase, factor = best or (0.0, known[0], 1.0)
            # Widths stay for now: with phases still missing, those at hand would broaden to cover for them.
            status[phase] = Status.REFINED
            trial = scaled_cell(self.model, values, phase, factor)
            found = coarse.fit(prepared, trial, status, kinds=("background", "cell"))
            values = found.values.copy()
        return self.settle(prepared, found.values, status)


def is_major(fitted: Fitted, phase: int) -> bool:
    """Whether a phase explains so much of the pattern that it is there, however bad the fit."""
    return fitted.significance[phase] > _MAJOR * sum(fitted.significance)


def _misfit(found: ScanFit) -> float:
    """By what noise and misfit scale gains: 1 at least, where the noise is known."""
    return max(found.agreement.chi2_reduced, 1.0 if found.prepared.noise.regime != "unit" else 1e-300)
