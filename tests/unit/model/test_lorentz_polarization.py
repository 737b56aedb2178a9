"""The Lorentz-polarisation factor."""

import numpy as np
import pytest

from xrdfit.model import lorentz_polarization


def test_unpolarised_tube_gives_the_textbook_factor() -> None:
    two_theta = np.array([30.0, 60.0, 90.0])
    theta = np.radians(two_theta / 2.0)
    textbook = (1.0 + np.cos(2.0 * theta) ** 2) / (2.0 * np.sin(theta) ** 2 * np.cos(theta))
    np.testing.assert_allclose(lorentz_polarization(two_theta), textbook, rtol=1e-14)


def test_graphite_monochromator_weakens_high_angles_less_than_no_monochromator() -> None:
    ninety, low = np.array([90.0]), np.array([1e-3])
    with_graphite = lorentz_polarization(ninety, monochromator_two_theta=26.6)
    analyser = np.cos(np.radians(26.6)) ** 2
    assert with_graphite[0] == pytest.approx(1.0 / (1.0 + analyser) / (0.5 * np.sqrt(0.5)))
    # Both begin at 1 / (sin^2 theta cos theta).
    same = lorentz_polarization(low, monochromator_two_theta=26.6) / lorentz_polarization(low)
    assert same[0] == pytest.approx(1.0, rel=1e-9)


def test_beam_polarised_across_the_scattering_plane_loses_nothing() -> None:
    two_theta = np.array([20.0, 90.0])
    theta = np.radians(two_theta / 2.0)
    pure = lorentz_polarization(two_theta, polarization=1.0)
    np.testing.assert_allclose(pure, 1.0 / (np.sin(theta) ** 2 * np.cos(theta)), rtol=1e-14)
    assert lorentz_polarization(two_theta, polarization=0.95)[1] == pytest.approx(0.95 * pure[1])
