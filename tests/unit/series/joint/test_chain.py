"""The scans of a joint fit in a row."""

from dataclasses import replace

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.data import Drift, JointPrior, ParameterOverride, RefineSettings
from xrdfit.series.joint.chain import first_state, list_lines, mid_times

HOUR = 3600.0


def test_middle_of_a_scan_lies_between_its_beginning_and_its_end() -> None:
    times = stacks.scan_times(3, pauses=[0.0, HOUR, 0.0])
    np.testing.assert_allclose(mid_times(times, 3) / HOUR, [1.0, 3.0, 6.0])


def test_without_times_scans_are_counted() -> None:
    assert mid_times(None, 4).tolist() == [0.0, 1.0, 2.0, 3.0]


def lines_at(model: object, cells: list[float]) -> object:
    known = stacks.known_stack(len(cells))
    prepared = [stacks.kept(row, known.two_theta, known.settings) for row in known.expected]
    values = [scans.parameters(known.model, **scans.TRUE, LFP_a=a) for a in cells]
    return list_lines(known.model, values, prepared, (True, True))


def names(lines: object) -> list[tuple[int, ...]]:
    pairs = zip(lines.phase.tolist(), lines.hkl.tolist(), strict=True)  # type: ignore[attr-defined]
    return [(phase, *hkl) for phase, hkl in pairs]


def test_a_line_that_is_in_one_scan_alone_is_in_the_series() -> None:
    # With Cu, (4 0 0) of LFP enters the pattern below 34 deg only in a cell that is far too large.
    ordinary, swollen = (names(lines_at(None, [a])) for a in (10.33, 10.6))
    assert (0, 4, 0, 0) in swollen and (0, 4, 0, 0) not in ordinary
    together = names(lines_at(None, [10.33, 10.6, 10.33]))
    assert set(together) == set(ordinary) | set(swollen)


def test_lines_are_listed_once_phase_by_phase_as_they_stand_in_the_pattern() -> None:
    known = stacks.known_stack(3)
    lines = lines_at(None, [10.33, 10.6, 10.33])
    assert len(set(names(lines))) == len(names(lines))
    assert (np.diff(lines.phase) >= 0).all()  # type: ignore[attr-defined]
    own = known.lines.phase == 0
    position = known.model.place(known.truth.fixed[0], known.lines).position[own, 0]
    assert (np.diff(position) > 0.0).all()


def test_absent_phase_has_no_lines() -> None:
    known = stacks.known_stack(2)
    prepared = [stacks.kept(row, known.two_theta, known.settings) for row in known.expected]
    lines = list_lines(known.model, list(known.truth.fixed), prepared, (True, False))
    assert set(lines.phase.tolist()) == {0}


def test_scans_without_times_are_a_sweep_without_a_pause() -> None:
    scan = stacks.known_stack(4).chain().scans[1]
    np.testing.assert_allclose(scan.share[:, 0], [0.5, 0.5, 0.0], atol=0.01)
    np.testing.assert_allclose(scan.share[:, -1], [0.0, 0.5, 0.5], atol=0.01)


def test_scans_read_at_once_know_no_neighbours() -> None:
    for scan in stacks.known_stack(4, detector="area").chain().scans:
        assert scan.share.shape == (1, stacks.TWO_THETA.size)


def test_a_scan_set_aside_is_bridged_by_those_on_either_side() -> None:
    known = stacks.known_stack(4, times=stacks.scan_times(4))
    chain = known.chain(order=[0, 1, 3])
    assert chain.indices == (0, 1, 3)
    np.testing.assert_allclose(chain.times / HOUR, [1.0, 3.0, 7.0])
    # From 3 h to 7 h: the last point of scan 1, at 4 h, lies a quarter of the way.
    assert chain.scans[1].share[2, -1] == pytest.approx(0.25, abs=0.01)
    assert chain.scans[1].share[0, 0] == pytest.approx(0.5, abs=0.01)


def test_drift_over_a_part_of_the_series_is_the_drift_of_the_series() -> None:
    settings = replace(stacks.SETTINGS, drift={"sample_displacement": Drift(order=2)})
    known = stacks.known_stack(5, settings=settings)
    whole, part = (known.chain(order=order).layout.drifts[0][1] for order in (range(5), [1, 3]))
    np.testing.assert_allclose(part, whole[[1, 3]], rtol=1e-13)


