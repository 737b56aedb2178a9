"""Atoms in a cell, and how strongly they scatter X-rays."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.reflections import ReflectionList
from xrdfit.crystal.spacegroup import SpaceGroup

# Images of a site that come closer than this (Å) are the same atom on a special position.
SAME_ATOM_DISTANCE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One atom of the asymmetric unit.

    Attributes
    ----------
    label : its name in the CIF.
    element : chemical symbol.
    position : fractional coordinates.
    occupancy : chemical occupancy, 1 for a full site of any symmetry.
    b_iso : isotropic displacement parameter B = 8 pi^2 U in Å^2.
    """

    label: str
    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The asymmetric unit of a crystal.

    Attributes
    ----------
    group, cell : its symmetry and cell.
    sites : the atoms of the asymmetric unit.
    formula : chemical formula of one formula unit (``LiFePO4`` or ``Fe Li O4 P``), or None.
    """

    group: SpaceGroup
    cell: UnitCell
    sites: tuple[Site, ...]
    formula: str | None = None

    @property
    def contents(self) -> dict[str, float]:
        """Number of atoms of each element in the cell."""
        total: dict[str, float] = defaultdict(float)
        for site in self.sites:
            _, weight = _images(self, site)
            total[site.element] += site.occupancy * len(_) * weight
        return dict(total)
