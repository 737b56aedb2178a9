import math

import numpy as np
import pytest

from xrdfit.crystal import UnitCell, spacings_and_volumes
from xrdfit.errors import CrystalError


def test_volume_of_a_triclinic_cell_follows_the_textbook_formula() -> None:
    cell = UnitCell(5.0, 6.0, 7.0, 80.0, 95.0, 105.0)
    ca, cb, cg = (math.cos(math.radians(x)) for x in (80.0, 95.0, 105.0))
    expected = 5.0 * 6.0 * 7.0 * math.sqrt(1 - ca**2 - cb**2 - cg**2 + 2 * ca * cb * cg)
    assert cell.volume == pytest.approx(expected, rel=1e-12)
    assert cell.volume == pytest.approx(math.sqrt(np.linalg.det(cell.metric)), rel=1e-12)


def test_volume_of_the_reference_cells_is_the_published_one() -> None:
    assert UnitCell(10.3290, 6.0065, 4.6908).volume == pytest.approx(291.02, abs=0.01)
    assert UnitCell(9.8142, 5.7893, 4.7820).volume == pytest.approx(271.70, abs=0.01)


def test_d_spacing_of_an_orthorhombic_cell() -> None:
    cell = UnitCell(10.3290, 6.0065, 4.6908)
    expected = 1.0 / math.sqrt((2 / 10.3290) ** 2 + (1 / 6.0065) ** 2 + (1 / 4.6908) ** 2)
    assert cell.d_spacing([[2, 1, 1]])[0] == pytest.approx(expected, rel=1e-14)


def test_d_spacing_of_a_hexagonal_cell() -> None:
    cell = UnitCell(2.93, 2.93, 4.68, 90.0, 90.0, 120.0)
    h, k, l = 2, 1, 3  # noqa: E741
    expected = 1.0 / math.sqrt(4 / 3 * (h * h + h * k + k * k) / 2.93**2 + l * l / 4.68**2)
    assert cell.d_spacing([[h, k, l]])[0] == pytest.approx(expected, rel=1e-14)


def test_d_spacing_of_a_monoclinic_cell() -> None:
    a, b, c, beta = 9.0, 8.0, 5.0, math.radians(106.0)
    h, k, l = -2, 2, 1  # noqa: E741
    inverse_squared = (h * h / a**2 + l * l / c**2 - 2 * h * l * math.cos(beta) / (a * c)) / math.sin(beta) ** 2
    expected = 1.0 / math.sqrt(inverse_squared + k * k / b**2)
    assert UnitCell(a, b, c, beta=106.0).d_spacing([[h, k, l]])[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((0.0, 6.0, 4.0), "a = 0 Å"),
        ((10.0, -6.0, 4.0), "b = -6 Å"),
        ((10.0, 6.0, math.nan), "c = nan Å"),
        ((math.inf, 6.0, 4.0), "a = inf Å"),
        ((10.0, 6.0, 4.0, 180.0), "alpha = 180 deg"),
        ((10.0, 6.0, 4.0, 90.0, math.nan), "beta = nan deg"),
        ((10.0, 6.0, 4.0, 90.0, 90.0, -5.0), "gamma = -5 deg"),
    ],
)
def test_an_impossible_length_or_angle_is_named(values: tuple[float, ...], named: str) -> None:
    with pytest.raises(CrystalError) as caught:
        UnitCell(*values)
    (problem,) = caught.value.problems
    assert named in problem.found
    assert problem.found.count(" = ") == 1


@pytest.mark.parametrize(
    "angles", [(150.0, 150.0, 150.0), (120.0, 120.0, 120.0), (20.0, 20.0, 80.0), (30.0, 60.0, 90.0)]
)
def test_three_angles_that_close_no_cell_are_refused(angles: tuple[float, float, float]) -> None:
    with pytest.raises(CrystalError, match="close no cell"):
        UnitCell(5.0, 5.0, 5.0, *angles)


def test_spacings_and_volumes_of_many_cells_are_those_of_each_and_none_of_angles_that_close_no_cell() -> None:
    cells = np.array(
        [[10.33, 6.01, 4.69, 90.0, 90.0, 90.0], [5.1, 6.2, 7.3, 80.0, 95.0, 110.0], [5.0] * 3 + [150.0] * 3]
    )
    hkl = [(1, 0, 0), (2, -1, 3)]
    with np.errstate(invalid="ignore"):
        spacings, volumes = spacings_and_volumes(cells, hkl)
    for values, spacing, volume in zip(cells[:2], spacings, volumes, strict=False):
        np.testing.assert_allclose(spacing, UnitCell(*values).d_spacing(hkl), rtol=1e-14)
        assert volume == pytest.approx(UnitCell(*values).volume, rel=1e-14)
    assert np.isnan(volumes[2])
