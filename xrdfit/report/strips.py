"""Which phases share a vertical axis, and what that axis spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import PhaseLabel

# Phases further apart than this many times what they travel get an axis each: one in common would flatten them.
_FAR = 1.0
# An error bar longer than this many times the usual one does not set the scale.
_LONGEST_BAR = 3.0
# Least span of an axis, relative to the value: less is below what powder diffraction tells.
_LEAST_SPAN = 2e-5

# Widths of the sample, deg.
WIDTHS = ("lorentz_size",)
_ORDER = ("a", "b", "c", "alpha", "beta", "gamma")


def shown_parameters(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> list[str]:
    """Free cell parameters of any phase in the field's order, then the volume; those without a value left out."""
    names = (*_ORDER, "volume")
    return [name for name in names if any(is_measured(columns, phase, name) for phase in phases)]


def varying_widths(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> list[str]:
    """Widths that a phase has a value of its own of in every scan; what the series shares is no trajectory."""

    def varies(column: NDArray[np.float64]) -> bool:
        known = column[np.isfinite(column)]
        return known.size > 1 and bool(np.ptp(known) > 1e-9 * np.abs(known).max())

    columns_of = {name: [columns.get(f"{phase.name}_{name}", np.empty(0)) for phase in phases] for name in WIDTHS}
    return [name for name, found in columns_of.items() if any(map(varies, found))]


def is_measured(columns: Mapping[str, NDArray], phase: PhaseLabel, name: str) -> bool:
    """Whether a phase has a value of this cell parameter or width in any scan."""
    column = columns.get(f"{phase.name}_{name}")
    own = name in ("volume", *WIDTHS) or name in phase.cell_names
    return own and column is not None and bool(np.isfinite(column).any())


def is_fraction_known(columns: Mapping[str, NDArray], phase: PhaseLabel) -> bool:
    """Whether a phase has a fraction in any scan."""
    column = columns.get(f"{phase.name}_fraction")
    return column is not None and bool(np.isfinite(column).any())


def has_fractions(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> bool:
    """Whether the series determines fractions that are worth drawing: of two phases at least."""
    return sum(is_fraction_known(columns, phase) for phase in phases) > 1


def strips_of(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel], name: str) -> list[list[PhaseLabel]]:
    """Phases to be drawn on one vertical axis each, highest values first."""
    spans = [(*_span(columns, phase, name), phase) for phase in phases if is_measured(columns, phase, name)]
    groups: list[list[PhaseLabel]] = []
    last_low, last_span = np.inf, 0.0
    for low, high, phase in sorted(spans, key=lambda item: -item[1]):
        if groups and last_low - high < _FAR * max(last_span, high - low):
            groups[-1].append(phase)
            last_low, last_span = min(low, last_low), max(high - low, last_span)
        else:
            groups.append([phase])
            last_low, last_span = low, high - low
    return groups


def strip_limits(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel], name: str) -> tuple[float, float]:
    """Ends of an axis: all values and usual error bars are inside, a reference too unless it would flatten them."""
    ends = [_span(columns, phase, name) for phase in phases]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    span = high - low
    for phase in phases:
        reference = phase.reference.get(name)
        if reference is not None and low - span < reference < high + span:
            low, high = min(low, reference), max(high, reference)
    margin = 0.1 * (high - low)
    return low - margin, high + margin


def esd_of(columns: Mapping[str, NDArray], phase: PhaseLabel, name: str) -> NDArray[np.float64]:
    """(n_scans,) esds; NaN where there is none."""
    column = columns.get(f"{phase.name}_{name}_esd")
    return np.full(len(columns[f"{phase.name}_{name}"]), np.nan) if column is None else column


def held_scans(columns: Mapping[str, NDArray], phase: PhaseLabel) -> list[int]:
    """Rows in which a phase has a cell, but one that was not refined there: it has no esd."""
    held = np.zeros(len(columns["scan"]), dtype=bool)
    for name in phase.cell_names:
        values, esd = columns.get(f"{phase.name}_{name}"), columns.get(f"{phase.name}_{name}_esd")
        if values is not None:
            held |= np.isfinite(values) & (True if esd is None else ~np.isfinite(esd))
    return np.flatnonzero(held).tolist()


def _span(columns: Mapping[str, NDArray], phase: PhaseLabel, name: str) -> tuple[float, float]:
    values, esd = columns[f"{phase.name}_{name}"], esd_of(columns, phase, name)
    there = np.isfinite(values)
    values, esd = values[there], np.nan_to_num(esd[there], nan=0.0)
    bar = np.minimum(esd, _LONGEST_BAR * np.median(esd))
    low, high = float((values - bar).min()), float((values + bar).max())
    least = _LEAST_SPAN * abs(high)
    if high - low < least:
        middle = 0.5 * (low + high)
        low, high = middle - 0.5 * least, middle + 0.5 * least
    return low, high
