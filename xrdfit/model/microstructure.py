"""What the sample's widths say of its crystallites: apparent size and maximum strain, by integral breadths.

The integral breadth beta is area over height, ``pi / 2`` of the FWHM for a Lorentzian. Apparent size, volume-weighted
(Scherrer 1918, with the constant K = 1 that belongs to beta): ``L = K lambda / (beta cos theta)``. Maximum strain
(Stokes & Wilson 1944, doi:10.1088/0959-5309/56/3/303): ``e = beta / (4 tan theta)``. Widths are those of the sample
alone, beta in rad.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.profiles import GAUSS_NORM, pseudo_voigt_shape

SCHERRER_K = 1.0
CONVENTIONS = {
    "size_nm": "apparent size, volume-weighted: lambda / (beta cos theta), beta integral breadth, K = 1",
    "strain": "maximum strain e = beta / (4 tan theta), beta integral breadth",
}
_ANGSTROM_PER_NM = 10.0


def size_of(lorentz_size: float, *, wavelength: float) -> float:
    """Apparent size, nm, of a Lorentzian FWHM ``lorentz_size / cos(theta)`` (deg).

    wavelength : angstrom. The same formula turns a size (nm) into its ``lorentz_size``.

    >>> round(size_of(0.10, wavelength=1.5405929), 1)
    56.2
    """
    return 360.0 * SCHERRER_K * wavelength / (math.pi**2 * lorentz_size * _ANGSTROM_PER_NM)


def strain_of(lorentz_strain: float, gauss_strain: float = 0.0) -> tuple[float, NDArray[np.float64]]:
    """Maximum strain of Lorentzian and Gaussian FWHM that both go with tan(theta) (deg), and its gradient (2,), 1/deg.

    The two parts together are a pseudo-Voigt (Thompson, Cox & Hastings 1987), whose integral breadth counts.
    """
    if lorentz_strain <= 0.0 and gauss_strain <= 0.0:
        return 0.0, np.array([_breadth_to_strain(0.5 * math.pi), _breadth_to_strain(1.0 / GAUSS_NORM)])
    shape = pseudo_voigt_shape(max(gauss_strain, 0.0), max(lorentz_strain, 0.0))
    fwhm, eta, fwhm_g, fwhm_l, eta_g, eta_l = shape
    # Height of unit area times FWHM.
    height = eta * 2.0 / math.pi + (1.0 - eta) * GAUSS_NORM
    steep = 2.0 / math.pi - GAUSS_NORM
    slope = [
        by_fwhm / height - fwhm * steep * by_eta / height**2 for by_fwhm, by_eta in ((fwhm_l, eta_l), (fwhm_g, eta_g))
    ]
    return _breadth_to_strain(fwhm / height), np.array([_breadth_to_strain(part) for part in slope])


def stephens_strain_of(term: float, *, inverse: float) -> float:
    """Lorentzian FWHM, deg, over tan(theta), of the lines h00, 0k0 or 00l by their term of anisotropic strain.

    term : S400, S040 or S004 in 1e-8 / angstrom^4. inverse : 1/d^2 of the first of these lines, 1/angstrom^2.
    """
    return math.degrees(math.sqrt(1e-8 * max(term, 0.0)) / inverse)


def lorentz_strain_of(strain: float) -> float:
    """Lorentzian FWHM, deg, over tan(theta), of a maximum strain."""
    return strain / _breadth_to_strain(0.5 * math.pi)


def _breadth_to_strain(breadth: float) -> float:
    """Maximum strain of an integral breadth ``breadth tan(theta)`` in deg."""
    return math.radians(breadth) / 4.0
