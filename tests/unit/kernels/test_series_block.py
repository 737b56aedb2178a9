"""One scan of a joint series fit: its pattern, its quasi-deviance and its share of the normal equations."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans, twins
from xrdfit.kernels import problem as slot
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_block import BlockWork, make_block_work, quasi_deviance, series_block, series_pattern
from xrdfit.model import noise_model

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=8, deadline=None)
X = np.linspace(22.0, 34.0, 200)


def share_of(rng: np.random.Generator, n: int, *, swept: bool) -> np.ndarray:
    """Columns that sum to 1, whatever they are."""
    if not swept:
        return np.ones((1, n))
    share = rng.uniform(0.0, 1.0, (3, n))
    return share / share.sum(axis=0)


@dataclass(frozen=True, kw_only=True)
class Given:
    """All that a scan's block is made from, at random but sensible."""

    scan: scans.KnownScan
    problem: Problem
    relative: np.ndarray
    scales: np.ndarray
    share: np.ndarray
    deviates: np.ndarray
    course: np.ndarray
    pinned: np.ndarray

    @property
    def slots(self) -> np.ndarray:
        return self.scan.model.table.slots(self.scan.values)

    @property
    def envelope(self) -> np.ndarray:
        """(2, n) scale of each phase at each point."""
        swept = self.share.shape[0] == 3
        scale = self.scales.T @ self.share if swept else np.repeat(self.scales[1][:, None], X.size, axis=1)
        return np.where(self.deviates[:, None], self.course, scale)

    def work(self, n_rows: int = 1) -> BlockWork:
        return make_block_work(self.problem, self.slots.size, n_rows)

    def pattern(self, work: BlockWork, **changed: np.ndarray) -> float:
        """Fill the workspace, with some arguments changed."""
        given = {"slots": self.slots, "relative": self.relative, "scales": self.scales} | changed
        slots, *others = given.values()
        return series_pattern(self.problem, slots, self.pinned, *others, self.share, self.deviates, self.course, work)


def random_block(
    seed: int, *, swept: bool, deviates: tuple[bool, bool] = (False, False), pinned: bool = False
) -> Given:
    """A scan of two phases; pinned: the lines of the second stay where they are."""
    rng = np.random.default_rng(seed)
    model = scans.two_phase_model()
    values = scans.parameters(model, **scans.TRUE, FP_lorentz_strain=0.1, LFP_gauss_strain=0.05)
    values[model.table.where("cell")] *= 1.0 + 1e-3 * rng.uniform(-1.0, 1.0, 6)
    scan = scans.known_scan(model, values, seed=seed % 1000, two_theta=X)
    stay = np.full((scan.lines.phase.size, len(model.instrument.lines)), np.nan)
    if pinned:
        stay[scan.lines.phase == 1] = model.place(values, scan.lines).position[scan.lines.phase == 1]
    return Given(
        scan=scan,
        problem=scans.problem(scan, scan.counts(seed)),
        relative=rng.uniform(0.02, 1.0, scan.lines.phase.size),
        scales=rng.uniform(100.0, 600.0, (3, 2)),
        share=share_of(rng, X.size, swept=swept),
        deviates=np.array(deviates),
        course=rng.uniform(80.0, 500.0, (2, X.size)),
        pinned=stay,
    )


