"""Agreement factors and what they say of the errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import EsdScaling, Weights
from xrdfit.kernels.agreement import agreement_sums

# For white noise the mean square of the sum over a run of equal signs exceeds the sum of squares by this factor: runs
# have E[n] = 2 and E[n (n - 1)] = 4 members, and the mean product of two half-normals is 2 / pi.
_WHITE_RUNS = 1.0 + 4.0 / np.pi
# Standard deviations by which d must fall below 2.
_SIGNIFICANT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement factors of one fit; R factors are fractions.

    ``n_parameters`` counts the varied parameters and the line areas above zero.
    """

    chi2: float
    n_points: int
    n_parameters: int
    r_p: float
    r_wp: float
    r_wp_background_subtracted: float
    r_exp: float
    durbin_watson: float
    serial_correlation: float

    @property
    def n_free(self) -> int:
        return max(self.n_points - self.n_parameters, 1)

    @property
    def chi2_reduced(self) -> float:
        return self.chi2 / self.n_free

    @property
    def gof(self) -> float:
        return float(np.sqrt(self.chi2_reduced))


def agreement(
    *,
    observed: NDArray[np.float64],
    calculated: NDArray[np.float64],
    background: NDArray[np.float64],
    weight: NDArray[np.float64],
    n_parameters: int,
) -> Agreement:
    """R factors (Young 1993, The Rietveld Method, ch. 1), Durbin & Watson (1950) d, and Berar & Lelann's run sum.

    All arrays (n,) over the used points. A factor with nothing to divide by is NaN.
    """
    sums = agreement_sums(*(np.ascontiguousarray(array) for array in (observed, calculated, background, weight)))
    chi2, total, net, absolute = sums.chi2, sums.total, sums.net, sums.absolute
    n_free = max(observed.size - n_parameters, 1)
    durbin_watson = sums.steps / chi2 if chi2 > 0.0 else np.nan
    return Agreement(
        chi2=chi2,
        n_points=observed.size,
        n_parameters=n_parameters,
        r_p=sums.difference / absolute if absolute > 0.0 else np.nan,
        r_wp=math.sqrt(chi2 / total) if total > 0.0 else np.nan,
        r_wp_background_subtracted=math.sqrt(chi2 / net) if net > 0.0 else np.nan,
        r_exp=math.sqrt(n_free / total) if total > 0.0 else np.nan,
        durbin_watson=durbin_watson,
        serial_correlation=_run_factor(sums.runs, chi2, durbin_watson, observed.size),
    )


def _run_factor(runs: float, chi2: float, durbin_watson: float, n_points: int) -> float:
    """Berar & Lelann (1991), J. Appl. Cryst. 24, 1: squared sums over runs of one sign against the sum of squares.

    Divided by what white noise gives, and never below 1. Only where Durbin & Watson's d says that there is correlation
    at all (d of white noise has a standard deviation of 2 / sqrt(n)); else 1, so that clean data pay nothing.
    """
    if not durbin_watson < 2.0 - _SIGNIFICANT * 2.0 / math.sqrt(n_points):
        return 1.0
    return max(1.0, runs / chi2 / _WHITE_RUNS)


def esd_factor(fit: Agreement, *, scaling: EsdScaling, regime: Weights) -> float:
    """By what the counting esds are multiplied.

    ``none``: 1. ``chi2``: GoF where it exceeds 1. ``berar-lelann``: that times the root of the run factor. Unit weights
    know no scale, so there GoF is always applied, above 1 or below.
    """
    base = fit.gof if regime == "unit" else 1.0 if scaling == "none" else max(1.0, fit.gof)
    return base * (np.sqrt(fit.serial_correlation) if scaling == "berar-lelann" else 1.0)
