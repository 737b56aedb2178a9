"""The scans of a joint fit in a row, from what the sequential pass knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings, ScanTimes
from xrdfit.fit import ScanObjective, TiedParameters, start_values
from xrdfit.kernels.profiles import pseudo_voigt_shape
from xrdfit.kernels.spread_lines import beam_spreads
from xrdfit.model import LineChoice, PatternModel
from xrdfit.series.joint.drift import drift_basis, is_polynomial
from xrdfit.series.joint.intensities import IntensityModel, geometry_factors
from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.problem import JointProblem, Priors
from xrdfit.series.joint.scan import JointScan
from xrdfit.series.joint.scan_clock import ScanClock
from xrdfit.series.kept import KeptScan
from xrdfit.series.scopes import JointScopes
from xrdfit.series.threads import ONE_THREAD, Threads

# Scans at which the lines of a series are listed; between them no line comes or goes that matters.
_LISTED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """N scans of a stack in order: `indices` (N,) into the stack, `times` (N,) of their middle, in s or scans.

    threads : of this process, for what is done scan by scan.
    """

    indices: tuple[int, ...]
    times: NDArray[np.float64]
    layout: Layout
    scans: list[JointScan]
    threads: Threads = ONE_THREAD

    def settle(
        self,
        state: SeriesState,
        *,
        deviates: NDArray[np.bool_] | None = None,
        spread: NDArray[np.float64] | None = None,
        held: NDArray[np.bool_] | None = None,
    ) -> None:
        """Let all scans take what a fit does not differentiate: see `JointScan.settle`.

        deviates, held : (N, P), nothing by default.
        """
        geometry = self._geometry(state)
        copies_fwhm = self._copies_fwhm(state)
        none = np.zeros((len(self.scans), self.layout.n_phases), dtype=np.bool_)
        own, pinned = none if deviates is None else deviates, none if held is None else held
        for position, scan in enumerate(self.scans):
            scan.copies_fwhm = copies_fwhm
            scan.settle(
                state, geometry=geometry[position], deviates=own[position], held=pinned[position], spread=spread
            )

    def with_geometry_of(self, state: SeriesState) -> SeriesState:
        """Take the geometry factors of the lines at the cells of `state`; the state with scales that make up for it."""
        layout = self.layout
        relative = layout.intensities.relative(state.shared[layout.intensity])
        before, after = np.array([scan.geometry for scan in self.scans]), self._geometry(state)
        renewed = state.copy()
        for phase in range(layout.n_phases):
            own = layout.lines.phase == phase
            was, now = before[:, own] @ relative[own], after[:, own] @ relative[own]
            renewed.local[:, layout.scale.start + phase] *= np.divide(was, now, out=np.ones_like(now), where=now > 0.0)
        for scan, factors in zip(self.scans, after, strict=True):
            scan.geometry = factors
        return renewed

    def _copies_fwhm(self, state: SeriesState) -> NDArray[np.float64] | None:
        """(m, n_lines) narrowest FWHM of each line in any scan; where the beam is not spread, what the problem has."""
        layout = self.layout
        if not layout.may_spread:
            return None
        values = state.run_values(layout, slice(0, len(self.scans)))
        finite = values[np.isfinite(values).all(axis=1)]
        if not finite.size or not beam_spreads(layout.model.table.slots(finite[0])):
            return np.zeros((0, 0))
        narrowest = np.array(np.inf)
        for row in finite:
            placed = layout.model.place(row, layout.lines)
            parts = zip(placed.gauss.ravel().tolist(), placed.lorentz.ravel().tolist(), strict=True)
            fwhm = np.array([pseudo_voigt_shape(*part)[0] for part in parts]).reshape(placed.gauss.shape)
            narrowest = np.minimum(narrowest, fwhm)
        return narrowest

    def _geometry(self, state: SeriesState) -> NDArray[np.float64]:
        """(N, m) geometry factors of the lines at the cells of a state; what they were where there is no cell."""
        layout = self.layout
        values = state.run_values(layout, slice(0, len(self.scans)))
        found = geometry_factors(layout.model, layout.lines, values)
        before = np.array([scan.geometry for scan in self.scans]).reshape(found.shape)
        there = np.isfinite(found)
        there[~np.isfinite(values).all(axis=1)] = False
        return np.where(there, found, before)


def mid_times(times: ScanTimes | None, n_scans: int) -> NDArray[np.float64]:
    """(n_scans,) of all scans of a stack; without times, the scans' numbers."""
    return np.arange(n_scans, dtype=np.float64) if times is None else 0.5 * (times.start_s + times.end_s)


