"""The series as one experiment: all scans in one fit, begun from the sequential pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, RefineSettings
from xrdfit.fit import Agreement, PreparedScan
from xrdfit.model import LineChoice, PatternModel
from xrdfit.series.chain import Chain, first_state, list_lines, make_chain, make_problem, mid_times
from xrdfit.series.intensities import ExtractedIntensities, IntensityModel, StructureIntensities
from xrdfit.series.joint import JointSolution, minimise_joint
from xrdfit.series.joint_errors import JointErrors, blur, joint_errors
from xrdfit.series.layout import SeriesState
from xrdfit.series.neighbours import between_neighbours
from xrdfit.series.presence import Z_PRESENT
from xrdfit.series.scopes import JointScopes, settle_joint_scopes
from xrdfit.series.selection import DETERMINED
from xrdfit.series.sequential import SequentialSeries
from xrdfit.series.state import Status

# With shared intensities a phase this many standard deviations above nothing has a cell of its own.
Z_CELL_JOINT = 8.0
# Rounds in which phases may still change between refined and held.
_MAX_ROUNDS = 6
# A scan whose GoF and R_wp both exceed the series' by this factor is set aside: it must not bend what the others share.
_POOR = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScanFit:
    """What the joint fit says of one scan.

    Attributes
    ----------
    state : position of the scan in its chain and the chain's solution and errors.
    status : of each phase. z : scale of each phase over its esd.
    """

    chain: Chain
    position: int
    solution: JointSolution
    errors: JointErrors
    status: tuple[Status, ...]
    alone: bool

    @property
    def prepared(self) -> PreparedScan:
        return self.chain.scans[self.position].prepared

    @property
    def values(self) -> NDArray[np.float64]:
        """(n_parameters,) in the table's order."""
        return self.solution.state.values(self.chain.layout, self.position)

    @property
    def scales(self) -> NDArray[np.float64]:
        """(P,)."""
        return self.solution.state.local[self.position, self.chain.layout.scale]

    @property
    def agreement(self) -> Agreement:
        return self.errors.agreement[self.position]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(n_local, n_local) marginal covariance of the scan's own variables."""
        return self.errors.covariance(self.position)

    @property
    def z(self) -> NDArray[np.float64]:
        """(P,) scale over esd."""
        where = self.chain.layout.scale
        variance = np.diag(self.covariance)[where]
        return np.divide(self.scales, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 0.0)


