"""Cells, space groups, powder lines and structure factors."""

from xrdfit.crystal.cell import CELL_NAMES, UnitCell
from xrdfit.crystal.phase import Phase
from xrdfit.crystal.reflections import ReflectionList, generate_reflections
from xrdfit.crystal.spacegroup import SpaceGroup, cell_from_values, free_cell_values
