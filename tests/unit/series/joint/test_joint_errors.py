"""What the errors of a joint fit are."""

from dataclasses import replace

import numpy as np
import pytest

from tests import stacks
from xrdfit.data import ParameterOverride, RefineSettings
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import JointErrors, blur, joint_errors, parameter_covariance
from xrdfit.series.joint.solver import JointSolution, minimise_joint

DETECTORS = ["point", "area"]


def fitted(
    detector: str, n_scans: int = 4, *, seed: int = 0, settings: RefineSettings = stacks.SETTINGS
) -> tuple[stacks.KnownStack, Chain, JointSolution, JointErrors]:
    known = stacks.known_stack(n_scans, detector=detector, settings=settings)
    chain, solution = known.fit(known.counts(seed))
    assert solution.converged
    return known, chain, solution, joint_errors(chain, solution, settings)


def dense_covariance(solution: JointSolution) -> np.ndarray:
    """Inverse of the whole matrix of what moves; zero elsewhere."""
    matrix, _ = stacks.dense(solution.blocks)
    moves = np.flatnonzero(np.concatenate([solution.free.ravel(), solution.free_shared]))
    part = matrix[np.ix_(moves, moves)]
    size = np.sqrt(np.diag(part))
    covariance = np.zeros(matrix.shape)
    covariance[np.ix_(moves, moves)] = np.linalg.inv(part / np.outer(size, size)) / np.outer(size, size)
    return covariance


