"""What a laboratory tube emits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from xrdfit.kernels import problem as slot

Emission = Literal["doublet", "hoelzer"]
ContaminantName = Literal["k_beta", "w_l_alpha"]

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

# K-beta in angstrom: International Tables for Crystallography C (2006), table 4.2.2.4.
K_BETA: dict[str, float] = {
    "Cu": 1.39225,
    "Mo": 0.63230,
    "Co": 1.62083,
    "Ag": 0.49707,
    "Cr": 2.08492,
    "Fe": 1.75664,
}
# Of tungsten from the cathode, in angstrom.
W_L_ALPHA = 1.4764

# Energy (eV), FWHM (eV) and integrated share of the Lorentzians that make up K-alpha: Hoelzer, Fritsch, Deutsch,
# Haertwig & Foerster (1997), Phys. Rev. A 56, 4554, tables II and III.
_HOELZER: dict[str, tuple[tuple[float, float, float], ...]] = {
    "Cu": (
        (8047.837, 2.285, 0.579),
        (8027.993, 2.666, 0.236),
        (8026.504, 3.571, 0.105),
        (8045.367, 3.358, 0.080),
    ),
    "Co": (
        (6930.425, 1.795, 0.378),
        (6915.713, 2.406, 0.197),
        (6929.388, 2.695, 0.144),
        (6914.659, 2.773, 0.095),
        (6930.941, 0.808, 0.088),
        (6927.676, 4.555, 0.127),
        (6913.078, 4.463, 0.050),
    ),
    "Fe": (
        (6404.148, 1.613, 0.278),
        (6391.190, 2.487, 0.207),
        (6403.295, 1.965, 0.182),
        (6400.653, 4.833, 0.106),
        (6402.077, 2.803, 0.094),
        (6389.106, 2.339, 0.066),
        (6390.275, 4.433, 0.065),
    ),
    "Cr": (
        (5414.874, 1.457, 0.378),
        (5405.551, 2.224, 0.271),
        (5414.099, 1.760, 0.132),
        (5412.745, 3.138, 0.084),
        (5410.583, 5.149, 0.073),
        (5403.986, 4.740, 0.054),
        (5418.304, 1.988, 0.009),
    ),
}
HOELZER_ELEMENTS = tuple(_HOELZER)
# h c in eV angstrom (exact by the definition of the SI).
_HC = 12398.419843320026


@dataclass(frozen=True, slots=True, kw_only=True)
class EmissionLine:
    """One Lorentzian of the emission: wavelength and FWHM in angstrom, and its share of the whole."""

    wavelength: float
    width: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contaminant:
    """A line beside K-alpha, wavelength in angstrom; its weight is a parameter, all of K-alpha being 1."""

    name: ContaminantName
    wavelength: float

    @property
    def slot(self) -> int:
        """Of the kernels, where the weight stands."""
        return slot.K_BETA_WEIGHT if self.name == "k_beta" else slot.W_L_ALPHA_WEIGHT

    @classmethod
    def of(cls, name: ContaminantName, element: str) -> Contaminant:
        """The leftover K-beta of a tube, or W L-alpha."""
        return cls(name=name, wavelength=K_BETA[element] if name == "k_beta" else W_L_ALPHA)


def emission_lines(element: str) -> tuple[EmissionLine, ...]:
    """The measured K-alpha emission profile of an element in `HOELZER_ELEMENTS`, strongest line first."""
    return tuple(
        EmissionLine(wavelength=_HC / energy, width=_HC / energy * width / energy, weight=share)
        for energy, width, share in _HOELZER[element]
    )
