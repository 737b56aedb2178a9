"""The Lorentz-polarisation factor of a powder line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def lorentz_polarization(
    two_theta: NDArray[np.float64],
    *,
    monochromator_two_theta: float | None = None,
    polarization: float | None = None,
) -> NDArray[np.float64]:
    """LP factor at `two_theta` (deg).

    Tube: ``(1 + A cos^2 2theta) / ((1 + A) sin^2 theta cos theta)`` with ``A = cos^2`` of the monochromator angle
    (A = 1 without one). Synchrotron with the fraction `polarization` in the plane of the ring and a vertical scattering
    plane: ``(f + (1 - f) cos^2 2theta) / (sin^2 theta cos theta)``.
    """
    theta = np.radians(two_theta) / 2.0
    squared = np.cos(2.0 * theta) ** 2
    if polarization is not None:
        polarised = polarization + (1.0 - polarization) * squared
    else:
        analyser = 1.0 if monochromator_two_theta is None else np.cos(np.radians(monochromator_two_theta)) ** 2
        polarised = (1.0 + analyser * squared) / (1.0 + analyser)
    return polarised / (np.sin(theta) ** 2 * np.cos(theta))
