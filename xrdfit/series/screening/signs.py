"""What a scan shows by itself of being no pattern of the sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan

# No detector counts so far.
_MOST_COUNTS = 1e15
# Standard deviations by which a value below 0 is no noise.
_NEGATIVE = 8.0
# Points at the highest value, and how many of them in a row, from which on it is a limit and no chance.
_AT_TOP, _IN_A_ROW = 5, 3
# Standard deviations of the difference of two points by which a spike stands out; a weaker feature counts as company.
_SPIKE, _COMPANY = 12.0, 3.0
# Part of the height of the scan by which it stands out: what is lower may be a coarse grain, and harms less.
_TALL = 0.1
# Part of its own height by which a spike must exceed the points two steps away; a line with a FWHM of three steps does
# by 0.7.
_NARROW = 0.8
# Half width, in points, of the window whose lowest values are what a feature stands on.
_FOOT = 6
# Part of the values that count as usual where roughness is measured; the rest may be spikes.
_USUAL = 0.995


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Numbers of one scan.

    Attributes
    ----------
    size : usable points. infinite, huge, negative : points that are infinite, beyond `_MOST_COUNTS`, below 0 by more
        than noise.
    at_top : points at the highest value, if so many are that it is a limit, and else 0. top : that value.
    digest : of the numbers.
    roughness : mean square step from point to point against twice the variance: near 0 where lines are many points
        wide, 1 where neighbours have nothing in common. excess : that mean square step against what noise makes.
    level, level_esd : (n_blocks,) mean of the lower half of the values in each part of the range.
    feature : (m,) deg, where a point stands above the points two steps away; height : (m,) by how much.
    spike : (m,) whether it is too high for noise and too narrow for a line.
    step : deg, the usual one.
    """

    size: int
    infinite: int
    huge: int
    negative: int
    at_top: int
    top: float
    digest: bytes
    roughness: float
    excess: float
    level: NDArray[np.float64]
    level_esd: NDArray[np.float64]
    feature: NDArray[np.float64]
    height: NDArray[np.float64]
    spike: NDArray[np.bool_]
    step: float


def signs_of(scans: Sequence[PreparedScan], edges: NDArray[np.float64]) -> list[Signs]:
    """The signs of scans with the same angles; ``edges`` (n_blocks + 1,) in deg divide the range."""
    x = scans[0].points.two_theta
    y, variance = np.array([scan.points.intensity for scan in scans]), np.array([scan.variance for scan in scans])
    sigma, top, middle = np.sqrt(variance), y.max(axis=1), np.median(y, axis=1)
    at_top = y == top[:, None]
    clipped = (at_top.sum(axis=1) >= _AT_TOP) & (top > middle + _SPIKE * sigma.min(axis=1))
    usual = np.minimum(y, np.quantile(y, _USUAL, axis=1)[:, None])
    steps, spread = np.mean(np.diff(usual) ** 2, axis=1), usual.var(axis=1)
    huge, negative = (np.abs(y) > _MOST_COUNTS).sum(axis=1), (y < -_NEGATIVE * sigma).sum(axis=1)
    step, noise = float(np.median(np.diff(x))), variance.mean(axis=1)
    level, level_esd = _levels(x, y, variance, edges)
    row, place, height, spike = _features(scans, y, np.maximum(top - middle, 0.0))
    first = np.searchsorted(row, np.arange(len(scans) + 1))
    return [
        Signs(
            size=x.size,
            infinite=int(np.isinf(scan.pattern.intensity).sum()),
            huge=int(huge[i]),
            negative=int(negative[i]),
            at_top=int(at_top[i].sum()) if clipped[i] and _longest_run(at_top[i]) >= _IN_A_ROW else 0,
            top=float(top[i]),
            digest=hashlib.sha256(y[i].tobytes()).digest(),
            roughness=float(steps[i] / (2.0 * spread[i] or 1.0)),
            excess=float(steps[i] / (2.0 * noise[i])),
            level=level[i],
            level_esd=level_esd[i],
            feature=x[place[own]],
            height=height[own],
            spike=spike[own],
            step=step,
        )
        for i, (scan, own) in enumerate(zip(scans, map(slice, first, first[1:]), strict=True))
    ]


def _longest_run(chosen: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.view(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _levels(
    x: NDArray[np.float64], y: NDArray[np.float64], variance: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(k, n_blocks) mean of the lower half of the values between the edges, which lines hardly reach; and its error.

    NaN where there is no point.
    """
    place = np.searchsorted(x, edges)
    level, esd = np.full((2, len(y), edges.size - 1), np.nan)
    for block, (first, last) in enumerate(pairwise(place)):
        half = (last - first) // 2
        if half:
            level[:, block] = np.partition(y[:, first:last], half - 1, axis=1)[:, :half].mean(axis=1)
            esd[:, block] = np.sqrt(variance[:, first:last].mean(axis=1) / half)
    return level, esd


def _features(
    scans: Sequence[PreparedScan], y: NDArray[np.float64], tallest: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]:
    """Scan and place of points that stand above those two steps away, by how much, and which no line can be.

    ``tallest`` (k,) is the height of each scan.
    """
    beside = np.maximum(y[:, :-4], y[:, 4:])
    height = y[:, 2:-2] - beside
    slope, floor = np.array([(scan.noise.slope, scan.noise.floor) for scan in scans]).T[:, :, None]
    variance = np.array([scan.noise.constant[2:-2] for scan in scans]) + slope * np.maximum(beside, floor)
    row, column = np.nonzero(height > _COMPANY * np.sqrt(2.0 * variance))
    height, sigma, place = height[row, column], np.sqrt(2.0 * variance[row, column]), column + 2
    near = np.clip(place[:, None] + np.arange(-_FOOT, _FOOT + 1), 0, y.shape[1] - 1)
    foot = np.median(y[row[:, None], near], axis=1) if row.size else np.empty(0)
    tall = height > np.maximum(_SPIKE * sigma, _TALL * tallest[row])
    narrow = height > _NARROW * (y[row, place] - foot)
    return row, place, height, tall & narrow
