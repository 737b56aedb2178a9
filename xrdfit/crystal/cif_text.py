"""CIF as text: blocks of named values and loops, and what symmetry and cell are called in them.

Names are those of the core dictionary (cif_core.dic 2.4) and of pdCIF (cif_pd.dic 1.0), kept by later ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import gemmi
import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal.cell import CELL_NAMES
from xrdfit.crystal.formula import atoms_in_formula
from xrdfit.crystal.notation import with_esd
from xrdfit.crystal.spacegroup import SpaceGroup

UNKNOWN, INAPPLICABLE = "?", "."
# The first line of a file.
MAGIC = "#\\#CIF_1.1\n"
# CIF is ASCII; letters beyond have names of their own.
_NAMES = str.maketrans({"Å": r"\%A", "θ": r"\q", "σ": r"\s", "α": r"\a", "β": r"\b", "γ": r"\g", "°": r"\%", "·": ","})

Entries = Mapping[str, str]
Loop = Mapping[str, Sequence[str]]


def cif_block(name: str, *, entries: Entries, loops: Iterable[Loop] = ()) -> str:
    """One ``data_`` block.

    Parameters
    ----------
    entries : by tag; values are ready to stand in a CIF, texts by `quoted`.
    loops : each by tag, with columns of one length; a loop without rows is left out.
    """
    block = gemmi.cif.Block(name)
    for tag, value in entries.items():
        block.set_pair(tag, value)
    for loop in loops:
        columns = [list(column) for column in loop.values()]
        if columns and columns[0]:
            block.init_loop("", list(loop)).set_all_values(columns)
    return str(block.as_string())


def quoted(text: str) -> str:
    """Any text as a value; letters that CIF does not know become question marks."""
    plain = text.translate(_NAMES).encode("ascii", "replace").decode("ascii")
    # A semicolon at the beginning of a line would end the text.
    return str(gemmi.cif.quote(plain.replace("\n;", "\n ;")))


def numbers(values: NDArray, digits: int = 8) -> list[str]:
    """Numbers as values, ``.`` for NaN."""
    return [f"{value:.{digits}g}" if np.isfinite(value) else INAPPLICABLE for value in values.tolist()]


def symmetry_entries(group: SpaceGroup) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Names of a space group, and the loop of its operations."""
    known = group.gemmi_group
    operations = [operation.triplet() for operation in known.operations()]
    entries = {
        "_space_group_crystal_system": quoted(group.crystal_system),
        "_space_group_IT_number": str(group.number),
        "_space_group_name_H-M_alt": quoted(str(known.xhm())),
        "_space_group_name_Hall": quoted(str(known.hall)),
    }
    loop = {
        "_space_group_symop_id": [str(number + 1) for number in range(len(operations))],
        "_space_group_symop_operation_xyz": [quoted(operation) for operation in operations],
    }
    return entries, loop


def cell_entries(
    group: SpaceGroup, free: Mapping[str, tuple[float, float]], volume: tuple[float, float]
) -> dict[str, str]:
    """The cell with its esds in brackets; a parameter that was not measured is ``?``.

    Parameters
    ----------
    free : value and esd by the names of ``group.free_parameters``, Å and deg; NaN where not measured.
    volume : and its esd, Å^3.
    """
    tie, constant = group.cell_tie
    entries = {}
    for row, name in enumerate(CELL_NAMES):
        tied = np.flatnonzero(tie[row])
        value = with_esd(*free[group.free_parameters[tied[0]]]) if tied.size else f"{constant[row]:g}"
        entries[f"_cell_{'length' if name in 'abc' else 'angle'}_{name}"] = value or UNKNOWN
    return entries | {"_cell_volume": with_esd(*volume) or UNKNOWN}


def formula_sum(formula: str) -> str:
    """A formula in the order of Hill: carbon, hydrogen, then the alphabet; without carbon, the alphabet.

    >>> formula_sum("LiFePO4"), formula_sum("CH3OH")
    ('Fe Li O4 P', 'C H4 O')
    """
    atoms = atoms_in_formula(formula)
    first = [symbol for symbol in ("C", "H") if "C" in atoms and symbol in atoms]
    order = [*first, *sorted(symbol for symbol in atoms if symbol not in first)]
    return " ".join(f"{symbol}{'' if atoms[symbol] == 1.0 else format(atoms[symbol], '.6g')}" for symbol in order)


def formula_mass(formula: str) -> float:
    """Molar mass of a formula unit, g/mol."""
    return float(sum(count * gemmi.Element(symbol).weight for symbol, count in atoms_in_formula(formula).items()))
