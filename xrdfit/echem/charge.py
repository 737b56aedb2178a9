"""Counting charge: half cycles, their capacities, and the state of charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.echem.record import CyclerRecord

# Below this share of the largest current nothing flows.
_NO_CURRENT = 1e-3
# Intervals on each side that a change of the current is compared with.
_NEAR = 5
# A half cycle of less than this share of the largest one's charge is none.
_NO_HALF_CYCLE = 1e-3
# Disagreement with the cycler's own capacity that is said.
_DISAGREE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfCycle:
    """A charge or a discharge.

    Attributes
    ----------
    number : from 1.
    sign : 1 charge, -1 discharge.
    first, last : rows of the record between which its current flows.
    begin_s, end_s : their times; a rest that follows still belongs to the half cycle.
    capacity_mAh : what was counted from the current, positive.
    own_mAh : the same by the cycler itself, or NaN.
    """

    number: int
    sign: int
    first: int
    last: int
    begin_s: float
    end_s: float
    capacity_mAh: float
    own_mAh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeCount:
    """A record's charge.

    Attributes
    ----------
    net_mAh : (n,) charge since the first row; rises on charge, falls on discharge.
    sign : (n,) 1 while charging, -1 while discharging, 0 at rest, by the current of the row.
    half_cycles : in time.
    unknown_s : seconds of pauses in the record, in which no charge was counted.
    notes : where the cycler's own capacity disagrees, and what pauses hide.
    """

    net_mAh: NDArray[np.float64]
    sign: NDArray[np.int8]
    half_cycles: tuple[HalfCycle, ...]
    unknown_s: float
    notes: tuple[str, ...]

    @property
    def largest_mAh(self) -> float:
        """Capacity of the largest half cycle; 0 without one."""
        return max((half.capacity_mAh for half in self.half_cycles), default=0.0)


def count_charge(record: CyclerRecord) -> ChargeCount:
    """Count the charge of a record by the trapezoidal rule between its rows, and find its half cycles.

    An interval in which a current sets in, ends or turns has the current of the step before or behind it, whichever
    records at intervals more like it: some cyclers write the last row of a step and some the first. Where the file has
    the cycler's charge in place of a current, that charge is taken. While the record pauses, what flowed is taken from
    the cycler's own counter if there is one, and else as nothing.
    """
    interval = np.diff(record.time_s)
    sign = current_signs(record.current_A)
    current = 0.5 * (record.current_A[1:] + record.current_A[:-1])
    for row in np.flatnonzero(np.diff(sign)):
        current[row] = record.current_A[row if of_the_step_before(interval, sign, int(row)) else row + 1]
    steps = current * interval / 3.6
    own = record.own_charge_mAh
    if record.derived_current and own is not None:
        steps = np.diff(own)
    elif np.any(record.pause_after):
        steps = np.where(record.pause_after, 0.0 if own is None else np.diff(own), steps)
    net = np.concatenate([[0.0], np.cumsum(steps)])
    half_cycles = _half_cycles(record, net, sign)
    unknown = float(interval[record.pause_after].sum())
    return ChargeCount(
        net_mAh=net,
        sign=sign,
        half_cycles=half_cycles,
        unknown_s=unknown,
        notes=(*_disagreement(half_cycles), *_pauses(record, unknown)),
    )


def current_signs(current: NDArray[np.float64]) -> NDArray[np.int8]:
    """(n,) 1 where a current (n,) charges, -1 where it discharges, 0 where nothing to speak of flows."""
    largest = float(np.max(np.abs(current)))
    flows = np.abs(current) > _NO_CURRENT * largest
    return np.where(flows, np.sign(current), 0.0).astype(np.int8)


def of_the_step_before(interval: NDArray[np.float64], sign: NDArray[np.int8], row: int) -> bool:
    """Whether the interval behind a row is more like those of the step before it than like those of the step behind."""
    steady = sign[1:] == sign[:-1]
    before = interval[row - _run(steady[:row][::-1]) : row]
    behind = interval[row + 1 : row + 1 + _run(steady[row + 1 :])]
    usual = [float(np.median(near[near > 0.0])) if np.any(near > 0.0) else 0.0 for near in (before, behind)]
    if not all(usual) or interval[row] == 0.0:
        return False
    unlike = np.abs(np.log(interval[row] / np.array(usual)))
    return bool(unlike[0] < unlike[1])


def _run(steady: NDArray[np.bool_]) -> int:
    """How many of the first few are true before one is not."""
    near = steady[:_NEAR]
    return near.size if near.all() else int(np.argmin(near))


def _half_cycles(record: CyclerRecord, net: NDArray[np.float64], sign: NDArray[np.int8]) -> tuple[HalfCycle, ...]:
    """Stretches of one sign, whatever rests are in them; what is too small to be one is taken for a disturbance."""
    flowing = np.flatnonzero(sign)
    if not flowing.size:
        return ()
    stretches = _stretches(sign, flowing)
    charges = [abs(_charge(net, first, last)) for first, last in stretches]
    kept = [s for s, charge in zip(stretches, charges, strict=True) if charge > _NO_HALF_CYCLE * max(charges)]
    merged: list[tuple[int, int]] = []
    for first, last in kept:
        if merged and sign[merged[-1][0]] == sign[first]:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    own = record.own_charge_mAh
    found = []
    for number, (first, last) in enumerate(merged, start=1):
        begin, way = max(first - 1, 0), float(sign[first])
        found.append(
            HalfCycle(
                number=number,
                sign=int(way),
                first=begin,
                last=last,
                begin_s=float(record.time_s[begin]),
                end_s=float(record.time_s[last]),
                capacity_mAh=way * float(net[last] - net[begin]),
                own_mAh=np.nan if own is None else way * float(own[last] - own[begin]),
            )
        )
    return tuple(found)


def _stretches(sign: NDArray[np.int8], flowing: NDArray[np.intp]) -> list[tuple[int, int]]:
    """First and last row of every stretch of one sign among the rows in which current flows."""
    turns = np.flatnonzero(np.diff(sign[flowing])) + 1
    firsts, lasts = np.concatenate([[0], turns]), np.concatenate([turns, [flowing.size]]) - 1
    return [(int(flowing[first]), int(flowing[last])) for first, last in zip(firsts, lasts, strict=True)]


def _charge(net: NDArray[np.float64], first: int, last: int) -> float:
    return float(net[last] - net[max(first - 1, 0)])


def _disagreement(half_cycles: tuple[HalfCycle, ...]) -> list[str]:
    notes = []
    for half in half_cycles:
        if np.isfinite(half.own_mAh) and abs(half.own_mAh - half.capacity_mAh) > _DISAGREE * half.capacity_mAh:
            notes.append(
                f"half cycle {half.number}: {half.capacity_mAh:.5g} mA h counted from the current, "
                f"{half.own_mAh:.5g} mA h by the cycler"
            )
    if len(notes) > 3:
        worst = len(notes)
        notes = [*notes[:3], f"the cycler's capacity differs by more than 1 % in {worst} half cycles"]
    return notes


def _pauses(record: CyclerRecord, unknown_s: float) -> list[str]:
    count = int(np.count_nonzero(record.pause_after))
    if not count:
        return []
    how = "as the cycler counted it" if record.own_charge_mAh is not None else "taken as nothing"
    return [f"the record pauses {count} times, {unknown_s / 3600.0:.3g} h in all; charge in the pauses {how}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocScale:
    """State of charge: ``(net - zero) / full``, both in mA h; NaN where it means nothing."""

    zero_mAh: float
    full_mAh: float
    note: str


def soc_scale(count: ChargeCount, *, full_capacity_mAh: float | None) -> SocScale:
    """The scale on which the lowest net charge of the record is 0.

    Parameters
    ----------
    full_capacity_mAh : what state of charge 1 holds more than 0; if None, what the record reaches.
    """
    if not count.half_cycles:
        return SocScale(zero_mAh=np.nan, full_mAh=np.nan, note="no current flows: no state of charge")
    low, high = float(count.net_mAh.min()), float(count.net_mAh.max())
    if full_capacity_mAh is not None:
        note = f"state of charge: 0 at the lowest charge of the record, 1 at {full_capacity_mAh:.5g} mA h more"
        return SocScale(zero_mAh=low, full_mAh=full_capacity_mAh, note=note)
    note = f"state of charge: 0 at the lowest and 1 at the highest charge of this record, {high - low:.5g} mA h apart"
    return SocScale(zero_mAh=low, full_mAh=high - low, note=note)
