"""Rules of quadrature for what the divergence of the beam does to a line, and how many nodes they need beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel

MOST_NODES = 40
# How many nodes a spread needs in units of the FWHM (furthest offset; for Soller slits standard deviation), so that the
# copies miss the convolution by less than 2e-4 of the line's top: below the first number one will do, beyond it the
# second and so many more for each FWHM as the third says.
EVEN_NODES = (0.02, 2.0, 4.0)
FALLING_NODES = (0.0, 2.3, 5.0)
NORMAL_NODES = (0.006, 3.0, 25.0)
# A normal distribution is cut here, in standard deviations.
_REACH = 4.1
# From so many nodes on evenly spaced ones are better than Gauss's.
_EVENLY_SPACED = 4

_Rule = tuple[NDArray[np.float64], NDArray[np.float64]]


def _even_rules() -> _Rule:
    """Nodes and weights on 0 to 1 for functions of the square of the variable (Gauss-Legendre on -1 to 1).

    Row n of either array has n of them. The nodes are squares, for the variable itself take their root.
    """
    nodes, weights = np.zeros((2, MOST_NODES + 1, MOST_NODES))
    for n in range(1, MOST_NODES + 1):
        x, w = np.polynomial.legendre.leggauss(2 * n)
        nodes[n, :n], weights[n, :n] = x[n:] ** 2, w[n:]
    return nodes, weights


def _falling_rules() -> _Rule:
    """Nodes and weights on 0 to 1 under 2 (1 - x) (Gauss-Jacobi); row n has n of them."""
    nodes, weights = np.zeros((2, MOST_NODES + 1, MOST_NODES))
    for n in range(1, MOST_NODES + 1):
        k = np.arange(1.0, n + 1.0)
        # Recurrence of the polynomials orthogonal under 1 - x on -1 to 1; Golub & Welsch (1969).
        side = np.sqrt(k * (k + 1.0)) / (2.0 * k + 1.0)
        middle = -1.0 / ((2.0 * k - 1.0) * (2.0 * k + 1.0))
        x, vectors = np.linalg.eigh(np.diag(middle) + np.diag(side[:-1], 1) + np.diag(side[:-1], -1))
        nodes[n, :n], weights[n, :n] = 0.5 * (x + 1.0), vectors[0] ** 2
    return nodes, weights


def _normal_rules() -> _Rule:
    """Squares of nodes under a normal distribution, and weights; row n has n of them.

    Evenly spaced nodes, of which the one at zero counts half: for a function that is smooth everywhere the rule that
    gains most with every node. Few of them are Gauss's. The mean square is 1 in any case: centroids are right.
    """
    nodes, weights = np.zeros((2, MOST_NODES + 1, MOST_NODES))
    for n in range(1, MOST_NODES + 1):
        x = np.arange(n) * _REACH / (n - 0.5)
        w = np.exp(-0.5 * x**2)
        w[0] *= 0.5
        if n < _EVENLY_SPACED:
            both, on_both = np.polynomial.hermite_e.hermegauss(2 * n)
            x, w = both[n:].astype(np.float64), on_both[n:].astype(np.float64)
        w /= w.sum()
        nodes[n, :n], weights[n, :n] = x**2 / (w @ x**2), w
    return nodes, weights


EVEN_SQUARE, EVEN_WEIGHT = _even_rules()
FALLING, FALLING_WEIGHT = _falling_rules()
NORMAL_SQUARE, NORMAL_WEIGHT = _normal_rules()


@kernel
def count(spread: float, fwhm: float, need: tuple[float, float, float]) -> int:
    """Nodes that a spread (deg) needs beside a line of this FWHM (deg)."""
    part = abs(spread) / fwhm
    return 1 if part < need[0] else min(int(need[1] + need[2] * part), MOST_NODES)
