"""Space groups in any setting, and what each leaves free of the cell."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import gemmi
import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal.cell import CELL_NAMES, UnitCell
from xrdfit.errors import CrystalError, Problem

# A cell written out in full may carry the rounding of the program that printed it (Å, deg).
_TOLERANCE = np.repeat([1e-4, 1e-3], 3)

# For each cell parameter: the free one that it equals, or the angle in deg at which it is fixed.
_TIES: dict[str, tuple[str | int, ...]] = {
    "triclinic": CELL_NAMES,
    "monoclinic a": ("a", "b", "c", "alpha", 90, 90),
    "monoclinic b": ("a", "b", "c", 90, "beta", 90),
    "monoclinic c": ("a", "b", "c", 90, 90, "gamma"),
    "orthorhombic": ("a", "b", "c", 90, 90, 90),
    "tetragonal": ("a", "a", "c", 90, 90, 90),
    "rhombohedral axes": ("a", "a", "a", "alpha", "alpha", "alpha"),
    "trigonal": ("a", "a", "c", 90, 90, 120),
    "hexagonal": ("a", "a", "c", 90, 90, 120),
    "cubic": ("a", "a", "a", 90, 90, 90),
}


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """A space group in one setting; made by `from_name`.

    Attributes
    ----------
    name : Hermann-Mauguin symbol without blanks, with the choice of axes or origin where there is one:
        ``Pnma``, ``Pbnm``, ``R-3c:H``, ``C2/c``.
    """

    name: str

    @classmethod
    def from_name(cls, name: str) -> SpaceGroup:
        """The group of this Hermann-Mauguin symbol (blanks and underscores do not matter) or number.

        ``R`` groups mean hexagonal axes unless ``:R`` is added, as in ``R-3c:R``.

        Raises
        ------
        CrystalError
            If there is no such group; the message names groups of similar symbol.
        """
        plain = name.strip().replace("_", "").replace("\N{MINUS SIGN}", "-")
        found = gemmi.find_spacegroup_by_name(plain)
        if found is None:
            known = [_name(group) for group in gemmi.spacegroup_table()]
            near = difflib.get_close_matches(plain.replace(" ", ""), known, n=3, cutoff=0.5)
            raise CrystalError(
                Problem(
                    code="E120",
                    what="unknown space group",
                    where="space_group",
                    found=f"{name!r} against a Hermann-Mauguin symbol such as Pnma, P63/mmc, R-3c",
                    todo=f"did you mean {', '.join(near)}?" if near else "check the symbol",
                )
            )
        return cls.from_gemmi(found)

    @classmethod
    def from_gemmi(cls, group: gemmi.SpaceGroup) -> SpaceGroup:
        """The group as gemmi found it in a CIF."""
        return cls(_name(group))

    @property
    def gemmi_group(self) -> gemmi.SpaceGroup:
        """The group as gemmi knows it."""
        return _lookup(self.name)

    @property
    def number(self) -> int:
        """Number in the International Tables, 1 to 230."""
        return int(self.gemmi_group.number)

    @property
    def crystal_system(self) -> str:
        """``triclinic``, ``monoclinic``, ``orthorhombic``, ``tetragonal``, ``trigonal``, ``hexagonal`` or ``cubic``."""
        return str(self.gemmi_group.crystal_system_str())

    @property
    def free_parameters(self) -> tuple[str, ...]:
        """Names of the cell parameters that symmetry leaves free, e.g. ``("a", "c")``."""
        tied = _TIES[_axes(self.name)]
        return tuple(name for name in CELL_NAMES if name in tied)

    @property
    def cell_tie(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(tie, constant)``, (6, n_free) and (6,), with ``full_cell = tie @ free + constant``."""
        free = self.free_parameters
        tie, constant = np.zeros((6, len(free))), np.zeros(6)
        for row, tied_to in enumerate(_TIES[_axes(self.name)]):
            if isinstance(tied_to, str):
                tie[row, free.index(tied_to)] = 1.0
            else:
                constant[row] = tied_to
        return tie, constant


