"""One measured powder pattern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternHeader:
    """What a file says of a measurement beside its numbers; None where it says nothing.

    Attributes
    ----------
    format : name of the file format.
    start_time, end_time : without a time zone they are local time of the instrument.
    step_time_s : counting time of a point; of a detector with strips the sum over them, if that is what is stored.
    wavelengths : angstrom, strongest first: K-alpha1 and K-alpha2, or the one wavelength; empty if unknown.
    alpha2_ratio : intensity of K-alpha2 over that of K-alpha1.
    anode : chemical symbol of the tube's target.
    goniometer_radius_mm : sample to detector.
    remarks : what was done to the numbers that the file holds, or could not be done.
    """

    format: str
    start_time: datetime | None = None
    end_time: datetime | None = None
    step_time_s: float | None = None
    wavelengths: tuple[float, ...] = ()
    alpha2_ratio: float | None = None
    anode: str | None = None
    goniometer_radius_mm: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A powder pattern on its own grid.

    Attributes
    ----------
    two_theta : (n,) deg, strictly ascending, steps may be uneven.
    intensity : (n,) counts or any other intensity unit.
    sigma : (n,) standard deviation in the unit of intensity, or None if the file gives none.
    mask : (n,) True where the point may be used.
    source : where it was read from, for messages.
    start_s, end_s : seconds since the first scan of the series began, or None.
    header : what else the file says, or None.
    """

    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float64]
    sigma: NDArray[np.float64] | None
    mask: NDArray[np.bool_]
    source: str
    start_s: float | None = None
    end_s: float | None = None
    header: PatternHeader | None = None
