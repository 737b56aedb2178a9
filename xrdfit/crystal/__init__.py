"""Cells, space groups, powder lines and structure factors: the only home of gemmi."""

from xrdfit.crystal.anisotropy import (
    AXES,
    N_QUARTIC,
    axis_hkl,
    direction_squares,
    isotropic_terms,
    quartic_terms,
    stephens_terms,
    width_axes,
)
from xrdfit.crystal.cell import CELL_NAMES, UnitCell, cell_volumes, d_spacings, spacings_and_volumes
from xrdfit.crystal.cif import read_cif
from xrdfit.crystal.cif_text import cif_block
from xrdfit.crystal.formula import atoms_in_formula
from xrdfit.crystal.notation import with_esd
from xrdfit.crystal.phase import Phase
from xrdfit.crystal.reflections import ReflectionList, candidate_lines, equivalent_reflections, generate_reflections
from xrdfit.crystal.settings import other_settings
from xrdfit.crystal.spacegroup import SpaceGroup, cell_from_values, free_cell_values
from xrdfit.crystal.structure import Site, Structure, line_intensities, structure_factors_squared

__all__ = [
    "AXES",
    "CELL_NAMES",
    "N_QUARTIC",
    "Phase",
    "ReflectionList",
    "Site",
    "SpaceGroup",
    "Structure",
    "UnitCell",
    "atoms_in_formula",
    "axis_hkl",
    "candidate_lines",
    "cell_from_values",
    "cell_volumes",
    "cif_block",
    "d_spacings",
    "direction_squares",
    "equivalent_reflections",
    "free_cell_values",
    "generate_reflections",
    "isotropic_terms",
    "line_intensities",
    "other_settings",
    "quartic_terms",
    "read_cif",
    "spacings_and_volumes",
    "stephens_terms",
    "structure_factors_squared",
    "width_axes",
    "with_esd",
]
