"""What the files say of the instrument, beside what the recipe says."""

from __future__ import annotations

from typing import Any

from xrdfit.data import PatternHeader
from xrdfit.errors import Problem
from xrdfit.model import K_ALPHA, Instrument

# Tables of K-alpha1 differ by 4e-6; a calibrated synchrotron wavelength is known to 1e-4.
_WAVELENGTH_TOLERANCE = 2e-4
_RADIUS_TOLERANCE = 0.01


def instrument_warnings(header: PatternHeader, instrument: Instrument) -> list[Problem]:
    """Where the file and the recipe disagree on what it was measured with."""
    problems: list[Problem] = []
    own = header.wavelengths[0] if header.wavelengths else None
    used = instrument.lines[0][0]
    if own is not None and abs(own / used - 1.0) > _WAVELENGTH_TOLERANCE:
        problems.append(
            Problem(
                code="W101",
                what="the file states another wavelength",
                where="instrument",
                found=f"found {own:g} Å in the first scan against {used:g} Å in the recipe",
                todo="correct the recipe, unless you calibrated it",
            )
        )
    radius = header.goniometer_radius_mm
    is_reflection = instrument.geometry == "bragg-brentano"
    if radius and is_reflection and abs(radius / instrument.goniometer_radius_mm - 1.0) > _RADIUS_TOLERANCE:
        problems.append(
            Problem(
                code="W102",
                what="the file states another goniometer radius",
                where="instrument.goniometer_radius_mm",
                found=f"found {radius:g} mm in the first scan against {instrument.goniometer_radius_mm:g} mm",
                todo=f"write goniometer_radius_mm = {radius:g}; sample_displacement scales with it",
            )
        )
    element = _tube_of(instrument)
    if element is not None:
        problems.append(
            Problem(
                code="W103",
                what="the wavelength of a tube's K-alpha1 alone",
                where="instrument.wavelength",
                found=f"found {used:g} Å against the doublet of {element}",
                todo=f'write radiation = "{element}", unless a monochromator takes K-alpha2 away',
            )
        )
    return problems


def _tube_of(instrument: Instrument) -> str | None:
    """The element whose K-alpha1 (or mean K-alpha) is the only line of an instrument for flat samples."""
    if len(instrument.lines) > 1 or instrument.geometry != "bragg-brentano":
        return None
    used = instrument.lines[0][0]
    for element, (first, second) in K_ALPHA.items():
        if min(abs(used / known - 1.0) for known in (first, (2.0 * first + second) / 3.0)) < _WAVELENGTH_TOLERANCE:
            return element
    return None


def said_by_file(header: PatternHeader) -> dict[str, Any]:
    """What the first scan's file says of its measurement, as plain values."""
    return {
        "format": header.format,
        "start_time": None if header.start_time is None else header.start_time.isoformat(),
        "step_time_s": header.step_time_s,
        "wavelengths": list(header.wavelengths),
        "anode": header.anode,
        "goniometer_radius_mm": header.goniometer_radius_mm,
        "remarks": list(header.remarks),
    }
