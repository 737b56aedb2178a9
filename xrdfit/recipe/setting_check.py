"""Is a cell in the setting of its space group? Told by the literature's cell, and by phases of the same group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xrdfit.crystal import Phase, UnitCell, other_settings
from xrdfit.errors import Problem

# Largest relative difference of the lengths of like cells, and the least one where axes are exchanged.
_ALIKE, _UNLIKE = 0.08, 0.12


def setting_warnings(phases: Sequence[Phase]) -> Iterator[Problem]:
    """A warning for every phase whose axes are in another order than those of the cell that it is like.

    Which line is which is told by the order of the axes: in another one some lines are looked for where there are
    none, and others not at all.
    """
    for index, phase in enumerate(phases):
        known = [] if phase.reference_cell is None else [("its reference", phase.reference_cell)]
        # Of two phases in two settings the later one is told.
        known += [(other.name, other.cell) for other in phases[:index] if other.group == phase.group]
        for whose, cell in known:
            if _difference(phase.cell, cell) < _UNLIKE:
                continue
            like = [(g, c) for g, c in other_settings(phase.group, phase.cell) if _difference(c, cell) < _ALIKE]
            if like:
                group, relabelled = min(like, key=lambda one: _difference(one[1], cell))
                yield Problem(
                    code="W117",
                    what=f"the cell is one of {group.name}, another setting of {phase.group.name}",
                    where=f"phase[{index}].cell ({phase.name})",
                    found=f"found {_words(phase.cell)} against {_words(cell)} Å of {whose}",
                    todo=f'write space_group = "{group.name}", or relabel the axes: cell = [{_words(relabelled)}]',
                )
                break


def _difference(one: UnitCell, other: UnitCell) -> float:
    return float(np.abs(one.lengths_angles[:3] / other.lengths_angles[:3] - 1.0).max())


def _words(cell: UnitCell) -> str:
    return ", ".join(f"{length:g}" for length in cell.lengths_angles[:3])
