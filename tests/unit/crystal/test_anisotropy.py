"""Which terms symmetry leaves of strain and size that depend on the direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import scans
from xrdfit.crystal import (
    SpaceGroup,
    UnitCell,
    direction_squares,
    isotropic_terms,
    quartic_terms,
    stephens_terms,
    width_axes,
)
from xrdfit.errors import CrystalError

SIX = ("S400", "S040", "S004", "S220", "S202", "S022")


def names(group: str) -> tuple[str, ...]:
    return tuple(name for name, _ in stephens_terms(SpaceGroup.from_name(group)))


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("Pnma", SIX),
        ("P2_1/c", (*SIX, "S301", "S103", "S121")),
        ("P4/mmm", ("S400", "S004", "S220", "S202")),
        ("P6_3/mmc", ("S400", "S004", "S202")),
        ("Fm-3m", ("S400", "S220")),
    ],
)
def test_terms_of_a_laue_class_are_those_of_stephens(group: str, expected: tuple[str, ...]) -> None:
    assert names(group) == expected


def test_a_triclinic_crystal_has_all_fifteen() -> None:
    assert len(names("P-1")) == 15


@pytest.mark.parametrize("group", ["R-3c", "P4/n", "P6/m", "Pa-3"])
def test_classes_with_several_widths_in_a_line_are_refused(group: str) -> None:
    with pytest.raises(CrystalError, match="E127"):
        stephens_terms(SpaceGroup.from_name(group))


def test_isotropic_terms_are_those_of_the_square_of_the_inverse() -> None:
    hkl = np.array([[1, 2, 3], [4, 0, 0], [0, 1, 1], [-2, 1, 5]])
    cell = UnitCell(7.1, 9.3, 5.8, 85.0, 101.0, 95.0)
    np.testing.assert_allclose(quartic_terms(hkl) @ isotropic_terms(cell), cell.d_spacing(hkl) ** -4)


@pytest.mark.parametrize("group", ["Pnma", "P4/mmm", "P6_3/mmc", "R-3c"])
def test_squares_of_the_direction_cosines_add_up_to_one(group: str) -> None:
    cell = UnitCell(10.3, 6.0, 4.7) if group == "Pnma" else UnitCell(4.0, 4.0, 5.0, 90.0, 90.0, 120.0)
    cell = UnitCell(4.0, 4.0, 5.0) if group == "P4/mmm" else cell
    squares = direction_squares(SpaceGroup.from_name(group), cell, [[1, 2, 3], [1, 1, 0], [0, 0, 2]])
    np.testing.assert_allclose(squares.sum(axis=1), 1.0)
    np.testing.assert_allclose(squares[2], [0.0, 0.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("group", ["Fm-3m", "P2_1/c", "R-3c:R"])
def test_crystals_without_axes_of_their_own_have_no_anisotropic_size(group: str) -> None:
    with pytest.raises(CrystalError, match="E127"):
        width_axes(SpaceGroup.from_name(group))


def test_a_phase_says_at_once_that_its_class_has_no_such_strain() -> None:
    with pytest.raises(CrystalError, match="strain"):
        replace(scans.phase("P", "R-3c", 4.76, 4.76, 12.99, 90, 90, 120), strain="stephens")
