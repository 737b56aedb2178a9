"""The series as one experiment: all scans in one fit, begun from the sequential pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.model import PatternModel
from xrdfit.series.criticism.scope_test import FreedParameters, positions_hold
from xrdfit.series.joint.alone import FitsAlone, misplaced_scans
from xrdfit.series.joint.chain import Chain, SeriesModel, first_state, mid_times
from xrdfit.series.joint.decisions import Decisions, Regime, Statuses, changed_cells, with_status
from xrdfit.series.joint.errors import JointErrors, joint_errors
from xrdfit.series.joint.imagined import imagined_phases
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.pose import HeldCells, hold_cells, pose
from xrdfit.series.joint.problem import JointProblem
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.solver import TOLERANCE, JointSolution, minimise_joint
from xrdfit.series.joint.spread import SpreadTest, next_spread, spread_test, with_room_for_deviations
from xrdfit.series.joint.start import readable_scans, scan_values, series_model, series_values, take_back
from xrdfit.series.kept import KeptScan
from xrdfit.series.sequential.series import SequentialSeries
from xrdfit.series.state import Status
from xrdfit.series.words import count_of_scans

# Rounds in which phases may still change between refined and held, and the spread of intensities settle.
_MAX_ROUNDS = 8
# Fall in the merit that may be left while phases still change.
_ROUGH = 0.1
# The same of a scan by itself that will be fitted with all others again.
_NEAR = 1e-2
# Share of the scans that may still move in a fit that is rough.
_LEFT_OVER = 0.1
# Share of the scans whose cells may come or go without all scans being fitted for it.
_FEW = 0.1
_MAX_SPREAD_ROUNDS = 12
# The spread has settled when it changes by less than this part.
_SETTLED = 0.02
# Least spread that is tried where the score at zero finds one.
_LEAST_SPREAD = 1e-3
# A scan whose GoF and R_wp both exceed the series' by this factor is set aside: it must not bend what the others share.
_POOR = 1.5


@dataclass(slots=True)
class JointSeries:
    """A series being refined jointly; `run` leaves `fits` of all scans that could be fitted.

    ``chain``, ``solution``, ``errors`` are those of the scans that were fitted together, ``spread`` what the test of
    shared intensities found, ``regime`` what was used in the end.
    """

    sequential: SequentialSeries
    settings: RefineSettings
    fits: dict[int, JointScanFit] = field(default_factory=dict)
    regime: Regime = field(default_factory=Regime)
    spread: SpreadTest | None = None
    _decisions: Decisions = field(default_factory=Decisions)
    _main: tuple[Chain, JointProblem, JointSolution, JointErrors] | None = None
    _model: SeriesModel | None = None
    _set_up: Chain | None = None
    _n_fits: int = 0
    _freed: FreedParameters | None = None

    @property
    def model(self) -> PatternModel:
        return self.sequential.fitter.model

    @property
    def chain(self) -> Chain:
        return self._fitted[0]

    @property
    def solution(self) -> JointSolution:
        return self._fitted[2]

    @property
    def errors(self) -> JointErrors:
        return self._fitted[3]

    @property
    def _fitted(self) -> tuple[Chain, JointProblem, JointSolution, JointErrors]:
        assert self._main is not None
        return self._main

    def freed_parameters(self) -> FreedParameters:
        """Where shared parameters would go if they were free in one scan; what is known of it is not kept."""
        freed, self._freed = self._freed, None
        if freed is None or freed.steps.solution is not self.solution:
            freed = FreedParameters(self.chain, self.solution, self.errors)
            freed.steps.of_all()
        return freed

    @property
    def amounts(self) -> Mapping[int, float]:
        """How many times as much there is in the scans, by index, that the fit took to have another amount."""
        assert self._model is not None
        return self._model.amount

    @property
    def usual_quality(self) -> tuple[float, float]:
        """Median GoF and R_wp of the scans."""
        fits = self.fits.values()
        gof = float(np.median([fit.agreement.gof for fit in fits]))
        return gof, float(np.median([fit.agreement.r_wp for fit in fits]))

    def run(self) -> bool:
        """Refine all scans; False if not one could be fitted."""
        if not self.sequential.explore(passes=1):
            return False
        records = self.sequential.records
        prepared = readable_scans(self.sequential)
        usable = self.in_time(i for i in prepared if records[i].usable)
        if not usable:
            return False
        found = self._begin(usable, prepared)
        for otherwise in (self.sequential.look_again, self.sequential.leave_out):
            imagined = self._imagined()
            if not imagined:
                break
            otherwise(imagined)
            self.fits, self._decisions = {}, Decisions()
            found = self._begin(usable, prepared)
        if self.settings.intensities == "structure":
            return True
        self.spread = self._test_spread()
        if self.settings.intensities == "lebail":
            self._free_intensities(found)
        elif self.settings.intensities == "hierarchical":
            self._settle_spread(found)
        return True

    def _imagined(self) -> list[int]:
        """Phases whose cell is known but not their place or width, of which noise would bring as much."""
        chain, _, solution, errors = self._fitted
        phases = enumerate(self.model.phases)
        doubtful = [n for n, phase in phases if phase.fixed_cell and n not in self.sequential.unproven]
        known = self.settings.intensities == "structure"
        return imagined_phases(chain, solution, errors, doubtful=doubtful, known_intensities=known)

    def _chain_of(self, indices: list[int]) -> Chain:
        """These scans in a row, under the present regime; to set them up costs as much as to evaluate them."""
        assert self._model is not None
        known, deviations = self._set_up, self.regime.deviations
        if known is None or known.indices != tuple(indices) or known.layout.deviations != deviations:
            self._set_up = known = self._model.chain(indices, deviations=deviations)
        return known

    def _begin(self, usable: list[int], prepared: Mapping[int, KeptScan]) -> Statuses:
        """The first fit of the series, from what the sequential pass found; returns what that says of the phases."""
        records = self.sequential.records
        values = {i: scan_values(self.sequential, i) for i in prepared}
        self._model, self._set_up = series_model(self.sequential, self.settings, prepared, values), None
        totals = np.array([[sum(areas.values()) for areas in records[i].areas] for i in usable])
        chain = self._chain_of(usable)
        start = first_state(chain, [values[i] for i in usable], totals, series_values(self.sequential, usable, values))
        found: Statuses = {i: records[i].status for i in usable}
        aside = [i for i in prepared if i not in usable]
        self._settle(usable, aside, dict(found), start)
        return found

    def _settle(self, usable: list[int], aside: list[int], status: Statuses, start: SeriesState) -> None:
        """Fit, decide on phases and scans, and fit again until nothing changes; only then to the last digit."""
        tolerance = _ROUGH
        for round_ in range(_MAX_ROUNDS):
            chain = self._chain_of(usable)
            if round_ == _MAX_ROUNDS - 1:
                tolerance = TOLERANCE
            self._fit_together(chain, start, status, tolerance)
            decided = {i: self._decided(i) for i in usable}
            poor = self._poor(usable) if len(usable) > 2 else []
            for index in aside:
                self._fit_alone(index)
            still_poor = self._poor(aside)
            back = [i for i in aside if i not in still_poor]
            before = status
            settled = not changed_cells(decided, before) and not poor and not back
            if tolerance == TOLERANCE and (settled or round_ == _MAX_ROUNDS - 1):
                self._name(decided)
                break
            status = decided | {i: self._decided(i) for i in back}
            aside = sorted((set(aside) | set(poor)) - set(back))
            usable = self.in_time((set(usable) - set(poor)) | set(back))
            if poor or back:
                # What was vague beside other scans need not be so now.
                self._decisions = Decisions()
            elif not settled:
                settled = self._settle_few(changed_cells(decided, before), status)
            tolerance = TOLERANCE if settled else _ROUGH
            status = {i: status[i] for i in usable}
            start = self._state_of(usable)
            take_back(self.sequential, self.fits, start, status)
            if chain.indices == tuple(usable):
                start = chain.with_geometry_of(start)
        for index in aside:
            self._fit_alone(index)

    def _settle_few(self, changed: Sequence[int], status: Statuses) -> bool:
        """Scans whose cells have come or gone go on by themselves, and decide again, if they are few: then true.

        In a long series there are always some, and to fit all the others again for them would take as many rounds as
        the most undecided needs. `status` is changed in place.
        """
        if len(changed) > _FEW * len(status):
            return False
        alone, (chain, problem, _, _) = self._alone, self._fitted

        def go_on(index: int, start: SeriesState) -> None:
            self.fits[index] = alone.fit(index, start, status[index], tolerance=_NEAR)
            status[index] = self.fits[index].status

        for index in changed:
            start = self._state_of([index])
            take_back(self.sequential, self.fits, start, {index: status[index]})
            go_on(index, start)
        for index, start in misplaced_scans(chain, problem, self._state_of(chain.indices), status).items():
            go_on(index, start)
        return True

    def _state_of(self, indices: Sequence[int]) -> SeriesState:
        """The state of these scans as they were last fitted."""
        state = self.solution.state
        return SeriesState(
            local=np.array([self.fits[i].local for i in indices]),
            shared=state.shared.copy(),
            fixed=np.broadcast_to(state.fixed[0], (len(indices), state.fixed.shape[1])),
        )

    def _test_spread(self) -> SpreadTest:
        chain, problem, solution, errors = self._fitted
        self._freed = FreedParameters(chain, solution, errors)
        status = [self.fits[i].status for i in chain.indices]
        return spread_test(problem, chain, solution, errors, status, filled=self._freed.steps.take)

    def _settle_spread(self, found: Statuses) -> None:
        """Let lines deviate as far as the series calls for (empirical Bayes)."""
        assert self.spread is not None
        spread = np.where(self.spread.z > 0.0, np.maximum(self.spread.spread, _LEAST_SPREAD), 0.0)
        self._widen(Regime(spread=spread), found)
        for _ in range(_MAX_SPREAD_ROUNDS):
            chain, _, solution, errors = self._fitted
            assert self.regime.spread is not None
            spread = next_spread(chain, solution, errors, self.regime.spread)
            spread = np.where(spread < _LEAST_SPREAD, 0.0, spread)
            change = np.abs(spread - self.regime.spread)
            if np.all(change <= _SETTLED * np.maximum(spread, _LEAST_SPREAD)):
                break
            self.regime = Regime(spread=spread)
            indices = list(chain.indices)
            aside = [i for i in self.fits if i not in chain.indices]
            self._settle(indices, aside, {i: self.fits[i].status for i in indices}, self._state_of(indices))

    def _free_intensities(self, found: Statuses) -> None:
        """Every scan with intensities of its own (Le Bail), other parameters in their scopes.

        Free lines find something of any phase: what the shared intensities did not see stays out.
        """
        seen = {
            i: tuple(
                Status.ABSENT if shared == Status.ABSENT else own
                for own, shared in zip(found[i], self.fits[i].status, strict=True)
            )
            for i in found
        }
        self._widen(Regime(spread=np.full(len(self.model.phases), np.inf)), seen)

    def _widen(self, regime: Regime, found: Statuses) -> None:
        """Go over to lines that deviate; phases are as the sequential pass found them, which knew no shared lines."""
        # Scans that were set aside for their intensities belong to the series again.
        assert self._model is not None
        indices = self.in_time(self.fits)
        chain, shared = self._model.chain(indices), self._state_of(indices)
        chain.settle(shared)
        start = with_room_for_deviations(chain, shared)
        self.regime = regime
        self._decisions = Decisions()
        self._settle(indices, [], {i: found.get(i, self.fits[i].status) for i in indices}, start)

    def chain_read_otherwise(self, part: slice) -> Chain:
        """Some of the scans that were fitted together, as the other kind of detector would have measured them."""
        assert self._model is not None
        instrument = self.model.instrument
        other = replace(instrument, detector="area" if instrument.detector == "point" else "point")
        model = PatternModel.of(other, self.model.phases, self.model.background)
        return replace(self._model, model=model).chain(self.chain.indices[part])

    def _fit_together(self, chain: Chain, start: SeriesState, status: Statuses, tolerance: float) -> None:
        # What is known of the last fit, its errors above all, takes as much memory as the next one.
        self._main, self.fits = None, {i: fit for i, fit in self.fits.items() if i not in status}
        hold_cells(chain, start, status)
        problem = pose(chain, self.settings, self.regime, start, status)
        left_over = _LEFT_OVER if tolerance == _ROUGH else 0.0
        solution = minimise_joint(
            problem,
            start,
            tolerance=tolerance,
            left_over=left_over,
            renewed=None if left_over else HeldCells(chain, problem, start, status).renewed,
        )
        errors = joint_errors(chain, solution, self.settings)
        solution = solution.without_equations()
        self._main = (chain, problem, solution, errors)
        self._keep(chain, solution, errors, status)
        self._say()

    def _say(self) -> None:
        """How far it is: of what is left, which nobody knows, each fit is taken to be one half."""
        self._n_fits += 1
        progress, n = self.sequential.progress, len(self.sequential.scans)
        if progress is not None:
            word = f"{count_of_scans(len(self.fits))} together: R_wp {self.usual_quality[1]:.4f}"
            progress(2 * n - int(n * 0.5**self._n_fits), 2 * n, word)

    def _fit_alone(self, index: int) -> None:
        """A scan that must not bend what the others share: fitted with that, from two starts; the better one stays."""
        main = self.chain
        near = main.indices[int(np.argmin(np.abs(main.times - self._middle[index])))]
        found = [self._alone.fit(index, self._state_of([near]), self.fits[near].status)]
        record = self.sequential.records[index]
        if record.usable:
            own = self._state_of([near])
            layout = main.layout
            own.local[0, : layout.local.size] = scan_values(self.sequential, index)[layout.local]
            own.local[0, layout.scale] = [sum(areas.values()) for areas in record.areas]
            found.append(self._alone.fit(index, own, record.status))
        best = min(found, key=lambda fit: float(fit.solution.blocks.total))
        if not positions_hold(best.chain, best.solution, best.errors).all():
            held = tuple(min(state, Status.HELD) for state in best.status)
            best = replace(best, status=held, displaced=True)
        self.fits[index] = best

    @property
    def _alone(self) -> FitsAlone:
        """How scans are fitted by themselves, beside those that were last fitted together."""
        assert self._model is not None
        _, problem, _, errors = self._fitted
        return FitsAlone(
            model=self._model,
            settings=self.settings,
            regime=self.regime,
            decisions=self._decisions,
            problem=problem,
            errors=errors,
        )

    def _decided(self, index: int) -> tuple[Status, ...]:
        return self._decisions.of(index, self.fits[index], self.regime)

    def _name(self, decided: Statuses) -> None:
        for index, status in decided.items():
            self.fits[index] = with_status(self.fits[index], status)

    def _keep(self, chain: Chain, solution: JointSolution, errors: JointErrors, status: Statuses) -> None:
        values = solution.state.run_values(chain.layout, slice(0, len(chain.scans)))
        for position, index in enumerate(chain.indices):
            self.fits[index] = JointScanFit(
                chain=chain,
                position=position,
                solution=solution,
                errors=errors,
                values=values[position],
                status=status[index],
                alone=False,
            )

    def in_time(self, indices: Iterable[int]) -> list[int]:
        """Scans in the order in which they were measured, whatever their order in the stack."""
        middle = self._middle
        return sorted(indices, key=lambda i: (middle[i], i))

    @property
    def _middle(self) -> NDArray[np.float64]:
        """(n_stack,) of all scans."""
        stack = self.sequential.stack
        return mid_times(stack.times, len(stack))

    def _poor(self, indices: Sequence[int]) -> list[int]:
        """Of these scans, those that the model meets much worse than the series."""
        gof, r_wp = self.usual_quality
        fits = {i: self.fits[i].agreement for i in indices}
        return [i for i, fit in fits.items() if fit.gof > _POOR * gof and fit.r_wp > _POOR * r_wp]
