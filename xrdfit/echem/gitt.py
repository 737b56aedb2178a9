"""Galvanostatic intermittent titration: pulses between rests, and what each tells of transport in the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from xrdfit.echem.charge import ChargeCount, count_charge, of_the_step_before
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.record import CyclerRecord

# Pulses in one direction, rests between them, that make a titration.
LEAST_PULSES = 3
_LEAST_ROWS = 5
# How far the current of a pulse may scatter about its mean.
_STEADY = 0.05
# The part of a pulse that the straight line over sqrt(t) is fitted to: before it the double layer charges.
_FIT_FROM = 0.1
# The part of a rest that tells whether the cell still drifts.
_DRIFT_FROM = 0.9
# Limits of validity: tau D / L^2; deviation from the line over its rise; what a rest would still change by over dE_s.
MOST_TAU, MOST_CURVED, MOST_DRIFT = 0.01, 0.05, 0.1
# Below this slope of the relaxed voltage over the state of charge (V), 4 RT/F at 298.15 K, the particles attract each
# other: an ideal solution is nowhere flatter.
IDEAL_SLOPE_V = 4.0 * 8.314462618 * 298.15 / 96485.33212


@dataclass(frozen=True, slots=True, kw_only=True)
class GittSettings:
    """What must be known of the electrode.

    Attributes
    ----------
    volume_over_area_cm : of the active material over the area that lithium enters through: ``m V_m / (M S)``, the
        thickness of a slab, a third of the radius of spheres. None: no diffusion coefficient.
    diffusion_length_cm : L of the condition ``tau << L^2 / D``. None: taken as the former, which for spheres is the
        stricter one.
    area_cm2, mass_mg : to which resistances are referred; area first.
    full_capacity_mAh : of state of charge 1 over 0; None: the largest half cycle of the record.
    """

    volume_over_area_cm: float | None = None
    diffusion_length_cm: float | None = None
    area_cm2: float | None = None
    mass_mg: float | None = None
    full_capacity_mAh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GittPulse:
    """One pulse with the rests before and after it.

    Attributes
    ----------
    number, half_cycle : from 1. direction : 1 charge, -1 discharge.
    begin_s, tau_s, rest_s : onset, duration of the pulse and of the rest after it.
    current_mA : mean over the pulse, signed. charge_mAh : that it passed, positive.
    capacity_mAh : passed in this half cycle up to the middle of the pulse.
    relaxed_before_V, relaxed_after_V : at the ends of the rests.
    closed_circuit_V : at the end of the pulse.
    ir_drop_V : step at the onset, from the first tenth of the pulse over sqrt(t) extrapolated to t = 0 (from all of it
        where the rows are too few); ohmic and fast kinetic together.
    transient_V, steady_V : dE_t, the rise of that line over the pulse, and dE_s, that of the relaxed voltage.
    overpotential_V : closed circuit less relaxed after, positive.
    resistance_ohm : overpotential over current.
    curvature : largest deviation from the line over sqrt(t), over its rise.
    drift_mV_h : of the voltage at the end of the rest after the pulse.
    diffusion_cm2_s : Weppner & Huggins; NaN without the electrode's dimensions.
    tau_over_l2_d : tau D / L^2; NaN without them.
    plateau, short, straight, relaxed : on a two-phase plateau; short against diffusion; straight over sqrt(t); at rest
        in the end.
    """

    number: int
    half_cycle: int
    direction: int
    begin_s: float
    tau_s: float
    rest_s: float
    current_mA: float
    charge_mAh: float
    capacity_mAh: float
    relaxed_before_V: float
    relaxed_after_V: float
    closed_circuit_V: float
    ir_drop_V: float
    transient_V: float
    steady_V: float
    overpotential_V: float
    resistance_ohm: float
    curvature: float
    drift_mV_h: float
    diffusion_cm2_s: float
    tau_over_l2_d: float
    plateau: bool
    short: bool
    straight: bool
    relaxed: bool

    @property
    def valid(self) -> bool:
        """Whether the diffusion coefficient is one."""
        return self.short and self.straight and self.relaxed and not self.plateau


def find_pulses(record: CyclerRecord, settings: GittSettings | None = None) -> tuple[GittPulse, ...]:
    """The pulses of a titration: currents that are steady, between two rests, three or more in one direction.

    ``D = 4 / (pi tau) (m V_m / (M S))^2 (dE_s / dE_t)^2`` (Weppner & Huggins 1977, J. Electrochem. Soc. 124, 1569,
    eq. 23), with dE_t the rise over the pulse of the straight line fitted to E over sqrt(t).

    Raises
    ------
    DataError
        If the record holds no such pulses.
    """
    settings = GittSettings() if settings is None else settings
    count = count_charge(record)
    sign = count.sign
    edges = [0, *(np.flatnonzero(np.diff(sign)) + 1).tolist(), sign.size]
    steps = [(first, last - 1) for first, last in pairwise(edges)]
    steady = [
        position
        for position, (first, last) in enumerate(steps)
        if 0 < position < len(steps) - 1
        and sign[first]
        and not sign[steps[position - 1][0]]
        and not sign[steps[position + 1][0]]
        and last - first + 1 >= _LEAST_ROWS
        and _is_steady(record.current_A[first : last + 1])
    ]
    chosen: list[int] = []
    # Pulses that follow each other with one rest between them are two steps apart.
    for _, group in groupby(enumerate(steady), key=lambda item: (sign[steps[item[1]][0]], item[1] - 2 * item[0])):
        run = [position for _, position in group]
        chosen += run if len(run) >= LEAST_PULSES else []
    if not chosen:
        raise cycler_error(
            Code.PULSES,
            "no titration in the record",
            where=record.source,
            found=f"{len(steady)} steady currents between two rests against at least {LEAST_PULSES} in one direction",
            todo="give the file of the GITT",
        )
    return tuple(
        _pulse(record, count, number, steps[position - 1 : position + 2], settings)
        for number, position in enumerate(chosen, start=1)
    )


def _is_steady(current: NDArray[np.float64]) -> bool:
    inner = current[1:-1]
    return bool(np.ptp(inner) <= _STEADY * abs(float(np.mean(inner))))


def _pulse(
    record: CyclerRecord,
    count: ChargeCount,
    number: int,
    around: Sequence[tuple[int, int]],
    settings: GittSettings,
) -> GittPulse:
    """The pulse among its rests; ``around`` are the first and last rows of the rest before, the pulse and the rest."""
    time, voltage, interval = record.time_s, record.voltage_V, np.diff(record.time_s)
    before, (first, last), after = around
    sign = count.sign
    onset = float(time[first if of_the_step_before(interval, sign, first - 1) else first - 1])
    end = float(time[last + 1 if of_the_step_before(interval, sign, last) else last])
    tau, rest, way = end - onset, float(time[after[1]]) - end, int(sign[first])
    relaxed_before, relaxed_after = float(voltage[before[1]]), float(voltage[after[1]])
    passed_s, pulse_V = time[first : last + 1] - onset, voltage[first : last + 1]
    intercept, slope, curvature = _line(passed_s, pulse_V, _FIT_FROM * tau, tau)
    if np.count_nonzero(passed_s <= _FIT_FROM * tau) >= _LEAST_ROWS:
        intercept = _line(passed_s, pulse_V, 0.0, _FIT_FROM * tau)[0]
    transient, steady = slope * np.sqrt(tau), relaxed_after - relaxed_before
    charge = abs(float(count.net_mAh[after[1]] - count.net_mAh[before[1]]))
    half = next((half for half in reversed(count.half_cycles) if half.begin_s <= onset + 0.5 * tau), None)
    passed = np.nan if half is None else half.sign * float(count.net_mAh[before[1]] - count.net_mAh[half.first])
    current = float(np.mean(record.current_A[first : last + 1]))
    drift = _drift(time[after[0] : after[1] + 1], voltage[after[0] : after[1] + 1])
    diffusion = np.nan
    if settings.volume_over_area_cm is not None and transient != 0.0:
        diffusion = 4.0 / (np.pi * tau) * (settings.volume_over_area_cm * steady / transient) ** 2
    length = settings.diffusion_length_cm or settings.volume_over_area_cm or np.nan
    tau_over = tau * diffusion / length**2
    full = settings.full_capacity_mAh or count.largest_mAh
    return GittPulse(
        number=number,
        half_cycle=0 if half is None else half.number,
        direction=way,
        begin_s=onset,
        tau_s=tau,
        rest_s=rest,
        current_mA=1e3 * current,
        charge_mAh=charge,
        capacity_mAh=passed + 0.5 * charge,
        relaxed_before_V=relaxed_before,
        relaxed_after_V=relaxed_after,
        closed_circuit_V=float(voltage[last]),
        ir_drop_V=way * (intercept - relaxed_before),
        transient_V=way * transient,
        steady_V=way * steady,
        overpotential_V=way * (float(voltage[last]) - relaxed_after),
        resistance_ohm=way * (float(voltage[last]) - relaxed_after) / abs(current),
        curvature=curvature,
        drift_mV_h=drift,
        diffusion_cm2_s=float(diffusion),
        tau_over_l2_d=float(tau_over),
        plateau=bool(abs(steady) * full < IDEAL_SLOPE_V * charge),
        short=not tau_over > MOST_TAU,
        straight=curvature <= MOST_CURVED,
        relaxed=_left_V(drift, rest) <= MOST_DRIFT * abs(steady),
    )


def _line(
    passed_s: NDArray[np.float64], voltage_V: NDArray[np.float64], from_s: float, to_s: float
) -> tuple[float, float, float]:
    """Intercept (V), slope (V / sqrt(s)) and relative curvature of the voltage over the root of the time."""
    root = np.sqrt(np.maximum(passed_s, 0.0))
    chosen = (passed_s >= from_s) & (passed_s <= to_s)
    if np.count_nonzero(chosen) < 3 or np.ptp(root[chosen]) <= 0.0:
        return float(voltage_V[0]), 0.0, np.inf
    slope, intercept = np.polyfit(root[chosen], voltage_V[chosen], 1)
    rise = abs(slope) * np.sqrt(to_s)
    apart = float(np.max(np.abs(voltage_V[chosen] - intercept - slope * root[chosen])))
    return float(intercept), float(slope), apart / rise if rise > 0.0 else np.inf


def _left_V(drift_mV_h: float, rest_s: float) -> float:
    """How much a rest would still change by: a deviation that decays as one over the root of the time is 2 t dE/dt."""
    return 2.0 * rest_s / 3600.0 * 1e-3 * abs(drift_mV_h)


def _drift(time_s: NDArray[np.float64], voltage_V: NDArray[np.float64]) -> float:
    """Slope at the end of a rest in mV/h; infinite if the rest has too few rows to tell."""
    late = time_s >= time_s[0] + _DRIFT_FROM * (time_s[-1] - time_s[0])
    if np.count_nonzero(late) < 2:
        late = np.arange(time_s.size) >= time_s.size - 2
    if np.count_nonzero(late) < 2 or np.ptp(time_s[late]) <= 0.0:
        return np.inf
    slope = np.polyfit(time_s[late] - time_s[-1], voltage_V[late], 1)[0]
    return float(3.6e6 * slope)
