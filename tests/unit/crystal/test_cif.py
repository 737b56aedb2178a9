import hashlib
import math
import re
import tomllib
from pathlib import Path

import pytest

from xrdfit.crystal import read_cif
from xrdfit.errors import CrystalError

DATA = Path(__file__).parents[3] / "data"
LFP = (DATA / "cif" / "LiFePO4.cif").read_text(encoding="utf-8")
NO_SYMMETRY = re.sub(r"loop_\n_space_group_symop.*?(?=loop_)", "", LFP, flags=re.S)

HEXAGONAL = """data_al2o3
_cell_length_a 4.759
_cell_length_b 4.759
_cell_length_c 12.991
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'R -3 c'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Al3+ 0 0 0.3522 0.25
O1 0.3063 0 0.25 0.31
"""


def test_a_cif_gives_group_cell_and_atoms_without_their_standard_uncertainties() -> None:
    group, cell, structure = read_cif(DATA / "cif" / "LiFePO4.cif")
    assert group.name == "Pnma"
    assert (cell.a, cell.b, cell.c) == (10.3244, 6.0064, 4.6901)
    iron = structure.sites[1]
    assert (iron.element, iron.position, iron.occupancy) == ("Fe", (0.282201, 0.25, 0.97474), 1.0)
    assert iron.b_iso == pytest.approx(8 * math.pi**2 * 0.00667)


def test_path_as_string_path_and_text_read_alike() -> None:
    path = DATA / "cif" / "FePO4.cif"
    assert read_cif(path) == read_cif(str(path)) == read_cif(path.read_text(encoding="utf-8"))


def test_symmetry_comes_from_the_name_where_the_operations_are_left_out() -> None:
    assert "symop" not in NO_SYMMETRY
    assert read_cif(NO_SYMMETRY)[0].name == "Pnma"


def test_symmetry_operations_decide_over_the_name() -> None:
    with_pbnm_operations = re.sub(
        r"(symop_operation_xyz\n).*?(?=loop_)",
        r"\1x,y,z\n-x,-y,z+1/2\n-x+1/2,y+1/2,-z+1/2\nx+1/2,-y+1/2,-z\n"
        r"-x,-y,-z\nx,y,-z+1/2\nx+1/2,-y+1/2,z+1/2\n-x+1/2,y+1/2,z\n",
        LFP,
        flags=re.S,
    )
    assert read_cif(with_pbnm_operations)[0].name == "Pbnm"


def test_rhombohedral_group_b_values_and_charged_labels() -> None:
    group, cell, structure = read_cif(HEXAGONAL)
    assert (group.name, cell.gamma) == ("R-3c:H", 120.0)
    assert [site.element for site in structure.sites] == ["Al", "O"]
    assert structure.sites[0].b_iso == pytest.approx(0.25)
    assert structure.contents == {"Al": pytest.approx(12.0), "O": pytest.approx(18.0)}
    assert structure.formula is None


def test_isotropic_displacement_is_taken_from_the_tensor_where_only_that_is_given() -> None:
    text = HEXAGONAL.replace("_atom_site_B_iso_or_equiv\n", "").replace(" 0.25\n", "\n").replace(" 0.31\n", "\n")
    text = text.replace("0.3063 0\n", "0.3063 0 0.25\n")
    names = "\n".join(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
    text += f"loop_\n_atom_site_aniso_label\n{names}\nAl3+ 0.003 0.003 0.006 0.0015 0 0\n"
    assert read_cif(text)[2].sites[0].b_iso == pytest.approx(8 * math.pi**2 * 0.004)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!DOCTYPE html>\n<html><body>Not found</body></html>", "a web page"),
        ("\n", "an empty file"),
        ("10.0 5\n10.1 6\n", "no CIF"),
        ("data_x\n_chemical_formula_sum 'Al'\n", "no unit cell"),
        (LFP[: LFP.rindex("loop_")], "no atom sites"),
        (LFP + LFP.replace("data_LiFePO4", "data_second"), "2 structures (LiFePO4, second)"),
        (LFP.replace("10.3244(2)", "?"), "no number at _cell_length_a"),
        (LFP.replace("_cell_angle_beta                 90\n", ""), "no number at _cell_angle_beta"),
        (LFP.replace("_cell_angle_alpha                90", "_cell_angle_alpha 91"), "alpha = 91"),
        (LFP.replace("10.3244(2)", "-10.3244"), "a = -10.3244"),
        (LFP.replace("Fe1 Fe ", "Fe1 Zz "), "element 'Zz'"),
        (LFP.replace("0.97474(3)", "?"), "nan"),
        (NO_SYMMETRY.replace("_space_group_IT_number           62", "_space_group_IT_number 6e2"), "not an integer"),
        (NO_SYMMETRY.replace("'P n m a'", "'P q x'").replace("_space_group_IT_number           62", ""), "(P q x)"),
    ],
)
def test_what_holds_no_structure_is_refused_and_says_why(text: str, said: str) -> None:
    with pytest.raises(CrystalError) as caught:
        read_cif(text)
    assert said in caught.value.problems[0].found


def test_a_mistake_in_a_file_is_located_in_that_file(tmp_path: Path) -> None:
    path = tmp_path / "lfp.cif"
    path.write_text(LFP.replace("Fe1 Fe ", "Fe1 Zz "), encoding="utf-8")
    with pytest.raises(CrystalError) as caught:
        read_cif(path)
    assert caught.value.problems[0].where == f"{path}: site Fe1"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrystalError, match="cannot be opened"):
        read_cif(tmp_path / "none.cif")


def test_bundled_files_are_those_of_the_registry() -> None:
    registry = tomllib.loads((DATA / "REGISTRY.toml").read_text(encoding="utf-8"))
    for path in sorted((DATA / "cif").iterdir()):
        entry = registry[f"cif/{path.name}"]
        assert entry["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert entry["source"] and entry["licence"]
