"""The smooth part of a pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.model.noise import noise_model

# Points over which a single count is averaged to tell its variance.
_SMOOTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hump:
    """A broad Gaussian (glass, Mylar): start position and FWHM in deg; its area is refined, both too unless fixed."""

    position: float
    fwhm: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredBackground:
    """A pattern of what surrounds the sample, such as the empty cell: two_theta (n,) deg ascending, intensity (n,) and
    its variance (n,), or None if it is known exactly."""

    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float64]
    variance: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls, two_theta: NDArray[np.float64], intensity: NDArray[np.float64], sigma: NDArray[np.float64] | None
    ) -> MeasuredBackground:
        """With the noise that the file states, that whole counts have, or that is estimated from the scatter."""
        noise = noise_model(intensity, sigma, weights="auto")
        level = np.convolve(np.pad(intensity, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1.0 / _SMOOTH), mode="valid")
        variance = noise.constant + noise.slope * np.maximum(level, noise.floor)
        return cls(two_theta=two_theta, intensity=intensity, variance=variance)

    def variance_at(self, two_theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance of `at` (deg): between its own points less, as of a weighted mean of two of them."""
        if self.variance is None:
            return np.zeros_like(two_theta)
        right = np.clip(np.searchsorted(self.two_theta, two_theta), 1, self.two_theta.size - 1)
        x0, x1 = self.two_theta[right - 1], self.two_theta[right]
        part = np.clip((two_theta - x0) / (x1 - x0), 0.0, 1.0)
        return (1.0 - part) ** 2 * self.variance[right - 1] + part**2 * self.variance[right]

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
