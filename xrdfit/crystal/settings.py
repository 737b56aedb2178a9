"""Settings of a space group: the same group with its axes named in another order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import gemmi

from xrdfit.crystal.cell import UnitCell
from xrdfit.crystal.spacegroup import SpaceGroup

_AXES = ("x", "y", "z")


def other_settings(group: SpaceGroup, cell: UnitCell) -> Iterator[tuple[SpaceGroup, UnitCell]]:
    """Groups of which these are the axes if they were named in another order, each with the cell in that of `group`.

    Orthorhombic groups alone: in all others symmetry tells the axes apart, or the angles do.

    Parameters
    ----------
    cell : Å and deg; what comes back with each setting is this cell relabelled as `group` has its axes.
    """
    if group.crystal_system != "orthorhombic":
        return
    operations = group.gemmi_group.operations()
    lengths = (cell.a, cell.b, cell.c)
    seen = {group.name}
    for order in permutations(range(3)):
        renamed = group.gemmi_group.operations()
        renamed.change_basis_forward(gemmi.Op(",".join(_AXES[axis] for axis in order)))
        found = gemmi.find_spacegroup_by_ops(renamed)
        if renamed == operations or found is None or (setting := SpaceGroup.from_gemmi(found)).name in seen:
            continue
        seen.add(setting.name)
        # Axis `order[i]` of the group is axis i of the setting.
        back = [lengths[order.index(axis)] for axis in range(3)]
        yield setting, UnitCell(*back)
