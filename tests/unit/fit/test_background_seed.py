"""The first background, before any peak is fitted."""

import numpy as np

from xrdfit.fit.background_seed import seed_background
from xrdfit.model import Points

TWO_THETA = np.linspace(20.0, 38.0, 400)
LEVEL, SLOPE = 200.0, -30.0
ROWS = np.array([np.ones(TWO_THETA.size), np.linspace(-1.0, 1.0, TWO_THETA.size)])
PEAKS = sum(900.0 * np.exp(-4.0 * np.log(2.0) * ((TWO_THETA - at) / 0.15) ** 2) for at in (24.0, 29.5, 35.2))


def points(intensity: np.ndarray) -> Points:
    return Points(two_theta=TWO_THETA, intensity=intensity, sigma=None, used=np.ones(TWO_THETA.size, dtype=bool))


def test_peaks_do_not_lift_the_first_background() -> None:
    under = LEVEL + SLOPE * ROWS[1]
    counts = np.random.default_rng(3).poisson(under + PEAKS).astype(float)
    found = seed_background(points(counts), ROWS, np.sqrt(counts))
    assert np.abs(found @ ROWS - under).max() < 0.05 * LEVEL


def test_functions_that_are_alike_share_what_one_would_have() -> None:
    curve, sigma = LEVEL + SLOPE * ROWS[1], np.full(TWO_THETA.size, 10.0)
    alone = seed_background(points(curve), ROWS, sigma)
    twice = seed_background(points(curve), np.vstack([ROWS, ROWS[1]]), sigma)
    np.testing.assert_allclose(twice, [alone[0], alone[1] / 2.0, alone[1] / 2.0], rtol=1e-6)
