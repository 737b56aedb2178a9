"""What the files say of the instrument, beside what the recipe says and beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from xrdfit.data import PatternHeader
from xrdfit.errors import Problem
from xrdfit.model import K_ALPHA, Instrument

# Tables of K-alpha1 differ by 4e-6; a calibrated synchrotron wavelength is known to 1e-4.
_WAVELENGTH_TOLERANCE = 2e-4
# The mean of the doublet differs by 8e-4 from its first line.
_SAME_ELEMENT = 2e-3
_RADIUS_TOLERANCE = 0.01
_NAMES_SHOWN = 3

Stated = Sequence[tuple[str, PatternHeader]]


def instrument_warnings(stated: Stated, instrument: Instrument) -> list[Problem]:
    """Where files and recipe disagree on what was measured with: one problem a kind, however many files.

    Parameters
    ----------
    stated : source and header of every scan that has one.
    """
    used, radius = instrument.lines[0][0], instrument.goniometer_radius_mm
    element = next((name for name, pair in K_ALPHA.items() if abs(used / pair[0] - 1.0) < _SAME_ELEMENT), None)
    problems: list[Problem] = []
    found = _told(stated, lambda header: _other(_wavelength(header), used, _WAVELENGTH_TOLERANCE), "Å")
    if found:
        problems.append(
            Problem(
                code="W101",
                what="the file states another wavelength",
                where="instrument",
                found=f"found {found} against {used:g} Å in the recipe",
                todo="correct the recipe, unless you calibrated it",
            )
        )
    is_reflection = instrument.geometry == "bragg-brentano"
    found = _told(stated, lambda header: _other(header.goniometer_radius_mm, radius, _RADIUS_TOLERANCE), "mm")
    if found and is_reflection:
        problems.append(
            Problem(
                code="W102",
                what="the file states another goniometer radius",
                where="instrument.goniometer_radius_mm",
                found=f"found {found} against {radius:g} mm",
                todo="correct goniometer_radius_mm; sample_displacement scales with it",
            )
        )
    found = _told(stated, lambda header: _other_anode(header, element))
    if found and element is not None:
        problems.append(
            Problem(
                code="W105",
                what="the file states another anode",
                where="instrument.radiation",
                found=f"found {found} against {element}",
                todo="correct the recipe, or leave out the scans of the other tube",
            )
        )
    if (tube := _tube_of(instrument)) is not None:
        problems.append(
            Problem(
                code="W103",
                what="the wavelength of a tube's K-alpha1 alone",
                where="instrument.wavelength",
                found=f"found {used:g} Å against the doublet of {tube}",
                todo=f'write radiation = "{tube}", unless a monochromator takes K-alpha2 away',
            )
        )
    return problems


def unlike_warnings(stated: Stated) -> Iterator[Problem]:
    """Where files disagree with each other, for want of a recipe: a stack keeps only what they have in common."""
    for code, what, unit, read in (
        ("W102", "scans of several goniometer radii", "mm", lambda header: header.goniometer_radius_mm),
        ("W105", "scans of several anodes", "", _anode),
    ):
        if len(_groups(stated, read)) > 1:
            yield Problem(
                code=code,
                what=what,
                where="files",
                found=f"found {_told(stated, read, unit)} against one for all",
                todo="give the files of one instrument; the stack will say nothing of it",
            )


def named(sources: Sequence[str]) -> str:
    """Scans by number and name: the first few, and that there are more.

    >>> named(["a.xy"]), named(["a.xy", "b.xy", "c.xy", "d.xy"])
    ('1 scan (a.xy)', '4 scans (a.xy, b.xy, c.xy, …)')
    """
    shown = [*sources[:_NAMES_SHOWN], *(["…"] if len(sources) > _NAMES_SHOWN else [])]
    return f"{len(sources)} {'scan' if len(sources) == 1 else 'scans'} ({', '.join(shown)})"


def _groups(stated: Stated, read: Callable[[PatternHeader], str | float | None]) -> dict[str, list[str]]:
    """Sources by what they state, as it is written; those that state nothing left out."""
    groups: dict[str, list[str]] = {}
    for source, header in stated:
        value = read(header)
        if value is not None:
            groups.setdefault(value if isinstance(value, str) else f"{value:g}", []).append(source)
    return groups


def _told(stated: Stated, read: Callable[[PatternHeader], str | float | None], unit: str = "") -> str:
    """``240 mm in 2 scans (a.xrdml, b.xrdml)``, and so for the first few values."""
    groups = _groups(stated, read)
    told = [f"{value}{unit and f' {unit}'} in {named(sources)}" for value, sources in groups.items()]
    return ", ".join([*told[:_NAMES_SHOWN], *(["…"] if len(told) > _NAMES_SHOWN else [])])


def _wavelength(header: PatternHeader) -> float | None:
    return header.wavelengths[0] if header.wavelengths else None


def _other(stated: float | None, used: float, tolerance: float) -> float | None:
    """What is stated, if it is something else than what is used."""
    return stated if stated and abs(stated / used - 1.0) > tolerance else None


def _anode(header: PatternHeader) -> str | None:
    return header.anode.strip().capitalize() or None if header.anode else None


def _other_anode(header: PatternHeader, element: str | None) -> str | None:
    """An anode that is not the element of the recipe's tube; a wavelength that is wrong has been told by then."""
    anode, wavelength = _anode(header), _wavelength(header)
    if anode is None or element is None or anode == element:
        return None
    told = wavelength is not None and abs(wavelength / K_ALPHA[element][0] - 1.0) > _SAME_ELEMENT
    return None if told else anode


def _tube_of(instrument: Instrument) -> str | None:
    """The element whose K-alpha1 (or mean K-alpha) is the only line of an instrument for flat samples."""
    if len(instrument.lines) > 1 or instrument.geometry != "bragg-brentano":
        return None
    used = instrument.lines[0][0]
    for element, (first, second) in K_ALPHA.items():
        if min(abs(used / known - 1.0) for known in (first, (2.0 * first + second) / 3.0)) < _WAVELENGTH_TOLERANCE:
            return element
    return None
