"""What the cycler says of every scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanTimes
from xrdfit.echem.charge import ChargeCount, HalfCycle, SocScale, count_charge, soc_scale
from xrdfit.echem.clocks import begin_on_scan_clock, disjoint, duration_warnings, shift_notes, zone_warnings
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord
from xrdfit.echem.settings import CyclerSettings

UNITS: Mapping[str, str] = {
    "voltage_V": "V",
    "capacity_mAh": "mA h",
    "soc": "",
    "current_mA": "mA",
    "net_charge_mAh": "mA h",
    "half_cycle": "",
    "direction": "",
    "voltage_low_V": "V",
    "voltage_high_V": "V",
    "capacity_low_mAh": "mA h",
    "capacity_high_mAh": "mA h",
    "soc_low": "",
    "soc_high": "",
    "time_begin_s": "s",
    "time_end_s": "s",
    "capacity_mAh_g": "mA h/g",
    "x_from_charge": "",
}


# More than lithium metal (3862 mA h/g) holds no active material.
_MOST_MAH_G = 4000.0
# Less in the largest half cycle of a record is a mass in another unit, or a very short record.
_LEAST_MAH_G = 1.0
# Shares of the full capacity that one half cycle may pass, and below which a wrong unit is suspected.
_MOST_OF_FULL, _LEAST_OF_FULL = 3.0, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanElectrochemistry:
    """The record beside the scans.

    Attributes
    ----------
    columns : by name (see `UNITS`), (n_scans,) each; NaN where the record says nothing.
    units : of these columns.
    notes : clocks, states of charge and what was left empty, in words. warnings : what may be wrong with the clocks.
    """

    record: CyclerRecord
    count: ChargeCount
    scale: SocScale
    columns: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def align_scans(record: CyclerRecord, times: ScanTimes, settings: CyclerSettings) -> ScanElectrochemistry:
    """Read the record at the mid-time of every scan, and its extremes over the scan's span.

    Nothing is extrapolated: a scan whose mid-time lies outside the record or in one of its pauses has NaN.

    Raises
    ------
    DataError
        If the clocks have nothing in common, no scan lies within the record, or the time zone is not known.
    """
    begin, clock_note = begin_on_scan_clock(record, times, settings)
    time_s = record.time_s + begin
    middle = 0.5 * (times.start_s + times.end_s)
    inside = (middle >= time_s[0]) & (middle <= time_s[-1])
    if not inside.any():
        raise disjoint(record, times, settings, time_s)
    count = count_charge(record)
    scale = soc_scale(count, full_capacity_mAh=settings.full_capacity_mAh)
    _refuse_implausible_scales(record, count, settings)
    known = inside & ~_in_pause(time_s, record.pause_after, middle)
    columns = _columns(record, count, scale, time_s, times, known)
    mass_g = None if settings.active_mass_mg is None else 1e-3 * settings.active_mass_mg
    if mass_g is not None:
        columns["capacity_mAh_g"] = columns["capacity_mAh"] / mass_g
        if settings.theoretical_capacity_mAh_g is not None:
            share = columns["net_charge_mAh"] / (mass_g * settings.theoretical_capacity_mAh_g)
            columns["x_from_charge"] = settings.initial_x - share
    notes = [f"cycler {record.source} ({record.format}): {clock_note}", scale.note, *record.notes, *count.notes]
    notes += _scale_note(count, settings)
    if mass_g is None:
        notes.append("no mass of active material given: capacities in mA h only")
    if not inside.all():
        notes.append(f"{int((~inside).sum())} of {middle.size} scans lie outside the cycler's record: empty there")
        notes += shift_notes(record, float(time_s[0]), times, settings)
    if (inside & ~known).any():
        notes.append(f"{int((inside & ~known).sum())} scans lie in pauses of the cycler's record: empty there")
    return ScanElectrochemistry(
        record=record,
        count=count,
        scale=scale,
        columns=columns,
        units={name: UNITS[name] for name in columns},
        notes=tuple(notes),
        warnings=(
            *zone_warnings(record, times, settings),
            *duration_warnings(record, times),
        ),
    )


def _refuse_implausible_scales(record: CyclerRecord, count: ChargeCount, settings: CyclerSettings) -> None:
    """A mass or a full capacity in another unit makes numbers that no cell has."""
    largest = count.largest_mAh
    if settings.active_mass_mg is not None and largest > _MOST_MAH_G * 1e-3 * settings.active_mass_mg:
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "implausible capacity of the active material",
            where="cycler.active_mass_mg",
            found=f"{largest:.4g} mA h in {record.source} over {settings.active_mass_mg:g} mg = "
            f"{1e3 * largest / settings.active_mass_mg:.3g} mA h/g against at most {_MOST_MAH_G:g}",
            todo="give the mass in mg; check the unit of the current",
        )
    full = settings.full_capacity_mAh
    if full is not None and largest > _MOST_OF_FULL * full:
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "half cycles far beyond the full capacity",
            where="cycler.full_capacity_mAh",
            found=f"{largest:.4g} mA h in one half cycle of {record.source} against a full capacity of {full:g} mA h",
            todo="give it in mA h; check the unit of the current",
        )


def _scale_note(count: ChargeCount, settings: CyclerSettings) -> list[str]:
    """What a full capacity or a mass much larger than what flowed may mean."""
    largest, full, mass = count.largest_mAh, settings.full_capacity_mAh, settings.active_mass_mg
    said = []
    if full is not None and 0.0 < largest < _LEAST_OF_FULL * full:
        said.append(f"the largest half cycle is {largest / full:.2g} of full_capacity_mAh: check it, it is in mA h")
    if mass is not None and 0.0 < largest < _LEAST_MAH_G * 1e-3 * mass:
        said.append(f"the largest half cycle is {1e3 * largest / mass:.2g} mA h/g: check active_mass_mg, it is in mg")
    return said


def _columns(
    record: CyclerRecord,
    count: ChargeCount,
    scale: SocScale,
    time_s: NDArray[np.float64],
    times: ScanTimes,
    known: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    middle = 0.5 * (times.start_s + times.end_s)
    columns = {name: np.full(middle.size, np.nan) for name in UNITS if name not in ("capacity_mAh_g", "x_from_charge")}
    columns["time_begin_s"], columns["time_end_s"] = times.start_s.copy(), times.end_s.copy()
    shift = float(time_s[0] - record.time_s[0])
    for scan in np.flatnonzero(known):
        at = middle[scan]
        net = float(np.interp(at, time_s, count.net_mAh))
        row = min(int(np.searchsorted(time_s, at, side="right")), time_s.size - 1)
        half = _half_cycle_at(count.half_cycles, at - shift)
        columns["voltage_V"][scan] = np.interp(at, time_s, record.voltage_V)
        columns["current_mA"][scan] = 1e3 * np.interp(at, time_s, record.current_A)
        columns["net_charge_mAh"][scan] = net
        columns["soc"][scan] = (net - scale.zero_mAh) / scale.full_mAh
        columns["half_cycle"][scan] = 0 if half is None else half.number
        flows = half is not None and half.begin_s <= at - shift <= half.end_s
        columns["direction"][scan] = half.sign if flows and half is not None and _flowing(count, row, half) else 0
        # The bars: what the cell goes through while the scan is measured, as far as the record knows it.
        first, last = (float(np.clip(edge[scan], time_s[0], time_s[-1])) for edge in (times.start_s, times.end_s))
        rows = slice(np.searchsorted(time_s, first), np.searchsorted(time_s, last, side="right"))
        voltages = [*np.interp([first, at, last], time_s, record.voltage_V), *record.voltage_V[rows]]
        nets = np.array([*np.interp([first, at, last], time_s, count.net_mAh), *count.net_mAh[rows]])
        columns["voltage_low_V"][scan], columns["voltage_high_V"][scan] = min(voltages), max(voltages)
        columns["soc_low"][scan] = (nets.min() - scale.zero_mAh) / scale.full_mAh
        columns["soc_high"][scan] = (nets.max() - scale.zero_mAh) / scale.full_mAh
        passed = _capacity(count, half, nets)
        columns["capacity_mAh"][scan] = _capacity(count, half, np.array([net]))[0]
        columns["capacity_low_mAh"][scan], columns["capacity_high_mAh"][scan] = passed.min(), passed.max()
    return columns


def _capacity(count: ChargeCount, half: HalfCycle | None, net: NDArray[np.float64]) -> NDArray[np.float64]:
    """Charge passed since the half cycle began; what another half cycle passed in the same scan does not count."""
    if half is None:
        return np.zeros(net.size)
    passed = half.sign * (net - count.net_mAh[half.first])
    return np.clip(passed, 0.0, max(half.capacity_mAh, 0.0))


def _half_cycle_at(half_cycles: tuple[HalfCycle, ...], at_s: float) -> HalfCycle | None:
    """The last half cycle that has begun by then; None before the first."""
    return next((half for half in reversed(half_cycles) if half.begin_s <= at_s), None)


def _flowing(count: ChargeCount, row: int, half: HalfCycle) -> bool:
    """Whether current flows around a row."""
    return half.sign in (int(count.sign[row]), int(count.sign[max(row - 1, 0)]))


def _in_pause(
    time_s: NDArray[np.float64], pause_after: NDArray[np.bool_], at: NDArray[np.float64]
) -> NDArray[np.bool_]:
    before = np.clip(np.searchsorted(time_s, at, side="right") - 1, 0, pause_after.size - 1)
    return pause_after[before] & (at > time_s[before]) & (at < time_s[before + 1])