def test_longest_steps_move_lines_by_half_their_width() -> None:
    known = stacks.known_stack(2)
    problem, layout = known.problem(known.chain()), known.chain().layout
    table = known.model.table
    start = table.defaults()
    placed = known.model.place(start, known.lines)
    half = 0.5 * (placed.gauss + placed.lorentz)
    for name in ("LFP_a", "LFP_b", "FP_c"):
        at = list(layout.local).index(table.index(name))
        moved = start.copy()
        # A tenth of it, because it is meant to be the end of where lines answer linearly.
        moved[table.index(name)] += 0.1 * problem.longest[at]
        shift = np.abs(known.model.place(moved, known.lines).position - placed.position)
        assert (shift / half).max() == pytest.approx(0.1, rel=0.05), name
    displacement = layout.drift_slices[0].start
    moved = start.copy()
    moved[table.index("sample_displacement")] += problem.longest_shared[displacement]
    shift = np.abs(known.model.place(moved, known.lines).position - placed.position)
    assert (shift / half).max() == pytest.approx(1.0, rel=0.05)
    # What the pattern answers to linearly may go as far as it likes.
    assert np.isinf(problem.longest[layout.scale]).all()
    assert np.isinf(problem.longest_shared[layout.intensity]).all()


def test_priors_are_means_and_inverse_variances_of_what_they_name() -> None:
    said = {"LFP_a": (10.33, 0.002), "FP_lorentz_size": (0.11, 0.01)}
    settings: RefineSettings = replace(
        stacks.SETTINGS, overrides={name: ParameterOverride(prior=prior) for name, prior in said.items()}
    )
    known = stacks.known_stack(2, settings=settings)
    layout, priors = known.chain().layout, known.problem(known.chain()).priors
    table = known.model.table
    first, second = (
        list(layout.local).index(table.index("LFP_a")),
        list(layout.series).index(table.index("FP_lorentz_size")),
    )
    assert (priors.local[first], priors.local_weight[first]) == (10.33, pytest.approx(250000.0))
    assert (priors.shared[second], priors.shared_weight[second]) == (0.11, pytest.approx(10000.0))
    assert np.count_nonzero(priors.local_weight) == np.count_nonzero(priors.shared_weight) == 1


def test_a_joint_fit_begins_where_the_scans_were_left() -> None:
    known = stacks.known_stack(4, times=stacks.scan_times(4))
    chain, truth = known.chain(), known.truth
    layout = chain.layout
    left = [truth.values(layout, s) for s in range(4)]
    for s in range(4):
        # A drift is fitted to what the scans say, which scatters.
        left[s][layout.drifts[0][0]] += 0.002 * (-1) ** s
    totals = truth.local[:, layout.scale]
    state = first_state(chain, left, totals, left[0])
    np.testing.assert_array_equal(state.local, truth.local)
    np.testing.assert_array_equal(state.shared[: layout.series.size], left[0][layout.series])
    np.testing.assert_array_equal(state.shared[layout.intensity], layout.intensities.start)
    course = np.array([state.values(layout, s)[layout.drifts[0][0]] for s in range(4)])
    straight = np.polyfit(chain.times, [values[layout.drifts[0][0]] for values in left], 1)
    np.testing.assert_allclose(course, np.polyval(straight, chain.times), rtol=1e-9)


def test_what_is_known_together_weighs_by_the_inverse_of_its_covariance() -> None:
    # W is held here: what is known of it together with the sizes is integrated over.
    covariance = np.array([[4e-4, 1e-6, 3e-4], [1e-6, 1e-8, 2e-6], [3e-4, 2e-6, 9e-4]])
    names = ("LFP_lorentz_size", "caglioti_w", "FP_lorentz_size")
    prior = JointPrior(names=names, mean=np.array([0.11, 0.004, 0.10]), covariance=covariance)
    known = stacks.known_stack(2, settings=replace(stacks.SETTINGS, joint_prior=prior))
    layout, priors = known.chain().layout, known.problem(known.chain()).priors
    own = [list(layout.series).index(known.model.table.index(name)) for name in (names[0], names[2])]
    assert priors.shared[own].tolist() == [0.11, 0.10]
    kept = np.linalg.inv(covariance[np.ix_([0, 2], [0, 2])])
    np.testing.assert_allclose(priors.coupling[np.ix_(own, own)], kept)
    assert np.count_nonzero(priors.coupling) == 4
