"""First widths, read off the patterns before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.fit import PreparedScan, seeded_background
from xrdfit.model import PatternModel
from xrdfit.series.scopes import Scopes

# A peak counts if its net height exceeds this many sigma and this part of the highest one.
_LEAST_SIGMA = 10.0
_LEAST_HEIGHT = 0.05
# Overlap only ever broadens: the lower quartile stands for single lines.
_QUANTILE = 0.25
# So many scans tell it.
_SCANS = 4


def observed_fwhm(model: PatternModel, prepared: Sequence[PreparedScan], values: NDArray[np.float64]) -> float:
    """FWHM (deg) of single peaks in some of the patterns, or in all if these show none; NaN without any."""
    some = prepared[:: -(-len(prepared) // _SCANS)]
    for scans in (some, prepared):
        widths: list[float] = []
        for scan in scans:
            net = scan.points.intensity - seeded_background(model, scan, values)
            widths += _half_height_widths(scan.points.two_theta, net, np.sqrt(scan.variance))
        if widths:
            return float(np.quantile(widths, _QUANTILE))
    return np.nan


def _half_height_widths(
    two_theta: NDArray[np.float64], net: NDArray[np.float64], sigma: NDArray[np.float64]
) -> list[float]:
    smooth = np.convolve(np.pad(net, 1, mode="edge"), np.full(3, 1.0 / 3.0), mode="valid")
    inner = np.arange(1, smooth.size - 1)
    peaks = inner[(smooth[inner] >= smooth[inner - 1]) & (smooth[inner] > smooth[inner + 1])]
    high = (smooth[peaks] > _LEAST_SIGMA * sigma[peaks]) & (smooth[peaks] > _LEAST_HEIGHT * smooth.max(initial=0.0))
    found = []
    for peak in peaks[high]:
        half = 0.5 * smooth[peak]
        left = np.flatnonzero(smooth[:peak] < half)
        right = np.flatnonzero(smooth[peak:] < half)
        if left.size and right.size:
            i, j = int(left[-1]), int(peak + right[0])
            start = np.interp(half, smooth[i : i + 2], two_theta[i : i + 2])
            end = np.interp(-half, -smooth[j - 1 : j + 1], two_theta[j - 1 : j + 1])
            found.append(float(end - start))
    return found


def with_first_widths(
    model: PatternModel,
    values: NDArray[np.float64],
    fwhm: float,
    settings: RefineSettings,
    scopes: Scopes,
) -> NDArray[np.float64]:
    """`values` with widths that make lines of this FWHM; what the recipe gives, or fixes, stays."""
    result = values.copy()
    if not np.isfinite(fwhm):
        return result
    gauss = np.sqrt(max(float(values[model.table.index("caglioti_w")]), 0.0))
    for i, spec in enumerate(model.table):
        said = settings.overrides.get(spec.name)
        free = (scopes.scan[i] or scopes.series[i]) and (said is None or said.value is None)
        if free and spec.name == "caglioti_w":
            gauss = 0.7 * fwhm
            result[i] = np.clip(gauss**2, spec.lower, spec.upper)
        elif free and spec.kind == "width":
            # Widths of a Gaussian and a Lorentzian add up to between the sum and the root of squares.
            result[i] = np.clip(max(fwhm - 0.8 * gauss, 0.1 * fwhm), spec.lower, spec.upper)
    return result
