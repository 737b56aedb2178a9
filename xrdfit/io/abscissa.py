"""What patterns are drawn over: 2theta in deg or rad, or Q, which becomes 2theta where the wavelength is known."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.io.problems import Code, data_error

_ANGLE = re.compile(r"((2th(eta)?|tth|two_?theta)[_\s(]*)?(?P<unit>deg(rees?)?|°|rad(ians?)?)\)?", re.IGNORECASE)
_LENGTH = r"(å|a|ang|angstroms?|nm)"
_Q = re.compile(
    rf"(q[_\s(\[]*)?(1\s*/\s*(?P<below>{_LENGTH})|(?P<power>{_LENGTH})\s*(\^?\s*\(?-1\)?|⁻¹))[)\]]?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Abscissa:
    """``factor`` makes deg of 2theta, or 1/angstrom of Q, out of the stored values."""

    is_q: bool
    factor: float


def abscissa_of_unit(unit: str) -> Abscissa | None:
    """What a unit such as ``deg``, ``2th_rad``, ``q_nm^-1`` or ``1/angstrom`` stands for; None for anything else."""
    word = unit.strip()
    if match := _ANGLE.fullmatch(word):
        return Abscissa(False, float(np.degrees(1.0)) if match["unit"].lower().startswith("rad") else 1.0)
    if match := _Q.fullmatch(word):
        length = (match["below"] or match["power"]).lower()
        return Abscissa(True, 0.1 if length == "nm" else 1.0)
    return None


def two_theta_of(
    values: NDArray[np.float64], abscissa: Abscissa, wavelength: float | None, *, source: str
) -> NDArray[np.float64]:
    """2theta in deg: ``Q = 4 pi sin(theta) / wavelength``.

    Raises
    ------
    DataError
        Q without a wavelength, or beyond what the wavelength reaches.
    """
    scaled = values * abscissa.factor
    if not abscissa.is_q:
        return scaled
    if wavelength is None:
        raise data_error(
            Code.UNITS,
            "the abscissa is Q, and the wavelength is not known",
            where=source,
            found="no wavelength in the file against one in Å",
            todo="give the wavelength, or export the pattern over 2theta in deg",
        )
    sine = scaled * wavelength / (4.0 * np.pi)
    if np.nanmax(sine, initial=0.0) > 1.0:
        raise data_error(
            Code.UNITS,
            "Q is beyond the reach of the wavelength",
            where=source,
            found=f"up to {np.nanmax(scaled):g} 1/Å against {4.0 * np.pi / wavelength:.4g} 1/Å with {wavelength:g} Å",
            todo="check the wavelength and whether Q is in 1/Å or 1/nm",
        )
    return 2.0 * np.degrees(np.arcsin(sine))
