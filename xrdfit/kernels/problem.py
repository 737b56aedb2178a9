"""The arrays that describe one scan and its model, and where each quantity sits in the parameter vector.

The parameter vector ("slots") is ``N_GLOBAL`` global slots, then ``N_PHASE`` slots a phase, then the Chebyshev
coefficients, then three slots a hump (position, FWHM, area). Symmetry ties and constraints are not known here: they
arrive as the affine map from the variables of the fit to the slots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.coarse import CoarseGrid
from xrdfit.kernels.jit import plain_or_kernel

# Global slots.
ZERO_SHIFT = 0
SAMPLE_DISPLACEMENT = 1
TRANSPARENCY = 2
CAPILLARY_PARALLEL = 3
CAPILLARY_PERPENDICULAR = 4
CAGLIOTI_U = 5
CAGLIOTI_V = 6
CAGLIOTI_W = 7
INSTRUMENT_LORENTZ_SIZE = 8
INSTRUMENT_LORENTZ_STRAIN = 9
AXIAL_SAMPLE = 10
AXIAL_DETECTOR = 11
AXIAL_SOLLER = 12
EQUATORIAL_DIVERGENCE = 13
K_BETA_WEIGHT = 14
W_L_ALPHA_WEIGHT = 15
N_GLOBAL = 16

# Slots of a phase, after the global ones.
CELL = 0  # a b c alpha beta gamma
LORENTZ_SIZE = 6
LORENTZ_STRAIN = 7
GAUSS_STRAIN = 8
DISPLACEMENT = 9  # beyond the sample's: below the goniometer axis (Bragg-Brentano), along the beam (Debye-Scherrer)
# Slots up to here are all that a phase needs whose widths are the same in all directions.
N_ISOTROPIC = 10
STEPHENS = 10  # factors of the 15 products of fourth order in h, k, l; 1e-8 / angstrom^4
AXIS_SIZE = 25  # Lorentzian FWHM along a*, b*, c*
N_PHASE = 28

N_HUMP = 3

# What a slot acts on: Bragg angle, line position, Gaussian width, Lorentzian width, the openings and the divergence of
# the beam, the weight of an emission line.
ON_THETA = 0
ON_POSITION = 1
ON_GAUSS = 2
ON_LORENTZ = 3
ON_AXIAL_SAMPLE = 4
ON_AXIAL_DETECTOR = 5
ON_SOLLER = 6
ON_DIVERGENCE = 7
ON_WEIGHT = 8
N_KINDS = 9

BRAGG_BRENTANO = 0
DEBYE_SCHERRER = 1


class Problem(NamedTuple):
    """One scan and the lines that may be in it; the used points only.

    Attributes
    ----------
    two_theta : (n,) deg, ascending. coarse : the grid on which far tails of their derivatives are calculated.
    intensity : (n,) measured.
    variance_constant : (n,), and variance_slope, variance_floor: variance = constant + slope * max(model, floor).
    chebyshev : (n_terms, n) polynomials at the points, and a measured curve where the background has one.
    n_humps : number of broad humps.
    wavelength, weight : (n_lines,) of the source; the weights of its own lines sum to one.
    natural_width : (n_lines,) Lorentzian FWHM of each emission line, angstrom.
    weight_slot : (n_lines,) global slot by which the weight is multiplied (a contaminating line), or -1.
    geometry : BRAGG_BRENTANO or DEBYE_SCHERRER.
    radius : goniometer radius, mm.
    ties : (m, n_ties) combinations of the areas that are known to be near zero. They stand as observations of zero
        behind the pattern's points: the last n_ties entries of every (n,) array.
    anisotropy : (m, 18) what the anisotropic slots of each line's phase are multiplied by: 15 products of fourth order
        in h, k, l, and the squares of 3 direction cosines; (0, 18) if no phase has any.
    copies_fwhm : (m, n_lines) FWHM, deg, of the lines by which the copies that a spread beam makes of them are
        numbered while a fit runs; (0, 0): as each line is; None: the instrument has no opening that spreads it. Where
        their number changes, a pattern jumps by what they may miss, and a fit of many scans, in which some line is
        always about to change, would find no end.
    only_weight : (1,) the weight of the source's line where it has no other and no beam spreads what it makes, so that
        sums of products over the points need no profile of each line (`xrdfit.kernels.line_products`); None: for all
        others, whose kernels are then compiled without that.
    hkl : (m, 3) float, phase : (m,) index of the phase of each line. n_phases : phases in the parameter vector.
    """

    two_theta: NDArray[np.float64]
    coarse: CoarseGrid
    intensity: NDArray[np.float64]
    variance_constant: NDArray[np.float64]
    variance_slope: float
    variance_floor: float
    chebyshev: NDArray[np.float64]
    n_humps: int
    wavelength: NDArray[np.float64]
    weight: NDArray[np.float64]
    natural_width: NDArray[np.float64]
    weight_slot: NDArray[np.int64]
    geometry: int
    radius: float
    hkl: NDArray[np.float64]
    phase: NDArray[np.int64]
    n_phases: int
    ties: NDArray[np.float64] = np.zeros((0, 0))
    anisotropy: NDArray[np.float64] = np.zeros((0, N_PHASE - N_ISOTROPIC))
    copies_fwhm: NDArray[np.float64] | None = None
    only_weight: NDArray[np.float64] | None = None


@plain_or_kernel
def n_line_slots(problem: Problem) -> int:
    """Global and phase slots that a line of the problem may answer to."""
    return N_GLOBAL + (N_PHASE if problem.anisotropy.shape[0] else N_ISOTROPIC)
