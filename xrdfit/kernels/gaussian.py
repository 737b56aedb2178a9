"""The Gaussian without a call to ``exp``, so that loops over points become vector code."""

from __future__ import annotations

import math

from xrdfit.kernels.jit import lean_vector_kernel

# Taylor series of 2^-x about 1/2: between 0 and 1 it is right to 2e-16.
_SERIES = tuple(2.0**-0.5 * (-math.log(2.0)) ** k / math.factorial(k) for k in range(13))


@lean_vector_kernel
def halved(v: float) -> float:
    """``2 ** -v`` for 0 <= v <= 64, to 2e-14 of it, and 2^-64 beyond: a Gaussian is ``2 ** -u^2``, u in half FWHM.

    Taylor's series at v / 64, squared six times.
    """
    x = min(v, 64.0) / 64.0 - 0.5
    q = _SERIES[12]
    q = q * x + _SERIES[11]
    q = q * x + _SERIES[10]
    q = q * x + _SERIES[9]
    q = q * x + _SERIES[8]
    q = q * x + _SERIES[7]
    q = q * x + _SERIES[6]
    q = q * x + _SERIES[5]
    q = q * x + _SERIES[4]
    q = q * x + _SERIES[3]
    q = q * x + _SERIES[2]
    q = q * x + _SERIES[1]
    q = q * x + _SERIES[0]
    q *= q
    q *= q
    q *= q
    q *= q
    q *= q
    return q * q