@dataclass(slots=True)
class JointSeries:
    """A series being refined jointly; `run` leaves `fits` of all scans that could be fitted."""

    sequential: SequentialSeries
    settings: RefineSettings
    fits: dict[int, JointScanFit] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    main: JointSolution | None = None
    chain: Chain | None = None
    errors: JointErrors | None = None
    _prepared: dict[int, PreparedScan] = field(default_factory=dict)

    @property
    def model(self) -> PatternModel:
        return self.sequential.fitter.model

    @property
    def usual_quality(self) -> tuple[float, float]:
        """Median GoF and R_wp of the scans."""
        fits = self.fits.values()
        return (
            float(np.median([fit.agreement.gof for fit in fits])),
            float(np.median([fit.agreement.r_wp for fit in fits])),
        )

    def run(self) -> bool:
        """Refine all scans; False if not one could be fitted."""
        if not self.sequential.explore(passes=1):
            return False
        records = self.sequential.records
        for index, record in records.items():
            if record.outcome != Outcome.NO_DATA:
                scan = self.sequential.prepare(index)
                if isinstance(scan, PreparedScan):
                    self._prepared[index] = scan
        usable = [i for i in sorted(self._prepared) if records[i].usable]
        lost = [i for i in sorted(self._prepared) if not records[i].usable]
        if not usable:
            return False
        unproven = self.sequential.unproven
        absent = np.zeros(len(self.model.table), dtype=np.bool_)
        for phase in unproven:
            absent |= self.model.of_phase(phase)
        scopes = settle_joint_scopes(self.model, self.settings, absent=absent)
        present = [phase not in unproven for phase in range(len(self.model.phases))]
        values = {i: self._start_values(i) for i in self._prepared}
        lines = list_lines(self.model, [values[i] for i in usable], [self._prepared[i] for i in usable], present)
        self._joint(usable, lost, scopes, lines, values)
        return True

    def _joint(
        self,
        usable: list[int],
        lost: list[int],
        scopes: JointScopes,
        lines: LineChoice,
        values: dict[int, NDArray[np.float64]],
    ) -> None:
        """Fit, decide on phases and scans, and fit again until nothing changes."""
        records = self.sequential.records
        status = {i: records[i].status for i in usable}
        aside = list(lost)
        start: SeriesState | None = None
        intensities = self._intensities(lines)
        for round_ in range(_MAX_ROUNDS):
            chain = self._chain(usable, scopes, lines, intensities, linked=True)
            if start is None:
                totals = np.array([[sum(areas.values()) for areas in records[i].areas] for i in usable])
                start = first_state(chain, [values[i] for i in usable], totals, self._series_values(usable, values))
            self._hold(chain, start, status)
            solution = self._fit(chain, start, status)
            errors = joint_errors(chain, solution, self.settings)
            self._keep(chain, solution, errors, status, alone=False)
            decided = {i: self._decide(self.fits[i]) for i in usable}
            poor = self._poor(usable) if len(usable) > 2 else []
            for index in aside:
                self._fit_alone(index, scopes, lines, intensities, chain, solution, errors)
            back = [i for i in aside if i in self.fits and not self._poor([i])]
            self.main, self.chain, self.errors = solution, chain, errors
            if (decided == status and not poor and not back) or round_ == _MAX_ROUNDS - 1:
                break
            status = decided | {i: self._decide(self.fits[i]) for i in back}
            aside = sorted((set(aside) | set(poor)) - set(back))
            usable = sorted((set(usable) - set(poor)) | set(back))
            status = {i: status[i] for i in usable}
            start = SeriesState(
                local=np.array([self.fits[i].solution.state.local[self.fits[i].position] for i in usable]),
                shared=solution.state.shared.copy(),
                fixed=np.tile(solution.state.fixed[0], (len(usable), 1)),
            )

    def _start_values(self, index: int) -> NDArray[np.float64]:
        """Where a scan begins: as the first pass left it, or as its neighbours have it."""
        record = self.sequential.records[index]
        assert self.sequential.seen is not None
        begin = record.values if record.usable else self.sequential.seen.start
        values = begin.copy()
        predicted = self.sequential.evidence.predicted(index, begin)
        for phase, state in enumerate(record.status):
            if state != Status.REFINED:
                own = self.model.of_phase(phase)
                values[own] = predicted[own]
        return values

    def _series_values(self, usable: Sequence[int], values: Mapping[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        """(n_parameters,) for what belongs to the series: the median over the scans in which a phase stands out."""
        assert self.sequential.seen is not None
        result = self.sequential.seen.start.copy()
        records = self.sequential.records
        for row in np.flatnonzero(self.sequential.fitter.scopes.scan):
            owner = [phase for phase in range(len(self.model.phases)) if self.model.of_phase(phase)[row]]
            good = [i for i in usable if not owner or records[i].status[owner[0]] == Status.REFINED]
            if good:
                weight = np.array([records[i].significance[owner[0]] if owner else 1.0 for i in good])
                result[row] = _weighted_median(np.array([values[i][row] for i in good]), weight)
        return result

    def _intensities(self, lines: LineChoice) -> IntensityModel:
        if self.settings.intensities == "structure":
            return StructureIntensities.of(lines, self.model.phases, self.model.instrument)
        first = np.zeros(lines.phase.size)
        for phase in range(len(self.model.phases)):
            reference = self.sequential.evidence.reference(-1, phase)
            for line in np.flatnonzero(lines.phase == phase):
                h, k, l = (int(index) for index in lines.hkl[line])  # noqa: E741
                first[line] = reference.get((h, k, l), 0.0)
        return ExtractedIntensities.of(lines, self.model.phases, first)

    def _chain(
        self,
        indices: Sequence[int],
        scopes: JointScopes,
        lines: LineChoice,
        intensities: IntensityModel,
        *,
        linked: bool,
    ) -> Chain:
        stack, scans = self.sequential.stack, self.sequential.scans
        times = mid_times(stack.times, len(stack))
        return make_chain(
            model=self.model,
            scopes=scopes,
            lines=lines,
            intensities=intensities,
            deviations=False,
            indices=indices,
            prepared=self._prepared,
            times=stack.times,
            series_times=times,
            span=(float(times[scans[0]]), float(times[scans[-1]])),
            linked=linked,
        )

    def _hold(self, chain: Chain, state: SeriesState, status: Mapping[int, tuple[Status, ...]]) -> None:
        """Put what a scan cannot say of a phase to what its neighbours say."""
        layout = chain.layout
        for phase in range(len(self.model.phases)):
            own = self.model.of_phase(phase)[layout.local]
            if own.any():
                known = np.array([status[i][phase] == Status.REFINED for i in chain.indices])
                columns = np.flatnonzero(own)
                state.local[:, columns] = between_neighbours(chain.times, state.local[:, columns], known)

    def _fit(
        self, chain: Chain, start: SeriesState, status: Mapping[int, tuple[Status, ...]], *, shared: bool = True
    ) -> JointSolution:
        layout = chain.layout
        free = np.ones((len(chain.scans), layout.n_local), dtype=np.bool_)
        for phase in range(len(self.model.phases)):
            own = layout.of_phase(phase)
            own[layout.scale] = False
            held = np.array([status[i][phase] != Status.REFINED for i in chain.indices])
            free[np.ix_(held, own)] = False
            if not (layout.lines.phase == phase).any():
                free[:, layout.local.size + phase] = False
        free_shared = np.full(layout.n_shared, shared)
        for scan in chain.scans:
            scan.settle_geometry(start)
        return minimise_joint(make_problem(chain, self.settings, free=free, free_shared=free_shared), start)

    def _fit_alone(
        self,
        index: int,
        scopes: JointScopes,
        lines: LineChoice,
        intensities: IntensityModel,
        main: Chain,
        solution: JointSolution,
        errors: JointErrors,
    ) -> None:
        """A scan that must not bend what the others share: fitted with that, begun where its neighbours are."""
        chain = self._chain([index], scopes, lines, intensities, linked=False)
        place = float(chain.times[0])
        nearest = int(np.argmin(np.abs(main.times - place)))
        local = solution.state.local[[nearest]].copy()
        state = SeriesState(local=local, shared=solution.state.shared.copy(), fixed=solution.state.fixed[[nearest]])
        status = {index: self.fits[main.indices[nearest]].status}
        for _ in range(2):
            alone = self._fit(chain, state, status, shared=False)
            self._keep(chain, alone, joint_errors(chain, alone, self.settings, errors), status, alone=True)
            decided = {index: self._decide(self.fits[index])}
            if decided == status:
                break
            status, state = decided, alone.state

    def _keep(
        self,
        chain: Chain,
        solution: JointSolution,
        errors: JointErrors,
        status: Mapping[int, tuple[Status, ...]],
        *,
        alone: bool,
    ) -> None:
        for position, index in enumerate(chain.indices):
            self.fits[index] = JointScanFit(
                chain=chain,
                position=position,
                solution=solution,
                errors=errors,
                status=status[index],
                alone=alone,
            )

    def _decide(self, fit: JointScanFit) -> tuple[Status, ...]:
        """Of each phase: there with a cell of its own, there with a held cell, or not there."""
        found = []
        for phase, z in enumerate(fit.z):
            readable = (
                fit.status[phase] != Status.REFINED
                or blur(fit.chain, fit.position, fit.solution, fit.covariance, phase) < DETERMINED
            )
            if z >= Z_CELL_JOINT and readable:
                found.append(Status.REFINED)
            else:
                found.append(Status.HELD if z >= Z_PRESENT else Status.ABSENT)
        return tuple(found)

    def _poor(self, indices: Sequence[int]) -> list[int]:
        """Of these scans, those that the model meets much worse than the series."""
        gof, r_wp = self.usual_quality
        return [
            i
            for i in indices
            if self.fits[i].agreement.gof > _POOR * gof and self.fits[i].agreement.r_wp > _POOR * r_wp
        ]


def _weighted_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
