"""Do the peaks of a pattern stand where the lines of crystals are? Told without a fit, by comparison with chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, generate_reflections
from xrdfit.errors import CrystalError
from xrdfit.model import MeasuredBackground

# FWHM in points that are looked for, and the heights over its noise from which on and up to which a peak counts.
_WIDTHS = (4, 8, 16)
LEAST_Z, _MOST_Z = 4.0, 14.0
# FWHM within which a peak is taken for the skirt of a higher one, and how much more where that is e times as high.
_SKIRT, _LOBES = 0.8, 0.4
# How far start cells may be off, relative.
_CELL_SLACK = 2e-3
# Cells larger and smaller by so much tell what chance does.
_OTHER_CELLS = np.concatenate([np.arange(-0.15, -0.012, 0.001), np.arange(0.013, 0.15, 0.001)])
_MOST_CHANGE = 1.2

# Where d-spacings (angstrom) stand on an abscissa.
Position = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def two_theta_of(wavelength: float) -> Position:
    """2theta in deg; what is beyond the reach of the wavelength (angstrom) stands at 180 deg."""
    return lambda d_spacing: np.degrees(2.0 * np.arcsin(np.minimum(wavelength / (2.0 * d_spacing), 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakMap:
    """A pattern as its peaks: at even steps x (n,) the height over noise of the peak within ``reach`` (n,), or 0."""

    x: NDArray[np.float64]
    z: NDArray[np.float64]
    reach: NDArray[np.float64]

    @classmethod
    def of(cls, pattern: MeasuredBackground, low: float, high: float) -> PeakMap | None:
        """By matched filters that do not see curves of second order; None for a pattern too short to tell."""
        step = float(np.median(np.diff(pattern.two_theta)))
        x = np.arange(max(low, pattern.two_theta[0]), min(high, pattern.two_theta[-1]), step)
        if x.size < 8 * _WIDTHS[-1]:
            return None
        y, variance = pattern.at(x), np.interp(x, pattern.two_theta, pattern.variance_at(pattern.two_theta))
        best, width_at = np.zeros(x.size), np.full(x.size, float(_WIDTHS[0]))
        for width in _WIDTHS:
            half = 2 * width
            at = np.arange(-half, half + 1)
            shape = np.exp(-4.0 * np.log(2.0) * (at / width) ** 2)
            smooth = np.vander(at / half, 3)
            shape -= smooth @ np.linalg.lstsq(smooth, shape, rcond=None)[0]
            height = np.convolve(y, shape, mode="valid")
            noise = np.sqrt(np.convolve(variance, shape**2, mode="valid"))
            z = np.pad(np.divide(height, noise, out=np.zeros_like(height), where=noise > 0.0), half)
            width_at = np.where(z > best, width, width_at)
            best = np.maximum(best, z)
        # Where x is 2theta, 2 tan(theta) takes its place; that makes little difference.
        reach = _CELL_SLACK * np.abs(x) + 0.5 * _WIDTHS[1] * step
        near = np.zeros(x.size)
        for top in _tops(best, width_at):
            there = np.abs(x - x[top]) < reach[top]
            near[there] = np.maximum(near[there], best[top])
        return cls(x=x, z=near, reach=reach)

    def without(self, lines: NDArray[np.float64], away: float) -> PeakMap:
        """The map without what stands at lines (m,), or ``away`` from there."""
        z = self.z.copy()
        for line in lines:
            z[np.abs(self.x - line) < np.interp(line, self.x, self.reach) + away] = 0.0
        return PeakMap(x=self.x, z=z, reach=self.reach)

    def heights(self, lines: NDArray[np.float64]) -> NDArray[np.float64]:
        """z at the lines that are in the pattern."""
        there = self.inside(lines)
        return self.z[np.rint((there - self.x[0]) / (self.x[1] - self.x[0])).astype(np.int64)]

    def inside(self, lines: NDArray[np.float64]) -> NDArray[np.float64]:
        """The lines that are in the pattern."""
        return lines[(lines > self.x[0]) & (lines < self.x[-1])]

    def agreement(self, d_spacing: NDArray[np.float64], position: Position, *, fewest: int = 3) -> float:
        """By how many standard deviations more stands out at lines than at those of larger and smaller cells; -inf with
        fewer peaks than ``fewest`` at them, or than there are lines."""
        heights = self.heights(position(d_spacing))
        # Two lines may be at one peak, which counts once.
        if not 0 < min(fewest, heights.size) <= np.unique(heights[heights > LEAST_Z]).size:
            return -np.inf
        chance = np.array([self._clearness(position(d_spacing * (1.0 + other))) for other in _OTHER_CELLS])
        more = self._clearness(position(d_spacing)) - float(chance.mean())
        return more / float(chance.std()) if chance.std() > 0.0 else np.inf

    def _clearness(self, lines: NDArray[np.float64]) -> float:
        """How much stands out, in the mean of the lines; no line counts for more than a clear one."""
        heights = self.heights(lines)
        return float(np.mean(np.clip(heights, LEAST_Z, _MOST_Z) - LEAST_Z)) if heights.size else 0.0


def d_spacings(phase: Phase, low: float, high: float) -> NDArray[np.float64]:
    """Of all lines of a phase between two d-spacings (angstrom), and as far beyond as other cells reach."""
    try:
        found = generate_reflections(phase.group, phase.cell, d_min=low / _MOST_CHANGE, d_max=high * _MOST_CHANGE)
    except CrystalError:
        return np.empty(0)
    return found.d_spacing


def _tops(z: NDArray[np.float64], width: NDArray[np.float64]) -> list[int]:
    """Where peaks are, the highest first, without those that are skirts or side lobes of higher ones.

    z : (n,) height over noise. width : (n,) FWHM in points of the filter that saw it best.
    """
    tops = np.flatnonzero((z[1:-1] > LEAST_Z) & (z[1:-1] >= z[:-2]) & (z[1:-1] > z[2:])) + 1
    kept: list[int] = []
    for top in tops[np.argsort(-z[tops])]:
        if not any(abs(top - k) < width[k] * (_SKIRT + _LOBES * np.log(z[k] / LEAST_Z)) for k in kept):
            kept.append(int(top))
    return kept
