"""What is taken from a residual against a dense least-squares fit of the same functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.local_misfit import subtract_misfit

FWHM, REACH, SHARED = 0.2, 1.2, 1e-7
ALONE = np.ones(1)


def _dense(
    x: NDArray[np.float64],
    residual: NDArray[np.float64],
    weight: NDArray[np.float64],
    positions: NDArray[np.float64],
    firmness: NDArray[np.float64],
    smooth: NDArray[np.float64],
    emission: NDArray[np.float64] = ALONE,
) -> NDArray[np.float64]:
    """positions : (m, e)."""
    rows, firm = [], []
    for where, hold in zip(positions, firmness, strict=True):
        near = (x >= np.nanmin(where) - REACH) & (x <= np.nanmax(where) + REACH)
        there = np.isfinite(where)
        t = (x - where[there, None]) / FWHM
        g, c = np.exp(-4.0 * np.log(2.0) * t**2), 1.0 / (1.0 + 4.0 * t**2)
        heights = emission[there]
        functions = [heights @ each for each in (g, c, 8 * t * g, 8 * t * c**2, 8 * t**2 * g, 8 * t**3 * g)]
        if emission.size > 1:
            functions.append(0.5 * np.where(np.flatnonzero(there) > 0, heights, 0.0) @ (g + c))
        for number, function in enumerate(functions):
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
        _dense(x, residual[s], weight[s], lines[s][:, None], firmness[s, : lines[s].size], smooth)
        for s in range(len(lines))
    ]

    found = residual.copy()
    subtract_misfit(x, found, weight, positions[:, :, None], ALONE, first, count, firmness, smooth, FWHM, SHARED)

    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_the_emission_lines_of_a_source_change_together_but_for_the_height_of_the_weaker_ones() -> None:
    rng = np.random.default_rng(7)
    x = np.arange(20.0, 28.0, 0.03)
    smooth = np.polynomial.chebyshev.chebvander((x - 24.0) / 4.0, 3).T.copy()
    emission = np.array([1.0, 0.5])
    # The last line is at a wavelength of its own.
    positions = np.array([[[21.0, 21.1], [21.9, 22.0], [24.0, 25.5], [26.0, np.nan]]])
    first = np.searchsorted(x, np.nanmin(positions, axis=2) - REACH)
    count = np.searchsorted(x, np.nanmax(positions, axis=2) + REACH, side="right") - first
    residual, weight = rng.normal(size=(1, x.size)), rng.uniform(0.5, 2.0, size=(1, x.size))
    firmness = rng.uniform(0.1, 10.0, size=(1, 4))
    expected = _dense(x, residual[0], weight[0], positions[0], firmness[0], smooth, emission)

    subtract_misfit(x, residual, weight, positions, emission, first, count, firmness, smooth, FWHM, SHARED)

    np.testing.assert_allclose(residual[0], expected, rtol=1e-8, atol=1e-8)


def test_without_any_line_the_background_alone_is_taken_out() -> None:
    rng = np.random.default_rng(6)
    x = np.linspace(20.0, 28.0, 200)
    smooth = np.polynomial.chebyshev.chebvander((x - 24.0) / 4.0, 3).T.copy()
    residual, weight = rng.normal(size=(1, x.size)), np.ones((1, x.size))
    none = np.zeros((1, 0), dtype=np.int64)
    expected = _dense(x, residual[0], weight[0], np.zeros((0, 1)), np.zeros(0), smooth)

    nowhere = np.zeros((1, 0, 1))
    subtract_misfit(x, residual, weight, nowhere, ALONE, none, none, np.zeros((1, 0)), smooth, FWHM, SHARED)

    np.testing.assert_allclose(residual[0], expected, rtol=1e-9, atol=1e-10)
