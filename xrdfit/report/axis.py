"""What a series is drawn against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.errors import InputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAxis:
    """The horizontal axis of a trajectory: one value a scan, its label, its ends."""

    values: NDArray[np.float64]
    label: str
    limits: tuple[float, float]
    integer: bool


def series_axis(columns: Mapping[str, NDArray], x: str) -> SeriesAxis:
    """The axis ``"scan"`` or ``"time"`` (mid-time in hours since the first scan began).

    Raises
    ------
    InputError
        If ``x`` is neither, or is ``"time"`` in a series without times.
    """
    if x == "scan":
        values = np.asarray(columns["scan"], dtype=np.float64)
        return SeriesAxis(values=values, label="Scan", limits=_limits(values), integer=True)
    if x != "time":
        raise InputError(
            Problem(
                code="E192",
                what="no such axis",
                where="x",
                found=f"found {x!r} against scan or time",
                todo="choose one of those",
            )
        )
    hours = np.asarray(columns["time_s"], dtype=np.float64) / 3600.0
    if not np.isfinite(hours).any():
        raise InputError(
            Problem(
                code="E191",
                what="no times to draw against",
                where="--x time",
                found="found no scan times in the results",
                todo="use --x scan, or give data.times in the recipe and refine again",
            )
        )
    return SeriesAxis(values=hours, label="Time (h)", limits=_limits(hours), integer=False)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.02 * (high - low) or 0.5
    return low - margin, high + margin
