"""What the cycler says of every scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanTimes
from xrdfit.echem.charge import ChargeCount, HalfCycle, SocScale, count_charge, soc_scale
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord
from xrdfit.errors import Problem

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
# Shares of the full capacity that one half cycle may pass, and below which a wrong unit is suspected.
_MOST_OF_FULL, _LEAST_OF_FULL = 3.0, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclerSettings:
    """The table ``[cycler]`` of a recipe, but for the file.

    Attributes
    ----------
    clock_offset_s : seconds to be added to the cycler's clock to get that of the scans; None if nothing was said.
    time_zone : of a cycler that wrote local time, as ``Europe/Berlin`` or ``+02:00``.
    active_mass_mg : of the active material; without it there are no specific capacities.
    full_capacity_mAh : between state of charge 0 and 1.
    theoretical_capacity_mAh_g : of the active material; with it the composition follows from the charge.
    initial_x : composition at the first row of the record.
    """

    clock_offset_s: float | None = None
    time_zone: str | None = None
    active_mass_mg: float | None = None
    full_capacity_mAh: float | None = None
    theoretical_capacity_mAh_g: float | None = None
    initial_x: float = 1.0


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
    begin, clock_note = _begin_on_scan_clock(record, times, settings)
    time_s = record.time_s + begin
    middle = 0.5 * (times.start_s + times.end_s)
    inside = (middle >= time_s[0]) & (middle <= time_s[-1])
    if not inside.any():
        raise _disjoint(record, times, settings, time_s)
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
    notes += _scale_note(count, settings.full_capacity_mAh)
    if mass_g is None:
        notes.append("no mass of active material given: capacities in mA h only")
    if not inside.all():
        notes.append(f"{int((~inside).sum())} of {middle.size} scans lie outside the cycler's record: empty there")
    if (inside & ~known).any():
        notes.append(f"{int((inside & ~known).sum())} scans lie in pauses of the cycler's record: empty there")
    return ScanElectrochemistry(
        record=record,
        count=count,
        scale=scale,
        columns=columns,
        units={name: UNITS[name] for name in columns},
        notes=tuple(notes),
        warnings=tuple(_zone_warnings(record, times, settings)),
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


def _scale_note(count: ChargeCount, full_capacity_mAh: float | None) -> list[str]:
    """What a full capacity much larger than all that flowed may mean."""
    if full_capacity_mAh is None or not 0.0 < count.largest_mAh < _LEAST_OF_FULL * full_capacity_mAh:
        return []
    share = count.largest_mAh / full_capacity_mAh
    return [f"the largest half cycle is {share:.2g} of full_capacity_mAh: check it, it is in mA h"]


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


def _begin_on_scan_clock(record: CyclerRecord, times: ScanTimes, settings: CyclerSettings) -> tuple[float, str]:
    """Where the record's zero lies on the scans' clock (s since the first scan began), and how that is known."""
    offset = settings.clock_offset_s or 0.0
    told = f"clock offset {offset:g} s"
    origin = None if times.origin is None else datetime.fromisoformat(times.origin)
    if origin is None or record.start is None:
        if settings.clock_offset_s is None:
            without = "cycler record" if origin is not None else "scans" if record.start is not None else "two"
            raise cycler_error(
                Code.CLOCKS,
                "scans and cycler have no clock in common",
                where="cycler.clock_offset_s",
                found=f"no date in the {without} against dates in both",
                todo="give the seconds from the first scan's start to the record's zero (0 if they began together)",
            )
        return offset, f"no dates; its zero lies {offset:g} s after the first scan's start, as given"
    start = record.start
    if start.tzinfo is None and settings.time_zone is not None:
        start = start.replace(tzinfo=_zone(settings.time_zone))
    if (start.tzinfo is None) != (origin.tzinfo is None):
        told += ", local times of both taken as of one zone"
        origin, start = origin.replace(tzinfo=None), start.replace(tzinfo=None)
    return (start - origin).total_seconds() + offset, told


def _zone_warnings(record: CyclerRecord, times: ScanTimes, settings: CyclerSettings) -> Iterator[str]:
    """Times of scans in UTC beside a cycler's local ones: the state of charge would be off by the zone."""
    origin = None if times.origin is None else datetime.fromisoformat(times.origin)
    if origin is None or origin.tzinfo is None or record.start is None or record.start.tzinfo is not None:
        return
    if settings.time_zone is None and origin.utcoffset() == timedelta(0):
        yield str(
            Problem(
                code="W104",
                what="scans in UTC, cycler in a local time that it does not name",
                where="cycler.time_zone",
                found=f"scans from {origin.isoformat()}, cycler from {record.start.isoformat()}, taken as of one zone",
                todo='write time_zone = "Europe/Berlin" or such, or "+00:00" if the cycler counts in UTC, too',
            )
        )


def _zone(name: str) -> tzinfo:
    try:
        instant = datetime.fromisoformat(f"2000-01-01T00:00:00{name}")
        if instant.tzinfo is not None:
            return instant.tzinfo
    except ValueError:
        pass
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise cycler_error(
            Code.CLOCKS,
            "the time zone is not known",
            where="cycler.time_zone",
            found=f"{name!r} against a name such as Europe/Berlin or an offset such as +02:00",
            todo="correct it",
        ) from None


def _disjoint(
    record: CyclerRecord, times: ScanTimes, settings: CyclerSettings, time_s: NDArray[np.float64]
) -> Exception:
    """Both ranges, and the offset with which the record would begin with the first scan."""
    ranges = []
    for first, last in ((times.start_s[0], times.end_s[-1]), (time_s[0], time_s[-1])):
        if times.origin is None or record.start is None:
            ranges.append(f"{first:.0f} to {last:.0f} s")
        else:
            origin = datetime.fromisoformat(times.origin)
            ends = (origin + timedelta(seconds=float(end)) for end in (first, last))
            ranges.append(" to ".join(end.isoformat(sep=" ", timespec="seconds") for end in ends))
    needed = (settings.clock_offset_s or 0.0) + float(times.start_s[0] - time_s[0])
    return cycler_error(
        Code.CLOCKS,
        "no scan lies within the cycler's record",
        where=record.source,
        found=f"scans {ranges[0]}, cycler {ranges[1]} on the scans' clock, against an overlap",
        todo=f"check both clocks; clock_offset_s = {needed:.0f} would let the record begin with the first scan",
    )
