"""Charge is counted as the current says, whatever the cycler's habit of writing rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cyclers import Cell, cell
from xrdfit.echem import CyclerRecord, HalfCycle, count_charge, soc_scale
from xrdfit.echem.record import long_intervals


def record(of: Cell, *, own: bool = True, rows: slice | np.ndarray = slice(None)) -> CyclerRecord:
    time = of.time[rows]
    return CyclerRecord(
        time_s=time,
        voltage_V=of.voltage[rows],
        current_A=1e-3 * of.current[rows],
        own_charge_mAh=of.charge[rows] if own else None,
        start=None,
        pause_after=long_intervals(time),
        source="cell",
        format="made",
    )


def capacities(half_cycles: tuple[HalfCycle, ...]) -> list[float]:
    return [half.sign * half.capacity_mAh for half in half_cycles]


@settings(max_examples=30, deadline=None)
@given(
    st.floats(min_value=1e-3, max_value=100.0),
    st.floats(min_value=0.5, max_value=50.0),
    st.sampled_from([10.0, 60.0, 300.0]),
)
def test_a_constant_current_gives_current_times_time(current_mA: float, hours: float, interval_s: float) -> None:
    count = count_charge(record(cell(current_mA=current_mA, hours=hours, interval_s=interval_s)))
    assert capacities(count.half_cycles) == pytest.approx([current_mA * hours, -current_mA * hours], rel=1e-9)
    assert [half.number for half in count.half_cycles] == [1, 2]
    assert count.notes == ()


def test_half_cycles_sum_to_the_net_charge() -> None:
    of = cell()
    count = count_charge(record(of, rows=slice(0, of.time.size * 3 // 4)))
    assert sum(capacities(count.half_cycles)) == pytest.approx(count.net_mAh[-1], abs=1e-9)
    assert count.net_mAh[-1] == pytest.approx(of.charge[of.time.size * 3 // 4 - 1], rel=1e-9)


@pytest.mark.parametrize("kept", ["first row of every step", "last row of every step"])
def test_charge_does_not_depend_on_which_end_of_a_step_the_cycler_writes(kept: str) -> None:
    of = cell(interval_s=60.0)
    # Rests are recorded every ten minutes, as many cyclers do.
    minutes = np.round(of.time / 60.0)
    doubled = np.flatnonzero(np.diff(of.time) == 0.0) + (0 if kept.startswith("first") else 1)
    rows = np.setdiff1d(np.flatnonzero((of.current != 0.0) | (minutes % 10 == 0)), doubled)
    count = count_charge(record(of, own=False, rows=rows))
    assert capacities(count.half_cycles) == pytest.approx([1.2, -1.2], rel=0.01)


def test_a_rest_within_a_charge_does_not_end_it() -> None:
    of = cell()
    current = of.current.copy()
    current[(of.time > 3600.0) & (of.time < 5400.0)] = 0.0
    count = count_charge(record(replace(of, current=current), own=False))
    assert [half.sign for half in count.half_cycles] == [1, -1]


def test_a_disturbance_is_no_half_cycle() -> None:
    of = cell()
    current = of.current.copy()
    current[60] *= -1.0
    halves = count_charge(record(replace(of, current=current), own=False)).half_cycles
    assert [half.sign for half in halves] == [1, -1] or len(halves) == 4
    current[60] = -1e-4
    halves = count_charge(record(replace(of, current=current), own=False)).half_cycles
    assert [half.sign for half in halves] == [1, -1]


def test_a_cycler_that_counted_something_else_is_told() -> None:
    of = cell()
    (first, second) = count_charge(record(replace(of, charge=0.9 * of.charge))).notes
    assert first == "half cycle 1: 1.2 mA h counted from the current, 1.08 mA h by the cycler"
    assert second.startswith("half cycle 2")


def test_what_flows_in_a_pause_is_not_made_up() -> None:
    of = cell(hours=8.0)
    rows = np.flatnonzero((of.time < 2.0 * 3600.0) | (of.time > 6.0 * 3600.0))
    blind = count_charge(record(of, own=False, rows=rows))
    assert blind.unknown_s == pytest.approx(4.0 * 3600.0, rel=0.01)
    assert blind.half_cycles[0].capacity_mAh == pytest.approx(4.0 * 0.6, rel=0.01)
    assert "taken as nothing" in blind.notes[0]
    told = count_charge(record(of, rows=rows))
    assert told.half_cycles[0].capacity_mAh == pytest.approx(8.0 * 0.6, rel=0.01)


def test_charge_stands_in_for_a_current_that_the_file_does_not_hold() -> None:
    of = cell()
    derived = replace(record(of), current_A=np.sign(of.current) * 1e-6, derived_current=True)
    assert capacities(count_charge(derived).half_cycles) == pytest.approx([1.2, -1.2], rel=1e-9)


def test_state_of_charge_spans_the_record_or_the_capacity_that_is_given() -> None:
    count = count_charge(record(cell()))
    assert soc_scale(count, full_capacity_mAh=None).full_mAh == pytest.approx(1.2)
    scale = soc_scale(count, full_capacity_mAh=2.4)
    assert (scale.zero_mAh, scale.full_mAh) == (pytest.approx(0.0, abs=1e-12), 2.4)
    resting = replace(record(cell(), own=False), current_A=np.zeros(cell().time.size))
    assert np.isnan(soc_scale(count_charge(resting), full_capacity_mAh=None).full_mAh)
