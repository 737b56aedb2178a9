"""What a scan shows by itself of being no pattern of the sample."""

from __future__ import annotations

import hashlib
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


def signs_of(scan: PreparedScan, edges: NDArray[np.float64]) -> Signs:
    """The signs of a scan; ``edges`` (n_blocks + 1,) in deg divide the range."""
    x, y = scan.points.two_theta, scan.points.intensity
    sigma = np.sqrt(scan.variance)
    at_top = y == y.max()
    clipped = (
        at_top.sum() >= _AT_TOP and _longest_run(at_top) >= _IN_A_ROW and y.max() > np.median(y) + _SPIKE * sigma.min()
    )
    usual = np.minimum(y, np.quantile(y, _USUAL))
    steps = float(np.mean(np.diff(usual) ** 2))
    level, level_esd = _levels(x, y, scan.variance, edges)
    feature, height, spike = _features(scan)
    return Signs(
        size=y.size,
        infinite=int(np.isinf(scan.pattern.intensity).sum()),
        huge=int((np.abs(y) > _MOST_COUNTS).sum()),
        negative=int((y < -_NEGATIVE * sigma).sum()),
        at_top=int(at_top.sum()) if clipped else 0,
        top=float(y.max()),
        digest=hashlib.sha256(y.tobytes()).digest(),
        roughness=steps / (2.0 * float(np.var(usual)) or 1.0),
        excess=steps / (2.0 * float(np.mean(scan.variance))),
        level=level,
        level_esd=level_esd,
        feature=feature,
        height=height,
        spike=spike,
        step=float(np.median(np.diff(x))),
    )


def _longest_run(chosen: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.view(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _levels(
    x: NDArray[np.float64], y: NDArray[np.float64], variance: NDArray[np.float64], edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of the lower half of the values between the edges, which lines hardly reach, and its error; NaN without."""
    place = np.searchsorted(x, edges)
    level, esd = np.full((2, edges.size - 1), np.nan)
    for block, (first, last) in enumerate(pairwise(place)):
        half = (last - first) // 2
        if half:
            level[block] = np.partition(y[first:last], half - 1)[:half].mean()
            esd[block] = np.sqrt(variance[first:last].mean() / half)
    return level, esd


def _features(scan: PreparedScan) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Where, and by how much, points stand above those two steps away, and which of them no line can be."""
    x, y, noise = scan.points.two_theta, scan.points.intensity, scan.noise
    beside = np.maximum(y[:-4], y[4:])
    height = y[2:-2] - beside
    variance = noise.constant[2:-2] + noise.slope * np.maximum(beside, noise.floor)
    found = np.flatnonzero(height > _COMPANY * np.sqrt(2.0 * variance))
    near = found[:, None] + 2 + np.arange(-_FOOT, _FOOT + 1)
    foot = np.median(y[np.clip(near, 0, y.size - 1)], axis=1) if found.size else np.empty(0)
    tall = height[found] > np.maximum(_SPIKE * np.sqrt(2.0 * variance[found]), _TALL * (y.max() - np.median(y)))
    narrow = height[found] > _NARROW * (y[found + 2] - foot)
    return x[found + 2], height[found], tall & narrow
