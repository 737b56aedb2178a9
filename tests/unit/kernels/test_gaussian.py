from __future__ import annotations

import numpy as np
import pytest

from xrdfit.kernels.gaussian import halved


def test_gaussian_without_exp_is_the_gaussian() -> None:
    u = np.linspace(0.0, 8.0, 2001)
    found = np.array([halved(value) for value in u**2])
    np.testing.assert_allclose(found, 2.0 ** -(u**2), rtol=1e-13, atol=0.0)
    np.testing.assert_allclose(found, 2.0 ** -(u**2), rtol=0.0, atol=2e-14)
    assert halved(0.0) == 1.0
    assert halved(1.0) == pytest.approx(0.5, rel=1e-14)


def test_beyond_its_range_the_gaussian_is_nothing() -> None:
    assert 0.0 <= halved(1e12) < 1e-19
