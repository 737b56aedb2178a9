import math
from pathlib import Path

import gemmi
import numpy as np
import pytest

from xrdfit.crystal import (
    Site,
    SpaceGroup,
    Structure,
    UnitCell,
    atoms_in_formula,
    cell_from_values,
    generate_reflections,
    line_intensities,
    read_cif,
    structure_factors_squared,
)
from xrdfit.errors import CrystalError

BUNDLED = Path(__file__).parents[3] / "data" / "cif"
LENGTHS = {"a": 7.3, "b": 8.1, "c": 9.7, "alpha": 78.0, "beta": 99.0, "gamma": 106.0}


def site(element: str, x: float, y: float, z: float, **more: float) -> Site:
    return Site(label=element + "1", element=element, position=(x, y, z), **more)


def structure(name: str, values: list[float], *sites: Site, formula: str | None = None) -> Structure:
    group = SpaceGroup.from_name(name)
    return Structure(group=group, cell=cell_from_values(group, values), sites=sites, formula=formula)


def squared(crystal: Structure, *hkl: tuple[int, int, int]) -> np.ndarray:
    return structure_factors_squared(crystal, hkl, crystal.cell.d_spacing(hkl))


def form_factor(element: str, crystal: Structure, hkl: tuple[int, int, int]) -> float:
    return gemmi.Element(element).it92.calculate_sf(1.0 / (2.0 * crystal.cell.d_spacing([hkl])[0]) ** 2)


def test_form_factor_at_low_angle_is_the_number_of_electrons() -> None:
    atom = structure("P1", [1e3, 1e3, 1e3, 90, 90, 90], site("Fe", 0.1, 0.2, 0.3))
    assert squared(atom, (1, 0, 0))[0] == pytest.approx(26.0**2, rel=1e-3)


def test_rock_salt_adds_its_ions_where_indices_are_even_and_subtracts_them_where_odd() -> None:
    salt = structure("Fm-3m", [5.6402], site("Na", 0, 0, 0), site("Cl", 0.5, 0.5, 0.5))
    for hkl, sign in (((2, 0, 0), 1), ((2, 2, 0), 1), ((1, 1, 1), -1), ((3, 1, 1), -1)):
        expected = 16.0 * (form_factor("Na", salt, hkl) + sign * form_factor("Cl", salt, hkl)) ** 2
        assert squared(salt, hkl)[0] == pytest.approx(expected, rel=1e-5)


def test_caesium_chloride_is_primitive() -> None:
    crystal = structure("Pm-3m", [4.123], site("Cs", 0, 0, 0), site("Cl", 0.5, 0.5, 0.5))
    for hkl, sign in (((1, 0, 0), -1), ((1, 1, 0), 1), ((1, 1, 1), -1)):
        expected = (form_factor("Cs", crystal, hkl) + sign * form_factor("Cl", crystal, hkl)) ** 2
        assert squared(crystal, hkl)[0] == pytest.approx(expected, rel=1e-5)


def test_aluminium_scatters_with_four_atoms_damped_by_their_displacement() -> None:
    crystal = structure("Fm-3m", [4.0496], site("Al", 0, 0, 0, b_iso=0.8))
    s_squared = 3.0 / (4.0 * 4.0496**2)
    expected = 16.0 * form_factor("Al", crystal, (1, 1, 1)) ** 2 * math.exp(-2.0 * 0.8 * s_squared)
    assert squared(crystal, (1, 1, 1))[0] == pytest.approx(expected, rel=1e-5)


def test_diamond_222_is_extinct_though_its_space_group_allows_it() -> None:
    diamond = structure("Fd-3m:1", [3.567], site("C", 0, 0, 0))
    assert diamond.contents == {"C": pytest.approx(8.0)}
    assert squared(diamond, (2, 2, 2))[0] == pytest.approx(0.0, abs=1e-20)
    assert squared(diamond, (4, 0, 0))[0] == pytest.approx(64 * form_factor("C", diamond, (4, 0, 0)) ** 2, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["P-1", "C2/c", "B112/b", "Pnma", "Pbnm", "Pbna", "Fdd2", "I41/amd", "R-3c", "R-3c:R", "P63/mmc", "Ia-3d"]
)
def test_reflections_are_listed_exactly_if_an_atom_in_general_position_scatters_into_them(name: str) -> None:
    group = SpaceGroup.from_name(name)
    crystal = structure(name, [LENGTHS[p] for p in group.free_parameters], site("Fe", 0.1234, 0.0567, 0.3791))
    limit = 5
    axis = np.arange(-limit, limit + 1)
    hkl = np.array([index for index in np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3) if index.any()])
    d_spacing = crystal.cell.d_spacing(hkl)
    inside = d_spacing > 2.0
    scattering = (structure_factors_squared(crystal, hkl, d_spacing) > 1e-12) & inside
    listed = generate_reflections(group, crystal.cell, d_min=2.0, d_max=50.0)
    assert listed.multiplicity.sum() == scattering.sum()


def test_a_powder_line_adds_up_every_reflection_in_it() -> None:
    # Pa-3 keeps 210 and 120 in one line, though they are different reflections.
    crystal = structure("Pa-3", [5.418], site("Fe", 0, 0, 0), site("S", 0.385, 0.385, 0.385))
    lines = generate_reflections(crystal.group, crystal.cell, d_min=1.1, d_max=10.0)
    axis = np.arange(-5, 6)
    hkl = np.array([index for index in np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3) if index.any()])
    d_spacing = crystal.cell.d_spacing(hkl)
    each = structure_factors_squared(crystal, hkl, d_spacing)
    expected = [each[np.abs(d_spacing - d) < 1e-6].sum() for d in lines.d_spacing]
    np.testing.assert_allclose(line_intensities(crystal, lines), expected, rtol=1e-10, atol=1e-9)
    assert len(lines.member_hkl) > len(lines)