def assert_close(found: np.ndarray, expected: np.ndarray, one: np.ndarray, other: np.ndarray) -> None:
    """Covariances, in units of the esds of what they are between."""
    unit = np.outer(np.where(one > 0.0, one, 1.0), np.where(other > 0.0, other, 1.0))
    np.testing.assert_allclose(found / unit, expected / unit, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("detector", DETECTORS)
def test_covariance_is_that_of_the_whole_stack_at_once(detector: str) -> None:
    _, chain, solution, errors = fitted(detector)
    size, n_scans = chain.layout.n_local, len(chain.scans)
    expected = dense_covariance(solution)
    esd = np.sqrt(np.diag(expected))
    places = [slice(s * size, (s + 1) * size) for s in range(n_scans)]
    shared = slice(n_scans * size, None)
    for s, here in enumerate(places):
        assert_close(errors.covariance(s), expected[here, here], esd[here], esd[here])
        assert_close(-errors.response[s] @ errors.shared, expected[here, shared], esd[here], esd[shared])
    for s in range(n_scans - 1):
        here, after = places[s], places[s + 1]
        between = errors.response[s + 1] @ errors.shared @ errors.response[s].T
        if detector == "point":
            between = between + errors.neighbour[s]
        assert_close(between, expected[after, here], esd[after], esd[here])
    assert_close(errors.shared, expected[shared, shared], esd[shared], esd[shared])


def test_scans_far_apart_in_a_sweep_vary_together_through_what_they_share_alone() -> None:
    _, chain, solution, errors = fitted("point", 6)
    size, expected = chain.layout.n_local, dense_covariance(solution)
    esd = np.sqrt(np.diag(expected))
    here, there = slice(0, size), slice(4 * size, 5 * size)
    between = errors.response[4] @ errors.shared @ errors.response[0].T
    apart = (between - expected[there, here]) / np.outer(esd[there], esd[here])
    assert np.abs(apart).max() < 0.01
    # The scan next to it is another matter.
    beside = (errors.neighbour[0] / np.outer(esd[size : 2 * size], esd[here]))[chain.layout.scale, chain.layout.scale]
    assert np.diag(beside).max() < -0.02


@pytest.mark.parametrize("detector", DETECTORS)
def test_intensities_of_a_phase_err_together_so_that_their_sum_does_not(detector: str) -> None:
    _, chain, _, errors = fitted(detector)
    where = chain.layout.intensity
    covariance = errors.shared[where, where]
    for row in chain.layout.intensities.gauge:
        assert row @ covariance @ row < 1e-3 * np.diag(covariance)[row > 0.0].min()
    # Then the scale carries the error of the phase's whole intensity.
    assert (np.diag(covariance) > 0.0).all()


@pytest.mark.parametrize("detector", DETECTORS)
def test_mean_scale_of_a_stack_errs_as_the_counts_of_the_stack_do(detector: str) -> None:
    known, chain, solution, errors = fitted(detector)
    size, n_scans = chain.layout.n_local, len(chain.scans)
    weights = np.zeros((n_scans, size))
    weights[:, chain.layout.scale] = 1.0 / n_scans
    variance = 0.0
    for s in range(n_scans):
        variance += weights[s] @ errors.covariance(s) @ weights[s]
        for t in range(s):
            between = errors.response[s] @ errors.shared @ errors.response[t].T
            if detector == "point" and t == s - 1:
                between = between + errors.neighbour[t]
            variance += 2.0 * weights[s] @ between @ weights[t]
    everything = np.concatenate([weights.ravel(), np.zeros(chain.layout.n_shared)])
    expected = everything @ dense_covariance(solution) @ everything
    # Scans that are not next to each other in a sweep are taken to vary through what all share alone.
    assert variance == pytest.approx(expected, rel=0.06 if detector == "point" else 1e-6)
    assert known.truth.local.shape == weights.shape


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_is_held_has_no_error_and_frees_the_rest_of_it(detector: str) -> None:
    known, chain, solution, errors = fitted(detector)
    free, free_shared = solution.free.copy(), solution.free_shared.copy()
    free[1, 0], free_shared[0] = False, False
    held = minimise_joint(known.problem(chain, free=free, free_shared=free_shared), solution.state)
    fewer = joint_errors(chain, held, known.settings)
    assert not fewer.covariance(1)[0].any() and not fewer.shared[0].any()
    assert not fewer.blind.any() and not fewer.blind_shared.any()
    for s in range(4):
        assert (np.diag(fewer.covariance(s)) <= 1.001 * np.diag(errors.covariance(s))).all()


@pytest.mark.parametrize("detector", DETECTORS)
def test_variables_at_a_limit_are_left_out_of_the_errors(detector: str) -> None:
    known, chain, solution, _ = fitted(detector)
    first = chain.layout.intensity.start + 3
    upper = list(known.problem(chain).limits)
    upper[3] = upper[3].copy()
    upper[3][first] = 0.9 * solution.state.shared[first]
    start = solution.state.copy()
    start.shared[first] = upper[3][first]
    bounded = minimise_joint(known.problem(chain, limits=tuple(upper)), start)
    errors = joint_errors(chain, bounded, known.settings)
    assert bounded.converged and not bounded.free_shared[first]
    assert not errors.shared[first].any() and not errors.blind_shared[first]


@pytest.mark.parametrize("detector", DETECTORS)
def test_misfit_of_a_scan_widens_its_own_errors_by_its_gof_if_asked(detector: str) -> None:
    known = stacks.known_stack(4, detector=detector)
    data = known.counts(0)
    # The third scan scatters twice as much as counts do.
    data[2] = np.maximum(known.expected[2] + 2.0 * (data[2] - known.expected[2]), 0.0).round()
    chain, solution = known.fit(data)
    plain = joint_errors(chain, solution, known.settings)
    scaled = joint_errors(chain, solution, replace(known.settings, esd_scaling="chi2"))
    gof = np.array([fit.gof for fit in plain.agreement])
    assert gof[2] == pytest.approx(2.0, rel=0.15)
    np.testing.assert_array_equal(plain.factor, 1.0)
    np.testing.assert_allclose(scaled.factor, np.maximum(gof, 1.0))
    assert scaled.factor_shared == pytest.approx(np.sqrt(np.mean(np.maximum(gof, 1.0) ** 2)))
    for s in range(4):
        np.testing.assert_allclose(scaled.local[s], plain.local[s] * scaled.factor[s] ** 2)
    np.testing.assert_allclose(scaled.shared, plain.shared * scaled.factor_shared**2)
    if detector == "point":
        factors = scaled.factor[1:] * scaled.factor[:-1]
        np.testing.assert_allclose(scaled.neighbour, plain.neighbour * factors[:, None, None])


def test_agreement_is_that_of_each_scan_with_its_share_of_what_all_have_in_common() -> None:
    known, chain, solution, errors = fitted("area", seed=3)
    data = known.counts(3)
    for s, fit in enumerate(errors.agreement):
        model = stacks.pattern(chain, solution.state, s, stacks.Settled.at(chain, known.truth, s))
        chi2 = float(np.sum((data[s] - model) ** 2 / np.maximum(model, 1.0)))
        assert fit.chi2 == pytest.approx(chi2, rel=1e-9)
        n_free = chain.layout.n_local + round(chain.layout.n_shared / 4)
        assert fit.gof == pytest.approx(np.sqrt(chi2 / (200 - n_free)), rel=1e-9)


def test_a_scan_fitted_with_what_the_others_share_errs_with_it() -> None:
    known, _, solution, errors = fitted("area")
    data = known.counts(9)
    alone = known.chain(data, order=[2])
    start = known.in_order([2])
    start.shared[:] = solution.state.shared
    held = np.zeros(start.shared.size, dtype=bool)
    found = minimise_joint(known.problem(alone, free_shared=held), start)
    assert found.converged and np.array_equal(found.state.shared, solution.state.shared)
    own = joint_errors(alone, found, known.settings).covariance(0)
    whole = joint_errors(alone, found, known.settings, errors).covariance(0)
    # d x / d shared = -T^-1 C, by moving what is given and fitting again.
    step = 0.5 * np.sqrt(errors.shared[0, 0])
    moved = []
    for by in (-1.0, 1.0):
        given = found.state.copy()
        given.shared[0] += by * step
        moved.append(minimise_joint(known.problem(alone, free_shared=held), given).state.local[0])
    response = (moved[1] - moved[0]) / (2.0 * step)
    given_response = -joint_errors(alone, found, known.settings, errors).response[0][:, 0]
    esd = np.sqrt(np.diag(whole))
    np.testing.assert_allclose(given_response * step / esd, response * step / esd, atol=0.02)
    assert (np.diag(whole) >= np.diag(own)).all()
    more = whole - own
    assert np.linalg.eigvalsh(more / np.outer(esd, esd)).min() > -1e-9
    assert (np.diag(more) / np.diag(own)).max() > 0.01


TIED: RefineSettings = replace(
    stacks.SETTINGS,
    overrides={
        "FP_b": ParameterOverride(expr="LFP_b - 0.2172"),
        "FP_lorentz_size": ParameterOverride(expr="1.2 * LFP_lorentz_size"),
    },
)


def test_covariance_of_the_parameters_is_that_of_the_variables_through_drifts_and_expressions() -> None:
    known, chain, solution, errors = fitted("area", settings=TIED)
    layout, names = chain.layout, list(known.model.table.names)
    found = parameter_covariance(chain, 2, solution, errors)
    everything = dense_covariance(solution)

    def moved(at: np.ndarray) -> np.ndarray:
        return stacks.state_of(at, solution.state).values(layout, 2)

    jacobian = stacks.differences(moved, stacks.vector(solution.state), np.full(len(everything), 1e-3))
    jacobian[np.abs(jacobian) < 1e-9] = 0.0
    expected = jacobian.T @ everything @ jacobian
    esd = np.sqrt(np.diag(expected))
    assert_close(found, expected, esd, esd)
    assert found[names.index("FP_b"), names.index("FP_b")] == pytest.approx(errors.covariance(2)[1, 1], rel=1e-9)
    assert found[names.index("FP_lorentz_size")][names.index("FP_lorentz_size")] == pytest.approx(
        1.44 * errors.shared[0, 0], rel=1e-9
    )
    basis, where = layout.drifts[0][1][2], layout.drift_slices[0]
    drifting = names.index("sample_displacement")
    assert found[drifting, drifting] == pytest.approx(basis @ errors.shared[where, where] @ basis, rel=1e-9)
    assert not found[names.index("zero_shift")].any()


def test_parameters_that_are_not_determined_have_no_covariance() -> None:
    known = stacks.known_stack(3, detector="area", conversion=np.zeros(3))
    free = np.ones(known.truth.local.shape, dtype=bool)
    free[:, known.chain().layout.local.size + 1] = False
    chain, solution = known.fit(known.counts(0), free=free)
    errors = joint_errors(chain, solution, known.settings)
    found = np.diag(parameter_covariance(chain, 1, solution, errors))
    names = known.model.table.names
    blind = [name for name, variance in zip(names, found, strict=True) if np.isnan(variance)]
    assert blind == ["FP_a", "FP_b", "FP_c", "FP_lorentz_size"]


@pytest.mark.parametrize("phase", [0, 1])
def test_blur_is_how_far_the_error_of_the_cell_moves_the_lines(phase: int) -> None:
    known, chain, solution, errors = fitted("area")
    layout, table, position = chain.layout, known.model.table, 1
    covariance = parameter_covariance(chain, position, solution, errors)
    values = solution.state.values(layout, position)
    own = np.flatnonzero(layout.lines.phase == phase)
    cell = np.flatnonzero(table.where("cell") & known.model.of_phase(phase))
    # Cells at random, as their errors have it, and the lines where they then stand.
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance[np.ix_(cell, cell)], size=2000)
    placed = known.model.place(values, layout.lines)
    width = (placed.gauss + placed.lorentz)[own, 0]
    shifts = []
    for change in drawn:
        moved = values.copy()
        moved[cell] += change
        shifts.append((known.model.place(moved, layout.lines).position - placed.position)[own, 0] / width)
    intensity = chain.scans[position].relative(solution.state)[own]
    expected = np.sqrt((np.mean(np.square(shifts), axis=0) * intensity).sum() / intensity.sum())
    assert blur(chain, position, solution, covariance, phase) == pytest.approx(expected, rel=0.05)


def test_phase_without_intensity_or_without_a_free_cell_has_no_blur_to_speak_of() -> None:
    known, chain, solution, errors = fitted("area")
    state = solution.state.copy()
    state.shared[chain.layout.intensity] *= chain.layout.lines.phase == 0
    covariance = parameter_covariance(chain, 0, solution, errors)
    assert blur(chain, 0, replace(solution, state=state), covariance, 1) == np.inf
    assert np.isfinite(blur(chain, 0, replace(solution, state=state), covariance, 0))
    fixed = {f"FP_{axis}": "fixed" for axis in "abc"}
    held = stacks.known_stack(
        2, detector="area", settings=replace(known.settings, scope={**known.settings.scope, **fixed})
    )
    rows, found = held.fit(held.counts(0))
    own = parameter_covariance(rows, 0, found, joint_errors(rows, found, held.settings))
    assert blur(rows, 0, found, own, 1) == np.inf