def cell_from_values(group: SpaceGroup, values: Sequence[float] | NDArray[np.float64]) -> UnitCell:
    """The cell of a group from its free parameters, in the order of `SpaceGroup.free_parameters`, or from all six.

    Parameters
    ----------
    values : lengths in Å, angles in deg.

    Raises
    ------
    CrystalError
        If there are too few or too many values, no such cell can exist, or six values break the group's symmetry.
        Its problems are located by ``cell``, for the caller to put a path before it.
    """
    free = group.free_parameters
    if len(values) not in (len(free), 6):
        expected = f"{group.name}: {', '.join(free)}" + (", or all six" if len(free) < 6 else "")
        raise CrystalError(
            Problem(
                code="E122",
                what="wrong number of cell values",
                where="cell",
                found=f"{len(values)} values against {expected}",
                todo="give lengths in Å, then angles in deg",
            )
        )
    given = np.asarray(values, dtype=np.float64).tolist()
    if len(given) == len(free):
        return _tied(group, given)
    cell = UnitCell(*given)
    tied = _tied(group, free_cell_values(group, cell).tolist())
    wrong = np.abs(cell.lengths_angles - tied.lengths_angles) > _TOLERANCE
    if wrong.any():
        raise CrystalError(_not_allowed(group, cell, np.flatnonzero(wrong).tolist()))
    return tied


def free_cell_values(group: SpaceGroup, cell: UnitCell) -> NDArray[np.float64]:
    """(n_free,) the free parameters of a cell, in the order of `SpaceGroup.free_parameters`."""
    return cell.lengths_angles[[CELL_NAMES.index(name) for name in group.free_parameters]]


def _tied(group: SpaceGroup, free_values: Sequence[float]) -> UnitCell:
    # Not by the matrix of cell_tie, which would spread one NaN over all six values of the message.
    named = dict(zip(group.free_parameters, free_values, strict=True))
    return UnitCell(*(named[rule] if isinstance(rule, str) else float(rule) for rule in _TIES[_axes(group.name)]))


def _not_allowed(group: SpaceGroup, cell: UnitCell, wrong: Sequence[int]) -> Problem:
    rules = _TIES[_axes(group.name)]
    found = ", ".join(f"{CELL_NAMES[i]} = {cell.lengths_angles[i]:g}" for i in wrong)
    expected = ", ".join(f"{CELL_NAMES[i]} = {rules[i]}" for i in wrong)
    todo = "correct the cell, or name the setting that it belongs to"
    if group.name.endswith(":H"):
        todo += f" ({group.name[:-1]}R for rhombohedral axes)"
    return Problem(
        code="E123",
        what=f"a cell that {group.name} ({group.crystal_system}) does not allow",
        where="cell",
        found=f"{found} against {expected}",
        todo=todo,
    )


def _name(group: gemmi.SpaceGroup) -> str:
    # gemmi's short name of a rhombohedral group tells the axes by the letter H, which no paper does.
    if group.ext != "\0":
        return f"{group.hm}:{group.ext}".replace(" ", "")
    short = str(group.short_name())
    # "B2" without its ones is read with another unique axis than the group B 1 2 1 has.
    return short if gemmi.find_spacegroup_by_name(short).hm == group.hm else str(group.hm).replace(" ", "")


@cache
def _lookup(name: str) -> gemmi.SpaceGroup:
    found = gemmi.find_spacegroup_by_name(name)
    if found is None:
        raise KeyError(name)
    return found


@cache
def _axes(name: str) -> str:
    """The key into the ties: the crystal system, with the unique axis or the choice of axes where it matters."""
    group = _lookup(name)
    system = str(group.crystal_system_str())
    if system == "monoclinic":
        return f"monoclinic {group.monoclinic_unique_axis()}"
    return "rhombohedral axes" if group.ext == "R" else system
