"""The Thompson-Cox-Hastings pseudo-Voigt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import voigt_profile

from tests import twins
from xrdfit.kernels.profiles import accumulate_peak, derivative_factors, pseudo_voigt_shape

WIDTH = st.floats(0.005, 2.0)
QUICK = settings(max_examples=40, deadline=None)


def peak(x: np.ndarray, position: float, gauss: float, lorentz: float, area: float = 1.0) -> np.ndarray:
    fwhm, eta = pseudo_voigt_shape(gauss, lorentz)[:2]
    out = np.zeros_like(x)
    accumulate_peak(x, position, fwhm, eta, area, out)
    return out


def peak_derivatives(x: np.ndarray, position: float, gauss: float, lorentz: float, area: float) -> np.ndarray:
    """(4, n) derivatives with respect to position, gauss and lorentz, and the peak itself."""
    factors = np.empty((4, 6))
    u = (x - position) * derivative_factors(gauss, lorentz, area, factors)
    t, e = 1.0 / (1.0 + u * u), np.exp2(-u * u)
    return factors @ np.array([u * t * t, t, t * t, u * e, e, u * u * e])


@QUICK
@given(WIDTH, WIDTH, st.floats(19.0, 31.0), st.floats(1e-3, 1e6))
def test_peak_agrees_with_plain_numpy(gauss: float, lorentz: float, position: float, area: float) -> None:
    x = np.linspace(20.0, 30.0, 301)
    expected = area * twins.pseudo_voigt(x, position, gauss, lorentz)
    np.testing.assert_allclose(peak(x, position, gauss, lorentz, area), expected, rtol=1e-12)


@QUICK
@given(WIDTH, WIDTH)
def test_width_and_mixing_agree_with_plain_numpy(gauss: float, lorentz: float) -> None:
    np.testing.assert_allclose(pseudo_voigt_shape(gauss, lorentz)[:2], twins.mixed_width(gauss, lorentz), rtol=1e-13)


def test_without_lorentzian_part_the_peak_is_a_gaussian() -> None:
    x = np.linspace(-1.0, 1.0, 201)
    assert pseudo_voigt_shape(0.2, 0.0)[:2] == pytest.approx((0.2, 0.0), abs=1e-15)
    np.testing.assert_allclose(peak(x, 0.0, 0.2, 0.0), twins.gaussian(x, 0.2), rtol=1e-12, atol=1e-15)


def test_without_gaussian_part_the_peak_is_a_lorentzian() -> None:
    x = np.linspace(-1.0, 1.0, 201)
    fwhm, eta = pseudo_voigt_shape(0.0, 0.2)[:2]
    # The paper's rounded coefficients add up to 1.00000 exactly: 1.36603 - 0.47719 + 0.11116.
    assert (fwhm, eta) == pytest.approx((0.2, 1.0), abs=1e-12)
    np.testing.assert_allclose(peak(x, 0.0, 0.0, 0.2), twins.lorentzian(x, 0.2), rtol=1e-12)


@pytest.mark.parametrize(("gauss", "lorentz"), [(0.1, 0.0), (0.1, 0.02), (0.1, 0.1), (0.02, 0.1), (1e-4, 0.1)])
def test_area_is_one_with_the_tails_that_no_pattern_shows(gauss: float, lorentz: float) -> None:
    reach = 5.0
    inside = quad(
        lambda x: peak(np.array([x]), 0.0, gauss, lorentz)[0], -reach, reach, points=[-0.1, 0.0, 0.1], limit=400
    )[0]
    fwhm, eta = pseudo_voigt_shape(gauss, lorentz)[:2]
    outside = eta * (1.0 - 2.0 / np.pi * np.arctan(2.0 * reach / fwhm))
    assert inside + outside == pytest.approx(1.0, abs=1e-9)


def test_lorentzian_tail_is_never_cut() -> None:
    far = np.array([100.0])
    fwhm, eta = pseudo_voigt_shape(0.05, 0.1)[:2]
    assert peak(far, 20.0, 0.05, 0.1)[0] == pytest.approx(eta * fwhm / (2.0 * np.pi * 80.0**2), rel=1e-6)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.95])
def test_width_is_that_of_the_true_voigt_within_half_a_percent(share: float) -> None:
    gauss, lorentz = 1.0 - share, share
    sigma, half = gauss / np.sqrt(8.0 * np.log(2.0)), 0.5 * lorentz
    top = voigt_profile(0.0, sigma, half)
    exact = 2.0 * brentq(lambda x: voigt_profile(x, sigma, half) - 0.5 * top, 1e-6, 2.0)
    assert pseudo_voigt_shape(gauss, lorentz)[0] == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8, 0.95])
def test_shape_is_within_two_percent_of_the_top_of_the_true_voigt(share: float) -> None:
    gauss, lorentz = 0.2 * (1.0 - share), 0.2 * share
    x = np.linspace(-2.0, 2.0, 4001)
    exact = voigt_profile(x, gauss / np.sqrt(8.0 * np.log(2.0)), 0.5 * lorentz)
    off = np.abs(peak(x, 0.0, gauss, lorentz) - exact).max() / exact.max()
    assert off < 0.02


@QUICK
@given(WIDTH, st.floats(0.0, 2.0), st.floats(24.0, 26.0))
def test_derivatives_are_those_of_the_peak(gauss: float, lorentz: float, position: float) -> None:
    x = np.linspace(20.0, 30.0, 101)
    found = peak_derivatives(x, position, gauss, lorentz, 100.0)
    value = 100.0 * twins.pseudo_voigt(x, position, gauss, lorentz)
    np.testing.assert_allclose(found[3], value, rtol=1e-12, atol=1e-13 * value.max())
    fwhm = pseudo_voigt_shape(gauss, lorentz)[0]
    lorentz_from = max(lorentz, 3e-3 * fwhm)
    shaped = peak_derivatives(x, position, gauss, lorentz_from, 100.0)
    for axis, analytic in enumerate((found[0], shaped[1], shaped[2])):
        at = [position, gauss, lorentz if axis == 0 else lorentz_from]
        step = 1e-3 * min(fwhm, gauss) if axis < 2 else 1e-3 * fwhm

        def moved(by: float, at: list[float] = at, axis: int = axis, step: float = step) -> np.ndarray:
            where = list(at)
            where[axis] += by * step
            return 100.0 * twins.pseudo_voigt(x, *where)

        numeric = (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * step)
        # All points may lie where a Gaussian is cut, or one on the very top, where the quotient has no digits: what
        # counts is a part of the slope that such a peak can have.
        np.testing.assert_allclose(analytic, numeric, rtol=0.0, atol=1e-7 * max(np.abs(numeric).max(), 1.0, fwhm**-2))


def test_lorentzian_width_can_grow_from_zero() -> None:
    x = np.linspace(-1.0, 1.0, 101)
    on_lorentz = peak_derivatives(x, 0.0, 0.2, 0.0, 1.0)[2]
    forward = (twins.pseudo_voigt(x, 0.0, 0.2, 1e-7) - twins.pseudo_voigt(x, 0.0, 0.2, 0.0)) / 1e-7
    np.testing.assert_allclose(on_lorentz, forward, atol=1e-4 * np.abs(forward).max())
