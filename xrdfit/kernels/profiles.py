"""The Thompson-Cox-Hastings pseudo-Voigt, area-normalised, with uncut Lorentzian tails.

Source: Thompson, Cox & Hastings (1987), J. Appl. Cryst. 20, 79, doi:10.1107/S0021889887087090.

The Gaussian part is evaluated only where it exists, the Lorentzian part everywhere, each in a loop of its own that the
compiler turns into vector code. Two Lorentzians at once, as a K-alpha doublet has them, cost one division:
``a / p + b / q = (a q + b p) / (p q)``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.gaussian import halved
from xrdfit.kernels.jit import lean_kernel, lean_vector_kernel
from xrdfit.kernels.rows import first_from

# Beyond this many FWHM the Gaussian is below 1e-16 of its top: it is not evaluated there. The Lorentzian always is.
GAUSS_REACH = 3.7
# Windows are rounded up to whole vectors: what is left over would be calculated point by point.
_VECTOR = 8
_LN2 = math.log(2.0)
GAUSS_NORM = 2.0 * math.sqrt(_LN2 / math.pi)

# Columns of what describes one line of two.
AT = 0
FWHM = 1
ETA = 2
WEIGHT = 3
TOP = 4


@lean_kernel
def pseudo_voigt_shape(gauss: float, lorentz: float) -> tuple[float, float, float, float, float, float]:
    """FWHM and mixing of the pseudo-Voigt from the FWHM (deg) of its parts, with derivatives.

    Returns ``(fwhm, eta, dfwhm/dgauss, dfwhm/dlorentz, deta/dgauss, deta/dlorentz)``.
    """
    g, l = gauss, lorentz  # noqa: E741 (the letters of the paper)
    g2, l2 = g * g, l * l
    # TCH (1987), eq. 4 and the eta polynomial below it.
    fifth = (
        g2 * g2 * g
        + 2.69269 * g2 * g2 * l
        + 2.42843 * g2 * g * l2
        + 4.47163 * g2 * l2 * l
        + 0.07842 * g * l2 * l2
        + l2 * l2 * l
    )
    fwhm = fifth**0.2
    slope = 0.2 * fwhm / fifth
    dfwhm_dg = slope * (
        5.0 * g2 * g2
        + 4.0 * 2.69269 * g2 * g * l
        + 3.0 * 2.42843 * g2 * l2
        + 2.0 * 4.47163 * g * l2 * l
        + 0.07842 * l2 * l2
    )
    dfwhm_dl = slope * (
        2.69269 * g2 * g2
        + 2.0 * 2.42843 * g2 * g * l
        + 3.0 * 4.47163 * g2 * l2
        + 4.0 * 0.07842 * g * l2 * l
        + 5.0 * l2 * l2
    )
    q = l / fwhm
    eta = q * (1.36603 + q * (-0.47719 + q * 0.11116))
    deta_dq = 1.36603 + q * (-2.0 * 0.47719 + q * 3.0 * 0.11116)
    deta_dg = -deta_dq * q / fwhm * dfwhm_dg
    deta_dl = deta_dq * (1.0 - q * dfwhm_dl) / fwhm
    return fwhm, eta, dfwhm_dg, dfwhm_dl, deta_dg, deta_dl


@lean_kernel
def _stretch(two_theta: NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    """First and one-past-last point of a stretch that holds all points from low to high (deg)."""
    first, last = first_from(two_theta, low), first_from(two_theta, high)
    whole = first + (last - first + _VECTOR - 1) // _VECTOR * _VECTOR
    return first, min(whole, two_theta.size)


@lean_kernel
def gauss_window(two_theta: NDArray[np.float64], position: float, fwhm: float) -> tuple[int, int]:
    """First and one-past-last point of a stretch outside which the Gaussian part is nothing."""
    return _stretch(two_theta, position - GAUSS_REACH * fwhm, position + GAUSS_REACH * fwhm)


@lean_vector_kernel
def add_two_lorentzians(two_theta: NDArray[np.float64], two: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Add two Lorentzians to `out` (n,).

    two : (2, 5) with their positions, FWHM (deg) and heights in columns AT, FWHM, TOP; a height of zero for none.
    """
    at, inverse, top = two[0, AT], 2.0 / two[0, FWHM], two[0, TOP]
    other_at, other_inverse, other_top = two[1, AT], 2.0 / two[1, FWHM], two[1, TOP]
    for i in range(out.size):
        u = (two_theta[i] - at) * inverse
        v = (two_theta[i] - other_at) * other_inverse
        p = 1.0 + u * u
        q = 1.0 + v * v
        out[i] += (top * q + other_top * p) / (p * q)


