"""What lines say of their phase, against the same in plain NumPy and SciPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from xrdfit.kernels.phase_evidence import farthest_moves, mean_fwhm, position_blur, rise_with_only
from xrdfit.kernels.profiles import pseudo_voigt_shape


@given(seed=st.integers(0, 10_000), n_lines=st.integers(1, 8), n_cases=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_chi2_without_some_lines_is_that_of_the_others_solved_for_by_themselves(
    seed: int, n_lines: int, n_cases: int
) -> None:
    rng = np.random.default_rng(seed)
    profiles, net = rng.random((n_lines, 30)), rng.normal(0.5, 1.0, 30)
    gram, right = profiles @ profiles.T, profiles @ net
    area, norm = nnls(profiles.T, net)
    kept = rng.random((n_cases, n_lines)) < 0.6
    expected = [nnls(profiles[own].T, net)[1] ** 2 - norm**2 if own.any() else net @ net - norm**2 for own in kept]
    np.testing.assert_allclose(rise_with_only(gram, right, area, area > 0.0, kept), expected, rtol=1e-8, atol=1e-9)


def test_mean_width_counts_lines_by_their_area_and_knows_none_without() -> None:
    gauss = np.array([[0.05, 0.06], [0.08, 0.09], [0.07, 0.08]])
    lorentz = np.array([[0.10, 0.11], [0.02, 0.03], [0.05, 0.05]])
    area, phase = np.array([3.0, 1.0, 0.0]), np.array([0, 0, 1])
    fwhm = [pseudo_voigt_shape(g, w)[0] for g, w in zip(gauss[:, 0], lorentz[:, 0], strict=True)]
    found = mean_fwhm(gauss, lorentz, area, phase, 3)
    np.testing.assert_allclose(found[0], (3.0 * fwhm[0] + fwhm[1]) / 4.0, rtol=1e-12)
    assert np.isnan(found[1:]).all()


def test_error_of_a_cell_blurs_lines_by_how_far_it_moves_them() -> None:
    rng = np.random.default_rng(5)
    m, first = 6, 4
    by_slot, by_theta = rng.normal(size=(m, 2, 12)), rng.normal(size=(m, 2, 3))
    gauss, lorentz, area = rng.random((m, 2)) + 0.1, rng.random((m, 2)) + 0.1, rng.random(m)
    chosen = np.array([True, False, True, True, False, True])
    mapping, root = rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    covariance = root @ root.T
    motion = by_slot[:, 0, first : first + 6] * by_theta[:, 0, :1] @ mapping
    variance = np.einsum("ij,jk,ik->i", motion, covariance, motion) / (gauss + lorentz)[:, 0] ** 2
    expected = np.sqrt(np.average(variance[chosen], weights=area[chosen]))
    args = by_slot, by_theta, gauss, lorentz
    np.testing.assert_allclose(position_blur(*args, area, chosen, first, mapping, covariance), expected, rtol=1e-12)
    unknown = covariance.copy()
    unknown[1, 1] = np.nan
    assert position_blur(*args, area, chosen, first, mapping, unknown) == np.inf
    assert position_blur(*args, np.zeros(m), chosen, first, mapping, covariance) == np.inf


def test_a_phase_has_moved_as_far_as_that_line_of_it_which_moved_most() -> None:
    home = np.array([[20.0, 20.1], [25.0, 25.1], [30.0, 30.1]])
    position = home + np.array([[0.01, 0.01], [-0.04, 0.0], [0.3, 0.0]])
    gauss, lorentz = np.full((3, 2), 0.05), np.full((3, 2), 0.05)
    found = farthest_moves(position, home, gauss, lorentz, np.array([0, 0, 1]), 3)
    np.testing.assert_allclose(found, [0.4, 3.0, 0.0], rtol=1e-9)
