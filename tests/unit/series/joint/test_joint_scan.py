"""A scan as the joint fit sees it: when its points were measured, and what its pattern answers to."""

from dataclasses import replace

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.crystal import Phase
from xrdfit.data import Drift, ParameterOverride, RefineSettings
from xrdfit.series.joint.intensities import IntensityModel, StructureIntensities
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.scan import JointScan
from xrdfit.series.joint.scan_clock import ScanClock, sweep_share

ALL = np.ones(400, dtype=bool)
HOUR = 3600.0
CLOCK = ScanClock(start=10.0 * HOUR, end=12.0 * HOUR, before=9.0 * HOUR, after=13.0 * HOUR)
BEFORE, OWN, AFTER = range(3)


@pytest.mark.parametrize("before", [None, 9.0, 2.0, 10.9, 11.0])
@pytest.mark.parametrize("after", [None, 13.0, 30.0, 11.1, 11.0])
def test_shares_of_a_point_sum_to_one(before: float | None, after: float | None) -> None:
    known = [None if time is None else time * HOUR for time in (before, after)]
    share = sweep_share(replace(CLOCK, before=known[0], after=known[1]), ALL)
    np.testing.assert_allclose(share.sum(axis=0), 1.0, rtol=1e-15)
    assert (share >= 0.0).all()


