"""What a cycler wrote down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

# An interval without a row is a gap in the record if it is longer than this and than so many usual intervals. Rests are
# often recorded every half hour only.
_GAP_S, _GAP_INTERVALS = 3600.0, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclerRecord:
    """Voltage and current of one cell over time.

    Attributes
    ----------
    time_s : (n,) s, never descending; rows at the same time belong to the end of a step and the beginning of the next.
    voltage_V : (n,) V.
    current_A : (n,) A, **positive while the voltage of the working electrode is driven up**: charge of a cathode.
    own_charge_mAh : (n,) net charge as the cycler itself counted it, or None. Only differences mean something.
    derived_current : whether the current follows from the cycler's charge, because the file holds none.
    start : instant of zero seconds, or None if the file does not tell; without time zone it is the cycler's local time.
    pause_after : (n - 1,) whether the record pauses after a row: between two files, or for a long time.
    source, format, technique : file names, format and technique as the file has them.
    notes : what was settled in reading.
    """

    time_s: NDArray[np.float64]
    voltage_V: NDArray[np.float64]
    current_A: NDArray[np.float64]
    own_charge_mAh: NDArray[np.float64] | None
    derived_current: bool = False
    start: datetime | None
    pause_after: NDArray[np.bool_]
    source: str
    format: str
    technique: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.time_s.size

    @property
    def duration_s(self) -> float:
        """From the first row to the last."""
        return float(self.time_s[-1] - self.time_s[0])

    @property
    def first_instant(self) -> datetime | None:
        """When the first row was written."""
        return None if self.start is None else self.start + timedelta(seconds=float(self.time_s[0]))


def long_intervals(time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n - 1,) whether so much time passes between two rows (n,) that nothing is known of it."""
    intervals = np.diff(time_s)
    usual = float(np.median(intervals[intervals > 0.0])) if np.any(intervals > 0.0) else 0.0
    return intervals > max(_GAP_S, _GAP_INTERVALS * usual)
