"""The joint least-squares fit: its normal equations, its way to the minimum, limits, priors, and what it cannot see."""

from dataclasses import replace

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.data import Drift, JointPrior, ParameterOverride, RefineSettings
from xrdfit.series.joint import run, solver
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import JointErrors, joint_errors
from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.problem import assemble
from xrdfit.series.joint.solver import JointSolution, minimise_joint
from xrdfit.series.threads import Threads

PRIORS: RefineSettings = replace(
    stacks.SETTINGS,
    overrides={
        "LFP_a": ParameterOverride(prior=(10.335, 0.001)),
        "FP_lorentz_size": ParameterOverride(prior=(0.1, 0.002)),
    },
)
TOGETHER = replace(
    stacks.SETTINGS,
    joint_prior=JointPrior(
        names=("LFP_lorentz_size", "caglioti_w", "FP_lorentz_size"),
        mean=np.array([0.11, 0.004, 0.10]),
        covariance=np.array([[4e-4, 1e-6, 3e-4], [1e-6, 1e-8, 2e-6], [3e-4, 2e-6, 9e-4]]),
    ),
)
CASES = {
    "swept": {"detector": "point"},
    "read at once": {"detector": "area"},
    "with priors and deviations": {"detector": "point", "deviations": True, "settings": PRIORS},
    "with what is known together": {"detector": "area", "settings": TOGETHER},
}


def esds(chain: Chain, solution: JointSolution, settings: RefineSettings) -> np.ndarray:
    """Of all variables, in the order of `stacks.vector`; zero for what does not move or is not determined."""
    errors = joint_errors(chain, solution, settings)
    local = np.array([np.diag(errors.covariance(s)) for s in range(len(chain.scans))])
    local[errors.blind] = 0.0
    return np.sqrt(np.concatenate([local.ravel(), np.where(errors.blind_shared, 0.0, np.diag(errors.shared))]))


def local_column(known: stacks.KnownStack, name: str) -> int:
    layout = known.chain().layout
    return list(layout.local).index(known.model.table.index(name))


SPREAD = np.array([0.1, 0.3])


def strayed(layout: Layout, state: SeriesState, scan: int, settled: stacks.Settled) -> np.ndarray:
    """(m,) areas less the shared ones; nothing where lines do not deviate."""
    scale = state.local[scan, layout.scale][layout.lines.phase]
    shared = scale * state.shared[layout.intensity] * settled.geometry
    return state.local[scan, layout.deviation] - shared if layout.deviations else np.empty(0)


def sigma_of_areas(layout: Layout, state: SeriesState, scan: int, settled: stacks.Settled) -> np.ndarray:
    scale = state.local[scan, layout.scale][layout.lines.phase]
    shared = scale * state.shared[layout.intensity] * settled.geometry
    return SPREAD[layout.lines.phase] * shared if layout.deviations else np.empty(0)


