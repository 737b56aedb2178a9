"""Which points a fit uses."""

import numpy as np

from xrdfit.data import Pattern
from xrdfit.model import select_points


def pattern(sigma: np.ndarray | None = None) -> Pattern:
    intensity = np.arange(10.0)
    intensity[3] = np.nan
    mask = np.ones(10, dtype=bool)
    mask[5] = False
    return Pattern(two_theta=np.arange(20.0, 30.0), intensity=intensity, sigma=sigma, mask=mask, source="x")


def test_masked_and_missing_points_are_left_out() -> None:
    points = select_points(pattern())
    assert points.two_theta.tolist() == [20, 21, 22, 24, 26, 27, 28, 29]
    assert points.used.sum() == 8


def test_range_and_excluded_parts_include_their_ends() -> None:
    points = select_points(pattern(), two_theta_range=(21.0, 28.0), exclude=((26.0, 27.0),))
    assert points.two_theta.tolist() == [21, 22, 24, 28]


def test_points_without_a_positive_sigma_are_left_out() -> None:
    sigma = np.ones(10)
    sigma[[0, 9]] = [0.0, np.nan]
    points = select_points(pattern(sigma))
    assert points.two_theta.tolist() == [21, 22, 24, 26, 27, 28]
    assert points.sigma is not None and points.sigma.size == 6
