"""The smooth part of a pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Hump:
    """A broad Gaussian (glass, Mylar): start position and FWHM in deg; its area is refined, both too unless fixed."""

    position: float
    fwhm: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredBackground:
    """A pattern of what surrounds the sample, such as the empty cell: two_theta (n,) deg ascending, intensity (n,)."""

    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float64]

    def at(self, two_theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its intensity at other points (deg), between its own linearly; what lies at its ends beyond them."""
        return np.interp(two_theta, self.two_theta, self.intensity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Chebyshev polynomial with ``terms`` coefficients over the used range, a measured pattern in whatever amount, and
    broad humps."""

    terms: int = 6
    humps: tuple[Hump, ...] = ()
    measured: MeasuredBackground | None = None

    @property
    def n_curves(self) -> int:
        """Number of fixed curves that it is a sum of: polynomials and the measured pattern."""
        return self.terms + (self.measured is not None)