def test_friedel_mates_scatter_alike_and_dispersion_adds_in_quadrature() -> None:
    # Zinc blende has no centre: with dispersion F(111) and F(-1-1-1) differ, their mean square is what a powder shows.
    blende = structure("F-43m", [5.4093], site("Zn", 0, 0, 0), site("S", 0.25, 0.25, 0.25))
    pair = [(1, 1, 1), (-1, -1, -1)]
    d_spacing = blende.cell.d_spacing(pair)
    plain = structure_factors_squared(blende, pair, d_spacing)
    assert plain[0] == pytest.approx(plain[1], rel=1e-12)
    wavelength = 1.5405929
    complex_factors = []
    for sign in (1, -1):
        total = 0j
        for element, fraction in (("Zn", 0.0), ("S", 0.25)):
            energy = gemmi.hc / wavelength
            real, imaginary = gemmi.cromer_liberman(gemmi.Element(element).atomic_number, energy)
            atom = form_factor(element, blende, (1, 1, 1)) + real + 1j * imaginary
            total += 4 * atom * np.exp(2j * np.pi * 3 * sign * fraction)
        complex_factors.append(abs(total) ** 2)
    assert abs(complex_factors[0] / complex_factors[1] - 1.0) > 0.01
    found = structure_factors_squared(blende, pair, d_spacing, wavelength=wavelength)
    np.testing.assert_allclose(found, np.mean(complex_factors), rtol=1e-5)


def test_a_site_whose_rounded_coordinates_miss_a_special_position_is_still_one_atom() -> None:
    zinc = structure("P63/mmc", [2.665, 4.947], site("Zn", 0.3333, 0.6667, 0.25))
    assert zinc.contents == {"Zn": pytest.approx(2.0)}


def test_lfp_020_is_six_and_a_half_times_211() -> None:
    group, cell, lfp = read_cif(BUNDLED / "LiFePO4.cif")
    lines = generate_reflections(group, cell, d_min=2.3, d_max=6.0)
    strength = dict(zip(map(tuple, lines.hkl.tolist()), line_intensities(lfp, lines), strict=True))
    assert strength[0, 2, 0] / strength[2, 1, 1] == pytest.approx(6.5, abs=0.05)


@pytest.mark.parametrize("name", ["LiFePO4", "FePO4"])
def test_bundled_structures_hold_four_formula_units_and_agree_with_gemmi(name: str) -> None:
    group, cell, crystal = read_cif(BUNDLED / f"{name}.cif")
    assert group.name == "Pnma"
    assert crystal.formula_units == 4
    assert crystal.contents == {el: pytest.approx(4 * n) for el, n in atoms_in_formula(name).items()}
    small = gemmi.read_small_structure(str(BUNDLED / f"{name}.cif"))
    small.change_occupancies_to_crystallographic()
    small.setup_cell_images()
    calculator = gemmi.StructureFactorCalculatorX(small.cell)
    lines = generate_reflections(group, cell, d_min=1.5, d_max=10.0)
    expected = [abs(calculator.calculate_sf_from_small_structure(small, h)) ** 2 for h in lines.hkl.tolist()]
    found = structure_factors_squared(crystal, lines.hkl, lines.d_spacing)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize(
    ("formula", "atoms"),
    [
        ("LiFePO4", {"Li": 1, "Fe": 1, "P": 1, "O": 4}),
        ("Fe Li O4 P", {"Li": 1, "Fe": 1, "P": 1, "O": 4}),
        ("Li1.3Al0.3Ti1.7(PO4)3", {"Li": 1.3, "Al": 0.3, "Ti": 1.7, "P": 3, "O": 12}),
        ("Al2(Fe(CN)6)3", {"Al": 2, "Fe": 3, "C": 18, "N": 18}),
        ("CoCO3", {"Co": 1, "C": 1, "O": 3}),
    ],
)
def test_formulae_are_read_with_brackets_and_fractions(formula: str, atoms: dict[str, float]) -> None:
    assert atoms_in_formula(formula) == pytest.approx(atoms)


@pytest.mark.parametrize("formula", ["", "LFP!", "Li(FePO4", "Xx2O3", "Li1..3O", "lifepo4", "LiFePO4)"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(CrystalError, match="formula"):
        atoms_in_formula(formula)


def test_formula_units_are_unknown_without_a_formula() -> None:
    assert structure("Fm-3m", [4.05], site("Al", 0, 0, 0)).formula_units is None
    assert structure("Fm-3m", [4.05], site("Al", 0, 0, 0), formula="Al").formula_units == 4
    assert structure("Fm-3m", [4.05], site("Al", 0, 0, 0), formula="Cu").formula_units is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"element": "Xx"},
        {"element": ""},
        {"position": (0.0, math.nan, 0.0)},
        {"occupancy": -1.0},
        {"b_iso": math.inf},
    ],
)
def test_an_impossible_site_is_refused_by_its_label(wrong: dict) -> None:
    with pytest.raises(CrystalError) as caught:
        Site(**{"label": "Q7", "element": "Fe", "position": (0.0, 0.0, 0.0)} | wrong)
    assert caught.value.problems[0].where == "site Q7"


def test_intensities_follow_the_cell_being_refined_not_the_one_of_the_structure() -> None:
    crystal = structure("Fm-3m", [4.0496], site("Al", 0, 0, 0))
    hot = UnitCell(4.2, 4.2, 4.2)
    at_lower_angle = structure_factors_squared(crystal, [(1, 1, 1)], hot.d_spacing([(1, 1, 1)]))
    assert at_lower_angle[0] > squared(crystal, (1, 1, 1))[0]
