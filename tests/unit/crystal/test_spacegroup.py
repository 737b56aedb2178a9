import gemmi
import numpy as np
import pytest

from xrdfit.crystal import SpaceGroup, UnitCell, cell_from_values, free_cell_values
from xrdfit.errors import CrystalError

ALL_SETTINGS = [SpaceGroup.from_gemmi(group) for group in gemmi.spacegroup_table()]
FREE = {
    "P-1": ("a", "b", "c", "alpha", "beta", "gamma"),
    "P21/c": ("a", "b", "c", "beta"),
    "P 1 1 21/b": ("a", "b", "c", "gamma"),
    "P 21/b 1 1": ("a", "b", "c", "alpha"),
    "Pnma": ("a", "b", "c"),
    "I41/amd": ("a", "c"),
    "R-3c": ("a", "c"),
    "R-3c:R": ("a", "alpha"),
    "P-3m1": ("a", "c"),
    "P63/mmc": ("a", "c"),
    "Fm-3m": ("a",),
}


def _any_cell(group: SpaceGroup) -> UnitCell:
    values = {"a": 5.1, "b": 6.3, "c": 7.7, "alpha": 83.0, "beta": 97.0, "gamma": 101.0}
    return cell_from_values(group, [values[name] for name in group.free_parameters])


@pytest.mark.parametrize(("name", "free"), FREE.items())
def test_free_cell_parameters_of_every_crystal_system(name: str, free: tuple[str, ...]) -> None:
    assert SpaceGroup.from_name(name).free_parameters == free


def test_every_symmetry_operation_of_every_setting_leaves_the_tied_cell_as_it_is() -> None:
    for group in ALL_SETTINGS:
        metric = _any_cell(group).metric
        for op in group.gemmi_group.operations().sym_ops:
            rotation = np.array(op.rot) / op.DEN
            assert np.allclose(rotation.T @ metric @ rotation, metric, rtol=0, atol=1e-9), group.name


def test_no_setting_fixes_a_cell_parameter_that_its_symmetry_leaves_free() -> None:
    basis = [np.eye(3)[[i]].T @ np.eye(3)[[j]] for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))]
    symmetric = np.array([m + m.T for m in basis])
    for group in ALL_SETTINGS:
        rotations = [np.array(op.rot) / op.DEN for op in group.gemmi_group.operations().sym_ops]
        averaged = np.mean([np.einsum("ji,njk,kl->nil", r, symmetric, r) for r in rotations], axis=0)
        assert np.linalg.matrix_rank(averaged.reshape(6, 9), tol=1e-9) == len(group.free_parameters), group.name


def test_cell_tie_rebuilds_the_cell_from_its_free_values() -> None:
    for group in ALL_SETTINGS:
        cell = _any_cell(group)
        tie, constant = group.cell_tie
        np.testing.assert_allclose(tie @ free_cell_values(group, cell) + constant, cell.lengths_angles, atol=1e-12)


def test_every_setting_is_found_again_by_its_own_name() -> None:
    assert len({group.name for group in ALL_SETTINGS}) == len(ALL_SETTINGS)
    for group in ALL_SETTINGS:
        assert SpaceGroup.from_name(group.name) == group


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("P n m a", "Pnma"),
        ("pnma", "Pnma"),
        (" Pbnm ", "Pbnm"),
        ("62", "Pnma"),
        ("P6_3/mmc", "P63/mmc"),
        ("R-3c", "R-3c:H"),
        ("R -3 c:R", "R-3c:R"),
        ("P2_1/c", "P21/c"),
        ("I m \N{MINUS SIGN}3 m", "Im-3m"),
    ],
)
def test_symbols_are_read_as_people_write_them(written: str, name: str) -> None:
    assert SpaceGroup.from_name(written).name == name


@pytest.mark.parametrize(("wrong", "near"), [("Pnmq", "Pnmn"), ("P6(3)/mmc", "P63/mmc"), ("R-3c:X", "R-3c:R")])
def test_an_unknown_symbol_is_answered_with_near_ones(wrong: str, near: str) -> None:
    with pytest.raises(CrystalError, match="unknown space group") as caught:
        SpaceGroup.from_name(wrong)
    assert near in caught.value.problems[0].todo


def test_all_six_values_are_taken_when_they_obey_the_symmetry() -> None:
    group = SpaceGroup.from_name("P63/mmc")
    assert cell_from_values(group, [2.93, 2.93, 4.68, 90, 90, 120]) == cell_from_values(group, [2.93, 4.68])


def test_rounding_in_a_printed_cell_is_forgiven_and_removed() -> None:
    cell = cell_from_values(SpaceGroup.from_name("Fm-3m"), [4.04960, 4.04965, 4.0496, 90, 90.0005, 90])
    assert cell == UnitCell(4.0496, 4.0496, 4.0496)


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        ("Pnma", [10, 6, 4, 91, 90, 90], "alpha = 91 against alpha = 90"),
        ("Fm-3m", [4, 4, 4.1, 90, 90, 90], "c = 4.1 against c = a"),
        ("P63/mmc", [3, 3, 5, 90, 90, 90], "gamma = 90 against gamma = 120"),
        ("P21/c", [5, 6, 7, 90, 90, 100], "gamma = 100 against gamma = 90"),
        ("R-3c:R", [8, 8, 8, 55, 55, 56], "gamma = 56 against gamma = alpha"),
    ],
)
def test_a_cell_against_the_symmetry_is_refused(name: str, values: list[float], named: str) -> None:
    with pytest.raises(CrystalError) as caught:
        cell_from_values(SpaceGroup.from_name(name), values)
    assert named in caught.value.problems[0].found


def test_rhombohedral_values_in_hexagonal_axes_are_pointed_to_the_other_setting() -> None:
    with pytest.raises(CrystalError, match="R-3c:R for rhombohedral axes"):
        cell_from_values(SpaceGroup.from_name("R-3c"), [8, 8, 8, 55, 55, 55])


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [("Pnma", 2, "Pnma: a, b, c, or all six"), ("R-3c", 3, "R-3c:H: a, c, or all six"), ("P-1", 5, "gamma")],
)
def test_a_wrong_number_of_values_is_told_which_are_expected(name: str, count: int, expected: str) -> None:
    with pytest.raises(CrystalError) as caught:
        cell_from_values(SpaceGroup.from_name(name), [5.0] * count)
    problem = caught.value.problems[0]
    assert problem.found.startswith(f"{count} values")
    assert problem.found.endswith(expected)
