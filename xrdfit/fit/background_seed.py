"""A first background, before any peak is fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.model import Points

_ROUNDS = 40
_BLIND = 1e-12


def seed_background(points: Points, rows: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of a smooth lower course through the pattern.

    Least squares in rounds; what stands more than one sigma above the curve is pulled down to it before the next round,
    so that peaks lose their hold and noise keeps its own.

    Parameters
    ----------
    rows : (n_terms, n) functions at the points, polynomials and humps. sigma : (n,) standard deviation.
    """
    y = points.intensity.copy()
    coefficients = np.zeros(rows.shape[0])
    if rows.shape[0] == 0:
        return coefficients
    weighted = rows / sigma
    # Directions that the points do not tell, as two equal functions have them, stay at zero.
    strength, direction = np.linalg.eigh(weighted @ weighted.T)
    told = strength > _BLIND * strength[-1]
    inverse = (direction[:, told] / strength[told]) @ direction[:, told].T @ weighted
    for _ in range(_ROUNDS):
        new = inverse @ (y / sigma)
        nothing = 1e-4 * np.abs(coefficients) + 1e-6 * (np.abs(new).max() + 1e-300)
        if (np.abs(new - coefficients) <= nothing).all():
            break
        coefficients = new
        y = np.minimum(points.intensity, coefficients @ rows + sigma)
    return coefficients
