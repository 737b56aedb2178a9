"""How much each measured value can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Weights

# Fourth difference (1, -4, 6, -4, 1): removes cubics, so that smooth curvature does not pass for noise.
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_BINS = 12
_ROUNDS = 8
# Median of |z| for a standard normal z.
_MEDIAN_NORMAL = 0.6744897501960817


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """Variance of a point: ``constant + slope * max(model, floor)``, constant (n,).

    ``regime`` names where it comes from: file, poisson, estimated or unit.
    """

    constant: NDArray[np.float64]
    slope: float
    floor: float
    regime: Weights


def estimate_noise(intensity: NDArray[np.float64]) -> tuple[float, float]:
    """Constant and slope of ``variance = constant + slope * level`` from the point-to-point scatter.

    High-frequency differences against the local level, medians in bins of level, then a non-negative fit with equal
    relative weights, relative to the fit: relative to the scattered medians themselves it would come out low.
    Correlated noise (rebinned or smoothed data) is underestimated by construction.
    """
    difference = np.convolve(intensity, _FOURTH, mode="valid") / np.sqrt(np.sum(_FOURTH**2))
    level = np.convolve(intensity, np.full(5, 0.2), mode="valid")
    order = np.argsort(level)
    centres, variances = [], []
    for part in np.array_split(order, min(_BINS, max(1, order.size // 20))):
        if part.size:
            centres.append(max(float(np.median(level[part])), 0.0))
            variances.append((np.median(np.abs(difference[part])) / _MEDIAN_NORMAL) ** 2)
    x, v = np.array(centres), np.array(variances)
    # A pattern without scatter (constant, or calculated) still gets a finite weight.
    span = float(np.ptp(intensity)) or float(np.abs(intensity).max()) or 1.0
    least = 1e-8 * span**2
    v = np.maximum(v, least)
    pair = np.array([float(np.median(v)), 0.0])
    for _ in range(_ROUNDS):
        fitted = np.maximum(pair[0] + pair[1] * x, least)
        pair = _nonnegative_line(x, v, fitted)
    return max(float(pair[0]), least), float(pair[1])


def _nonnegative_line(
    x: NDArray[np.float64], y: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Constant and slope >= 0 of lowest misfit ``(constant + slope x - y) / scale``."""
    rows = np.column_stack([np.ones_like(x), x]) / scale[:, None]
    best, pair = np.inf, np.zeros(2)
    for used in ((0, 1), (0,), (1,)):
        solution = np.zeros(2)
        solution[list(used)] = np.linalg.lstsq(rows[:, used], y / scale, rcond=None)[0]
        misfit = float(np.sum((rows @ solution - y / scale) ** 2))
        if (solution >= 0.0).all() and misfit < best * (1.0 - 1e-9):
            best, pair = misfit, solution
    return pair


def noise_model(intensity: NDArray[np.float64], sigma: NDArray[np.float64] | None, *, weights: Weights) -> NoiseModel:
    """The variance model of a scan under a weighting regime; ``file`` without sigma counts as ``estimated``.

    ``auto``: the file's sigma, else Poisson if all values are whole numbers, else estimated. ``unit``: every point
    weighs the same; their common variance is the estimated one at the median level, so that chi^2 has no unit.
    """
    n = intensity.size
    if weights == "auto":
        whole = bool(np.all(intensity == np.round(intensity))) and float(intensity.min(initial=0.0)) >= 0.0
        weights = "file" if sigma is not None else "poisson" if whole else "estimated"
    if weights == "file" and sigma is not None:
        return NoiseModel(constant=sigma**2, slope=0.0, floor=0.0, regime="file")
    if weights == "poisson":
        # A model of less than one count says nothing of the variance.
        return NoiseModel(constant=np.zeros(n), slope=1.0, floor=1.0, regime="poisson")
    constant, slope = estimate_noise(intensity)
    if weights == "unit":
        common = constant + slope * max(float(np.median(intensity)), 0.0)
        return NoiseModel(constant=np.full(n, common), slope=0.0, floor=0.0, regime="unit")
    floor = 1e-3 * max(float(np.median(np.abs(intensity))), 1e-12)
    return NoiseModel(constant=np.full(n, constant), slope=slope, floor=floor, regime="estimated")