@pytest.mark.parametrize("deviates", [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("swept", [False, True])
@QUICK
@given(SEED)
def test_pattern_agrees_with_plain_numpy(swept: bool, deviates: tuple[bool, bool], seed: int) -> None:
    block = random_block(seed, swept=swept, deviates=deviates)
    scan, work = block.scan, block.work()
    block.pattern(work)
    named, scale = scans.by_name(scan.model, scan.values), block.envelope
    rows = twins.profiles(scan.model, named, scan.lines, X)
    expected = twins.background(scan.model, named, X)
    for line, phase in enumerate(scan.lines.phase):
        expected = expected + block.relative[line] * scale[phase] * rows[line]
    # The cell goes through a matrix inverse there: 1e-14 of a position is 1e-12 of a slope.
    np.testing.assert_allclose(work.model, expected, rtol=1e-11)
    np.testing.assert_allclose(work.residual, block.problem.intensity - work.model, rtol=0.0, atol=0.0)
    np.testing.assert_allclose(work.weight, 1.0 / np.maximum(work.model, 1.0), rtol=1e-14)


@QUICK
@given(SEED)
def test_sum_of_its_lines_profiles_under_its_scales_is_the_pattern_to_the_last_digits(seed: int) -> None:
    block = random_block(seed, swept=True, deviates=(True, False))
    work = block.work()
    block.pattern(work)
    lines = (block.relative[:, None] * work.profiles * block.envelope[block.scan.lines.phase]).sum(axis=0)
    np.testing.assert_allclose(work.model, work.background + lines, rtol=1e-12)


def test_neighbours_say_nothing_of_a_scan_that_was_read_at_once() -> None:
    block = random_block(3, swept=False)
    other = block.scales.copy()
    other[[0, 2]] = 1e6
    one, two = block.work(), block.work()
    block.pattern(one)
    block.pattern(two, scales=other)
    assert np.array_equal(one.model, two.model)


def test_line_without_intensity_and_phase_without_scale_leave_the_background_alone() -> None:
    block = random_block(5, swept=True)
    work = block.work()
    for relative, scales in ((block.relative * 0.0, block.scales), (block.relative, block.scales * 0.0)):
        block.pattern(work, relative=relative, scales=scales)
        assert np.array_equal(work.model, work.background)


def test_scales_say_nothing_of_a_phase_with_areas_of_its_own() -> None:
    block = random_block(6, swept=True, deviates=(True, True))
    one, two = block.work(), block.work()
    block.pattern(one)
    block.pattern(two, scales=7.0 * block.scales)
    assert np.array_equal(one.model, two.model)


def test_pinned_lines_stay_whatever_moves_the_others() -> None:
    block = random_block(7, swept=True, pinned=True)
    one, two = block.work(), block.work()
    block.pattern(one)
    slots = block.slots
    slots[[slot.ZERO_SHIFT, slot.SAMPLE_DISPLACEMENT, slot.N_GLOBAL + slot.N_PHASE + slot.DISPLACEMENT]] += 0.1
    slots[slot.N_GLOBAL : slot.N_GLOBAL + 3] *= 1.01
    slots[slot.N_GLOBAL + slot.N_PHASE : slot.N_GLOBAL + slot.N_PHASE + 3] *= 1.01
    block.pattern(two, slots=slots)
    stays = block.scan.lines.phase == 1
    assert np.array_equal(one.position[stays], two.position[stays])
    assert (np.abs(one.position - two.position)[~stays] > 0.01).all()


def noise(regime: str, observed: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Constant, slope and floor of the variance."""
    if regime == "constant":
        return np.random.default_rng(1).uniform(4.0, 90.0, observed.size), 0.0, 0.0
    model = noise_model(observed, None, weights="poisson")
    if regime == "poisson":
        return model.constant, model.slope, model.floor
    return np.full(observed.size, 7.0), 0.4, 2.0


# Above the floor of the variance, about it, below it and below zero.
LEVELS = np.array([800.0, 40.0, 3.0, 1.2, 0.7, 0.1, -0.4, -6.0])
OBSERVED = np.array([0.0, 1.0, 35.0, 900.0, -3.0, -12.0, -40.0])


def single(regime: str, observed: float) -> Problem:
    """A pattern of one point."""
    block = random_block(0, swept=False)
    constant, slope, floor = noise(regime, np.array([observed]))
    return block.problem._replace(
        intensity=np.array([observed]), variance_constant=constant, variance_slope=slope, variance_floor=floor
    )


@pytest.mark.parametrize("regime", ["constant", "poisson", "estimated"])
@pytest.mark.parametrize("observed", OBSERVED)
def test_slope_of_the_quasi_deviance_is_the_weighted_residual(regime: str, observed: float) -> None:
    problem = single(regime, observed)
    for level in LEVELS:
        step = 1e-3 * max(abs(level), 0.1)
        values = [quasi_deviance(problem, np.array([level + by * step])) for by in (-2, -1, 1, 2)]
        slope = (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * step)
        variance = problem.variance_constant[0] + problem.variance_slope * max(level, problem.variance_floor)
        expected = -2.0 * (observed - level) / variance
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-7), level


@pytest.mark.parametrize("regime", ["poisson", "estimated"])
@pytest.mark.parametrize("observed", OBSERVED)
def test_quasi_deviance_has_no_jump_where_the_variance_reaches_its_floor(regime: str, observed: float) -> None:
    problem = single(regime, observed)
    floor = problem.variance_floor
    above, below = (quasi_deviance(problem, np.array([floor + by])) for by in (1e-9, -1e-9))
    assert above == pytest.approx(below, rel=1e-9, abs=1e-6)


def test_quasi_deviance_is_chi_squared_where_the_variance_does_not_depend_on_the_model() -> None:
    rng = np.random.default_rng(2)
    problem = random_block(2, swept=False).problem
    variance = rng.uniform(1.0, 50.0, X.size)
    problem = problem._replace(variance_constant=variance, variance_slope=0.0, variance_floor=0.0)
    model = problem.intensity + 10.0 * rng.standard_normal(X.size)
    chi2 = float(np.sum((problem.intensity - model) ** 2 / variance))
    assert quasi_deviance(problem, model) == pytest.approx(chi2, rel=1e-12)


def test_quasi_deviance_of_counts_is_that_of_poisson_and_near_chi_squared() -> None:
    block = random_block(4, swept=False)
    y, m = block.problem.intensity, block.scan.expected
    found = quasi_deviance(block.problem, m)
    assert found == pytest.approx(2.0 * float(np.sum(y * np.log(y / m) - (y - m))), rel=1e-9)
    assert found == pytest.approx(float(np.sum((y - m) ** 2 / m)), rel=0.05)


@pytest.mark.parametrize("regime", ["constant", "poisson", "estimated"])
def test_no_model_is_better_than_the_observation_itself(regime: str) -> None:
    for observed in (2.5, 30.0, 900.0):
        problem = single(regime, observed)
        best = quasi_deviance(problem, np.array([observed]))
        assert best == pytest.approx(0.0, abs=1e-9)
        for level in LEVELS:
            assert quasi_deviance(problem, np.array([level])) > best


@dataclass(frozen=True, kw_only=True)
class Variables:
    """Random linear maps from the variables of a fit to slots, and to relative intensities."""

    n_local: int
    mapping: np.ndarray
    by_intensity: np.ndarray
    by_deviation: np.ndarray
    row_of_slot: np.ndarray
    used: np.ndarray

    def n_rows(self, *, swept: bool) -> int:
        return self.mapping.shape[1] + 2 * (3 if swept else 1) + self.by_intensity.shape[1] + self.by_deviation.size


# What a variable moves a slot by, so that lines move by a fraction of their width.
def slot_sizes(n_slots: int) -> np.ndarray:
    size = np.ones(n_slots)
    size[: slot.N_GLOBAL] = 0.01
    size[slot.CAGLIOTI_U : slot.CAGLIOTI_W + 1] = 1e-4
    size[slot.AXIAL_SAMPLE : slot.N_GLOBAL] = 0.0
    for first in (slot.N_GLOBAL, slot.N_GLOBAL + slot.N_PHASE):
        size[first : first + slot.N_PHASE] = 0.003
        size[first + 3 : first + 6] = 0.05
    return size


def random_variables(block: Given, seed: int, *, deviations: bool) -> Variables:
    rng = np.random.default_rng(seed)
    n_slots, m = block.slots.size, block.relative.size
    in_use = rng.uniform(size=n_slots) < 0.8
    used = np.flatnonzero(in_use)
    mapping = rng.standard_normal((used.size, 7)) * slot_sizes(n_slots)[used, None]
    mapping[rng.uniform(size=mapping.shape) < 0.5] = 0.0
    return Variables(
        n_local=4,
        mapping=mapping,
        by_intensity=rng.standard_normal((m, 5)) * (rng.uniform(size=(m, 5)) < 0.6),
        by_deviation=rng.uniform(0.1, 1.0, m) if deviations else np.empty(0),
        row_of_slot=np.where(in_use, np.cumsum(in_use) - 1, -1).astype(np.int64),
        used=used,
    )


def moved_pattern(block: Given, variables: Variables, step: np.ndarray) -> np.ndarray:
    """The pattern with the variables displaced by `step`, in the order of the block's rows."""
    swept = block.share.shape[0] == 3
    n_local, n_dev = variables.n_local, variables.by_deviation.size
    parts = np.split(step, np.cumsum([n_local, 2, n_dev, 4 if swept else 0, variables.mapping.shape[1] - n_local]))
    local, scale, deviation, neighbours, series, intensity = parts
    slots = block.slots
    slots[variables.used] += variables.mapping @ np.concatenate([local, series])
    relative = block.relative + variables.by_intensity @ intensity
    if n_dev:
        relative = relative + variables.by_deviation * deviation
    scales = block.scales.copy()
    scales[1] += scale
    if swept:
        scales[0] += neighbours[:2]
        scales[2] += neighbours[2:]
    work = block.work()
    block.pattern(work, slots=slots, relative=relative, scales=scales)
    return work.model


def fill(block: Given, variables: Variables) -> tuple[float, BlockWork]:
    """Merit and workspace of the block."""
    work = make_block_work(block.problem, variables.used.size, variables.n_rows(swept=block.share.shape[0] == 3))
    return fill_in(block, variables, work), work


def fill_in(block: Given, variables: Variables, work: BlockWork) -> float:
    return series_block(
        block.problem,
        block.slots,
        block.pinned,
        variables.row_of_slot,
        variables.mapping,
        block.relative,
        variables.by_intensity,
        block.scales,
        block.share,
        block.deviates,
        block.course,
        variables.by_deviation,
        variables.n_local,
        work,
    )


@pytest.mark.parametrize("deviates", [None, (False, False), (True, False)])
@pytest.mark.parametrize("swept", [False, True])
@settings(max_examples=4, deadline=None)
@given(SEED)
def test_block_is_made_of_the_derivatives_of_the_pattern(
    swept: bool, deviates: tuple[bool, bool] | None, seed: int
) -> None:
    block = random_block(seed, swept=swept, deviates=deviates or (False, False), pinned=seed % 2 == 1)
    variables = random_variables(block, seed, deviations=deviates is not None)
    n_rows = variables.n_rows(swept=swept)
    merit, work = fill(block, variables)
    numeric = np.empty((n_rows, X.size))
    for row in range(n_rows):
        near = []
        for by in (-2.0, -1.0, 1.0, 2.0):
            step = np.zeros(n_rows)
            step[row] = 1e-2 * by
            near.append(moved_pattern(block, variables, step))
        numeric[row] = (near[0] - 8.0 * near[1] + 8.0 * near[2] - near[3]) / (12.0 * 1e-2)
    top = np.abs(numeric).max(axis=1, keepdims=True) + 1e-6 * block.scan.expected.max()
    np.testing.assert_allclose(work.rows / top, numeric / top, rtol=0.0, atol=2e-6)

    observed, model = block.problem.intensity, moved_pattern(block, variables, np.zeros(n_rows))
    weight = 1.0 / np.maximum(model, 1.0)
    size = np.sqrt((work.rows**2 * weight).sum(axis=1)) + 1e-12
    gram = (work.rows * weight) @ work.rows.T
    np.testing.assert_allclose(work.gram / np.outer(size, size), gram / np.outer(size, size), rtol=0.0, atol=1e-12)
    right = work.rows @ (weight * (observed - model))
    np.testing.assert_allclose(work.right / size, right / size, rtol=0.0, atol=1e-9)
    assert merit == pytest.approx(quasi_deviance(block.problem, model), rel=1e-12)


def test_right_side_is_minus_half_the_slope_of_the_quasi_deviance() -> None:
    block = random_block(11, swept=True)
    variables = random_variables(block, 11, deviations=True)
    n_rows = variables.n_rows(swept=True)
    _, work = fill(block, variables)
    for row in range(n_rows):
        merits = []
        for by in (-2.0, -1.0, 1.0, 2.0):
            step = np.zeros(n_rows)
            step[row] = 1e-2 * by
            merits.append(quasi_deviance(block.problem, moved_pattern(block, variables, step)))
        slope = (merits[0] - 8.0 * merits[1] + 8.0 * merits[2] - merits[3]) / (12.0 * 1e-2)
        assert work.right[row] == pytest.approx(-0.5 * slope, rel=1e-4, abs=1e-4 * np.sqrt(work.gram[row, row])), row


def test_buffers_hold_nothing_of_the_scan_before() -> None:
    block = random_block(1, swept=True)
    variables, results = random_variables(block, 1, deviations=True), []
    for disturbed in (False, True):
        work = make_block_work(block.problem, variables.used.size, variables.n_rows(swept=True))
        if disturbed:
            for buffer in work:
                buffer[...] = 1e9
            work.by_theta[...], work.by_slot[...] = 0.0, 0.0
        fill_in(block, variables, work)
        results.append((work.gram.copy(), work.right.copy()))
    assert np.array_equal(results[0][0], results[1][0])
    assert np.array_equal(results[0][1], results[1][1])
