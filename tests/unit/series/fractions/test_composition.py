"""Vegard's law axis by axis."""

import numpy as np
import pytest

from xrdfit.crystal import SpaceGroup, UnitCell
from xrdfit.series.fractions.composition import Composition, vegard

LFP = UnitCell(10.3290, 6.0065, 4.6908)
FP = UnitCell(9.8142, 5.7893, 4.7820)
ESD = np.array([1.0e-3, 0.5e-3, 0.6e-3])
COVARIANCE = ESD[:, None] * np.array([[1.0, 0.3, -0.5], [0.3, 1.0, 0.4], [-0.5, 0.4, 1.0]]) * ESD


def olivine(values: np.ndarray, covariance: np.ndarray | None = None) -> Composition:
    if covariance is None:
        covariance = np.broadcast_to(COVARIANCE, (values.shape[0], 3, 3))
    return vegard(values, covariance, group=SpaceGroup.from_name("Pnma"), lithiated=LFP, delithiated=FP)


def mixed(x: np.ndarray) -> np.ndarray:
    lengths = LFP.lengths_angles[:3], FP.lengths_angles[:3]
    return np.multiply.outer(x, lengths[0]) + np.multiply.outer(1.0 - x, lengths[1])


def test_end_members_are_zero_and_one_on_every_axis_and_by_volume() -> None:
    found = olivine(mixed(np.array([0.0, 1.0])))
    assert found.axes == ("a", "b", "c")
    np.testing.assert_allclose(found.x, [[0.0] * 3, [1.0] * 3], atol=1e-12)
    np.testing.assert_allclose(found.x_volume, [0.0, 1.0], atol=1e-12)
    assert not found.disagree.any()


def test_esd_of_an_axis_is_that_of_the_length_over_the_difference() -> None:
    found = olivine(mixed(np.array([0.5])))
    np.testing.assert_allclose(found.esd[0], ESD / np.abs(LFP.lengths_angles[:3] - FP.lengths_angles[:3]))


def test_errors_are_honest_and_axes_that_agree_are_rarely_flagged() -> None:
    n = 4000
    noise = np.random.default_rng(0).multivariate_normal(np.zeros(3), COVARIANCE, size=n)
    found = olivine(mixed(np.full(n, 0.9)) + noise)
    np.testing.assert_allclose(np.std(found.x, axis=0) / found.esd[0], 1.0, atol=0.05)
    assert np.std(found.x_volume) / found.x_volume_esd[0] == pytest.approx(1.0, abs=0.05)
    # Two degrees of freedom: three axes less their mean, the volume not counted.
    assert (found.dof == 2).all()
    assert np.mean(found.chi2) == pytest.approx(2.0, abs=0.15)
    assert np.mean(found.p_value < 0.1) == pytest.approx(0.1, abs=0.02)
    assert np.mean(found.disagree) < 0.005


def test_strain_along_one_axis_is_flagged() -> None:
    strained = mixed(np.array([0.9, 0.9])) * [[1.0, 1.0, 1.0], [1.0, 1.0 - 1.6e-3, 1.0]]
    assert olivine(strained).disagree.tolist() == [False, True]


def test_cell_that_was_not_measured_has_no_composition_and_no_flag() -> None:
    values = mixed(np.full(3, 0.5))
    values[0] = np.nan
    covariance = np.broadcast_to(COVARIANCE, (3, 3, 3)).copy()
    covariance[0] = np.nan
    # b of the second scan is held: a and c are left.
    covariance[1, 1] = covariance[1, :, 1] = 0.0
    found = olivine(values, covariance)
    assert np.isnan(found.x[0]).all() and np.isnan(found.x_volume[:2]).all()
    assert np.isfinite(found.x[1]).tolist() == [True, False, True]
    assert found.dof.tolist() == [0, 1, 2]
    assert not found.disagree.any()
    assert np.isnan(found.p_value[0])


def test_volume_of_a_monoclinic_cell_takes_the_error_of_its_angle() -> None:
    rich, poor = UnitCell(5.2, 3.0, 5.1, 90.0, 112.0, 90.0), UnitCell(5.0, 2.9, 5.0, 90.0, 110.0, 90.0)
    group = SpaceGroup.from_name("P 1 2/m 1")
    covariance = np.diag([1e-3, 1e-3, 1e-3, 0.05]) ** 2
    noise = np.random.default_rng(1).multivariate_normal(np.zeros(4), covariance, size=3000)
    values = np.array([5.1, 2.95, 5.05, 111.0]) + noise
    found = vegard(values, np.broadcast_to(covariance, (3000, 4, 4)), group=group, lithiated=rich, delithiated=poor)
    assert found.axes == ("a", "b", "c")
    assert np.std(found.x_volume) / np.mean(found.x_volume_esd) == pytest.approx(1.0, abs=0.05)


def test_tied_axes_count_once() -> None:
    group = SpaceGroup.from_name("R -3 c")
    rich, poor = UnitCell(8.6, 8.6, 21.0, 90.0, 90.0, 120.0), UnitCell(8.5, 8.5, 20.8, 90.0, 90.0, 120.0)
    covariance = np.diag([1e-3, 2e-3])[None] ** 2
    found = vegard(np.array([[8.55, 20.9]]), covariance, group=group, lithiated=rich, delithiated=poor)
    assert found.axes == ("a", "c")
    np.testing.assert_allclose(found.x[0], 0.5)
    volume = UnitCell(8.55, 8.55, 20.9, 90.0, 90.0, 120.0).volume
    expected = volume * np.hypot(2.0 * 1e-3 / 8.55, 2e-3 / 20.9) / (rich.volume - poor.volume)
    assert found.x_volume_esd[0] == pytest.approx(expected)


def test_axis_that_the_end_members_share_tells_nothing() -> None:
    same_b = UnitCell(FP.a, LFP.b, FP.c)
    covariance = COVARIANCE[None]
    values = mixed(np.array([0.5]))
    found = vegard(values, covariance, group=SpaceGroup.from_name("Pnma"), lithiated=LFP, delithiated=same_b)
    assert found.axes == ("a", "c")