@lean_vector_kernel
def put_two_lorentzians(two_theta: NDArray[np.float64], two: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """The same, overwriting `out`."""
    at, inverse, top = two[0, AT], 2.0 / two[0, FWHM], two[0, TOP]
    other_at, other_inverse, other_top = two[1, AT], 2.0 / two[1, FWHM], two[1, TOP]
    for i in range(out.size):
        u = (two_theta[i] - at) * inverse
        v = (two_theta[i] - other_at) * other_inverse
        p = 1.0 + u * u
        q = 1.0 + v * v
        out[i] = (top * q + other_top * p) / (p * q)


@lean_vector_kernel
def _add_gaussian(
    two_theta: NDArray[np.float64], position: float, inverse: float, top: float, out: NDArray[np.float64]
) -> None:
    for i in range(out.size):
        u = (two_theta[i] - position) * inverse
        out[i] += top * halved(u * u)


@lean_kernel
def accumulate_core(
    two_theta: NDArray[np.float64], position: float, fwhm: float, eta: float, area: float, out: NDArray[np.float64]
) -> None:
    """Add the Gaussian part of a pseudo-Voigt of the given area (intensity deg) to `out`."""
    first, last = gauss_window(two_theta, position, fwhm)
    top = area * (1.0 - eta) * GAUSS_NORM / fwhm
    _add_gaussian(two_theta[first:last], position, 2.0 / fwhm, top, out[first:last])


@lean_vector_kernel
def _add_two_gaussians(
    two_theta: NDArray[np.float64],
    two: NDArray[np.float64],
    top: float,
    other_top: float,
    out: NDArray[np.float64],
) -> None:
    at, inverse = two[0, AT], 2.0 / two[0, FWHM]
    other_at, other_inverse = two[1, AT], 2.0 / two[1, FWHM]
    for i in range(out.size):
        u = (two_theta[i] - at) * inverse
        v = (two_theta[i] - other_at) * other_inverse
        out[i] += top * halved(u * u) + other_top * halved(v * v)


@lean_kernel
def add_two_cores(two_theta: NDArray[np.float64], two: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Add the Gaussian parts of two lines to `out` (n,); two : (2, 5), a weight of zero for none."""
    reach = GAUSS_REACH * max(two[0, FWHM], two[1, FWHM])
    if two[0, WEIGHT] != 0.0 and two[1, WEIGHT] != 0.0 and abs(two[1, AT] - two[0, AT]) < reach:
        # They overlap: one loop serves both.
        first, last = _stretch(two_theta, min(two[0, AT], two[1, AT]) - reach, max(two[0, AT], two[1, AT]) + reach)
        top = two[0, WEIGHT] * (1.0 - two[0, ETA]) * GAUSS_NORM / two[0, FWHM]
        other_top = two[1, WEIGHT] * (1.0 - two[1, ETA]) * GAUSS_NORM / two[1, FWHM]
        _add_two_gaussians(two_theta[first:last], two, top, other_top, out[first:last])
        return
    for k in range(2):
        if two[k, WEIGHT] != 0.0:
            accumulate_core(two_theta, two[k, AT], two[k, FWHM], two[k, ETA], two[k, WEIGHT], out)


@lean_vector_kernel
def accumulate_peak(
    two_theta: NDArray[np.float64], position: float, fwhm: float, eta: float, area: float, out: NDArray[np.float64]
) -> None:
    """Add a pseudo-Voigt of the given area (intensity deg) at `position` (deg) to `out`."""
    inverse = 2.0 / fwhm
    top = area * eta * inverse / math.pi
    for i in range(out.size):
        u = (two_theta[i] - position) * inverse
        out[i] += top / (1.0 + u * u)
    accumulate_core(two_theta, position, fwhm, eta, area, out)


# What `derivative_factors` is about: rows, then columns.
BY_POSITION = 0
BY_GAUSS = 1
BY_LORENTZ = 2
VALUE = 3
N_FACTORS = 6


@lean_kernel
def derivative_factors(gauss: float, lorentz: float, area: float, out: NDArray[np.float64]) -> float:
    """A peak and its derivatives as sums of six functions of ``u = 2 (x - position) / fwhm``.

    With ``t = 1 / (1 + u^2)`` and ``e = 2^(-u^2)`` they are ``u t^2``, ``t``, ``t^2``, ``u e``, ``e`` and ``u^2 e``.

    Parameters
    ----------
    gauss, lorentz : FWHM of the parts, deg. area : intensity deg.
    out : (4, 6), overwritten: what the derivatives with respect to position, gauss and lorentz, and the peak itself
        have of each function.

    Returns
    -------
    ``2 / fwhm``, 1/deg.
    """
    fwhm, eta, fwhm_g, fwhm_l, eta_g, eta_l = pseudo_voigt_shape(gauss, lorentz)
    inverse = 2.0 / fwhm
    out[:, :] = 0.0
    # The Lorentzian is 2 t / (pi fwhm); its derivative with respect to fwhm is 2 (2 t^2 - t) / (pi fwhm^2) times -1.
    height = area * inverse / math.pi
    out[BY_POSITION, 0] = 2.0 * eta * height * inverse
    out[BY_GAUSS, 1] = height * (eta_g + fwhm_g * eta / fwhm)
    out[BY_GAUSS, 2] = -2.0 * height * fwhm_g * eta / fwhm
    out[BY_LORENTZ, 1] = height * (eta_l + fwhm_l * eta / fwhm)
    out[BY_LORENTZ, 2] = -2.0 * height * fwhm_l * eta / fwhm
    out[VALUE, 1] = height * eta
    height = area * GAUSS_NORM / fwhm
    rest = 1.0 - eta
    out[BY_POSITION, 3] = 2.0 * _LN2 * height * rest * inverse
    out[BY_GAUSS, 4] = -height * (eta_g + fwhm_g * rest / fwhm)
    out[BY_GAUSS, 5] = 2.0 * _LN2 * height * fwhm_g * rest / fwhm
    out[BY_LORENTZ, 4] = -height * (eta_l + fwhm_l * rest / fwhm)
    out[BY_LORENTZ, 5] = 2.0 * _LN2 * height * fwhm_l * rest / fwhm
    out[VALUE, 4] = height * rest
    return inverse
