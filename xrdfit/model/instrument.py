"""The diffractometer: source, geometry and resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xrdfit.model.emission import K_ALPHA, Contaminant, Emission, emission_lines

Geometry = Literal["bragg-brentano", "debye-scherrer"]
Detector = Literal["point", "area"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentProfile:
    """Resolution of the instrument alone: ``fwhm_G^2 = u tan^2 + v tan + w`` (deg^2), Lorentzian FWHM
    ``lorentz_size / cos + lorentz_strain tan`` (deg), angles being theta; ``axial_sample`` and ``axial_detector`` are
    S/L and H/L of Finger, Cox & Jephcoat (1994), ``axial_soller`` (deg) is the FWHM of what each
    of two Soller slits lets through."""

    u: float
    v: float
    w: float
    lorentz_size: float = 0.0
    lorentz_strain: float = 0.0
    axial_sample: float = 0.0
    axial_detector: float = 0.0
    axial_soller: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What the pattern was measured with.

    Attributes
    ----------
    lines : (wavelength in angstrom, relative weight) of every emission line, strongest first.
    natural_widths : Lorentzian FWHM in angstrom of every emission line; empty for lines without width of their own.
    contaminants : lines of other wavelength that come along with a small weight, which is refinable.
    goniometer_radius_mm : only Bragg-Brentano and capillary offsets need it.
    equatorial_divergence : of the beam on a flat specimen, full angle in deg; 0 leaves its aberration out.
    zero_shift : deg, where it is known from a standard.
    profile : None if the resolution is not known and is to be refined.
    monochromator_two_theta : deg, or None for no monochromator.
    polarization : fraction of the beam polarised in the plane of the ring, or None (unpolarised tube).
    """

    lines: tuple[tuple[float, float], ...]
    natural_widths: tuple[float, ...] = ()
    contaminants: tuple[Contaminant, ...] = ()
    geometry: Geometry = "bragg-brentano"
    goniometer_radius_mm: float = 217.5
    equatorial_divergence: float = 0.0
    zero_shift: float = 0.0
    profile: InstrumentProfile | None = None
    monochromator_two_theta: float | None = None
    polarization: float | None = None
    detector: Detector = "point"

    @classmethod
    def k_alpha(cls, element: str, *, emission: Emission = "doublet", **rest: Any) -> Instrument:
        """The K-alpha lines of a laboratory tube: two with weights 2:1, or the measured emission profile."""
        if emission == "doublet":
            first, second = K_ALPHA[element]
            return cls(lines=((first, 2.0), (second, 1.0)), **rest)
        lines = emission_lines(element)
        return cls(
            lines=tuple((line.wavelength, line.weight) for line in lines),
            natural_widths=tuple(line.width for line in lines),
            **rest,
        )
