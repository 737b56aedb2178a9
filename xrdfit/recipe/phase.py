"""The tables ``[[phase]]``."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from xrdfit.crystal import SpaceGroup, atoms_in_formula, cell_from_values, stephens_terms, width_axes
from xrdfit.errors import CrystalError, Problem
from xrdfit.recipe.basics import Flag, Number, Table, Text, Whole
from xrdfit.recipe.mistakes import Code, mistake, refuse

# Names that the parameter table and trajectories.csv use for things that are no phase.
_TAKEN = ("background", "zero", "sample", "caglioti", "instrument", "capillary", "hump", "transparency")


class ReferenceTable(Table):
    """``reference = { cell = [...], source = "..." }``."""

    cell: list[Number]
    source: Text | None = None


class PhaseTable(Table):
    """One ``[[phase]]``."""

    name: Text
    space_group: Text | None = None
    cell: list[Number] | None = None
    cif: Text | None = None
    formula: Text | None = None
    reference: ReferenceTable | None = None
    role: Literal["active", "inert"] = "active"
    color: Annotated[Text, StringConstraints(pattern=r"^(#[0-9A-Fa-f]{6}|[A-Za-z][A-Za-z0-9: ]*)$")] | None = None
    fixed_cell: Flag = False
    own_displacement: Flag = False
    strain: Literal["isotropic", "stephens"] = "isotropic"
    size: Literal["isotropic", "anisotropic"] = "isotropic"
    march_dollase: Annotated[list[Whole], Field(min_length=3, max_length=3)] | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from _name_problems(self.name)
        if self.formula is not None:
            yield from _crystal_problems("formula", lambda: atoms_in_formula(self.formula or ""))
        given = [key for key in ("space_group", "cell") if getattr(self, key) is not None]
        if self.cif is not None and given:
            yield mistake(
                Code.CONFLICT,
                "cif stands instead of space_group and cell",
                where="cif",
                found=f"found cif and {' and '.join(given)}",
                todo="remove one or the other",
            )
        elif self.cif is None:
            for key in {"space_group", "cell"} - set(given):
                yield mistake(
                    Code.MISSING_KEY,
                    f"{key} is missing",
                    where=key,
                    found="nothing against space_group and cell, or cif",
                    todo=f"add {key}",
                )
        yield from _length_problems("cell", self.cell)
        yield from _length_problems("reference.cell", self.reference.cell if self.reference else None)
        if self.march_dollase is not None and not any(self.march_dollase):
            yield mistake(
                Code.OUT_OF_RANGE,
                "no direction",
                where="march_dollase",
                found="found [0, 0, 0] against hkl of the axis of preferred orientation",
                todo="give an hkl such as [0, 1, 0]",
            )
        if self.space_group is None:
            return
        unknown = list(_crystal_problems("space_group", lambda: SpaceGroup.from_name(self.space_group or "")))
        yield from unknown
        if not unknown:
            group = SpaceGroup.from_name(self.space_group)
            if self.strain == "stephens":
                yield from _crystal_problems("strain", lambda: stephens_terms(group))
            if self.size == "anisotropic":
                yield from _crystal_problems("size", lambda: width_axes(group))
            for where, cell in (("cell", self.cell), ("reference.cell", self.reference and self.reference.cell)):
                if cell and not list(_length_problems(where, cell)):
                    yield from _crystal_problems(where, partial(cell_from_values, group, cell))


def _name_problems(name: str) -> Iterator[Problem]:
    """The name is the beginning of lmfit parameter names, which are names of Python."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        found = f"found {name!r} against letters, digits and _, a letter first"
    elif keyword.iskeyword(name):
        found = f"found {name!r}, a word of Python"
    elif name in _TAKEN:
        found = f"found {name!r}, the beginning of parameter names such as sample_displacement"
    else:
        return
    yield mistake(
        Code.BAD_NAME, "a name that parameters cannot have", where="name", found=found, todo="rename the phase"
    )


def _crystal_problems(where: str, attempt: Callable[[], object]) -> Iterator[Problem]:
    try:
        attempt()
    except CrystalError as error:
        yield from (replace(problem, where=where) for problem in error.problems)


def _length_problems(where: str, cell: list[float] | None) -> Iterator[Problem]:
    for index, value in enumerate(cell or []):
        if value <= 0.0:
            what, unit = ("cell length", "Å") if index < 3 else ("cell angle", "deg")
            yield mistake(
                Code.OUT_OF_RANGE,
                f"{what} must be > 0",
                where=f"{where}[{index}]",
                found=f"found {value:g} against > 0 {unit}",
                todo=f"give the {what} in {unit}",
            )
