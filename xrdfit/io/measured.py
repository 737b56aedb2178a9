"""From what a diffractometer's file holds to patterns with an honest standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.check import MINIMUM_POINTS, checked_pattern
from xrdfit.io.problems import Code, data_error

# Rates are stored with few decimals: so far from a whole number a count may be, and all of them must be that near.
_WHOLE = 0.02
RATE_UNITS = ("cps", "counts/s", "countspersecond", "counts per second", "cts/s")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredScan:
    """One scan as its file gives it.

    Attributes
    ----------
    two_theta : (n,) deg, ascending or descending.
    detected : (n,) what the detector registered, before any attenuator was allowed for.
    unit : unit of ``detected`` as the file calls it; `RATE_UNITS` are counts per second.
    factor : (n,) what ``detected`` is to be multiplied by (attenuator, unequal counting times), or None.
    sigma : (n,) standard deviation of ``detected`` where the file gives it, or None.
    """

    two_theta: NDArray[np.float64]
    detected: NDArray[np.float64]
    header: PatternHeader
    unit: str = "counts"
    factor: NDArray[np.float64] | None = None
    sigma: NDArray[np.float64] | None = None


def patterns_of(scans: Sequence[MeasuredScan], *, source: str) -> tuple[Pattern, ...]:
    """The patterns of a file, in its order; scans of fewer than `MINIMUM_POINTS` are left out beside others.

    Raises
    ------
    DataError
        No scan, or numbers that make no pattern.
    """
    if not scans:
        raise data_error(
            Code.EMPTY,
            "the file holds no scan",
            where=source,
            found="a header without data against a pattern",
            todo="measure or export it again, or leave it out",
        )
    kept = [(number, scan) for number, scan in enumerate(scans) if scan.two_theta.size >= MINIMUM_POINTS]
    if not kept or len(scans) == 1:
        kept = [(0, scans[0])]
    if left_out := len(scans) - len(kept):
        first = kept[0][1]
        said = (*first.header.remarks, f"{left_out} scans of fewer than {MINIMUM_POINTS} points are left out")
        kept[0] = (kept[0][0], replace(first, header=replace(first.header, remarks=said)))
    names = [source if len(scans) == 1 else f"{source}[{number}]" for number, _ in kept]
    return tuple(_pattern(scan, name) for (_, scan), name in zip(kept, names, strict=True))


def _pattern(scan: MeasuredScan, source: str) -> Pattern:
    remarks = list(scan.header.remarks)
    detected, is_counts = scan.detected, scan.unit.strip().lower() not in RATE_UNITS
    if not is_counts:
        counts = _counts(detected, scan.header.step_time_s)
        if counts is None:
            remarks.append("counts per second; no counting time makes whole counts of them: noise is estimated")
        else:
            remarks.append(f"counts per second, times the counting time of {scan.header.step_time_s:g} s")
            detected, is_counts = counts, True
    intensity, sigma = detected, scan.sigma
    if scan.factor is not None and np.any(scan.factor != scan.factor[0]):
        intensity = detected * scan.factor
        remarks.append(f"factors of {scan.factor.min():g} to {scan.factor.max():g} (attenuator, counting time)")
        if sigma is None and is_counts:
            # No counts at all say that there are few, not that there is no error.
            sigma = np.sqrt(np.maximum(detected, 1.0))
        sigma = None if sigma is None else sigma * scan.factor
    return checked_pattern(
        scan.two_theta,
        intensity,
        sigma,
        source=source,
        header=replace(scan.header, remarks=tuple(remarks)),
    )


def _counts(rate: NDArray[np.float64], step_time_s: float | None) -> NDArray[np.float64] | None:
    """Whole counts behind rates, or None if this counting time is not what they were divided by."""
    if not step_time_s:
        return None
    counts = rate * step_time_s
    whole = np.round(counts)
    return whole if np.all(np.abs(counts - whole) <= _WHOLE) else None


def regular_grid(start: float, step: float, n_points: int) -> NDArray[np.float64]:
    """(n_points,) angles from ``start`` in steps of ``step``, deg."""
    return start + step * np.arange(n_points, dtype=np.float64)
