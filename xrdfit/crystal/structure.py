"""Atoms in a cell, and how strongly they scatter X-rays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import ArrayLike, NDArray

from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.formula import atoms_in_formula, is_element
from xrdfit.crystal.reflections import ReflectionList
from xrdfit.crystal.spacegroup import SpaceGroup
from xrdfit.errors import CrystalError, Problem

# Images of a site that come closer than this (Å) are one atom on a special position, written with rounded coordinates.
SAME_ATOM_DISTANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One atom of the asymmetric unit.

    Attributes
    ----------
    label : its name, as in the CIF.
    element : chemical symbol.
    position : fractional coordinates.
    occupancy : chemical occupancy: 1 for a full site of any symmetry.
    b_iso : isotropic displacement parameter ``B = 8 pi^2 U`` in Å^2.

    Raises
    ------
    CrystalError
        If the element is none, or a number is missing or impossible.
    """

    label: str
    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = 0.0

    def __post_init__(self) -> None:
        if not is_element(self.element):
            found, expected = f"element {self.element!r}", "a chemical symbol"
        elif not all(math.isfinite(value) for value in self.position):
            found, expected = f"position {self.position}", "three fractional coordinates"
        elif not (math.isfinite(self.b_iso) and math.isfinite(self.occupancy) and self.occupancy >= 0.0):
            found, expected = f"occupancy {self.occupancy:g}, B {self.b_iso:g} Å^2", "an occupancy >= 0 and a number"
        else:
            return
        raise CrystalError(
            Problem(
                code="E126",
                what="an atom that cannot be placed",
                where=f"site {self.label}",
                found=f"{found} against {expected}",
                todo="correct the site",
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The asymmetric unit of a crystal.

    Attributes
    ----------
    group, cell : its symmetry and cell.
    sites : the atoms of the asymmetric unit.
    formula : one formula unit (``LiFePO4``, ``Fe Li O4 P``), or None.
    """

    group: SpaceGroup
    cell: UnitCell
    sites: tuple[Site, ...]
    formula: str | None = None

    @property
    def contents(self) -> dict[str, float]:
        """Number of atoms of each element in the cell, partial occupancies counted as such."""
        atoms: dict[str, float] = {}
        for site in self.sites:
            images, share = _images(self, site)
            atoms[site.element] = atoms.get(site.element, 0.0) + len(images) * share
        return atoms

    @property
    def formula_units(self) -> int | None:
        """Z, the number of formula units in the cell; None where no formula is known or none of it is in the cell.

        Counted over the elements that the sites hold, as hydrogen and other light atoms may be left out of a CIF.
        """
        if self.formula is None:
            return None
        contents, formula = self.contents, atoms_in_formula(self.formula)
        common = contents.keys() & formula.keys()
        if not common:
            return None
        return max(1, round(sum(contents[el] for el in common) / sum(formula[el] for el in common)))


def structure_factors_squared(
    structure: Structure, hkl: ArrayLike, d_spacing: ArrayLike, *, wavelength: float | None = None
) -> NDArray[np.float64]:
    """|F|^2 in electrons^2 per cell, the mean of the two Friedel mates.

    Parameters
    ----------
    hkl : (m, 3).
    d_spacing : (m,) Å, of the cell that is being refined; it need not be the cell of the structure.
    wavelength : Å, for anomalous dispersion (f' and f'' by Cromer and Liberman); left out if None.

    Notes
    -----
    ``F = sum_site occ f(s) exp(-B s^2) sum_images exp(2 pi i h x)`` over all symmetry images of each site, with
    ``s = sin(theta) / lambda = 1 / 2d``. Form factors of neutral atoms: International Tables C (1992), table 6.1.1.4.
    """
    hkl = np.asarray(hkl, dtype=np.float64)
    s_squared = 1.0 / (4.0 * np.square(np.asarray(d_spacing, dtype=np.float64)))
    in_phase = np.zeros(len(hkl), dtype=np.complex128)
    in_quadrature = np.zeros(len(hkl), dtype=np.complex128)
    for site in structure.sites:
        images, share = _images(structure, site)
        geometry = share * np.exp(2j * np.pi * (hkl @ images.T)).sum(axis=1) * np.exp(-site.b_iso * s_squared)
        real, imaginary = _dispersion(site.element, wavelength)
        in_phase += (_form_factor(site.element, s_squared) + real) * geometry
        in_quadrature += imaginary * geometry
    # F(+-h) = P +- iQ up to conjugation, P from f0 + f' and Q from f'': their mean square is |P|^2 + |Q|^2.
    return np.abs(in_phase) ** 2 + np.abs(in_quadrature) ** 2


def line_intensities(
    structure: Structure, reflections: ReflectionList, *, wavelength: float | None = None
) -> NDArray[np.float64]:
    """(m,) ``sum of multiplicity |F|^2`` over the members of each line; no Lorentz-polarisation factor, no 1/V^2."""
    line = reflections.member_line
    squared = structure_factors_squared(
        structure, reflections.member_hkl, reflections.d_spacing[line], wavelength=wavelength
    )
    weighted = reflections.member_multiplicity * squared
    return np.bincount(line, weights=weighted, minlength=len(reflections)).astype(np.float64)


def _images(structure: Structure, site: Site) -> tuple[NDArray[np.float64], float]:
    """Positions of a site under every operation, (n, 3), and the share of an atom that each of them carries.

    On a special position several images coincide; each then carries its part of the one atom.
    """
    operations = list(structure.group.gemmi_group.operations())
    images = np.array([op.apply_to_xyz(list(site.position)) for op in operations])
    offset = images - np.array(site.position)
    offset -= np.round(offset)
    distance_squared = ((offset @ structure.cell.metric) * offset).sum(axis=1)
    coinciding = int((distance_squared < SAME_ATOM_DISTANCE**2).sum())
    return images, site.occupancy / coinciding


def _form_factor(element: str, s_squared: NDArray[np.float64]) -> NDArray[np.float64]:
    coefficients = gemmi.Element(element).it92
    a, b = np.array(coefficients.a), np.array(coefficients.b)
    return np.exp(-np.outer(s_squared, b)) @ a + coefficients.c


def _dispersion(element: str, wavelength: float | None) -> tuple[float, float]:
    """f' and f'' in electrons."""
    if wavelength is None:
        return 0.0, 0.0
    real, imaginary = gemmi.cromer_liberman(gemmi.Element(element).atomic_number, gemmi.hc / wavelength)
    return float(real), float(imaginary)
