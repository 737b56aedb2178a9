"""Sizes and strains from widths, against worked examples and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import twins
from xrdfit.model import lorentz_strain_of, size_of, strain_of

WIDTHS = st.floats(0.005, 1.0)


def breadth(gauss: float, lorentz: float) -> float:
    """Area over height."""
    return 1.0 / float(twins.pseudo_voigt(np.array([0.0]), 0.0, gauss, lorentz)[0])


def test_scherrer_by_hand() -> None:
    # FWHM 0.10 deg, integral breadth 0.15708 deg = 2.7416e-3 rad; 1.5406 A / 2.7416e-3 = 561.9 A.
    assert size_of(0.10, wavelength=1.5406) == pytest.approx(56.19, abs=0.005)


def test_size_and_width_are_each_others_inverse() -> None:
    assert size_of(size_of(125.0, wavelength=1.5406), wavelength=1.5406) == pytest.approx(125.0, rel=1e-14)


def test_maximum_strain_of_a_lorentzian_by_hand() -> None:
    # FWHM 0.2334 deg tan(theta), integral breadth 0.36662 deg = 6.3988e-3 rad, a quarter of it.
    assert strain_of(0.2334)[0] == pytest.approx(15.997e-4, rel=1e-4)


def test_maximum_strain_of_a_gaussian_by_hand() -> None:
    # The integral breadth is sqrt(pi / (4 ln 2)) = 1.0645 times the FWHM.
    assert strain_of(0.0, 0.2334)[0] == pytest.approx(1.06447 * np.radians(0.2334) / 4.0, rel=1e-5)


def test_strain_of_no_width_is_none_and_has_a_slope() -> None:
    strain, slope = strain_of(0.0)
    assert strain == 0.0
    assert slope[0] == pytest.approx(strain_of(1e-3)[0] / 1e-3)


@given(strain=st.floats(1e-5, 1e-2))
def test_strain_and_lorentzian_width_are_each_others_inverse(strain: float) -> None:
    assert strain_of(lorentz_strain_of(strain))[0] == pytest.approx(strain, rel=1e-12)


@given(lorentz=WIDTHS, gauss=WIDTHS)
def test_strain_of_both_parts_is_by_the_breadth_of_the_whole(lorentz: float, gauss: float) -> None:
    assert strain_of(lorentz, gauss)[0] == pytest.approx(np.radians(breadth(gauss, lorentz)) / 4.0, rel=1e-10)


@given(lorentz=WIDTHS, gauss=WIDTHS)
def test_gradient_of_the_strain(lorentz: float, gauss: float) -> None:
    _, slope = strain_of(lorentz, gauss)
    for i, step in enumerate(1e-6 * np.eye(2)):
        up, down = strain_of(lorentz + step[0], gauss + step[1])[0], strain_of(lorentz - step[0], gauss - step[1])[0]
        assert slope[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-9)
