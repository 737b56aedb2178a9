"""Matched filter: how high a line may stand at every angle of every scan in what the model leaves over.

At every angle a line of the usual width, half Gaussian and half Lorentzian, on a local constant is fitted to the
residual; it reads the height of either shape right to 6 %. Whatever a smooth background or a change of height,
position, width, shape or symmetry of a known line can explain is taken away first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.ndimage import maximum_filter1d
from scipy.sparse import csr_array

from xrdfit.kernels.local_misfit import subtract_misfit
from xrdfit.series.criticism.residual_map import ResidualMap, clear_of, side_by_side
from xrdfit.series.threads import ONE_THREAD, Threads

# A new line must reach this part of the known intensity within so many FWHM of it: no profile is known better.
_LEAST_HEIGHT, _BESIDE = 0.03, 2.0
# Standard deviation by which a known line may be off, in its FWHM and height.
_MISFIT = 0.3
# Part of its own information by which every change is held at none.
_SHARED = 1e-7
# Half widths, in FWHM: of the window of the local constant, of a known line's misfit.
_WINDOW, _REACH = 3.0, 6.0
# Length of a piece of the background, in FWHM.
_BACKGROUND = 10.0
# What is closer to a known line, in FWHM, is that line's own.
_OWN = 0.5
# Part of a line that must have been measured before one is looked for there.
_COVERED = 0.6
# Integral of the square of the line that is looked for, in units of FWHM.
_SQUARE = 0.760
# The scatter of a scan's filtered residual exceeds its sigma if it does so by this many of its own errors.
_SPREAD_ERROR = 2.5
_SCANS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class PeakFits:
    """Fits of one line at every bin of every scan, (n, n_bins) each: height = signal / information = signal * esd^2.

    net : (n, n_bins) intensity of the known lines; NaN is none. width : number of bins that are beside a line.
    """

    signal: NDArray[np.float32]
    information: NDArray[np.float32]
    net: NDArray[np.float32]
    width: int

    def floor(self, bins: slice) -> NDArray[np.float32]:
        """(n, k) the height that a new line must exceed at some bins."""
        first, last, _ = bins.indices(self.net.shape[1])
        reach = self.width // 2 + 1
        begin = max(first - reach, 0)
        known = np.maximum(np.nan_to_num(self.net[:, begin : last + reach]), 0.0)
        beside = maximum_filter1d(known, self.width, axis=1)
        return np.asarray(_LEAST_HEIGHT * beside[:, first - begin : last - begin])


def filter_residuals(
    residuals: ResidualMap,
    *,
    fwhm: float,
    emission: NDArray[np.float64],
    known: Callable[[int], NDArray[np.float64]],
    net: NDArray[np.float32],
    threads: Threads = ONE_THREAD,
) -> PeakFits:
    """Fit one line, on a local constant, at every angle to what known lines and background leave over.

    Parameters
    ----------
    fwhm : of the line, deg.
    emission : (e,) heights of the emission lines against the first.
    known : of a row, the positions (m, e) of the known lines, deg; NaN where there is none.
    net : (n, n_bins) intensity of the known lines; NaN is none.
    threads : share the scans.
    """
    two_theta = residuals.two_theta
    n_scans, n_bins = residuals.scaled_residual.shape
    peak = _neighbours(two_theta, two_theta, _WINDOW * fwhm)
    window = peak.copy()
    window.data = np.ones_like(window.data)
    peak.data = 0.5 * gauss(peak.data / fwhm) + 0.5 * lorentz(peak.data / fwhm)
    square = peak.multiply(peak).tocsr()
    gap = np.diff(two_theta, prepend=-np.inf, append=np.inf)
    # Sum of squares where the line is wholly measured.
    whole = _SQUARE * fwhm / np.minimum(gap[:-1], gap[1:])
    width = 2 * round(_BESIDE * fwhm / residuals.step) + 1
    signals, informations = np.zeros((2, n_scans, n_bins), dtype=np.float32)
    smooth = _smooth(two_theta, fwhm)
    allowed = 1.0 + _SPREAD_ERROR * np.sqrt(fwhm / np.ptp(two_theta))

    def fit(begin: int) -> None:
        rows = range(begin, min(begin + _SCANS_AT_ONCE, n_scans))
        residual, of_rows = residuals.weighted(slice(rows.start, rows.stop))
        lines = [known(row) for row in rows]
        left = _without_misfit(
            two_theta,
            residual=residual,
            weight=of_rows,
            emission=emission,
            known=lines,
            net=np.nan_to_num(net[rows.start : rows.stop]),
            fwhm=fwhm,
            smooth=smooth,
        )
        weight = of_rows.T
        weighted = weight * left.T
        constant = window @ weight
        usable = (square @ (weight > 0.0).astype(np.float64) >= _COVERED * whole[:, None]) & (constant > 0.0)
        share = np.divide(peak @ weight, constant, out=np.zeros_like(constant), where=usable)
        information = np.where(usable, square @ weight - share**2 * constant, 0.0)
        signal = np.where(usable, peak @ weighted - share * (window @ weighted), 0.0)
        usable &= information > 1e-6 * (square @ weight)
        z = np.divide(signal, np.sqrt(np.where(usable, information, 1.0)))
        places = side_by_side([own.ravel() for own in lines])
        open_to_lines = usable.T & clear_of(two_theta, places, _OWN * fwhm)
        for column, (row, seen) in enumerate(zip(rows, open_to_lines, strict=True)):
            if seen.any():
                # Median of |z| is 0.6745 for white noise.
                spread = float(np.median(np.abs(z[seen, column]))) / 0.6745
                excess = spread**2 if spread > allowed else 1.0
                signals[row, seen] = signal[seen, column] / excess
                informations[row, seen] = information[seen, column] / excess

    for _ in threads.map(fit, range(0, n_scans, _SCANS_AT_ONCE)):
        pass
    return PeakFits(signals, informations, net, width)


def _without_misfit(
    two_theta: NDArray[np.float64],
    *,
    residual: NDArray[np.float64],
    weight: NDArray[np.float64],
    emission: NDArray[np.float64],
    known: Sequence[NDArray[np.float64]],
    net: NDArray[np.float32],
    fwhm: float,
    smooth: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(R, n_bins) residuals of some scans less what the background and changes of the known lines explain.

    Heights are free; all else changes within `_MISFIT` of the line's own height, calculated or observed, so that a weak
    line cannot explain a strong one beside it.
    """
    reach = _REACH * fwhm
    left = residual.copy()
    measured = np.flatnonzero(weight.any(axis=1)).tolist()
    if not measured:
        return left
    lines = [_in_range(known[i], two_theta, reach) for i in measured]
    size = max(len(own) for own, _, _ in lines)
    shape = (len(measured), size)
    # Where a scan has fewer lines, the last ones have no points.
    positions, firmness = np.full((*shape, emission.size), np.nan), np.empty(shape)
    first, count = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for i, (own, begin, points) in enumerate(lines):
        row, here = measured[i], slice(len(own))
        usual = np.median(weight[row][weight[row] > 0.0]) ** -0.5
        height = np.interp(np.fmin.reduce(own, axis=1), two_theta, net[row] + np.maximum(residual[row], 0.0))
        positions[i, here], firmness[i, here] = own, (_MISFIT * np.maximum(height, 1e-3 * usual)) ** -2.0
        first[i, here], count[i, here] = begin, points
    part = left[measured]
    subtract_misfit(
        two_theta, part, weight[measured], positions, emission, first, count, firmness, smooth, fwhm, _SHARED
    )
    left[measured] = part
    return left