def list_lines(
    model: PatternModel,
    values: Sequence[NDArray[np.float64]],
    prepared: Sequence[KeptScan],
    present: Sequence[bool],
) -> LineChoice:
    """Every line that is in the pattern of some scan; values (n_parameters,) of each scan."""
    chosen = np.unique(np.linspace(0, len(prepared) - 1, _LISTED).round().astype(int))
    seen: dict[tuple[int, ...], float] = {}
    known: list[LineChoice] = []
    for i in chosen:
        lines = model.choose_lines(values[i], prepared[i].grid.chosen, present)
        if any(lines.same_as(other) for other in known[::-1]):
            continue
        known.append(lines)
        place = model.place(values[i], lines).position[:, 0]
        for phase, hkl, where in zip(lines.phase.tolist(), lines.hkl.tolist(), place, strict=True):
            seen.setdefault((phase, *hkl), float(where))
    order = sorted(seen, key=lambda line: (line[0], seen[line], line))
    return LineChoice(
        hkl=np.array([line[1:] for line in order], dtype=np.int32).reshape(-1, 3),
        phase=np.array([line[0] for line in order], dtype=np.int64),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesModel:
    """The model of a series, ready to be set up for any of its scans.

    Attributes
    ----------
    prepared : the scans by index into the stack. times : of the stack, None if not known.
    middle : (n_stack,) mid-times. span : first and last of those over which drifts go.
    tied : parameters that the recipe's expressions tie to others, None if there are none.
    amount : of scans in which everything is more or less than in the others, by index: how many times as much.
    may_spread : whether the beam may spread lines in any of the scans. threads : of this process, for its fits.
    """

    model: PatternModel
    scopes: JointScopes
    lines: LineChoice
    intensities: IntensityModel
    prepared: Mapping[int, KeptScan]
    times: ScanTimes | None
    middle: NDArray[np.float64]
    span: tuple[float, float]
    tied: TiedParameters | None = None
    amount: Mapping[int, float] = field(default_factory=dict)
    may_spread: bool = True
    threads: Threads = ONE_THREAD
    _first: dict[tuple[bool, bool], JointScan] = field(default_factory=dict, init=False)

    def chain(self, indices: Sequence[int], *, deviations: bool = False, linked: bool = True) -> Chain:
        """These scans in a row.

        deviations : whether lines may deviate from the shared intensities. linked : whether the scales of a sweeping
        scan are interpolated between neighbours.
        """
        middle = self.middle[list(indices)]
        drifts = tuple(
            (row, drift_basis(np.append(middle, self.span), drift)[: middle.size]) for row, drift in self.scopes.drifts
        )
        layout = Layout(
            model=self.model,
            lines=self.lines,
            local=self.scopes.local,
            series=self.scopes.series,
            drifts=drifts,
            intensities=self.intensities,
            deviations=deviations,
            tied=self.tied,
            may_spread=self.may_spread,
        )
        swept = linked and self.model.instrument.detector == "point"
        scans: list[JointScan] = []
        # What is filled anew for every scan need not be there for every chain.
        like = self._first.get((deviations, swept))
        for position, index in enumerate(indices):
            clock = self._clock(indices, middle, position) if swept else None
            like = JointScan(layout, position, self.prepared[index], clock, like)
            scans.append(like)
        if scans:
            self._first[deviations, swept] = scans[0]
        return Chain(indices=tuple(indices), times=middle, layout=layout, scans=scans, threads=self.threads)

    def _clock(self, indices: Sequence[int], middle: NDArray[np.float64], position: int) -> ScanClock:
        index, last = indices[position], len(indices) - 1
        before = indices[position - 1] if position else None
        after = indices[position + 1] if position < last else None
        own = self.amount.get(index, 1.0)
        # Without times, scans are taken to follow each other without a pause.
        return ScanClock(
            start=index - 0.5 if self.times is None else float(self.times.start_s[index]),
            end=index + 0.5 if self.times is None else float(self.times.end_s[index]),
            before=None if before is None else float(middle[position - 1]),
            after=None if after is None else float(middle[position + 1]),
            against_before=1.0 if before is None else own / self.amount.get(before, 1.0),
            against_after=1.0 if after is None else own / self.amount.get(after, 1.0),
        )


def make_problem(
    chain: Chain,
    settings: RefineSettings,
    *,
    free: NDArray[np.bool_],
    free_shared: NDArray[np.bool_],
    start: SeriesState | None = None,
) -> JointProblem:
    """What is to be minimised over a chain; free (N, n_local), free_shared (n_shared,).

    start : where expressions that are not linear are read off for the longest steps; the recipe's values by default.
    """
    layout = chain.layout
    longest, longest_shared = _longest(chain, settings, start)
    return JointProblem(
        layout=layout,
        scans=chain.scans,
        free=free,
        free_shared=free_shared,
        limits=layout.limits(settings.overrides),
        longest=longest,
        longest_shared=longest_shared,
        priors=_priors(layout, settings),
        threads=chain.threads,
    )


def _longest(
    chain: Chain, settings: RefineSettings, start: SeriesState | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps that move no line by more than half its FWHM: beyond, positions and widths do not answer linearly."""
    layout = chain.layout
    model = layout.model
    wanted = layout.touched
    longest = np.full(layout.n_local, np.inf)
    shared = np.full(layout.n_shared, np.inf)
    if not wanted.any() or not chain.scans:
        return longest, shared
    prepared = chain.scans[0].kept.prepared
    values = model.table.defaults()
    derivative = np.eye(values.size)
    if layout.tied is not None:
        values = start_values(model.table, settings.overrides) if start is None else start.values(layout, 0)
        values, derivative = layout.tied.values(values), layout.tied.derivative(values)
        if not np.isfinite(values).all():
            return longest, shared
    objective = ScanObjective(
        model, prepared.points, prepared.noise, values=values, present=[True] * len(model.phases), wanted=wanted
    )
    objective.start_weights(1.0 / prepared.variance)
    steps = objective.longest_steps(values, derivative)
    longest[: layout.local.size] = steps[layout.local]
    n = layout.rows.size - layout.local.size
    shared[:n] = steps[layout.rows[layout.local.size :]]
    return longest, shared


def _priors(layout: Layout, settings: RefineSettings) -> Priors:
    local, local_weight = np.zeros(layout.n_local), np.zeros(layout.n_local)
    shared, shared_weight = np.zeros(layout.n_shared), np.zeros(layout.n_shared)
    for rows, mean, weight in ((layout.local, local, local_weight), (layout.series, shared, shared_weight)):
        for i, row in enumerate(rows):
            said = settings.overrides.get(layout.model.table.names[row])
            if said is not None and said.prior is not None:
                mean[i], weight[i] = said.prior[0], 1.0 / said.prior[1] ** 2
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        said = settings.overrides.get(layout.model.table.names[row])
        if said is not None and said.prior is not None and is_polynomial(basis):
            shared[where.start], shared_weight[where.start] = said.prior[0], 1.0 / said.prior[1] ** 2
    return Priors(
        local=local,
        local_weight=local_weight,
        shared=shared,
        shared_weight=shared_weight,
        coupling=_coupling(layout, settings, shared),
    )


def _coupling(layout: Layout, settings: RefineSettings, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_shared, n_shared) inverse covariance of what is known together; its means are put into `mean`.

    Of the parameters that the prior names, those that the series has in common; over the others it is integrated.
    """
    coupling = np.zeros((layout.n_shared, layout.n_shared))
    prior = settings.joint_prior
    if prior is not None:
        names = [layout.model.table.names[row] for row in layout.series]
        own = [i for i, name in enumerate(names) if name in prior.names]
        known = [prior.names.index(names[i]) for i in own]
        mean[own] = prior.mean[known]
        coupling[np.ix_(own, own)] = np.linalg.inv(prior.covariance[np.ix_(known, known)])
    return coupling


def first_state(
    chain: Chain,
    values: Sequence[NDArray[np.float64]],
    totals: NDArray[np.float64],
    shared_values: NDArray[np.float64],
) -> SeriesState:
    """Where a joint fit begins.

    values : (n_parameters,) of each scan as the sequential pass left them. totals : (N, P) sum of each phase's areas.
    shared_values : (n_parameters,) for what belongs to the series.
    """
    layout = chain.layout
    table = np.array(values)
    local = np.zeros((len(chain.scans), layout.n_local))
    local[:, : layout.local.size] = table[:, layout.local]
    local[:, layout.scale] = totals
    shared = np.zeros(layout.n_shared)
    shared[: layout.series.size] = shared_values[layout.series]
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        shared[where] = np.linalg.lstsq(basis, table[:, row], rcond=None)[0]
    shared[layout.intensity] = layout.intensities.start
    return SeriesState(
        local=local, shared=shared, fixed=np.broadcast_to(shared_values, (len(chain.scans), shared_values.size))
    )
