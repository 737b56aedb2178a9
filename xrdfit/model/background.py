"""The smooth part of a pattern."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hump:
    """A broad Gaussian (glass, Mylar): start position and FWHM in deg; its area is refined, both too unless fixed."""

    position: float
    fwhm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Chebyshev polynomial with ``terms`` coefficients over the used range, plus broad humps."""

    terms: int = 6
    humps: tuple[Hump, ...] = ()
