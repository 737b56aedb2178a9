"""Crystal structures from CIF."""

from __future__ import annotations

import math
from pathlib import Path

import gemmi

from xrdfit.crystal.cell import CELL_NAMES, UnitCell
from xrdfit.crystal.spacegroup import SpaceGroup, cell_from_values
from xrdfit.crystal.structure import Site, Structure
from xrdfit.errors import CrystalError, Problem

_CELL_TAGS = tuple(f"_cell_{'length' if name in 'abc' else 'angle'}_{name}" for name in CELL_NAMES)
# Beyond any structure: the largest hold reflections and atoms of proteins.
_MOST_BYTES = 64 * 1024**2
_EXPECTED = "a CIF with a unit cell, a space group and atom sites"


def read_cif(source: Path | str) -> tuple[SpaceGroup, UnitCell, Structure]:
    """Read the one crystal structure of a CIF.

    Parameters
    ----------
    source : path of the file, or its text (anything that holds a line break).

    Returns
    -------
    The space group (its symmetry operations decide over its name), the cell and the atoms with isotropic displacement.

    Raises
    ------
    CrystalError
        If the file is missing, is no CIF, holds no or several structures, or lacks cell, space group or atoms.
    """
    text, where = _text(source)
    if text.lstrip().lower().startswith(("<!doctype", "<html")):
        raise _unreadable(where, "a web page", "download the CIF itself")
    if not text.strip():
        raise _unreadable(where, "an empty file")
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        raise _unreadable(where, f"no CIF ({error})") from error
    blocks = [block for block in document if block.find_value(_CELL_TAGS[0]) is not None]
    if not blocks:
        raise _unreadable(where, "no unit cell (_cell_length_a)")
    if len(blocks) > 1:
        names = ", ".join(block.name for block in blocks)
        raise _unreadable(where, f"{len(blocks)} structures ({names})", "keep one data_ block in the file")
    try:
        structure = _structure(blocks[0], where)
    except CrystalError as error:
        raise CrystalError(*(_located(problem, where) for problem in error.problems)) from error
    return structure.group, structure.cell, structure


def _text(source: Path | str) -> tuple[str, str]:
    if isinstance(source, str) and "\n" in source:
        return source, "CIF"
    path = Path(source)
    if path.exists() and not path.is_file():
        raise _unreadable(str(path), "a folder or device", "check the path")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _unreadable(str(path), f"a file of {path.stat().st_size / 1024**2:.0f} MB", "check the path")
        # Older files are Latin-1 in their author names, which do not matter here.
        return path.read_text(encoding="utf-8", errors="replace"), str(path)
    except OSError as error:
        raise _unreadable(str(path), f"the file cannot be opened ({error.strerror})", "check the path") from error


def _structure(block: gemmi.cif.Block, where: str) -> Structure:
    try:
        small = gemmi.make_small_structure_from_block(block)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise _unreadable(where, f"a value that makes no sense ({' '.join(str(error).split())})") from None
    if small.spacegroup is None:
        named = f" ({small.spacegroup_hm})" if small.spacegroup_hm else ""
        raise _unreadable(where, f"no space group that is known{named}", "add _space_group_name_H-M_alt")
    if not len(small.sites):
        raise _unreadable(where, "no atom sites (_atom_site_fract_x)")
    group = SpaceGroup.from_gemmi(small.spacegroup)
    values = [gemmi.cif.as_number(block.find_value(tag) or "?") for tag in _CELL_TAGS]
    if any(math.isnan(value) for value in values):
        missing = ", ".join(tag for tag, value in zip(_CELL_TAGS, values, strict=True) if math.isnan(value))
        raise _unreadable(where, f"no number at {missing}")
    formula = block.find_value("_chemical_formula_sum") or "?"
    return Structure(
        group=group,
        cell=cell_from_values(group, values),
        sites=tuple(_site(site) for site in small.sites),
        formula=None if formula in ("?", ".") else gemmi.cif.as_string(formula),
    )


def _site(site: gemmi.SmallStructure.Site) -> Site:
    u_iso = site.u_iso
    if u_iso == 0.0 and site.aniso.nonzero():
        u_iso = site.aniso.trace() / 3.0
    known = site.element.atomic_number > 0
    return Site(
        label=site.label,
        element=site.element.name if known else site.type_symbol,
        position=(site.fract.x, site.fract.y, site.fract.z),
        occupancy=site.occ,
        b_iso=8.0 * math.pi**2 * u_iso,
    )


def _unreadable(where: str, found: str, todo: str = "export the structure as CIF again") -> CrystalError:
    return CrystalError(
        Problem(
            code="E125",
            what="no crystal structure",
            where=where,
            found=f"{found} against {_EXPECTED}",
            todo=todo,
        )
    )


def _located(problem: Problem, where: str) -> Problem:
    if problem.where == where:
        return problem
    return Problem(
        code=problem.code,
        what=problem.what,
        where=f"{where}: {problem.where}",
        found=problem.found,
        todo=problem.todo,
    )
