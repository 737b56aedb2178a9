"""What a series is drawn against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.errors import InputError, Problem

AXES = ("soc", "capacity", "voltage", "time", "scan")
_LABELS = {
    "soc": "State of charge",
    "capacity": "Capacity (mA h)",
    "voltage": "Voltage (V)",
    "time": "Time (h)",
    "scan": "Scan",
}
COLUMNS = {"soc": "soc", "capacity": "capacity_mAh", "voltage": "voltage_V", "time": "time_s", "scan": "scan"}
_SPANS = {
    "soc": ("soc_low", "soc_high"),
    "capacity": ("capacity_low_mAh", "capacity_high_mAh"),
    "voltage": ("voltage_low_V", "voltage_high_V"),
    "time": ("time_begin_s", "time_end_s"),
}


# A bar longer than this many times the usual one does not set the scale.
_LONGEST_BAR = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAxis:
    """The horizontal axis of a trajectory.

    Attributes
    ----------
    values : (n_scans,) one a scan; NaN where it is not known.
    span : (2, n_scans) how far a scan reaches below and above its value, or None if that is not known.
    limits : the ends of the axis.
    integer : whether only whole numbers mean something.
    """

    values: NDArray[np.float64]
    span: NDArray[np.float64] | None
    label: str
    limits: tuple[float, float]
    integer: bool


def series_axis(columns: Mapping[str, NDArray], x: str) -> SeriesAxis:
    """The axis ``"scan"``, ``"time"`` (mid-time in hours since the first scan began), ``"soc"``, ``"capacity"`` (per
    mass, if that is known) or ``"voltage"``.

    Raises
    ------
    InputError
        If ``x`` is none of these, or no scan has a value of it.
    """
    if x not in AXES:
        raise InputError(
            Problem(
                code="E192",
                what="no such axis",
                where="x",
                found=f"found {x!r} against {', '.join(AXES)}",
                todo="choose one of those",
            )
        )
    values = np.asarray(columns.get(COLUMNS[x], np.array([np.nan])), dtype=np.float64)
    if not np.isfinite(values).any():
        lacking, todo = "cycler's record", "add [cycler] to the recipe and refine again"
        if x == "time":
            lacking, todo = "scan times", "give data.times in the recipe and refine again"
        raise InputError(
            Problem(
                code="E191",
                what=f"no {_LABELS[x].split(' (')[0].lower()} to draw against",
                where=f"--x {x}",
                found=f"found no {lacking} in the results",
                todo=f"use --x scan, or {todo}",
            )
        )
    label, factor = _LABELS[x], 1.0 / 3600.0 if x == "time" else 1.0
    if x == "capacity" and "capacity_mAh_g" in columns:
        label, factor = "Capacity (mA h g$^{-1}$)", _per_mass(columns)
    span = _span(columns, x, values)
    span = None if span is None else factor * span
    values = factor * values
    return SeriesAxis(values=values, span=span, label=label, limits=_limits(values, span), integer=x == "scan")


def _per_mass(columns: Mapping[str, NDArray]) -> float:
    """1/g, from the columns that differ by the mass alone."""
    capacity, specific = columns["capacity_mAh"], columns["capacity_mAh_g"]
    largest = int(np.nanargmax(capacity))
    return float(specific[largest] / capacity[largest]) if capacity[largest] > 0.0 else 1.0


def _span(columns: Mapping[str, NDArray], x: str, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    low, high = _SPANS.get(x, ("", ""))
    if low not in columns or high not in columns:
        return None
    return np.maximum(np.array([values - columns[low], columns[high] - values]), 0.0)


def _limits(values: NDArray[np.float64], span: NDArray[np.float64] | None) -> tuple[float, float]:
    bars = np.zeros((2, values.size))
    if span is not None:
        bars = np.minimum(span, _LONGEST_BAR * np.nanmedian(span, axis=1, keepdims=True))
    below, above = values - bars[0], values + bars[1]
    low, high = float(np.nanmin(below)), float(np.nanmax(above))
    margin = 0.02 * (high - low) or 0.5
    return low - margin, high + margin
