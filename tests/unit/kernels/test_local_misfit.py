"""What is taken from a residual against a dense least-squares fit of the same functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.local_misfit import subtract_misfit

FWHM, REACH, SHARED = 0.2, 1.2, 1e-7


def _dense(
    x: NDArray[np.float64],
    residual: NDArray[np.float64],
    weight: NDArray[np.float64],
    positions: NDArray[np.float64],
    firmness: NDArray[np.float64],
    smooth: NDArray[np.float64],
) -> NDArray[np.float64]:
    rows, firm = [], []
    for where, hold in zip(positions, firmness, strict=True):
        t = (x - where) / FWHM
        near = np.abs(x - where) <= REACH
        g, c = np.exp(-4.0 * np.log(2.0) * t**2), 1.0 / (1.0 + 4.0 * t**2)
        for number, function in enumerate((g, c, 8 * t * g, 8 * t * c**2, 8 * t**2 * g, 8 * t**3 * g)):
            rows.append(np.where(near, function, 0.0))
            firm.append(hold if number else 0.0)
    basis = np.vstack([*rows, smooth])
    gram = (basis * weight) @ basis.T + np.diag([*firm, *np.zeros(len(smooth))])
    strength = np.diag(gram).copy()
    gram += np.diag(SHARED * np.where(strength > 0.0, strength, 1.0))
    return residual - np.linalg.solve(gram, basis @ (weight * residual)) @ basis


def test_lines_slightly_off_and_a_background_are_taken_out_of_every_scan_as_a_dense_fit_does() -> None:
    rng = np.random.default_rng(5)
    # A stretch was cut out, and scans have different numbers of lines.
    x = np.concatenate([np.arange(20.0, 24.0, 0.03), np.arange(25.0, 28.0, 0.03)])
    smooth = np.polynomial.chebyshev.chebvander((x - 24.0) / 4.0, 3).T.copy()
    lines = [np.array([19.5, 20.9, 21.0, 23.9, 25.4, 28.6]), np.array([22.0])]
    size = max(own.size for own in lines)
    positions = np.array([np.pad(own, (0, size - own.size), constant_values=np.inf) for own in lines])
    first = np.searchsorted(x, positions - REACH)
    count = np.searchsorted(x, positions + REACH, side="right") - first
    residual = rng.normal(size=(2, x.size))
    weight = rng.uniform(0.5, 2.0, size=(2, x.size))
    weight[0, 40:45] = 0.0
    firmness = rng.uniform(0.1, 10.0, size=positions.shape)
    expected = [
        _dense(x, residual[s], weight[s], lines[s], firmness[s, : lines[s].size], smooth) for s in range(len(lines))
    ]

    found = residual.copy()
    subtract_misfit(x, found, weight, positions, first, count, firmness, smooth, FWHM, SHARED)

    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_without_any_line_the_background_alone_is_taken_out() -> None:
    rng = np.random.default_rng(6)
    x = np.linspace(20.0, 28.0, 200)
    smooth = np.polynomial.chebyshev.chebvander((x - 24.0) / 4.0, 3).T.copy()
    residual, weight = rng.normal(size=(1, x.size)), np.ones((1, x.size))
    none = np.zeros((1, 0), dtype=np.int64)
    expected = _dense(x, residual[0], weight[0], np.zeros(0), np.zeros(0), smooth)

    subtract_misfit(x, residual, weight, np.zeros((1, 0)), none, none, np.zeros((1, 0)), smooth, FWHM, SHARED)

    np.testing.assert_allclose(residual[0], expected, rtol=1e-9, atol=1e-10)
