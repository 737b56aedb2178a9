"""How a drifting parameter goes with time."""

import numpy as np
import pytest

from xrdfit.data import Drift
from xrdfit.series.joint.drift import drift_basis, fitting_drift, is_polynomial, n_coefficients

RNG = np.random.default_rng(0)
# Mid-times of 12 scans in s, unevenly spaced as real ones are.
TIME = np.cumsum(RNG.uniform(0.5, 2.0, 12)) * 7200.0 + 1e5
DRIFTS = [Drift(order=0), Drift(order=1), Drift(order=3), Drift(knots=1), Drift(knots=4)]


def left_over(basis: np.ndarray, course: np.ndarray) -> float:
    """Largest misfit of the best combination, relative to the course."""
    fitted = basis @ np.linalg.lstsq(basis, course, rcond=None)[0]
    return float(np.abs(fitted - course).max() / np.abs(course).max())


@pytest.mark.parametrize("order", range(5))
def test_drift_of_an_order_makes_every_polynomial_of_that_order_and_none_beyond(order: int) -> None:
    basis = drift_basis(TIME, Drift(order=order))
    scaled = (TIME - TIME.mean()) / np.ptp(TIME)
    for power in range(order + 1):
        assert left_over(basis, scaled**power) < 1e-12
    assert left_over(basis, scaled ** (order + 1)) > 1e-3


@pytest.mark.parametrize("knots", [1, 2, 5])
def test_spline_makes_every_cubic_and_bends_where_a_cubic_cannot(knots: int) -> None:
    basis = drift_basis(TIME, Drift(knots=knots))
    scaled = (TIME - TIME.mean()) / np.ptp(TIME)
    for power in range(4):
        assert left_over(basis, scaled**power) < 1e-11
    middle = TIME.min() + np.ptp(TIME) * np.arange(1, knots + 1) / (knots + 1)
    for knot in middle:
        assert left_over(basis, np.maximum((TIME - knot) / np.ptp(TIME), 0.0) ** 3) < 1e-10
        assert left_over(drift_basis(TIME, Drift(order=3)), np.maximum(TIME - knot, 0.0) ** 3) > 1e-4


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_has_as_many_coefficients_as_it_says(drift: Drift) -> None:
    assert drift_basis(TIME, drift).shape == (TIME.size, n_coefficients(drift))


@pytest.mark.parametrize("drift", DRIFTS)
def test_unit_and_origin_of_time_do_not_matter(drift: Drift) -> None:
    np.testing.assert_allclose(drift_basis(TIME, drift), drift_basis(TIME / 3600.0 - 12.0, drift), atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_first_coefficient_is_the_mean_over_the_record(order: int) -> None:
    time = np.linspace(0.0, 50.0, 4001)
    coefficients = np.array([0.035, -0.01, 0.004, 0.002])[: order + 1]
    course = drift_basis(time, Drift(order=order)) @ coefficients
    assert np.trapezoid(course, time) / 50.0 == pytest.approx(0.035, rel=1e-6)


def test_first_order_drift_runs_from_the_mean_less_its_slope_to_the_mean_with_it() -> None:
    course = drift_basis(TIME, Drift(order=1)) @ np.array([0.035, 0.005])
    assert course[0] == pytest.approx(0.030, rel=1e-12)
    assert course[-1] == pytest.approx(0.040, rel=1e-12)


@pytest.mark.parametrize("knots", [1, 4])
def test_spline_whose_coefficients_agree_does_not_drift(knots: int) -> None:
    np.testing.assert_allclose(drift_basis(TIME, Drift(knots=knots)).sum(axis=1), 1.0, rtol=1e-13)


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_single_scan_drifts_nowhere_but_has_a_value(drift: Drift) -> None:
    basis = drift_basis(np.array([7200.0]), drift)
    assert np.isfinite(basis).all()
    assert np.abs(basis).sum() > 0.0


@pytest.mark.parametrize("drift", DRIFTS)
@pytest.mark.parametrize("n_times", [1, 2, 4, 5, 7, 12])
def test_drift_keeps_what_so_many_times_can_tell(drift: Drift, n_times: int) -> None:
    fitting = fitting_drift(drift, n_times)
    assert n_coefficients(fitting) == min(n_coefficients(drift), n_times)
    assert (fitting == drift) == (n_coefficients(drift) <= n_times)
    basis = drift_basis(TIME[:n_times], fitting)
    assert n_times == 1 or np.linalg.matrix_rank(basis) == basis.shape[1]


@pytest.mark.parametrize("drift", DRIFTS)
def test_polynomials_are_told_from_splines(drift: Drift) -> None:
    assert is_polynomial(drift_basis(TIME, drift)) == (drift.knots == 0)
