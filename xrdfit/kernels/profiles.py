"""The Thompson-Cox-Hastings pseudo-Voigt, area-normalised, with uncut Lorentzian tails.

Source: Thompson, Cox & Hastings (1987), J. Appl. Cryst. 20, 79, doi:10.1107/S0021889887087090.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel, vector_kernel

# Beyond this many FWHM the Gaussian is below 1e-16 of its top: it is not evaluated there. The Lorentzian always is.
GAUSS_REACH = 3.7
_LN2 = math.log(2.0)
GAUSS_NORM = 2.0 * math.sqrt(_LN2 / math.pi)


@kernel
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


@kernel
def gauss_window(two_theta: NDArray[np.float64], position: float, fwhm: float) -> tuple[int, int]:
    """First and one-past-last point where the Gaussian part is more than nothing."""
    first = np.searchsorted(two_theta, position - GAUSS_REACH * fwhm)
    last = np.searchsorted(two_theta, position + GAUSS_REACH * fwhm)
    return int(first), int(last)


@vector_kernel
def accumulate_peak(
    two_theta: NDArray[np.float64], position: float, fwhm: float, eta: float, area: float, out: NDArray[np.float64]
) -> None:
    """Add a pseudo-Voigt of the given area (intensity deg) at `position` (deg) to `out`."""
    inverse = 2.0 / fwhm
    top = area * eta * inverse / math.pi
    for i in range(two_theta.size):
        u = (two_theta[i] - position) * inverse
        out[i] += top / (1.0 + u * u)
    first, last = gauss_window(two_theta, position, fwhm)
    top = area * (1.0 - eta) * GAUSS_NORM / fwhm
    for i in range(first, last):
        u = (two_theta[i] - position) * inverse
        out[i] += top * math.exp(-_LN2 * u * u)


@vector_kernel
def peak_derivatives(
    two_theta: NDArray[np.float64],
    position: float,
    gauss: float,
    lorentz: float,
    area: float,
    on_position: NDArray[np.float64],
    on_gauss: NDArray[np.float64],
    on_lorentz: NDArray[np.float64],
) -> None:
    """Derivatives of a peak with respect to its position and the FWHM of its Gaussian and Lorentzian parts.

    The three outputs (n,) are overwritten.
    """
    fwhm, eta, fwhm_g, fwhm_l, eta_g, eta_l = pseudo_voigt_shape(gauss, lorentz)
    inverse = 2.0 / fwhm
    # With u = 2 (x - x0) / fwhm and t = 1 / (1 + u^2), the Lorentzian is 2 t / (pi fwhm) and its derivative with
    # respect to fwhm is 2 (t - 2 t^2) / (pi fwhm^2) times -1.
    height = area * inverse / math.pi
    by_position = 2.0 * eta * height * inverse
    by_fwhm = eta * height / fwhm
    g1 = eta_g * height + fwhm_g * by_fwhm
    g2 = -2.0 * fwhm_g * by_fwhm
    l1 = eta_l * height + fwhm_l * by_fwhm
    l2 = -2.0 * fwhm_l * by_fwhm
    for i in range(two_theta.size):
        u = (two_theta[i] - position) * inverse
        t = 1.0 / (1.0 + u * u)
        tt = t * t
        on_position[i] = by_position * u * tt
        on_gauss[i] = g1 * t + g2 * tt
        on_lorentz[i] = l1 * t + l2 * tt
    first, last = gauss_window(two_theta, position, fwhm)
    height = area * GAUSS_NORM / fwhm
    by_position = 2.0 * _LN2 * (1.0 - eta) * inverse
    by_fwhm = (1.0 - eta) / fwhm
    for i in range(first, last):
        u = (two_theta[i] - position) * inverse
        value = height * math.exp(-_LN2 * u * u)
        wider = by_fwhm * (2.0 * _LN2 * u * u - 1.0)
        on_position[i] += value * by_position * u
        on_gauss[i] += value * (fwhm_g * wider - eta_g)
        on_lorentz[i] += value * (fwhm_l * wider - eta_l)
