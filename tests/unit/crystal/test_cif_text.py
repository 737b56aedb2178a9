"""CIF text: what is tied by symmetry, what ASCII does not have, what gemmi reads back."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

from xrdfit.crystal import SpaceGroup, cif_block
from xrdfit.crystal.cif_text import cell_entries, formula_mass, formula_sum, numbers, quoted, symmetry_entries

NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "free", "expected"),
    [
        ("P63/mmc", {"a": (2.9245, 0.0002), "c": (4.6690, 0.0004)}, "2.9245(2) 2.9245(2) 4.6690(4) 90 90 120"),
        ("Im-3m", {"a": (3.2100, 0.0011)}, "3.2100(11) 3.2100(11) 3.2100(11) 90 90 90"),
        (
            "P21/c",
            {"a": (5.1, 0.001), "b": (6.2, 0.001), "c": (7.3, 0.001), "beta": (99.5, 0.02)},
            "5.1000(10) 6.2000(10) 7.3000(10) 90 99.50(2) 90",
        ),
        (
            "R-3c:R",
            {"a": (5.1, 0.003), "alpha": (55.3, 0.03)},
            "5.100(3) 5.100(3) 5.100(3) 55.30(3) 55.30(3) 55.30(3)",
        ),
        ("P63/mmc", {"a": (NAN, NAN), "c": (4.6690, 0.0004)}, "? ? 4.6690(4) 90 90 120"),
    ],
)
def test_what_symmetry_ties_has_the_same_value_and_error(
    name: str, free: dict[str, tuple[float, float]], expected: str
) -> None:
    entries = cell_entries(SpaceGroup.from_name(name), free, (NAN, NAN))
    assert list(entries.values()) == [*expected.split(), "?"]


@pytest.mark.parametrize("name", ["Pbnm", "R-3c:R", "R-3c:H", "Fd-3m:2", "C2/c", "P-1", "I41/amd:1"])
def test_names_and_operations_are_read_back_as_the_same_setting(name: str) -> None:
    group = SpaceGroup.from_name(name)
    entries, loop = symmetry_entries(group)
    block = gemmi.cif.read_string(cif_block("x", entries=entries, loops=[loop])).sole_block()
    assert gemmi.find_spacegroup_by_name(gemmi.cif.as_string(block.find_value("_space_group_name_H-M_alt"))) is not None
    operations = gemmi.GroupOps(
        [gemmi.Op(gemmi.cif.as_string(op)) for op in block.find_values("_space_group_symop_operation_xyz")]
    )
    assert gemmi.find_spacegroup_by_ops(operations).xhm() == group.gemmi_group.xhm()


@pytest.mark.parametrize(
    "text", ["", "?", "data_x", "it's", "\"a\" 'b c' d", "a\n;b\nc", "loop_", "_tag", "#no", 'a\nb\'s "c"\n']
)
def test_any_text_is_read_back(text: str) -> None:
    block = gemmi.cif.read_string(cif_block("x", entries={"_a": quoted(text), "_b": "1"})).sole_block()
    assert gemmi.cif.as_string(block.find_value("_a")).replace("\n ;", "\n;") == text
    assert block.find_value("_b") == "1"


def test_text_is_ascii_in_the_words_of_cif() -> None:
    assert quoted("5 Å at 2θ") == r"'5 \%A at 2\q'"
    assert quoted("Zürich/扫描") == "Z?rich/??"


def test_numbers_that_are_none_do_not_apply() -> None:
    assert numbers(np.array([1.25, NAN, np.inf, 1e-7])) == ["1.25", ".", ".", "1e-07"]


def test_a_loop_without_rows_is_left_out() -> None:
    assert "loop_" not in cif_block("x", entries={"_a": "1"}, loops=[{}, {"_b": []}])


def test_formulae_are_in_the_order_of_hill_with_the_mass_of_a_mole() -> None:
    assert formula_sum("LiTi2(PO4)3") == "Li O12 P3 Ti2"
    assert formula_sum("C2H5OH") == "C2 H6 O"
    assert formula_sum("Li0.5FePO4") == "Fe Li0.5 O4 P"
    assert formula_mass("LiFePO4") == pytest.approx(157.757, abs=0.01)
