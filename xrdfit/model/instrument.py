"""The diffractometer: source, geometry and resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Geometry = Literal["bragg-brentano", "debye-scherrer"]
Detector = Literal["point", "area"]

# K-alpha1 and K-alpha2 in angstrom. Cu: Hoelzer et al. (1997), doi:10.1103/PhysRevA.56.4554; the others:
# International Tables for Crystallography C (2006), table 4.2.2.1.
K_ALPHA: dict[str, tuple[float, float]] = {
    "Cu": (1.5405929, 1.5444274),
    "Mo": (0.70931715, 0.713607),
    "Co": (1.7889960, 1.7928350),
    "Ag": (0.55942178, 0.5638131),
    "Cr": (2.2897260, 2.2936510),
    "Fe": (1.9360410, 1.9399730),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentProfile:
    """Resolution of the instrument alone: ``fwhm_G^2 = u tan^2 + v tan + w`` (deg^2), Lorentzian FWHM
    ``lorentz_size / cos + lorentz_strain tan`` (deg), angles being theta."""

    u: float
    v: float
    w: float
    lorentz_size: float = 0.0
    lorentz_strain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What the pattern was measured with.

    Attributes
    ----------
    lines : (wavelength in angstrom, relative weight) of every emission line, strongest first.
    goniometer_radius_mm : only Bragg-Brentano and capillary offsets need it.
    profile : None if the resolution is not known and is to be refined.
    monochromator_two_theta : deg, or None for no monochromator.
    polarization : fraction of the beam polarised in the plane of the ring, or None (unpolarised tube).
    """

    lines: tuple[tuple[float, float], ...]
    geometry: Geometry = "bragg-brentano"
    goniometer_radius_mm: float = 217.5
    profile: InstrumentProfile | None = None
    monochromator_two_theta: float | None = None
    polarization: float | None = None
    detector: Detector = "point"

    @classmethod
    def k_alpha(cls, element: str, **rest: Any) -> Instrument:
        """The K-alpha doublet of a laboratory tube with weights 2:1."""
        first, second = K_ALPHA[element]
        return cls(lines=((first, 2.0), (second, 1.0)), **rest)