def _in_range(
    positions: NDArray[np.float64], two_theta: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """(m, e) lines with a point within reach of them, by rising angle, and the first and number of these points."""
    there = positions[np.isfinite(positions).any(axis=1)]
    there = there[np.argsort(np.fmin.reduce(there, axis=1))]
    first, count = _stretches(two_theta, there, reach)
    near = count > 0
    return there[near], first[near], count[near]


def _stretches(
    two_theta: NDArray[np.float64], positions: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and number of the points from within reach of a line's first emission line to within that of its last."""
    first = np.searchsorted(two_theta, np.fmin.reduce(positions, axis=1) - reach)
    return first, np.searchsorted(two_theta, np.fmax.reduce(positions, axis=1) + reach, side="right") - first


def _smooth(two_theta: NDArray[np.float64], fwhm: float) -> NDArray[np.float64]:
    """(m, n_bins) cubic B-splines that follow a background but no line."""
    n_pieces = max(1, int(np.ptp(two_theta) / (_BACKGROUND * fwhm)))
    knots = np.linspace(two_theta[0], two_theta[-1], n_pieces + 1)
    knots = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
    return np.ascontiguousarray(BSpline.design_matrix(two_theta, knots, 3).toarray().T)


def _neighbours(two_theta: NDArray[np.float64], centre: NDArray[np.float64], reach: float) -> csr_array:
    """Sparse (n_centres, n_bins) of the distances of the bins from each centre, up to `reach`."""
    start, count = _stretches(two_theta, centre[:, None], reach)
    pointer = np.concatenate([[0], np.cumsum(count)])
    column = np.arange(pointer[-1]) - np.repeat(pointer[:-1] - start, count)
    return csr_array(
        (two_theta[column] - np.repeat(centre, count), column, pointer), shape=(centre.size, two_theta.size)
    )


def gauss(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height 1, FWHM 1."""
    return np.exp(-4.0 * np.log(2.0) * x**2)


def lorentz(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height 1, FWHM 1."""
    return 1.0 / (1.0 + 4.0 * x**2)
