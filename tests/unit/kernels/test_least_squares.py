"""The elimination of the areas and the bounded Levenberg-Marquardt."""

import numpy as np
import pytest

from tests import scans, twins
from xrdfit.kernels.evaluation import calculate, make_workspace, update_weights, weights_to_come
from xrdfit.kernels.least_squares import CONVERGED, NOT_FINITE, TOO_MANY, damped_step, minimise
from xrdfit.kernels.normal_equations import normal_equations, weights_ahead


def prepared(scan: scans.KnownScan, counts: np.ndarray) -> tuple:
    """Problem, mapping of the usual variables, Jacobian rows and workspace with weights from the true pattern."""
    table = scan.model.table
    chosen = np.flatnonzero(scans.usual(scan.model))
    mapping = np.ascontiguousarray(table.slot_mapping[:, chosen])
    used = np.abs(mapping).sum(axis=1) > 0.0
    rows = np.where(used, np.cumsum(used) - 1, -1)
    given = scans.problem(scan, counts)
    work = make_workspace(given, int(used.sum()))
    work.weight[:] = 1.0 / scan.expected
    return given, chosen, mapping, rows, used, work


def joint_jacobian(scan: scans.KnownScan, values: np.ndarray, areas: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(n, variables + lines) by differences of the plain-numpy pattern."""
    table = scan.model.table

    def course(at: np.ndarray) -> np.ndarray:
        return twins.pattern(scan.model, scans.by_name(scan.model, at), scan.lines, areas, scan.two_theta)

    columns = []
    for i in chosen:
        step = np.zeros(values.size)
        step[i] = 1e-6 * table.specs[i].default if table.specs[i].kind == "cell" else 1e-5
        columns.append((course(values + step) - course(values - step)) / (2.0 * step[i]))
    columns.extend(twins.profiles(scan.model, scans.by_name(scan.model, values), scan.lines, scan.two_theta))
    return np.array(columns).T


def test_inverse_of_the_eliminated_normal_matrix_is_the_marginal_covariance() -> None:
    scan = scans.reference_scan()
    given, chosen, mapping, rows, used, work = prepared(scan, scan.expected)
    calculate(given, scan.model.table.slots(scan.values), work, True)
    matrix, _ = normal_equations(
        given, scan.model.table.slots(scan.values), rows, np.ascontiguousarray(mapping[used]), work, True
    )
    full = joint_jacobian(scan, scan.values, scan.areas, chosen) / np.sqrt(scan.expected)[:, None]
    marginal = np.sqrt(np.diag(np.linalg.inv(full.T @ full)))[: chosen.size]
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(matrix))), marginal, rtol=1e-5)


def test_right_side_is_the_slope_of_chi_squared_with_the_areas_following() -> None:
    scan = scans.reference_scan()
    given, chosen, mapping, rows, used, work = prepared(scan, scan.counts(3))
    values = scan.values.copy()
    values[scan.model.table.index("LFP_a")] += 0.002
    calculate(given, scan.model.table.slots(values), work, True)
    _, right = normal_equations(
        given, scan.model.table.slots(values), rows, np.ascontiguousarray(mapping[used]), work, True
    )
    for column, i in enumerate(chosen):
        step = np.zeros(values.size)
        step[i] = 1e-6 * abs(values[i]) if scan.model.table.specs[i].kind == "cell" else 1e-5
        above = calculate(given, scan.model.table.slots(values + step), work, True)
        below = calculate(given, scan.model.table.slots(values - step), work, True)
        slope = (above - below) / (2.0 * step[i])
        assert -2.0 * right[column] == pytest.approx(slope, rel=1e-4, abs=1e-4), scan.model.table.names[i]


def test_weights_follow_the_model_and_not_the_counts() -> None:
    scan = scans.reference_scan()
    work = scans.filled_workspace(scan, given := scans.problem(scan, scan.counts(1)))
    update_weights(given, work)
    np.testing.assert_allclose(work.weight, 1.0 / scan.expected, rtol=1e-9)


def test_new_weights_bring_no_more_than_is_foreseen() -> None:
    scan = scans.reference_scan()
    given, chosen, _, _, _, work = prepared(scan, scan.counts(5))
    calculate(given, scan.model.table.slots(scan.values), work, True)
    joint = joint_jacobian(scan, scan.values, scan.areas, chosen)
    old = work.weight.copy()
    foreseen = weights_to_come(given, work)
    update_weights(given, work)
    slope = joint.T @ ((work.weight - old) * work.residual)
    fall = float(slope @ np.linalg.solve(joint.T * old @ joint, slope))
    assert 0.01 * foreseen < fall < foreseen
    assert weights_to_come(given, work) == 0.0


@pytest.mark.parametrize("areas_free", [True, False])
def test_weights_ahead_are_those_behind_the_step_but_for_its_square(areas_free: bool) -> None:
    scan = scans.reference_scan()
    given, _, mapping, rows, used, work = prepared(scan, scan.expected)
    table, slots = scan.model.table, scan.model.table.slots(scan.values)
    missed = []
    for part in (1.0, 0.5):
        calculate(given, slots, work, True)
        before = work.model.copy()
        normal_equations(given, slots, rows, np.ascontiguousarray(mapping[used]), work, True)
        moved = scan.values.copy()
        moved[table.index("LFP_a")] += 0.002 * part
        moved[table.index("FP_b")] -= 0.002 * part
        change = table.slots(moved) - slots
        weights_ahead(given, slots, change[used], work, areas_free)
        promised, foreseen = work.model.copy(), work.weight.copy()
        update_weights(given, work)
        np.testing.assert_array_equal(work.weight, foreseen)
        work.weight[:] = 1.0 / scan.expected
        if not areas_free:
            work.area[:] = scan.areas
        calculate(given, table.slots(moved), work, areas_free)
        missed.append(np.abs(work.model - promised).max())
    assert missed[1] < 0.1 * np.abs(work.model - before).max()
    assert missed[0] / missed[1] == pytest.approx(4.0, rel=0.1)


def test_weights_ahead_judge_the_present_pattern() -> None:
    scan = scans.reference_scan()
    given, _, mapping, rows, used, work = prepared(scan, scan.counts(2))
    slots = scan.model.table.slots(scan.values)
    calculate(given, slots, work, True)
    residual = work.residual.copy()
    normal_equations(given, slots, rows, np.ascontiguousarray(mapping[used]), work, True)
    chi2 = weights_ahead(given, slots, np.full(int(used.sum()), 1e-4), work, True)
    assert chi2 == pytest.approx(float(work.weight @ residual**2), rel=1e-12)


def run(scan: scans.KnownScan, counts: np.ndarray, values: np.ndarray, **limits: tuple[float, float]) -> tuple:
    given, chosen, mapping, rows, _, work = prepared(scan, counts)
    names = [scan.model.table.names[i] for i in chosen]
    lower, upper = np.full(chosen.size, -np.inf), np.full(chosen.size, np.inf)
    for name, (low, high) in limits.items():
        lower[names.index(name)], upper[names.index(name)] = low, high
    variables = np.clip(values[chosen], lower, upper)
    base = scan.model.table.slots(values) - mapping @ values[chosen]
    longest = np.full(chosen.size, np.inf)
    first = calculate(given, base + mapping @ variables, work, True)
    answer = minimise(given, base, mapping, rows, variables, lower, upper, longest, work, first, True, 1e-7, 200)
    return *answer[:3], dict(zip(names, variables, strict=True)), work


def test_noise_free_pattern_gives_back_what_it_was_made_from() -> None:
    scan = scans.reference_scan()
    start = scan.values.copy()
    start[scan.model.table.index("LFP_a")] += 0.004
    start[scan.model.table.index("FP_c")] -= 0.003
    chi2, _, status, found, work = run(scan, scan.expected, start)
    assert status == CONVERGED
    assert chi2 < 1e-4
    for name, value in found.items():
        assert value == pytest.approx(scan.values[scan.model.table.index(name)], rel=1e-5, abs=1e-3), name
    np.testing.assert_allclose(work.area, scan.areas, rtol=1e-3)


def test_variable_pushed_against_its_limit_stops_on_it() -> None:
    scan = scans.reference_scan()
    _, _, status, found, _ = run(scan, scan.counts(0), scan.values, LFP_a=(10.32, 10.326), FP_lorentz_size=(0.15, 1.0))
    assert status == CONVERGED
    assert found["LFP_a"] == 10.326
    assert found["FP_lorentz_size"] == 0.15


def test_pattern_that_is_not_finite_ends_as_a_status() -> None:
    scan = scans.reference_scan()
    values = scan.values.copy()
    values[scan.model.table.index("background_c0")] = np.nan
    assert run(scan, scan.expected, values)[2] == NOT_FINITE


def test_budget_of_evaluations_is_kept() -> None:
    scan = scans.reference_scan()
    given, chosen, mapping, rows, _, work = prepared(scan, scan.counts(0))
    variables = scan.values[chosen] * 1.001
    base = scan.model.table.slots(scan.values) - mapping @ scan.values[chosen]
    free = np.full(chosen.size, np.inf)
    first = calculate(given, base + mapping @ variables, work, True)
    _, evaluations, status, _, _ = minimise(
        given, base, mapping, rows, variables, -free, free, free, work, first, True, 1e-7, 3
    )
    assert (evaluations, status) == (3, TOO_MANY)


def test_strong_counts_do_not_wait_for_falls_that_rounding_hides() -> None:
    scan = scans.reference_scan()
    given, chosen, mapping, rows, _, work = prepared(scan, scan.counts(0) * 1e12)
    variables = scan.values[chosen].copy()
    base = scan.model.table.slots(scan.values) - mapping @ scan.values[chosen]
    free = np.full(chosen.size, np.inf)
    first = calculate(given, base + mapping @ variables, work, True)
    status = minimise(given, base, mapping, rows, variables, -free, free, free, work, first, True, 1e-7, 200)[2]
    assert status == CONVERGED


def test_step_solves_the_damped_equations_over_the_free_variables_only() -> None:
    matrix = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.0], [0.0, 0.0, 0.0]])
    right = np.array([1.0, 2.0, 5.0])
    everything = np.ones(3, dtype=bool)
    np.testing.assert_allclose(damped_step(matrix, right, everything, 0.0), [1.0 / 11.0, 7.0 / 11.0, 0.0])
    np.testing.assert_allclose(damped_step(matrix, right, everything, 1.0), [4.0 / 47.0, 15.0 / 47.0, 0.0])
    np.testing.assert_allclose(damped_step(matrix, right, np.array([True, False, True]), 0.0), [0.25, 0.0, 0.0])
