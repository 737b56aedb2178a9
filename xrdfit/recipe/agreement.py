"""What the tables of a recipe say against each other.

It is looked for in the TOML document and not in the checked tables, so that it is told beside mistakes within a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from xrdfit.data import Mode
from xrdfit.errors import Problem
from xrdfit.recipe.mistakes import Code, mistake, nearest
from xrdfit.recipe.refinement import DEFAULT_INTENSITIES

# Columns of a phase whose names have a part that could belong to the name of another phase, by that part.
_ENDS = {"x": "volume", "lorentz": "strain", "gauss": "strain"}


def disagreements(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Contradictions between tables, in whatever stands in the document."""
    listed = document.get("phase")
    phases = [_table(phase) for phase in listed] if isinstance(listed, list) else []
    refine, fractions = _table(document.get("refine")), _table(document.get("fractions"))
    mode: Mode = "sequential" if refine.get("mode") == "sequential" else "series"
    intensities = refine.get("intensities", DEFAULT_INTENSITIES[mode])
    yield from _repeated_names(phases)
    yield from _structure_problems(phases, intensities)
    yield from _fraction_problems(phases, fractions, intensities)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _repeated_names(phases: list[dict[str, Any]]) -> Iterator[Problem]:
    names = [str(phase.get("name", "")) for phase in phases]
    # Blocks of a CIF, and files on some systems, are the same in small and in capital letters.
    alike = [name.lower() for name in names]
    for index, name in enumerate(names):
        if name and alike[index] in alike[:index]:
            first = alike.index(alike[index])
            yield mistake(
                Code.BAD_NAME,
                "two phases have one name",
                where=f"phase[{index}].name",
                found=f"found {name!r} again, as in phase[{first}]",
                todo="rename one",
            )
        of, _, end = name.rpartition("_")
        if end in _ENDS and of in names:
            yield mistake(
                Code.BAD_NAME,
                "two phases share names of columns",
                where=f"phase[{index}].name",
                found=f"found {name!r} beside {of!r}, which has columns such as {name}_{_ENDS[end]} itself",
                todo="rename one",
            )


def _structure_problems(phases: list[dict[str, Any]], intensities: object) -> Iterator[Problem]:
    if intensities == "structure":
        yield from _atoms_needed("refine.intensities", "intensities of a structure need its atoms", phases)
        return
    for index, phase in enumerate(phases):
        if "march_dollase" in phase:
            yield mistake(
                Code.CONFLICT,
                "preferred orientation changes the intensities of a structure",
                where=f"phase[{index}].march_dollase",
                found=f"found it with intensities = {intensities!r} against 'structure'",
                todo='remove it, or write intensities = "structure"',
            )


def _fraction_problems(
    phases: list[dict[str, Any]], fractions: dict[str, Any], intensities: object
) -> Iterator[Problem]:
    method = fractions.get("method", "auto")
    active = [phase for phase in phases if phase.get("role", "active") == "active"]
    if method == "structure":
        yield from _atoms_needed("fractions.method", "fractions by structure need its atoms", active)
    if method != "auto" and intensities == "lebail":
        yield mistake(
            Code.CONFLICT,
            "free intensities give no fractions",
            where="fractions.method",
            found=f"found {method!r} with intensities = 'lebail'",
            todo="remove it, or choose other intensities",
        )
    names = [phase["name"] for phase in active if isinstance(phase.get("name"), str)]
    for name in _table(fractions.get("anchor")):
        if name not in names:
            yield mistake(
                Code.NOT_A_CHOICE,
                "no active phase",
                where=f"fractions.anchor.{name}",
                found=f"found {name} against {', '.join(names) or 'none'}",
                todo=nearest(name, names) if names else 'write role = "active" for a phase',
            )


def _atoms_needed(where: str, what: str, phases: list[dict[str, Any]]) -> Iterator[Problem]:
    without = [str(phase.get("name", f"phase[{index}]")) for index, phase in enumerate(phases) if "cif" not in phase]
    if without:
        yield mistake(
            Code.CONFLICT,
            what,
            where=where,
            found=f"found {', '.join(without)} without cif",
            todo="give a cif instead of space_group and cell, or choose otherwise",
        )
