"""Stacks with a known answer for the joint fit, calculated by `tests.twins` and plain interpolation in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests import scans, twins
from xrdfit.crystal import Phase, read_cif
from xrdfit.data import RefineSettings, ScanTimes
from xrdfit.fit import TiedParameters, prepare_scan
from xrdfit.model import Background, Instrument, LineChoice, PatternModel
from xrdfit.series.joint.chain import Chain, SeriesModel, make_problem, mid_times
from xrdfit.series.joint.intensities import ExtractedIntensities, IntensityModel
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import Blocks, JointProblem
from xrdfit.series.joint.scan import JointScan
from xrdfit.series.joint.solver import JointSolution, minimise_joint
from xrdfit.series.kept import KeptScan
from xrdfit.series.scopes import settle_joint_scopes

Array = NDArray[np.float64]
BUNDLED = Path(__file__).parents[1] / "data" / "cif"
TWO_THETA = np.linspace(20.0, 34.0, 200)
SETTINGS = RefineSettings(
    mode="series",
    weights="poisson",
    esd_scaling="none",
    scope={"LFP_lorentz_strain": "fixed", "FP_lorentz_strain": "fixed"},
)
HOURS = 3600.0


def scan_times(n_scans: int, *, pauses: Sequence[float] | None = None) -> ScanTimes:
    """Two hours a scan, each followed by its pause in s (none by default)."""
    pause = np.zeros(n_scans) if pauses is None else np.asarray(pauses, dtype=np.float64)
    start = np.concatenate([[0.0], np.cumsum(2.0 * HOURS + pause[:-1])])
    return ScanTimes(start_s=start, end_s=start + 2.0 * HOURS)


def olivine(name: str, file: str, axis: tuple[int, int, int] | None = None) -> Phase:
    """A phase of the bundled structures, and the axis of its preferred orientation."""
    group, cell, crystal = read_cif(BUNDLED / file)
    return Phase(name=name, group=group, cell=cell, structure=crystal, march_dollase=axis)


def model_of(*phases: Phase, detector: str = "point", terms: int = 2) -> PatternModel:
    instrument = Instrument.k_alpha("Cu", profile=scans.PROFILE, detector=detector)
    return PatternModel.of(instrument, phases or (scans.LFP, scans.FP), Background(terms=terms))


def kept(counts: Array, two_theta: Array, settings: RefineSettings = SETTINGS) -> KeptScan:
    return KeptScan(prepare_scan(scans.pattern(counts, two_theta), settings))


def measure_again(scan: JointScan, counts: Array) -> None:
    """Let a scan have measured something else at its points."""
    scan.kept = kept(counts, scan.kept.grid.chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStack:
    """A stack and what it was made from; ``expected`` (N, n)."""

    model: PatternModel
    settings: RefineSettings
    lines: LineChoice
    intensities: IntensityModel
    times: ScanTimes | None
    two_theta: Array
    deviations: bool
    truth: SeriesState
    expected: Array

    def counts(self, seed: int) -> Array:
        return np.random.default_rng(seed).poisson(self.expected).astype(np.float64)

    def chain(
        self, data: Array | None = None, *, order: Sequence[int] | None = None, spread: Array | None = None
    ) -> Chain:
        """The scans in this order, settled at the truth; without data, with what is expected of them."""
        chain = self.unsettled(self.expected if data is None else data, order=order)
        truth = self.in_order(chain.indices)
        chain.settle(
            truth, deviates=np.full((len(chain.scans), len(self.model.phases)), self.deviations), spread=spread
        )
        return chain

    def in_order(self, order: Sequence[int]) -> SeriesState:
        """The truth of these scans."""
        chosen = list(order)
        return SeriesState(self.truth.local[chosen], self.truth.shared.copy(), self.truth.fixed[chosen])

    def unsettled(self, data: Array, *, order: Sequence[int] | None = None) -> Chain:
        chosen = range(len(data)) if order is None else order
        return self.series(data).chain(chosen, deviations=self.deviations)

    def series(self, data: Array) -> SeriesModel:
        prepared = {i: kept(row, self.two_theta, self.settings) for i, row in enumerate(data)}
        times = mid_times(self.times, len(data))
        absent = np.zeros(len(self.model.table), dtype=bool)
        scopes = settle_joint_scopes(self.model, self.settings, absent=absent)
        table = self.model.table
        return SeriesModel(
            model=self.model,
            scopes=scopes,
            lines=self.lines,
            intensities=self.intensities,
            prepared=prepared,
            times=self.times,
            middle=times,
            span=(float(times[0]), float(times[-1])),
            tied=TiedParameters.of(table, self.settings.overrides, scopes.moving(len(table))),
        )

    def problem(self, chain: Chain, **changes: Any) -> JointProblem:
        """Everything free, whatever `changes` say otherwise."""
        layout = chain.layout
        free = np.ones((len(chain.scans), layout.n_local), dtype=bool)
        made = make_problem(
            chain,
            changes.pop("settings", self.settings),
            free=changes.pop("free", free),
            free_shared=changes.pop("free_shared", np.ones(layout.n_shared, dtype=bool)),
        )
        return replace(made, **changes)

    def fit(
        self, data: Array, start: SeriesState | None = None, *, spread: Array | None = None, **changes: Any
    ) -> tuple[Chain, JointSolution]:
        chain = self.chain(data, spread=spread)
        return chain, minimise_joint(self.problem(chain, **changes), self.truth if start is None else start)


def extracted(lines: LineChoice, model: PatternModel, first: Array | None = None) -> IntensityModel:
    return ExtractedIntensities.of(lines, model.phases, np.ones(lines.phase.size) if first is None else first)


def known_stack(
    n_scans: int = 4,
    *,
    detector: str = "point",
    phases: Sequence[Phase] = (scans.LFP, scans.FP),
    settings: RefineSettings = SETTINGS,
    make_intensities: Callable[[LineChoice, PatternModel, Array], IntensityModel] = extracted,
    deviations: bool = False,
    times: ScanTimes | None = None,
    two_theta: Array = TWO_THETA,
    strength: float = 2000.0,
    conversion: Array | None = None,
    seed: int = 0,
) -> KnownStack:
    """The first phase turns into the second while the cells breathe and the sample moves.

    strength : sum of the areas of a pure phase. conversion : (N,) amount of the second phase; from 0.2 to 0.8.
    """
    rng = np.random.default_rng(seed)
    model = model_of(*phases, detector=detector)
    names = model.table.names
    true = {name: value for name, value in scans.TRUE.items() if name in names}
    values = scans.parameters(model, **true)
    lines = model.choose_lines(values, two_theta, [True] * len(phases))
    areas = rng.uniform(0.2, 1.0, lines.phase.size)
    known = KnownStack(
        model=model,
        settings=settings,
        lines=lines,
        intensities=make_intensities(lines, model, areas),
        times=times,
        two_theta=two_theta,
        deviations=deviations,
        truth=SeriesState(np.empty((0, 0)), np.empty(0), np.empty((0, 0))),
        expected=np.empty((0, 0)),
    )
    chain = known.unsettled(np.ones((n_scans, two_theta.size)))
    layout = chain.layout
    local, shared = np.zeros((n_scans, layout.n_local)), np.zeros(layout.n_shared)
    local[:, : layout.local.size] = values[layout.local]
    cells = np.flatnonzero(model.table.where("cell")[layout.local])
    local[:, cells] *= 1.0 + 2e-4 * rng.uniform(-1.0, 1.0, (n_scans, cells.size))
    converted = np.linspace(0.2, 0.8, n_scans) if conversion is None else conversion
    local[:, layout.scale] = strength * np.column_stack([1.0 - converted, converted])[:, : len(phases)]
    shared[: layout.series.size] = values[layout.series]
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        shared[where] = 0.005 * rng.standard_normal(basis.shape[1])
        shared[where.start] += values[row]
    shared[layout.intensity] = layout.intensities.start
    truth = SeriesState(local, shared, np.tile(values, (n_scans, 1)))
    if deviations:
        areas = np.array([shared_areas(chain, truth, s) for s in range(n_scans)])
        truth.local[:, layout.deviation] = areas * (1.0 + 0.1 * rng.standard_normal(areas.shape))
    expected = np.array([pattern(chain, truth, s) for s in range(n_scans)])
    return replace(known, truth=truth, expected=expected)


def geometry(model: PatternModel, lines: LineChoice, values: Array) -> Array:
    """(m,) Lorentz-polarisation over V^2 of each line, relative to the start cell; tube without a monochromator."""
    named, factor = scans.by_name(model, values), np.empty(lines.phase.size)
    wavelength = model.instrument.lines[0][0]

    def lp(cell: Array, hkl: Array) -> float:
        theta = np.arcsin(wavelength / 2.0 / twins.d_spacing(cell, hkl))
        return float((1.0 + np.cos(2.0 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta)))

    for number, phase in enumerate(model.phases):
        here, first = twins.cell(model, named, number), np.array(phase.cell.lengths_angles)
        diluted = np.linalg.det(twins.metric(first)) / np.linalg.det(twins.metric(here))
        for i in np.flatnonzero(lines.phase == number):
            factor[i] = diluted * lp(here, lines.hkl[i]) / lp(first, lines.hkl[i])
    return factor


def envelope(chain: Chain, state: SeriesState, position: int) -> Array:
    """(P, n) scale of each phase at each point, interpolated between the mid-times of the chain."""
    layout, scan = chain.layout, chain.scans[position]
    scales = state.local[:, layout.scale].T
    used = scan.kept.grid.used
    if scan.share.shape[0] == 1:
        return np.repeat(scales[:, [position]], np.count_nonzero(used), axis=1)
    # Without times a scan is as long as it is far from the next; the scans of `scan_times` take two hours.
    half = 0.5 if np.array_equal(chain.times, chain.indices) else HOURS
    time = chain.times[position] + half * (2.0 * (np.flatnonzero(used) + 0.5) / used.size - 1.0)
    return np.array([np.interp(time, chain.times, row) for row in scales])


def shared_areas(chain: Chain, state: SeriesState, position: int) -> Array:
    """(m,) areas of a scan's lines as the shared intensities have them."""
    layout = chain.layout
    scale = state.local[position, layout.scale][layout.lines.phase]
    relative = layout.intensities.relative(state.shared[layout.intensity])
    return scale * relative * geometry(layout.model, layout.lines, state.values(layout, position))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a fit does not differentiate: geometry of the lines (m,), course in time of areas that deviate (P, n)."""

    geometry: Array
    course: Array

    @classmethod
    def at(cls, chain: Chain, state: SeriesState, position: int) -> Settled:
        layout = chain.layout
        scale = state.local[position, layout.scale]
        return cls(
            geometry=geometry(layout.model, layout.lines, state.values(layout, position)),
            course=envelope(chain, state, position) / np.where(scale > 0.0, scale, 1.0)[:, None],
        )


def pattern(chain: Chain, state: SeriesState, position: int, settled: Settled | None = None) -> Array:
    """(n,) what a scan shows; all its lines deviate if the layout lets them."""
    layout, scan = chain.layout, chain.scans[position]
    model, lines = layout.model, layout.lines
    settled = Settled.at(chain, state, position) if settled is None else settled
    if layout.deviations:
        area, course = state.local[position, layout.deviation], settled.course
    else:
        area = layout.intensities.relative(state.shared[layout.intensity]) * settled.geometry
        course = envelope(chain, state, position)
    x = scan.kept.grid.chosen
    named = scans.by_name(model, state.values(layout, position))
    profiles = twins.profiles(model, named, lines, x)
    return twins.background(model, named, x) + (area[:, None] * profiles * course[lines.phase]).sum(axis=0)


def dense(blocks: Blocks) -> tuple[Array, Array]:
    """The whole matrix and right side, scan after scan, the shared variables last."""
    n, size, n_shared = blocks.border.shape
    full = np.zeros((n * size + n_shared,) * 2)
    for s in range(n):
        here = slice(s * size, (s + 1) * size)
        full[here, here] = blocks.diagonal[s]
        full[here, n * size :] = blocks.border[s]
        full[n * size :, here] = blocks.border[s].T
    for s in range(len(blocks.below)):
        here, after = slice(s * size, (s + 1) * size), slice((s + 1) * size, (s + 2) * size)
        full[after, here], full[here, after] = blocks.below[s], blocks.below[s].T
    full[n * size :, n * size :] = blocks.corner
    return full, np.concatenate([blocks.right.ravel(), blocks.right_corner])


def vector(state: SeriesState) -> Array:
    """All variables in the order of `dense`."""
    return np.concatenate([state.local.ravel(), state.shared])


def state_of(variables: Array, like: SeriesState) -> SeriesState:
    n = like.local.size
    return SeriesState(variables[:n].reshape(like.local.shape), variables[n:].copy(), like.fixed)


def steps(chain: Chain) -> Array:
    """For every variable in the order of `dense`, a step for differences: lines move by a thousandth of their width."""
    layout = chain.layout
    sizes = {"cell": 1e-4, "width": 1e-4, "strain": 1e-4, "position": 1e-4, "resolution": 1e-6, "background": 1.0}
    table = [sizes.get(spec.kind, np.nan) for spec in layout.model.table]
    local = np.array([table[row] for row in layout.local])
    local = np.concatenate([local, np.full(layout.n_phases, 10.0), np.full(layout.n_local - layout.scale.stop, 1.0)])
    first = layout.rows[layout.local.size :]
    shared = np.concatenate([np.array([table[row] for row in first]), np.full(layout.intensities.start.size, 1e-3)])
    return np.concatenate([np.tile(local, len(chain.scans)), shared])


def differences(course: Callable[[Array], Array], at: Array, step: Array, which: Array | None = None) -> Array:
    """(n_variables, n_points) five-point difference quotients with respect to all variables, or to those chosen."""
    rows = []
    for i in range(at.size) if which is None else which:
        near = []
        for by in (-2.0, -1.0, 1.0, 2.0):
            moved = at.copy()
            moved[i] += by * step[i]
            near.append(course(moved))
        rows.append((near[0] - 8.0 * near[1] + 8.0 * near[2] - near[3]) / (12.0 * step[i]))
    return np.array(rows)
