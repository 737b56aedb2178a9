"""When the points of a scan were measured, and what of each belongs to the scans before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.series_block import AFTER, BEFORE, OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanClock:
    """When the points of a scan were measured against its neighbours in the chain.

    before, middle, after : mid-times in s; None where there is no neighbour. start, end : of the scan.
    against_before, against_after : irradiated amount, which may jump, against that of the neighbour.
    """

    start: float
    end: float
    before: float | None
    after: float | None
    against_before: float = 1.0
    against_after: float = 1.0

    @property
    def middle(self) -> float:
        return 0.5 * (self.start + self.end)

    def is_like(self, other: ScanClock) -> bool:
        """Whether the scans around a scan were measured as long before and after it as those around another."""
        return self._around == other._around

    @property
    def _around(self) -> tuple[float | None, ...]:
        return (
            self.end - self.start,
            None if self.before is None else self.before - self.start,
            None if self.after is None else self.after - self.start,
            self.against_before,
            self.against_after,
        )


def sweep_share(clock: ScanClock, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, n) how far each used point belongs to the scan before, the scan itself and the scan after.

    Points follow each other from low to high angle; a scale at a point is interpolated linearly between mid-times. At
    either end of the series it stays what it is, and so it does beyond the middle of a neighbour that overlaps. A
    neighbour with another amount counts with the scale it would have with that of the scan.
    """
    time = clock.start + (clock.end - clock.start) * (np.flatnonzero(used) + 0.5) / used.size
    share = np.zeros((3, time.size))
    early = time < clock.middle
    # A scan that claims to have been measured at the same time is no neighbour to interpolate to.
    if clock.before is not None and clock.before < clock.middle:
        share[BEFORE, early] = np.minimum((clock.middle - time[early]) / (clock.middle - clock.before), 1.0)
    if clock.after is not None and clock.after > clock.middle:
        share[AFTER, ~early] = np.minimum((time[~early] - clock.middle) / (clock.after - clock.middle), 1.0)
    share[OWN] = 1.0 - share[BEFORE] - share[AFTER]
    share[BEFORE] *= clock.against_before
    share[AFTER] *= clock.against_after
    return share
