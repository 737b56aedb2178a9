"""Prepared scans in little memory: a long series would not fit into it otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, Weights
from xrdfit.fit import PreparedScan, first_variance
from xrdfit.model import NoiseModel, Points


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Angles of a pattern (n_pattern,) in deg, which of its points may be used and which are; scans in a row share it.

    chosen : (n,) deg, of those that are. where : these among all points.
    """

    two_theta: NDArray[np.float64]
    mask: NDArray[np.bool_]
    used: NDArray[np.bool_]
    chosen: NDArray[np.float64]
    where: NDArray[np.bool_] | slice

    @classmethod
    def of(cls, scan: PreparedScan) -> Grid:
        pattern, points = scan.pattern, scan.points
        return cls(
            two_theta=pattern.two_theta,
            mask=pattern.mask,
            used=points.used,
            chosen=points.two_theta,
            where=slice(None) if points.used.all() else points.used,
        )

    def is_same(self, two_theta: NDArray[np.float64], mask: NDArray[np.bool_], used: NDArray[np.bool_]) -> bool:
        return (
            np.array_equal(self.two_theta, two_theta)
            and np.array_equal(self.mask, mask)
            and np.array_equal(self.used, used)
        )


class KeptScan:
    """A prepared scan, every number of which is had again to the last bit.

    like : another scan, with which it shares the grid if that is the same.
    """

    grid: Grid

    __slots__ = ("_constant", "_intensity", "_noise", "_origin", "_sigma", "grid")

    def __init__(self, scan: PreparedScan, like: KeptScan | None = None) -> None:
        pattern, points, noise = scan.pattern, scan.points, scan.noise
        known = like is not None and like.grid.is_same(pattern.two_theta, pattern.mask, points.used)
        self.grid = like.grid if like is not None and known else Grid.of(scan)
        self._origin = pattern.source, pattern.start_s, pattern.end_s, pattern.header
        self._intensity = smallest(pattern.intensity)
        self._sigma = None if pattern.sigma is None else smallest(pattern.sigma)
        self._noise = noise.slope, noise.floor, noise.regime
        self._constant: NDArray | float | None = None
        if points.sigma is None or not np.array_equal(noise.constant, points.sigma**2):
            even = noise.constant.size > 0 and bool((noise.constant == noise.constant[0]).all())
            self._constant = float(noise.constant[0]) if even else smallest(noise.constant)

    @property
    def prepared(self) -> PreparedScan:
        points, noise = self.points, self.noise
        variance = first_variance(points.intensity, noise)
        return PreparedScan(pattern=self.pattern, points=points, noise=noise, variance=variance)

    @property
    def pattern(self) -> Pattern:
        """As it was read."""
        source, start_s, end_s, header = self._origin
        return Pattern(
            two_theta=self.grid.two_theta,
            intensity=self._intensity.astype(np.float64),
            sigma=None if self._sigma is None else self._sigma.astype(np.float64),
            mask=self.grid.mask,
            source=source,
            start_s=start_s,
            end_s=end_s,
            header=header,
        )

    @property
    def points(self) -> Points:
        """What of it is used."""
        return Points(two_theta=self.grid.chosen, intensity=self.intensity, sigma=self._used_sigma, used=self.grid.used)

    @property
    def noise(self) -> NoiseModel:
        slope, floor, regime = self._noise
        return NoiseModel(constant=self.noise_constant, slope=slope, floor=floor, regime=regime)

    @property
    def noise_line(self) -> tuple[float, float]:
        """Slope and floor of the noise model."""
        return self._noise[:2]

    @property
    def regime(self) -> Weights:
        """Where the noise model comes from."""
        return self._noise[2]

    @property
    def intensity(self) -> NDArray[np.float64]:
        """(n,) of the used points."""
        return self._intensity[self.grid.where].astype(np.float64)

    @property
    def noise_constant(self) -> NDArray[np.float64]:
        """(n,) part of their variance that does not depend on the model."""
        if isinstance(self._constant, float):
            return np.full(self.grid.chosen.size, self._constant)
        if self._constant is not None:
            return self._constant.astype(np.float64)
        sigma = self._used_sigma
        assert sigma is not None
        return sigma**2

    def put(self, intensity: NDArray[np.float64], noise_constant: NDArray[np.float64]) -> None:
        """Fill (n,) both."""
        intensity[:] = self._intensity[self.grid.where]
        noise_constant[:] = self.noise_constant if self._constant is None else self._constant

    @property
    def _used_sigma(self) -> NDArray[np.float64] | None:
        return None if self._sigma is None else self._sigma[self.grid.where].astype(np.float64)


class KeptScans(dict[int, KeptScan]):
    """Scans by index that were prepared before, so that they need not be read again.

    Who does the work elsewhere reads them from the file: they stay here when this is sent there.
    """

    def keep(self, index: int, scan: PreparedScan) -> None:
        """Scans are best kept in their order: those in a row share a grid."""
        self[index] = KeptScan(scan, next(reversed(self.values()), None))

    def take(self, index: int, scan: KeptScan) -> None:
        """The same of one that was kept elsewhere."""
        last, grid = next(reversed(self.values()), None), scan.grid
        if last is not None and last.grid.is_same(grid.two_theta, grid.mask, grid.used):
            scan.grid = last.grid
        self[index] = scan

    def __reduce__(self) -> tuple[type[KeptScans], tuple[()]]:
        return type(self), ()


def smallest(values: NDArray[np.float64]) -> NDArray:
    """The same numbers in as few bytes as hold them exactly: counts are small."""
    for kind in (np.uint8, np.uint16, np.float32):
        with np.errstate(invalid="ignore", over="ignore"):
            packed = values.astype(kind)
        # Bytes tell a zero from a negative one, and one NaN is the other.
        if packed.astype(np.float64).tobytes() == values.tobytes():
            return packed
    return values
