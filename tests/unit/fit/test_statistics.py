"""Agreement factors against numbers worked out by hand."""

import numpy as np
import pytest

from xrdfit.fit.statistics import Agreement, agreement, esd_factor


def of(residual: np.ndarray, n_parameters: int = 0) -> Agreement:
    """Agreement of unit weights, observed 10 + residual against calculated 10 on a background of 4."""
    ten = np.full(residual.size, 10.0)
    return agreement(
        observed=ten + residual,
        calculated=ten,
        background=np.full(residual.size, 4.0),
        weight=np.ones(residual.size),
        n_parameters=n_parameters,
    )


def test_r_factors_are_those_worked_out_by_hand() -> None:
    found = agreement(
        observed=np.array([10.0, 20.0, 30.0, 40.0]),
        calculated=np.array([12.0, 19.0, 30.0, 36.0]),
        background=np.array([5.0, 5.0, 10.0, 10.0]),
        weight=np.array([1.0, 0.5, 0.25, 0.25]),
        n_parameters=2,
    )
    # Differences -2, 1, 0, 4; sum w y^2 = 100 + 200 + 225 + 400; net of background 25 + 112.5 + 100 + 225.
    assert found.chi2 == pytest.approx(4.0 + 0.5 + 0.0 + 4.0)
    assert found.r_p == pytest.approx(7.0 / 100.0)
    assert found.r_wp == pytest.approx(np.sqrt(8.5 / 925.0))
    assert found.r_wp_background_subtracted == pytest.approx(np.sqrt(8.5 / 462.5))
    assert found.r_exp == pytest.approx(np.sqrt(2.0 / 925.0))
    assert found.gof == pytest.approx(np.sqrt(8.5 / 2.0))
    assert found.gof == pytest.approx(found.r_wp / found.r_exp)


def test_durbin_watson_of_a_residual_worked_out_by_hand() -> None:
    # Steps 2, -4, 4 against squares 1, 1, 9, 1.
    assert of(np.array([-1.0, 1.0, -3.0, 1.0])).durbin_watson == pytest.approx((4.0 + 16.0 + 16.0) / 12.0)


def test_durbin_watson_of_white_noise_is_near_two() -> None:
    n = 20000
    found = of(np.random.default_rng(0).normal(size=n)).durbin_watson
    assert abs(found - 2.0) < 4.0 * 2.0 / np.sqrt(n)


def test_white_noise_shows_no_serial_correlation() -> None:
    factors = [of(np.random.default_rng(seed).normal(size=600)).serial_correlation for seed in range(40)]
    assert np.mean(factors) < 1.02


def test_smoothed_noise_shows_serial_correlation_and_more_of_it_the_longer_the_runs() -> None:
    noise = np.random.default_rng(1).normal(size=4000)
    factors = [of(np.convolve(noise, np.ones(k) / k, mode="valid")).serial_correlation for k in (3, 7, 15)]
    assert factors[0] > 1.3
    assert factors == sorted(factors)


def test_run_factor_of_runs_worked_out_by_hand() -> None:
    # Runs of four: each sum squared is 16 against 4, a ratio of 4 against the 1 + 4 / pi of white noise.
    residual = np.tile([1.0] * 4 + [-1.0] * 4, 50)
    assert of(residual).serial_correlation == pytest.approx(4.0 / (1.0 + 4.0 / np.pi))


def test_pattern_of_nothing_has_no_r_factor_and_raises_nothing() -> None:
    zero = np.zeros(5)
    found = agreement(observed=zero, calculated=zero, background=zero, weight=np.ones(5), n_parameters=0)
    assert np.isnan([found.r_p, found.r_wp, found.r_exp, found.durbin_watson]).all()
    assert found.chi2 == 0.0


def test_more_parameters_than_points_still_leave_a_finite_gof() -> None:
    assert np.isfinite(of(np.ones(4), n_parameters=10).gof)


@pytest.mark.parametrize(
    ("scaling", "regime", "scatter", "expected"),
    [
        ("none", "poisson", 3.0, 1.0),
        ("chi2", "poisson", 3.0, 3.0),
        ("chi2", "poisson", 0.5, 1.0),
        ("none", "unit", 3.0, 3.0),
        ("none", "unit", 0.5, 0.5),
    ],
)
def test_esds_are_widened_by_gof_and_never_narrowed_unless_weights_know_no_scale(
    scaling: str, regime: str, scatter: float, expected: float
) -> None:
    residual = scatter * np.tile([1.0, -1.0], 100)
    found = esd_factor(of(residual), scaling=scaling, regime=regime)  # type: ignore[arg-type]
    assert found == pytest.approx(expected)


def test_berar_lelann_widens_by_the_root_of_the_run_factor_on_top_of_gof() -> None:
    fit = of(2.0 * np.tile([1.0] * 4 + [-1.0] * 4, 50))
    factor = esd_factor(fit, scaling="berar-lelann", regime="poisson")
    assert factor == pytest.approx(2.0 * np.sqrt(fit.serial_correlation))
    assert fit.serial_correlation > 1.5
