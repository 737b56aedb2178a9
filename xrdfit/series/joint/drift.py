"""How a drifting parameter goes with time: basis functions whose coefficients belong to the series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from xrdfit.data import Drift

_DEGREE = 3


def drift_basis(time: NDArray[np.float64], drift: Drift) -> NDArray[np.float64]:
    """(n_scans, n_coefficients) values of the basis functions at these times (any unit).

    A polynomial is written in Legendre polynomials over the record's span: the first coefficient is then the mean over
    the record, and the coefficients hardly correlate. A spline is cubic, its knots evenly spaced.
    """
    span = float(np.ptp(time))
    scaled = 2.0 * (time - time.min()) / span - 1.0 if span > 0.0 else np.zeros_like(time)
    if not drift.knots:
        return np.polynomial.legendre.legvander(scaled, drift.order)
    inner = np.linspace(-1.0, 1.0, drift.knots + 2)
    knots = np.concatenate([np.full(_DEGREE, -1.0), inner, np.full(_DEGREE, 1.0)])
    return np.asarray(BSpline.design_matrix(scaled, knots, _DEGREE).toarray())


def is_polynomial(basis: NDArray[np.float64]) -> bool:
    """Whether these functions (N, k) are polynomials: the first of them is 1, its coefficient the mean."""
    return bool((basis[:, 0] == 1.0).all())


def fitting_drift(drift: Drift, n_times: int) -> Drift:
    """The drift itself, or the fullest that has no more coefficients than there are times to tell them."""
    if n_coefficients(drift) <= n_times:
        return drift
    return Drift(knots=n_times - _DEGREE - 1) if drift.knots and n_times > _DEGREE + 1 else Drift(order=n_times - 1)


def n_coefficients(drift: Drift) -> int:
    """How many coefficients a drift has."""
    return drift.knots + _DEGREE + 1 if drift.knots else drift.order + 1
