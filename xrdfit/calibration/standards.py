"""Powder standards and their certified cells."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrdfit.crystal import Phase, SpaceGroup, cell_from_values
from xrdfit.errors import InputError, Problem
from xrdfit.io.bundled import bundled


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A standard: the free cell parameters of its space group at ``temperature_c``, and where they are from.

    ``cell`` in angstrom, ``uncertainty`` (expanded, k = 2) likewise and empty where none is certified, ``expansion``
    relative per kelvin.
    """

    name: str
    space_group: str
    cell: tuple[float, ...]
    temperature_c: float
    expansion: tuple[float, ...]
    source: str
    uncertainty: tuple[float, ...] = ()

    def cell_at(self, temperature_c: float | None) -> tuple[float, ...]:
        """Free cell parameters (angstrom) at a temperature near the certified one, which None stands for."""
        if temperature_c is None:
            return self.cell
        change = 1.0 + np.array(self.expansion) * (temperature_c - self.temperature_c)
        return tuple((np.array(self.cell) * change).tolist())

    def phase(self, cell: tuple[float, ...]) -> Phase:
        """The standard as a phase with these free cell parameters (angstrom).

        Raises
        ------
        CrystalError
            If there are more or fewer than the crystal system has.
        """
        group = SpaceGroup.from_name(self.space_group)
        return Phase(name="standard", group=group, cell=cell_from_values(group, cell), role="inert")


def read_standards() -> dict[str, Standard]:
    """All bundled standards by name."""
    tables = tomllib.loads(bundled("standards.toml").read_text(encoding="utf-8"))
    return {name: _standard(name, table) for name, table in tables.items()}


def _standard(name: str, table: dict[str, Any]) -> Standard:
    return Standard(
        name=name,
        space_group=table["space_group"],
        cell=tuple(table["cell"]),
        temperature_c=table["temperature_c"],
        expansion=tuple(table["expansion"]),
        source=table["source"],
        uncertainty=tuple(table.get("uncertainty", ())),
    )


def find_standard(name: str) -> Standard:
    """A bundled standard by its name, upper and lower case alike.

    Raises
    ------
    InputError
        With the nearest name.
    """
    known = read_standards()
    folded = {key.lower(): standard for key, standard in known.items()}
    if name.lower() in folded:
        return folded[name.lower()]
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.3)
    raise InputError(
        Problem(
            code="E195",
            what="unknown standard",
            where="--standard",
            found=f"found {name!r} against {', '.join(known)}",
            todo=f"did you mean {folded[near[0]].name}?" if near else "use one of these names",
        )
    )
