"""Lines of one wavelength as a core and a Lorentzian each, and what is summed for each over all points.

A line is a Gaussian core, which is nothing beyond a short stretch of points, and a Lorentzian ``s / (d^2 + g^2)``,
d = x - x0, which is felt everywhere. What is summed over all points for a line goes point by point near the line only.
For the far blocks of the coarse grid (`xrdfit.kernels.coarse`) the other factor is gathered at the nodes, by the
transpose of what carries a function from the nodes to the points. Here a block is far from `FAR_ENOUGH` half-widths
on, where the interpolation of ``1 / (x - p)``, p = x0 + i g, misses no more than 1e-14 of it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel
from xrdfit.kernels.lines import UNREACHABLE
from xrdfit.kernels.profiles import accumulate_core, gauss_window, pseudo_voigt_shape

FAR_ENOUGH = 4.0
# Moments of a core: an even number, whose half is the power in `line_products._far_products`.
N_MOMENTS = 12

# What is known of each line, a row each.
AT = 0  # place, deg
HALF = 1  # half width at half maximum, deg
STRENGTH = 2  # s of the Lorentzian
SUM = 3  # J
MOMENT = 4  # R
SPREAD = 5  # no less than sum w |d| / (d^2 + g^2)
ROOT = 6  # root of its product with itself
MOMENTS = 7  # of its core, from the zeroth to the `N_MOMENTS`-th
N_FACTS = MOMENTS + N_MOMENTS + 1


@kernel
def describe_lines(
    x: NDArray[np.float64],
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    facts: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Fill the first three facts about each line, and where its core stands; returns the cores (m, widest stretch)."""
    shape = np.empty((position.size, 2))
    widest = 0
    for line in range(position.size):
        fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[line], lorentz[line])
        shape[line, 0], shape[line, 1] = fwhm, eta
        facts[AT, line], facts[HALF, line] = position[line], 0.5 * fwhm
        facts[STRENGTH, line] = 0.5 * unit * eta * fwhm / math.pi if position[line] != UNREACHABLE else 0.0
        start, stop = gauss_window(x, position[line], fwhm)
        first[line], count[line] = start, stop - start
        widest = max(widest, stop - start)
    cores = np.zeros((position.size, widest))
    for line in range(position.size):
        there = x[first[line] : first[line] + count[line]]
        accumulate_core(there, position[line], shape[line, 0], shape[line, 1], unit, cores[line][: count[line]])
    return cores
