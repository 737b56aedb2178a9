"""A phase: what the user calls it, its symmetry, its cell and, if known, its atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal.anisotropy import stephens_terms, width_axes
from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.spacegroup import SpaceGroup, cell_from_values, free_cell_values
from xrdfit.crystal.structure import Structure
from xrdfit.data import PhaseLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One crystalline phase of a series.

    Attributes
    ----------
    name : as in the recipe; the prefix of its parameters.
    group, cell : symmetry and start cell.
    formula : chemical formula of one formula unit, or None.
    reference_cell, reference_source : a literature cell for figures and tables, and whose it is.
    role : ``"active"`` phases share the sum of fractions, ``"inert"`` ones do not.
    color : for figures, or None.
    structure : its atoms, or None.
    march_dollase : hkl of the axis of preferred orientation, or None for a random powder.
    fixed_cell : whether the cell is known and stays: a collector foil, an internal standard.
    strain : ``"stephens"`` where it depends on the direction; size : ``"anisotropic"`` likewise.
    own_displacement : whether the phase stands elsewhere than the sample, as a window does.

    Raises
    ------
    CrystalError
        If the cell, or the reference cell, does not obey the group's symmetry, or if widths cannot depend on the
        direction in this group.
    """

    name: str
    group: SpaceGroup
    cell: UnitCell
    formula: str | None = None
    reference_cell: UnitCell | None = None
    reference_source: str | None = None
    role: Literal["active", "inert"] = "active"
    color: str | None = None
    structure: Structure | None = None
    march_dollase: tuple[int, int, int] | None = None
    fixed_cell: bool = False
    own_displacement: bool = False
    strain: Literal["isotropic", "stephens"] = "isotropic"
    size: Literal["isotropic", "anisotropic"] = "isotropic"

    def __post_init__(self) -> None:
        for cell in (self.cell, self.reference_cell):
            if cell is not None:
                cell_from_values(self.group, cell.lengths_angles)
        if self.strain == "stephens":
            stephens_terms(self.group)
        if self.size == "anisotropic":
            width_axes(self.group)

    @property
    def anisotropic(self) -> bool:
        """Whether widths depend on the direction."""
        return self.strain != "isotropic" or self.size != "isotropic"

    @property
    def free_values(self) -> NDArray[np.float64]:
        """(n_free,) the free parameters of the cell, Å and deg, in the order of ``group.free_parameters``."""
        return free_cell_values(self.group, self.cell)

    def label(self) -> PhaseLabel:
        """What tables and figures need of this phase."""
        reference: dict[str, float] = {}
        if self.reference_cell is not None:
            values = free_cell_values(self.group, self.reference_cell).tolist()
            reference = dict(zip(self.group.free_parameters, values, strict=True))
            reference["volume"] = self.reference_cell.volume
        return PhaseLabel(
            name=self.name,
            color=self.color,
            role=self.role,
            cell_names=self.group.free_parameters,
            reference=reference,
            reference_source=self.reference_source,
        )