@pytest.mark.parametrize("case", CASES)
def test_normal_equations_are_those_of_the_whole_stack_of_patterns(case: str) -> None:
    known = stacks.known_stack(3, two_theta=np.linspace(24.0, 30.5, 120), **CASES[case])
    data = known.counts(2)
    chain = known.chain(data, spread=SPREAD)
    problem = known.problem(chain)
    blocks = assemble(problem, known.truth)
    matrix, right = stacks.dense(blocks)
    settled = [stacks.Settled.at(chain, known.truth, s) for s in range(3)]
    layout = chain.layout

    def course(at: np.ndarray) -> np.ndarray:
        """Patterns, then how far the areas are from the shared ones."""
        state = stacks.state_of(at, known.truth)
        rows = [stacks.pattern(chain, state, s, settled[s]) for s in range(3)]
        return np.concatenate([*rows, *(strayed(layout, state, s, settled[s]) for s in range(3))])

    here = stacks.vector(known.truth)
    jacobian = stacks.differences(course, here, stacks.steps(chain))
    n_points, calculated = data.size, course(here)
    weight = 1.0 / np.maximum(calculated, 1.0)
    weight[n_points:] = np.concatenate([sigma_of_areas(layout, known.truth, s, settled[s]) for s in range(3)]) ** -2.0
    observed = np.zeros(calculated.size)
    observed[:n_points] = data.ravel()
    expected = (jacobian * weight) @ jacobian.T
    expected_right = jacobian @ (weight * (observed - calculated))
    priors = problem.priors
    weights = np.concatenate([np.tile(priors.local_weight, 3), priors.shared_weight])
    means = np.concatenate([np.tile(priors.local, 3), priors.shared])
    expected += np.diag(weights)
    expected_right += weights * (means - here)
    shared = slice(known.truth.local.size, None)
    expected[shared, shared] += priors.coupling
    expected_right[shared] += priors.coupling @ (means - here)[shared]

    # The convention on the intensities of a phase stands beside what the patterns say.
    first = known.truth.local.size + chain.layout.intensity.start
    gauge = chain.layout.intensities.gauge
    over = matrix[first:, first:] - expected[first:, first:]
    information = np.diag(expected)[first:].copy()
    for row in gauge:
        own = np.flatnonzero(row)
        firmness = over[own[0], own[-1]]
        assert firmness > 1e3 * information[own].max()
        expected[np.ix_(first + own, first + own)] += firmness
        expected_right[first + own] += firmness * (1.0 - float(row @ known.truth.shared[chain.layout.intensity]))

    size = np.sqrt(np.diag(expected))
    np.testing.assert_allclose(matrix / np.outer(size, size), expected / np.outer(size, size), rtol=0.0, atol=1e-7)
    np.testing.assert_allclose(right / size, expected_right / size, rtol=0.0, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_merit_is_the_deviance_of_the_patterns_and_the_distance_from_the_priors(case: str) -> None:
    known = stacks.known_stack(3, **CASES[case])
    data = known.counts(3)
    chain = known.chain(data, spread=SPREAD)
    problem = known.problem(chain)
    blocks = assemble(problem, known.truth)
    deviance = 2.0 * np.sum(data * np.log(data / known.expected) - (data - known.expected), axis=1)
    priors, state = problem.priors, known.truth
    deviance += ((state.local - priors.local) ** 2 * priors.local_weight).sum(axis=1)
    for s in range(3):
        settled = stacks.Settled.at(chain, state, s)
        apart, sigma = (each(chain.layout, state, s, settled) for each in (strayed, sigma_of_areas))
        deviance[s] += np.sum((apart / sigma) ** 2)
    shared = float(((state.shared - priors.shared) ** 2 * priors.shared_weight).sum())
    shared += float((state.shared - priors.shared) @ priors.coupling @ (state.shared - priors.shared))
    np.testing.assert_allclose(blocks.merit, deviance, rtol=1e-9)
    assert blocks.merit_shared == pytest.approx(shared, rel=1e-12)
    assert blocks.total == pytest.approx(deviance.sum() + shared, rel=1e-9)


def far_start(known: stacks.KnownStack, seed: int) -> SeriesState:
    """Cells off by a third of a line's width, sizes and scales by a third, intensities all alike."""
    rng = np.random.default_rng(seed)
    layout, state = known.chain().layout, known.truth.copy()
    cells = np.flatnonzero(known.model.table.where("cell")[layout.local])
    state.local[:, cells] *= 1.0 + 1e-3 * rng.uniform(-1.0, 1.0, (len(state.local), cells.size))
    state.local[:, layout.scale] *= rng.uniform(0.7, 1.4, state.local[:, layout.scale].shape)
    state.shared[: layout.series.size] *= rng.uniform(0.7, 1.4, layout.series.size)
    for phase in range(layout.n_phases):
        own = layout.intensity.start + np.flatnonzero(layout.lines.phase == phase)
        state.shared[own] = 1.0 / own.size
    return state


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("detector", ["point", "area"])
def test_merit_never_rises_and_every_start_leads_to_one_optimum(
    detector: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = stacks.known_stack(4, detector=detector)
    data = known.counts(seed)
    chain, near = known.fit(data)
    esd = esds(chain, near, known.settings)
    totals: list[float] = []
    movable = solver._movable

    def recorded(problem: object, state: object, blocks: solver.Blocks) -> object:
        totals.append(blocks.total)
        return movable(problem, state, blocks)  # type: ignore[arg-type]

    monkeypatch.setattr(solver, "_movable", recorded)
    _, far = known.fit(data, far_start(known, seed))
    assert near.converged and far.converged
    assert len(totals) > 4 and totals[0] > 2.0 * totals[-1]
    assert (np.diff(totals) <= 1e-12 * totals[0]).all()
    moves = esd > 0.0
    apart = np.abs(stacks.vector(near.state) - stacks.vector(far.state))[moves] / esd[moves]
    assert apart.max() < 3e-3
    assert far.blocks.total == pytest.approx(near.blocks.total, abs=1e-4)


@pytest.mark.parametrize(
    ("detector", "strength", "seed"),
    [
        ("area", 500.0, 1091),
        ("area", 2000.0, 1018),
        ("point", 500.0, 1001),
        ("point", 500.0, 1015),
        ("point", 500.0, 1025),
    ],
)
def test_weak_patterns_whose_lines_overlap_settle_too(detector: str, strength: float, seed: int) -> None:
    # Cells, drift and the areas of lines that one sees as one: steps overshoot forth and back across a curved valley.
    known = stacks.known_stack(4, detector=detector, strength=strength)
    data = known.counts(seed)
    solutions = [known.fit(data, start)[1] for start in (None, far_start(known, seed))]
    assert all(solution.converged and solution.iterations < 100 for solution in solutions)
    assert solutions[0].blocks.total == pytest.approx(solutions[1].blocks.total, abs=1e-3)


def test_patterns_without_noise_lead_back_to_the_truth() -> None:
    known = stacks.known_stack(4)
    chain, solution = known.fit(known.expected, far_start(known, 9))
    esd = esds(chain, solution, known.settings)
    assert solution.converged
    assert np.abs((stacks.vector(solution.state) - stacks.vector(known.truth)) / esd).max() < 3e-3
    assert solution.blocks.total == pytest.approx(0.0, abs=1e-5)


def test_start_is_left_as_it_was() -> None:
    known = stacks.known_stack(2)
    start = far_start(known, 1)
    before = stacks.vector(start)
    known.fit(known.counts(1), start)
    assert np.array_equal(stacks.vector(start), before)


@pytest.mark.parametrize("detector", ["point", "area"])
def test_intensities_of_a_phase_sum_to_one_and_its_scale_is_what_they_amount_to(detector: str) -> None:
    known = stacks.known_stack(3, detector=detector)
    start = known.truth.copy()
    layout = known.chain().layout
    start.shared[layout.intensity] *= np.where(layout.lines.phase == 0, 3.0, 0.5)
    chain, solution = known.fit(known.counts(5), start)
    esd = esds(chain, solution, known.settings)
    sums = layout.intensities.gauge @ solution.state.shared[layout.intensity]
    np.testing.assert_allclose(sums, 1.0, rtol=1e-6)
    same = known.fit(known.counts(5))[1]
    apart = (stacks.vector(same.state) - stacks.vector(solution.state)) / np.where(esd > 0.0, esd, np.inf)
    assert np.abs(apart).max() < 5e-3


def test_what_is_not_free_does_not_move() -> None:
    known = stacks.known_stack(3)
    layout = known.chain().layout
    free, free_shared = np.ones(known.truth.local.shape, dtype=bool), np.ones(layout.n_shared, dtype=bool)
    free[1, :6] = False
    free_shared[[0, layout.intensity.start + 2]] = False
    start = far_start(known, 2)
    _, solution = known.fit(known.counts(0), start, free=free, free_shared=free_shared)
    assert solution.converged
    assert np.array_equal(solution.state.local[~free], start.local[~free])
    assert np.array_equal(solution.state.shared[~free_shared], start.shared[~free_shared])
    moved = solution.state.local[free] != start.local[free]
    assert moved.all()


def test_limits_hold_and_the_rest_is_the_best_beside_them() -> None:
    known = stacks.known_stack(3)
    column = local_column(known, "LFP_a")
    true = known.truth.local[:, column]
    limit = float(np.sort(true)[1])
    settings = replace(
        known.settings,
        overrides={"LFP_a": ParameterOverride(max=limit - 0.004), "FP_lorentz_size": ParameterOverride(min=0.15)},
    )
    data, start = known.counts(4), known.truth.copy()
    start.local[:, column] = limit - 0.01
    start.shared[1] = 0.2
    chain, bounded = known.fit(data, start, settings=settings)
    assert bounded.converged
    at_limit = true > limit - 0.004 + 0.003
    assert at_limit.any()
    assert (bounded.state.local[:, column] <= limit - 0.004).all()
    assert (bounded.state.local[at_limit, column] == limit - 0.004).all()
    assert bounded.state.shared[1] == 0.15
    assert not bounded.free[at_limit, column].any() and not bounded.free_shared[1]
    # The same with the limits as fixed values.
    free, free_shared = np.ones(known.truth.local.shape, dtype=bool), np.ones(chain.layout.n_shared, dtype=bool)
    free[:, column], free_shared[1] = bounded.free[:, column], False
    _, fixed = known.fit(data, bounded.state, free=free, free_shared=free_shared)
    assert fixed.blocks.total == pytest.approx(bounded.blocks.total, abs=1e-4)
    esd = esds(chain, fixed, known.settings)
    apart = np.abs(stacks.vector(fixed.state) - stacks.vector(bounded.state))
    assert (apart <= 5e-3 * esd).all()


def test_a_limit_that_was_touched_on_the_way_does_not_hold_what_wants_to_leave_it() -> None:
    known = stacks.known_stack(3)
    layout, data = known.chain().layout, known.counts(6)
    start = known.truth.copy()
    strongest = layout.intensity.start + int(np.argmax(start.shared[layout.intensity]))
    start.shared[strongest] = 0.0
    start.shared[0] = 0.0
    chain, solution = known.fit(data, start)
    esd = esds(chain, solution, known.settings)
    best = known.fit(data)[1]
    assert solution.converged and solution.free_shared[[0, strongest]].all()
    assert np.abs((stacks.vector(best.state) - stacks.vector(solution.state))[esd > 0] / esd[esd > 0]).max() < 5e-3


def test_intensities_of_lines_that_are_not_there_stay_at_zero_or_within_their_error() -> None:
    known = stacks.known_stack(4)
    layout = known.chain().layout
    missing = layout.intensity.start + np.array([2, 5, 9, 12])
    truth = known.truth.copy()
    truth.shared[missing] = 0.0
    chain = known.chain()
    expected = np.array([stacks.pattern(chain, truth, s) for s in range(4)])
    at_zero = 0
    for seed in range(6):
        data = np.random.default_rng(seed).poisson(expected).astype(float)
        chain, solution = known.fit(data)
        assert solution.converged
        found = solution.state.shared[missing]
        assert (found >= 0.0).all()
        held = found == 0.0
        at_zero += held.sum()
        assert not solution.free_shared[missing[held]].any()
        assert (solution.blocks.right_corner[missing[held]] <= 0.0).all()
        esd = esds(chain, solution, known.settings)[truth.local.size + missing]
        assert (found[~held] < 4.5 * esd[~held]).all()
    # Half of them would be negative.
    assert 4 <= at_zero <= 20


def only(known: stacks.KnownStack, column: int, scan: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks in which one variable of one scan is free."""
    free = np.zeros(known.truth.local.shape, dtype=bool)
    free[scan, column] = True
    return free, np.zeros(known.truth.shared.size, dtype=bool)


def test_prior_on_a_cell_is_one_more_observation_of_it() -> None:
    known = stacks.known_stack(3, detector="area")
    column = local_column(known, "LFP_b")
    free, free_shared = only(known, column, 1)
    data = known.counts(7)
    chain, plain = known.fit(data, free=free, free_shared=free_shared)
    value = plain.state.local[1, column]
    esd = float(np.sqrt(joint_errors(chain, plain, known.settings).covariance(1)[column, column]))
    for distance, width in ((2.0, 1.0), (-1.0, 0.5), (0.5, 3.0)):
        said = ParameterOverride(prior=(value + distance * esd, width * esd))
        settings = replace(known.settings, overrides={"LFP_b": said})
        chain, solution = known.fit(data, free=free, free_shared=free_shared, settings=settings)
        weight = 1.0 / width**2
        assert (solution.state.local[1, column] - value) / esd == pytest.approx(
            distance * weight / (1.0 + weight), abs=0.04
        )
        found = float(np.sqrt(joint_errors(chain, solution, settings).covariance(1)[column, column]))
        assert found / esd == pytest.approx((1.0 + weight) ** -0.5, rel=0.02)


def test_prior_on_a_series_parameter_counts_once_however_many_scans_there_are() -> None:
    known = stacks.known_stack(4)
    data = known.counts(8)
    chain, plain = known.fit(data)
    value, variance = plain.state.shared[0], joint_errors(chain, plain, known.settings).shared[0, 0]
    esd = float(np.sqrt(variance))
    settings = replace(known.settings, overrides={"LFP_lorentz_size": ParameterOverride(prior=(value + esd, esd))})
    chain, solution = known.fit(data, settings=settings)
    # Equal weights: half way, and an esd smaller by the root of 2.
    assert (solution.state.shared[0] - value) / esd == pytest.approx(0.5, abs=0.02)
    found = joint_errors(chain, solution, settings).shared[0, 0]
    assert found / variance == pytest.approx(0.5, rel=0.02)


def test_what_the_patterns_do_not_see_is_what_the_prior_says_of_it() -> None:
    settings = replace(stacks.SETTINGS, overrides={"FP_a": ParameterOverride(prior=(9.80, 0.003))})
    known = stacks.known_stack(3, conversion=np.zeros(3), settings=settings)
    column, layout = local_column(known, "FP_a"), known.chain().layout
    free = np.ones(known.truth.local.shape, dtype=bool)
    free[:, layout.local.size + 1] = False
    chain, solution = known.fit(known.counts(0), free=free)
    errors = joint_errors(chain, solution, settings)
    assert solution.converged
    np.testing.assert_allclose(solution.state.local[:, column], 9.80, rtol=1e-12)
    for s in range(3):
        assert np.sqrt(errors.covariance(s)[column, column]) == pytest.approx(0.003, rel=1e-9)
    assert not errors.blind[:, column].any()


def assert_finite(solution: JointSolution, errors: JointErrors) -> None:
    assert np.isfinite(stacks.vector(solution.state)).all()
    for part in (errors.local, errors.neighbour, errors.response, errors.shared, errors.factor):
        assert np.isfinite(part).all()


@pytest.mark.parametrize("detector", ["point", "area"])
def test_phase_that_is_nowhere_is_blind_and_disturbs_nothing(detector: str) -> None:
    known = stacks.known_stack(3, detector=detector, conversion=np.zeros(3))
    layout = known.chain().layout
    start = far_start(known, 3)
    start.local[:, layout.local.size + 1] = 0.0
    free = np.ones(start.local.shape, dtype=bool)
    free[:, layout.local.size + 1] = False
    chain, solution = known.fit(known.counts(1), start, free=free)
    errors = joint_errors(chain, solution, known.settings)
    assert_finite(solution, errors)
    assert solution.converged and solution.n_blind > 0
    lost = layout.of_phase(1)
    lost[layout.local.size + 1] = False
    assert errors.blind[:, lost].all() and not errors.blind[:, ~lost].any()
    own = layout.intensity.start + np.flatnonzero(layout.lines.phase == 1)
    assert errors.blind_shared[own].all() and errors.blind_shared[1]
    assert not errors.blind_shared[[0, *range(2, own[0])]].any()
    # The other phase is refined as if alone.
    alone = stacks.known_stack(3, detector=detector, phases=(scans.LFP,), conversion=np.zeros(3))
    alone = replace(alone, truth=alone_truth(known, alone))
    rows, single = alone.fit(known.counts(1))
    for name in ("LFP_a", "LFP_b", "LFP_c"):
        here, there = local_column(known, name), local_column(alone, name)
        esd = np.sqrt([errors.covariance(s)[here, here] for s in range(3)])
        apart = solution.state.local[:, here] - single.state.local[:, there]
        assert np.abs(apart / esd).max() < 5e-3
        also = joint_errors(rows, single, known.settings)
        np.testing.assert_allclose(np.sqrt([also.covariance(s)[there, there] for s in range(3)]), esd, rtol=1e-3)


def alone_truth(known: stacks.KnownStack, alone: stacks.KnownStack) -> SeriesState:
    """The truth of the first phase, in a layout that has no other."""
    layout, wanted = known.chain().layout, alone.unsettled(alone.expected).layout
    names = known.model.table.names
    columns = [list(layout.local).index(names.index(alone.model.table.names[row])) for row in wanted.local]
    local = np.column_stack([known.truth.local[:, columns], known.truth.local[:, layout.local.size]])
    own = np.flatnonzero(layout.lines.phase == 0)
    drift = known.truth.shared[layout.drift_slices[0]]
    intensity = known.truth.shared[layout.intensity][own]
    return SeriesState(local, np.concatenate([known.truth.shared[:1], drift, intensity]), alone.truth.fixed)


def test_phase_without_lines_in_the_range_is_blind() -> None:
    known = stacks.known_stack(3)
    own = known.lines.phase == 0
    fewer = replace(known.lines, hkl=known.lines.hkl[own], phase=known.lines.phase[own])
    first = known.truth.shared[known.chain().layout.intensity][own]
    rest = replace(known, lines=fewer, intensities=stacks.extracted(fewer, known.model, first))
    shared = known.truth.shared[: known.truth.shared.size - np.count_nonzero(~own)].copy()
    rest = replace(rest, truth=replace_shared(known.truth, shared))
    chain, solution = rest.fit(known.counts(0))
    errors = joint_errors(chain, solution, known.settings)
    assert_finite(solution, errors)
    assert errors.blind[:, chain.layout.of_phase(1)].all()
    assert not errors.blind[:, ~chain.layout.of_phase(1)].any()
    assert np.array_equal(
        solution.state.local[:, chain.layout.of_phase(1)], known.truth.local[:, chain.layout.of_phase(1)]
    )


def replace_shared(state: SeriesState, shared: np.ndarray) -> SeriesState:
    return SeriesState(state.local.copy(), shared, state.fixed)


def test_phase_that_is_not_there_has_a_scale_about_zero_on_either_side() -> None:
    known = stacks.known_stack(4, conversion=np.array([0.0, 0.0, 0.5, 1.0]))
    layout = known.chain().layout
    free = np.ones(known.truth.local.shape, dtype=bool)
    free[:2, layout.of_phase(1)] = False
    free[3, layout.of_phase(0)] = False
    free[:, layout.scale] = True
    z = []
    for seed in range(20):
        chain, solution = known.fit(known.counts(seed), free=free)
        column = layout.local.size + 1
        esd = np.sqrt(joint_errors(chain, solution, known.settings).covariance(0)[column, column])
        z.append(solution.state.local[0, column] / esd)
    assert 4 <= np.sum(np.array(z) < 0.0) <= 16
    assert 0.7 < np.sqrt(np.mean(np.square(z))) < 1.35


@pytest.mark.parametrize("detector", ["point", "area"])
def test_a_drift_of_a_single_scan_is_its_value_and_no_slope(detector: str) -> None:
    known = stacks.known_stack(1, detector=detector)
    chain, solution = known.fit(known.counts(0))
    errors = joint_errors(chain, solution, known.settings)
    assert_finite(solution, errors)
    assert solution.converged
    value, slope = chain.layout.drift_slices[0].start, chain.layout.drift_slices[0].start + 1
    assert not errors.blind_shared[value] and errors.blind_shared[slope]
    assert not errors.blind.any()


@pytest.mark.parametrize("detector", ["point", "area"])
def test_a_stack_of_one_scan_is_refined_as_that_scan(detector: str) -> None:
    settings = replace(stacks.SETTINGS, drift={"sample_displacement": Drift(order=0)})
    known = stacks.known_stack(1, detector=detector, settings=settings)
    data = known.counts(3)
    chain, solution = known.fit(data, far_start(known, 1))
    layout, table = chain.layout, known.model.table
    vary = np.zeros(len(table), dtype=bool)
    vary[layout.rows] = True
    truth = known.truth.values(layout, 0)
    one = scans.KnownScan(
        model=known.model,
        values=truth,
        lines=known.lines,
        areas=np.ones(known.lines.phase.size),
        expected=known.expected[0],
        two_theta=known.two_theta,
    )
    fit = scans.refine(one, data[0], settings, vary=vary)
    assert fit.success and solution.converged
    assert fit.objective.lines.same_as(known.lines)
    values, errors = solution.state.values(layout, 0), joint_errors(chain, solution, settings)
    own = np.sqrt(np.diag(errors.covariance(0)))
    series = np.sqrt(np.diag(errors.shared))
    esd = np.full(len(table), np.nan)
    esd[layout.local], esd[layout.series] = own[: layout.local.size], series[: layout.series.size]
    esd[layout.drifts[0][0]] = series[layout.drift_slices[0].start]
    np.testing.assert_allclose((values - fit.values)[vary] / esd[vary], 0.0, atol=5e-3)
    np.testing.assert_allclose(esd[vary], fit.esd[vary], rtol=5e-3)
    areas = chain.scans[0].areas(solution.state)
    np.testing.assert_allclose(areas, fit.objective.work.area, rtol=2e-3, atol=1e-3 * areas.max())


@pytest.mark.parametrize("n_scans", [1, 2, 3])
@pytest.mark.parametrize("detector", ["point", "area"])
def test_short_stacks_are_refined_like_long_ones(detector: str, n_scans: int) -> None:
    known = stacks.known_stack(n_scans, detector=detector)
    for seed in range(3):
        chain, solution = known.fit(known.counts(seed), far_start(known, seed))
        errors = joint_errors(chain, solution, known.settings)
        assert_finite(solution, errors)
        assert solution.converged
        cells = np.flatnonzero(known.model.table.where("cell")[chain.layout.local])
        off = (solution.state.local - known.truth.local)[:, cells]
        esd = np.sqrt([np.diag(errors.covariance(s))[cells] for s in range(n_scans)])
        assert np.abs(off / esd).max() < 4.5


def test_fit_that_may_move_nothing_is_over_at_once() -> None:
    known = stacks.known_stack(2)
    free = np.zeros(known.truth.local.shape, dtype=bool)
    chain = known.chain(known.counts(0))
    problem = known.problem(chain, free=free, free_shared=np.zeros(known.truth.shared.size, dtype=bool))
    solution = minimise_joint(problem, known.truth)
    assert solution.converged and solution.iterations == 1
    assert np.array_equal(stacks.vector(solution.state), stacks.vector(known.truth))


def test_lines_deviate_as_far_as_their_spread_lets_them_and_the_true_spread_serves_them_best() -> None:
    known = stacks.known_stack(4, detector="area", deviations=True, strength=20000.0)
    layout = known.chain().layout
    sizes, off = [], []
    for spread in (0.01, 0.1, 2.0):
        errors, strays = [], []
        for seed in range(3):
            chain, solution = known.fit(known.counts(seed), spread=np.full(2, spread))
            assert solution.converged
            areas, true = (state.local[:, layout.deviation] for state in (solution.state, known.truth))
            errors.append(areas - true)
            shared = [stacks.shared_areas(chain, solution.state, s) for s in range(4)]
            strays.append(areas / np.array(shared) - 1.0)
        sizes.append(float(np.sqrt(np.mean(np.square(strays)))))
        off.append(float(np.sqrt(np.mean(np.square(errors)))))
    # The lines truly deviate by 0.1.
    assert sizes[0] < 0.05 < 0.07 < sizes[1] < sizes[2] < 0.12
    assert off[1] < min(off[0], off[2])


@pytest.mark.parametrize("detector", ["area", "point"])
def test_equations_of_a_part_of_the_scans_are_those_that_all_have(detector: str) -> None:
    known = stacks.known_stack(7, detector=detector)
    problem = known.problem(known.chain(known.counts(3)))
    whole = assemble(problem, known.truth)
    for part in (slice(0, 3), slice(2, 6), slice(6, 7)):
        own = assemble(problem, known.truth, part)
        for name in ("diagonal", "border", "right", "merit"):
            np.testing.assert_allclose(getattr(own, name), getattr(whole, name)[part], rtol=1e-12)
        np.testing.assert_allclose(own.below, whole.below[part.start : part.stop - 1], rtol=1e-12)


@pytest.mark.parametrize("detector", ["area", "point"])
def test_equations_are_the_same_bits_whatever_number_of_threads_fills_them(
    detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LONGEST", 2)
    known = stacks.known_stack(9, detector=detector)
    alone = known.problem(known.chain(known.counts(3)))
    one = assemble(alone, known.truth)
    for _ in range(5):
        three = assemble(replace(alone, threads=Threads(3)), known.truth)
        for name in ("diagonal", "below", "border", "corner", "right", "right_corner", "merit"):
            assert getattr(three, name).tobytes() == getattr(one, name).tobytes()
