"""Chemical formulae."""

from __future__ import annotations

import re

import gemmi

from xrdfit.errors import CrystalError, Problem

# The innermost bracket with its count, then one element with its count.
_BRACKET = re.compile(r"\(([^()]*)\)(\d+(?:\.\d+)?)?")
_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)?")


def is_element(symbol: str) -> bool:
    """Whether ``symbol`` is a chemical element whose X-ray form factor is tabulated."""
    element = gemmi.Element(symbol)
    return element.name == symbol and element.it92 is not None and element.atomic_number > 0


def atoms_in_formula(formula: str) -> dict[str, float]:
    """Number of atoms of each element in a formula such as ``LiFePO4``, ``Fe Li O4 P`` or ``LiTi2(PO4)3``.

    Raises
    ------
    CrystalError
        If the formula cannot be read.
    """
    flat = re.sub(r"\s", "", formula)
    while (bracket := _BRACKET.search(flat)) is not None:
        times = float(bracket[2] or 1)
        inner = "".join(f"{symbol}{float(count or 1) * times:.6f}" for symbol, count in _ELEMENT.findall(bracket[1]))
        if _ELEMENT.sub("", bracket[1]):
            break
        flat = flat[: bracket.start()] + inner + flat[bracket.end() :]
    atoms: dict[str, float] = {}
    for symbol, count in _ELEMENT.findall(flat):
        atoms[symbol] = atoms.get(symbol, 0.0) + float(count or 1)
    unknown = [symbol for symbol in atoms if not is_element(symbol)]
    rest = _ELEMENT.sub("", flat)
    if not atoms or rest or unknown:
        found = f"no element {', '.join(unknown)}" if unknown else f"{rest!r} left over" if rest else "nothing in it"
        raise CrystalError(
            Problem(
                code="E126",
                what="unreadable chemical formula",
                where="formula",
                found=f"{formula!r}, {found}, against a formula such as LiFePO4 or LiTi2(PO4)3",
                todo="write elements with their counts",
            )
        )
    return atoms
