"""Weights: from the file, from counts, or from the scatter of the data."""

import numpy as np
import pytest

from tests import scans
from xrdfit.model import estimate_noise, noise_model


def mean_ratio(scan: scans.KnownScan, scale: float, constant: float) -> float:
    """Estimated over true variance, averaged over points and over 30 scans."""
    ratios = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        data = scale * rng.poisson(scan.expected) + rng.normal(scale=np.sqrt(constant), size=scan.expected.size)
        found = estimate_noise(data)
        true = constant + scale * scale * scan.expected
        ratios.append(np.mean((found[0] + found[1] * scale * scan.expected) / true))
    return float(np.mean(ratios))


@pytest.mark.parametrize(("scale", "constant"), [(1.0, 0.0), (1e-4, 0.0), (0.37, 40.0)])
def test_noise_of_a_pattern_full_of_peaks_is_estimated_within_a_seventh(scale: float, constant: float) -> None:
    # Sharp peaks pass for noise to a part; the bias stays below 15 % of the variance, 7 % of an esd.
    assert mean_ratio(scans.reference_scan(), scale, constant) == pytest.approx(1.06, abs=0.09)


def test_noise_estimate_recovers_constant_and_slope() -> None:
    level = np.linspace(0.0, 1000.0, 20000)
    rng = np.random.default_rng(0)
    constant, slope = estimate_noise(level + rng.normal(size=level.size) * np.sqrt(100.0 + 0.5 * level))
    assert constant == pytest.approx(100.0, rel=0.15)
    assert slope == pytest.approx(0.5, rel=0.1)


def test_smooth_curvature_does_not_pass_for_noise() -> None:
    x = np.linspace(-1.0, 1.0, 500)
    rng = np.random.default_rng(1)
    hump = 1e4 * np.exp(-((x / 0.4) ** 2))
    constant, slope = estimate_noise(hump + rng.normal(scale=2.0, size=x.size))
    assert constant + slope * np.median(hump) == pytest.approx(4.0, rel=0.25)


def test_noise_estimate_scales_with_the_square_of_the_unit() -> None:
    data = scans.reference_scan().counts(0) + np.random.default_rng(0).uniform(-0.5, 0.5, 607)
    constant, slope = estimate_noise(data)
    tiny = estimate_noise(data * 1e-9)
    assert tiny == pytest.approx((constant * 1e-18, slope * 1e-9), rel=1e-6)


@pytest.mark.parametrize(
    "data", [np.zeros(50), np.full(50, 3.0), np.linspace(0.0, 1.0, 50), np.array([7.0]), np.array([1.0, 2.0, 4.0])]
)
def test_pattern_without_scatter_still_gets_finite_weights(data: np.ndarray) -> None:
    constant, slope = estimate_noise(data)
    assert 0.0 < constant < np.inf
    assert 0.0 <= slope < np.inf


def test_automatic_weights_follow_what_is_at_hand() -> None:
    counts = np.array([3.0, 0.0, 7.0, 12.0, 5.0, 9.0])
    sigma = np.full(6, 2.0)
    assert noise_model(counts, sigma, weights="auto").regime == "file"
    assert noise_model(counts, None, weights="auto").regime == "poisson"
    assert noise_model(counts * 0.5, None, weights="auto").regime == "estimated"
    assert noise_model(counts - 4.0, None, weights="auto").regime == "estimated"
    assert noise_model(counts, None, weights="file").regime == "estimated"


def test_variance_of_a_file_is_its_sigma_squared() -> None:
    noise = noise_model(np.arange(4.0), np.array([1.0, 2.0, 3.0, 4.0]), weights="file")
    assert noise.constant.tolist() == [1.0, 4.0, 9.0, 16.0]
    assert noise.slope == 0.0


def test_poisson_variance_is_the_model_and_at_least_that_of_one_count() -> None:
    noise = noise_model(np.arange(4.0), None, weights="poisson")
    assert not noise.constant.any()
    assert (noise.slope, noise.floor) == (1.0, 1.0)


def test_unit_weights_are_equal_and_without_a_unit() -> None:
    data = scans.reference_scan().counts(0) + np.random.default_rng(0).uniform(-0.5, 0.5, 607)
    noise, small = noise_model(data, None, weights="unit"), noise_model(data * 1e-6, None, weights="unit")
    assert np.ptp(noise.constant) == 0.0 and noise.slope == 0.0
    np.testing.assert_allclose(small.constant, noise.constant * 1e-12, rtol=1e-6)