def test_first_and_last_point_lie_half_way_to_the_neighbours_of_scans_without_a_pause() -> None:
    share = sweep_share(CLOCK, np.ones(100_001, dtype=bool))
    np.testing.assert_allclose(share[:, 0], [0.5, 0.5, 0.0], atol=1e-4)
    np.testing.assert_allclose(share[:, -1], [0.0, 0.5, 0.5], atol=1e-4)
    np.testing.assert_allclose(share[:, 50_000], [0.0, 1.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(share[:, 25_000], [0.25, 0.75, 0.0], atol=1e-4)


def test_scale_at_a_point_is_interpolated_between_the_middles_of_the_scans() -> None:
    clock = replace(CLOCK, before=7.5 * HOUR, after=15.0 * HOUR)
    used = np.random.default_rng(0).uniform(size=400) < 0.7
    scales = np.array([120.0, 300.0, 20.0])
    time = 10.0 + 2.0 * (np.flatnonzero(used) + 0.5) / 400.0
    expected = np.interp(time, [7.5, 11.0, 15.0], scales)
    np.testing.assert_allclose(scales @ sweep_share(clock, used), expected, rtol=1e-12)


def test_a_scan_with_half_of_everything_sees_half_of_its_neighbours_scales() -> None:
    scales = np.array([120.0, 300.0, 20.0])
    dipped = sweep_share(replace(CLOCK, against_before=0.5, against_after=0.5), ALL)
    np.testing.assert_allclose(scales * [1.0, 0.5, 1.0] @ dipped, 0.5 * scales @ sweep_share(CLOCK, ALL), rtol=1e-12)


def test_a_pause_between_scans_leaves_more_to_the_scan_itself() -> None:
    near = sweep_share(CLOCK, ALL)
    far = sweep_share(replace(CLOCK, before=5.0 * HOUR, after=17.0 * HOUR), ALL)
    assert (far[OWN] >= near[OWN]).all()
    assert far[BEFORE].max() == pytest.approx(near[BEFORE].max() * 2.0 / 6.0, rel=1e-12)


def test_at_either_end_of_the_series_a_scale_stays_what_it_is() -> None:
    first, last = sweep_share(replace(CLOCK, before=None), ALL), sweep_share(replace(CLOCK, after=None), ALL)
    assert (first[OWN, :200] == 1.0).all() and first[AFTER, 200:].min() > 0.0
    assert (last[OWN, 200:] == 1.0).all() and last[BEFORE, :200].min() > 0.0
    alone = sweep_share(replace(CLOCK, before=None, after=None), ALL)
    assert (alone[OWN] == 1.0).all()


@pytest.mark.parametrize("change", ["later", "end", "before", "after", "against_before", "against_after"])
def test_scans_alike_in_time_share_their_points_alike_and_no_others_do(change: str) -> None:
    if change == "later":
        times = {name: getattr(CLOCK, name) + 50.0 * HOUR for name in ("start", "end", "before", "after")}
        other = replace(CLOCK, **times)
    else:
        other = replace(CLOCK, **{change: 1.01 * getattr(CLOCK, change)})
    same = np.allclose(sweep_share(CLOCK, ALL), sweep_share(other, ALL), rtol=0.0, atol=1e-12)
    assert CLOCK.is_like(other) == same == (change == "later")


def test_excluded_points_took_their_time_too() -> None:
    used = ALL.copy()
    used[100:180] = False
    np.testing.assert_array_equal(sweep_share(CLOCK, used), sweep_share(CLOCK, ALL)[:, used])


def structured(lines: object, model: object, first: object) -> IntensityModel:
    return StructureIntensities.of(lines, model.phases, model.instrument)  # type: ignore[attr-defined, arg-type]


def olivines() -> tuple[Phase, Phase]:
    return stacks.olivine("LFP", "LiFePO4.cif", (0, 1, 0)), stacks.olivine("FP", "FePO4.cif", (1, 0, 0))


EVERYTHING: RefineSettings = replace(
    stacks.SETTINGS,
    scope={"FP_lorentz_size": "scan", "zero_shift": "series", "FP_lorentz_strain": "series", "transparency": "series"},
    drift={"sample_displacement": Drift(order=2)},
)
CASES = {
    "shared": {},
    "every scope": {"settings": EVERYTHING},
    "spline": {"settings": replace(stacks.SETTINGS, drift={"sample_displacement": Drift(knots=1)})},
    "deviations": {"deviations": True},
    "structure": {"make_intensities": structured, "phases": olivines},
    "expressions": {
        "settings": replace(
            stacks.SETTINGS,
            overrides={
                "FP_b": ParameterOverride(expr="LFP_b - 0.2172"),
                "FP_lorentz_size": ParameterOverride(expr="1.2 * LFP_lorentz_size + 0.1 * sample_displacement**2"),
            },
        )
    },
    "pauses": {"times": stacks.scan_times(4, pauses=[0.0, 4.0 * HOUR, 1.0 * HOUR, 0.0])},
}


def known_case(case: str, detector: str) -> stacks.KnownStack:
    given = dict(CASES[case])
    if "phases" in given:
        given["phases"] = given["phases"]()
    known = stacks.known_stack(detector=detector, **given)  # type: ignore[arg-type]
    names, table = known.chain().layout.shared_names, known.model.table
    for name, value in (("zero_shift", 0.01), ("transparency", 0.02), ("FP_lorentz_strain", 0.1)):
        if name in names:
            known.truth.shared[names.index(name)] = value
            assert table.index(name) >= 0
    if known.intensities.start.size == 2:
        known.truth.shared[-2:] = [0.8, 1.2]
    return known


@pytest.mark.parametrize("detector", ["area", "point"])
@pytest.mark.parametrize("case", CASES)
def test_pattern_of_every_scan_agrees_with_plain_numpy(case: str, detector: str) -> None:
    known = known_case(case, detector)
    chain = known.chain()
    for s, scan in enumerate(chain.scans):
        scan.pattern(known.truth)
        expected = stacks.pattern(chain, known.truth, s)
        np.testing.assert_allclose(scan.work.model, expected, rtol=1e-11)


@pytest.mark.parametrize("detector", ["area", "point"])
@pytest.mark.parametrize("case", CASES)
def test_pattern_answers_to_every_variable_as_its_block_says(case: str, detector: str) -> None:
    known = known_case(case, detector)
    chain = known.chain(known.counts(1))
    layout, s = chain.layout, 2
    scan = chain.scans[s]
    scan.block(known.truth)
    size, settled = layout.n_local, stacks.Settled.at(chain, known.truth, s)
    # Its own variables, the scales of the scans before and after it, and what the stack shares.
    own = [np.arange(s * size, (s + 1) * size)]
    if detector == "point":
        own += [np.arange(size)[layout.scale] + t * size for t in (s - 1, s + 1)]
    which = np.concatenate([*own, np.arange(4 * size, 4 * size + layout.n_shared)])
    expected = stacks.differences(
        lambda at: stacks.pattern(chain, stacks.state_of(at, known.truth), s, settled),
        stacks.vector(known.truth),
        stacks.steps(chain),
        which,
    )
    # A basis function of a spline may be zero at the scan.
    top = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 0.5)
    assert scan.work.rows.shape == expected.shape
    np.testing.assert_allclose(scan.work.rows / top, expected / top, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("detector", ["area", "point"])
@pytest.mark.parametrize("case", CASES)
def test_rows_of_a_scans_own_variables_are_those_of_its_whole_block(case: str, detector: str) -> None:
    known = known_case(case, detector)
    chain = known.chain(known.counts(1))
    scan, size = chain.scans[2], chain.layout.n_local
    merit = scan.block(known.truth)
    gram, right = scan.work.gram[:size, :size].copy(), scan.work.right[:size].copy()
    own = scan.on_grid.own_rows
    scan.work.rows[:] = np.nan
    assert scan.block(known.truth, own=True) == pytest.approx(merit, rel=1e-14)
    np.testing.assert_allclose(own.work.gram[:size, :size], gram, rtol=1e-11, atol=1e-13 * np.abs(gram).max())
    np.testing.assert_allclose(own.work.right[:size], right, rtol=1e-11, atol=1e-12 * np.abs(right).max())


def test_scans_of_one_grid_share_their_buffers_and_others_have_their_own() -> None:
    known = stacks.known_stack(3)
    chain = known.chain()
    assert all(scan.work is chain.scans[0].work for scan in chain.scans)
    data = known.counts(0)
    data[1, 50] = np.nan
    chain = known.chain(data)
    assert chain.scans[1].work is not chain.scans[0].work
    assert chain.scans[1].problem.two_theta.size == known.two_theta.size - 1


def test_scans_in_a_row_of_their_own_use_the_buffers_of_the_series_and_leave_its_numbers_alone() -> None:
    known = stacks.known_stack(4, detector="area")
    series = known.series(known.counts(1))
    together = series.chain(range(4))
    together.settle(known.truth)
    merits = [scan.pattern(known.truth) for scan in together.scans]
    for index in range(4):
        alone, state = series.chain([index]), known.in_order([index])
        alone.settle(state)
        assert alone.scans[0].work is together.scans[0].work
        assert alone.scans[0].pattern(state) == pytest.approx(merits[index], rel=1e-12)
    assert [scan.pattern(known.truth) for scan in together.scans] == merits
    assert series.chain(range(4), deviations=True).scans[0].work is not together.scans[0].work


def test_masked_point_leaves_the_rest_of_the_pattern_alone() -> None:
    known = stacks.known_stack(3)
    data = known.counts(0)
    data[1, 50] = np.nan
    chain = known.chain(data)
    keep = np.arange(known.two_theta.size) != 50
    for s in (0, 1, 2, 1):
        chain.scans[s].block(known.truth)
        np.testing.assert_allclose(chain.scans[s].work.model, known.expected[s, keep if s == 1 else slice(None)])


def test_geometry_follows_the_cell_of_the_scan_when_it_is_settled_and_stays_until_then() -> None:
    known = stacks.known_stack(3)
    chain = known.chain()
    scan, state = chain.scans[1], known.truth.copy()
    chain.settle(state)
    settled = scan.geometry.copy()
    model, lines = known.model, known.lines
    np.testing.assert_allclose(settled, stacks.geometry(model, lines, state.values(chain.layout, 1)), rtol=1e-10)
    state.local[1, list(chain.layout.local).index(model.table.index("FP_a"))] *= 1.01
    scan.pattern(state)
    assert np.array_equal(scan.geometry, settled)
    chain.settle(state)
    assert np.array_equal(scan.geometry[lines.phase == 0], settled[lines.phase == 0])
    assert (scan.geometry[lines.phase == 1] < settled[lines.phase == 1]).any()


def with_areas(known: stacks.KnownStack) -> tuple[stacks.KnownStack, SeriesState]:
    """The same stack with room for deviations, and the same state in it: areas as the shared model has them."""
    wide, chain, state = replace(known, deviations=True), known.chain(), known.truth
    areas = np.array([stacks.shared_areas(chain, state, s) for s in range(len(state.local))])
    widened = SeriesState(np.hstack([state.local, areas]), state.shared, state.fixed)
    return replace(wide, truth=widened), widened


@pytest.mark.parametrize("detector", ["area", "point"])
@pytest.mark.parametrize("deviates", [(False, False), (True, False), (True, True)])
def test_areas_that_do_not_deviate_show_the_pattern_of_the_shared_model(
    detector: str, deviates: tuple[bool, bool]
) -> None:
    known = stacks.known_stack(3, detector=detector)
    wide, state = with_areas(known)
    chain = wide.unsettled(known.expected)
    chain.settle(state, deviates=np.tile(deviates, (3, 1)))
    for s, scan in enumerate(chain.scans):
        scan.pattern(state)
        # A sweep's own areas go with time as the scales did when they were settled.
        np.testing.assert_allclose(scan.work.model, known.expected[s], rtol=1e-10)
        np.testing.assert_allclose(scan.areas(state), state.local[s, wide.chain().layout.deviation], rtol=1e-10)


def test_a_phase_that_deviates_does_not_answer_to_its_scale_nor_to_shared_intensities() -> None:
    known, state = with_areas(stacks.known_stack(3))
    chain = known.unsettled(known.expected)
    scan, layout = chain.scans[1], chain.layout
    chain.settle(state, deviates=np.tile([True, False], (3, 1)))
    scan.block(state)
    n, n_phases = layout.n_local, layout.n_phases
    rows = scan.work.rows
    assert not rows[layout.scale][0].any() and rows[layout.scale][1].any()
    for first in (n, n + n_phases):
        assert not rows[first].any() and rows[first + 1].any()
    intensities = rows[n + 2 * n_phases + layout.intensity.start :]
    own = layout.lines.phase == 0
    assert not intensities[own].any() and np.abs(intensities[~own]).max(axis=1).min() > 0.0
    assert np.abs(rows[layout.deviation][own]).max(axis=1).min() > 0.0


def test_the_same_scan_under_another_layout_shows_the_same_pattern() -> None:
    known = stacks.known_stack(3)
    wide, widened = with_areas(known)
    layout = wide.unsettled(known.expected).layout
    for scan in known.chain().scans:
        merit = scan.pattern(known.truth)
        model = scan.work.model.copy()
        other = scan.with_layout(layout, None)
        assert other.pattern(widened) == pytest.approx(merit, rel=1e-12, abs=1e-9)
        np.testing.assert_allclose(other.work.model, model, rtol=1e-13)


def bound_scan(spread: tuple[float, float]) -> tuple[JointScan, SeriesState]:
    known = stacks.known_stack(3, deviations=True)
    scan = known.chain(spread=np.array(spread)).scans[1]
    return scan, known.truth


def test_spread_of_a_phase_is_how_far_its_areas_stray_from_the_shared_ones() -> None:
    scan, state = bound_scan((0.1, 0.25))
    layout = scan.layout
    known = stacks.known_stack(3, deviations=True)
    shared = stacks.shared_areas(known.chain(), state, 1)
    sigma = np.array([0.1, 0.25])[layout.lines.phase] * shared
    expected = np.sum(((state.local[1, layout.deviation] - shared) / sigma) ** 2)
    assert scan.bind(state, None) == pytest.approx(expected, rel=1e-9)
    assert expected > 1.0


def test_what_nothing_holds_costs_nothing() -> None:
    for spread in ((np.inf, np.inf), (0.0, 0.0)):
        scan, state = bound_scan(spread)
        assert scan.bind(state, None) == 0.0
    known, state = with_areas(stacks.known_stack(3))
    scan = known.chain(spread=np.full(2, 0.1)).scans[1]
    assert scan.bind(state, None) == pytest.approx(0.0, abs=1e-15)


def test_weak_line_strays_further_from_its_share_than_nothing() -> None:
    # A line of which the shared model has nothing may still be there in one scan.
    known = stacks.known_stack(3, deviations=True)
    state = known.truth.copy()
    layout = known.chain().layout
    state.shared[layout.intensity.start + 2] = 0.0
    chain = known.chain()
    scan = chain.scans[1]
    chain.settle(state, deviates=np.ones((3, 2), dtype=bool), spread=np.full(2, 0.1))
    assert np.isfinite(scan.weight).all() and (scan.weight > 0.0).all()
    assert scan.weight[2] > scan.weight[[0, 1, 3]].max()


def test_holding_areas_to_the_shared_ones_is_an_observation_of_each() -> None:
    scan, state = bound_scan((0.1, 0.25))
    layout, m = scan.layout, scan.layout.n_lines
    n, shared = layout.n_local, layout.n_shared
    block = (np.zeros((n, n)), np.zeros((n, shared)), np.zeros((shared, shared)), np.zeros(n), np.zeros(shared))
    assert scan.bind(state, block) == scan.bind(state, None)

    def apart(at: np.ndarray) -> np.ndarray:
        own, common = at[:n], at[n:]
        scale = own[layout.scale][layout.lines.phase]
        return own[layout.deviation] - scale * common[layout.intensity] * scan.geometry

    here = np.concatenate([state.local[1], state.shared])
    jacobian = stacks.differences(apart, here, np.full(n + shared, 1e-3))
    matrix, right = (jacobian * scan.weight) @ jacobian.T, -jacobian @ (scan.weight * apart(here))
    assert scan.weight.shape == (m,)
    for found, expected in (
        (block[0], matrix[:n, :n]),
        (block[1], matrix[:n, n:]),
        (block[2], matrix[n:, n:]),
        (block[3], right[:n]),
        (block[4], right[n:]),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


def test_all_phases_of_a_model_are_there_even_if_one_has_no_lines() -> None:
    known = stacks.known_stack(2)
    own = known.lines.phase == 0
    fewer = replace(known.lines, hkl=known.lines.hkl[own], phase=known.lines.phase[own])
    rest = replace(known, lines=fewer, intensities=stacks.extracted(fewer, known.model))
    layout = rest.unsettled(known.expected).layout
    state = known.truth.copy()
    state.shared = np.concatenate([state.shared[: layout.intensity.start], layout.intensities.start])
    for scan in rest.unsettled(known.expected).scans:
        assert np.isfinite(scan.block(state))
        assert np.isfinite(scan.work.gram).all()
        assert not scan.work.rows[layout.scale][1].any()
        assert scans.FP.name == known.model.phases[1].name
