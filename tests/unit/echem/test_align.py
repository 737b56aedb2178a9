"""Every scan gets what the record says at its mid-time, and nothing that the record does not say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tests.cyclers import cell
from tests.unit.echem.test_charge import record
from xrdfit.data import ScanTimes
from xrdfit.echem import CyclerSettings, ScanElectrochemistry, align_scans
from xrdfit.errors import DataError

ORIGIN = "2026-05-02T09:00:00+02:00"
# Rest to 0.5 h, charge to 2.5 h, rest to 3 h, discharge to 5 h, rest to 5.5 h.
RECORD = replace(record(cell()), start=datetime(2026, 5, 2, 9, 0, 0))
HALF_HOURS = 1800.0 * np.arange(11)
TIMES = ScanTimes(start_s=HALF_HOURS, end_s=HALF_HOURS + 1800.0, origin=ORIGIN)


def aligned(times: ScanTimes = TIMES, **said: float | str) -> ScanElectrochemistry:
    return align_scans(RECORD, times, CyclerSettings(**said))  # type: ignore[arg-type]


def test_scans_get_voltage_current_and_capacity_of_their_mid_time() -> None:
    columns = aligned().columns
    np.testing.assert_allclose(columns["voltage_V"][:4], [3.0, 3.0625, 3.1875, 3.3125])
    np.testing.assert_allclose(columns["capacity_mAh"][:5], [0.0, 0.15, 0.45, 0.75, 1.05])
    np.testing.assert_allclose(columns["current_mA"][[0, 2, 5, 8]], [0.0, 0.6, 0.0, -0.6])


def test_capacity_begins_anew_with_every_half_cycle_and_soc_does_not() -> None:
    columns = aligned().columns
    np.testing.assert_allclose(columns["capacity_mAh"][5:10], [1.2, 0.15, 0.45, 0.75, 1.05])
    np.testing.assert_allclose(columns["soc"][[0, 4, 5, 6, 10]], [0.0, 0.875, 1.0, 0.875, 0.0], atol=1e-9)
    np.testing.assert_array_equal(columns["half_cycle"], [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2])
    np.testing.assert_array_equal(columns["direction"], [0, 1, 1, 1, 1, 0, -1, -1, -1, -1, 0])


def test_bars_are_what_the_cell_went_through_during_the_scan() -> None:
    columns = aligned().columns
    np.testing.assert_allclose([columns["soc_low"][2], columns["soc_high"][2]], [0.25, 0.5])
    np.testing.assert_allclose([columns["voltage_low_V"][2], columns["voltage_high_V"][2]], [3.125, 3.25])
    np.testing.assert_allclose([columns["capacity_low_mAh"][6], columns["capacity_high_mAh"][6]], [0.0, 0.3])
    over_the_turn = ScanTimes(start_s=np.array([0.0, 7200.0]), end_s=np.array([60.0, 14400.0]), origin=ORIGIN)
    turned = aligned(over_the_turn).columns
    assert turned["soc_high"][1] == pytest.approx(1.0)
    assert turned["soc_low"][1] == pytest.approx(0.5)


def test_nothing_is_extrapolated() -> None:
    late = replace(TIMES, start_s=HALF_HOURS + 1800.0 * 8, end_s=HALF_HOURS + 1800.0 * 9)
    found = aligned(late)
    for name in ("voltage_V", "capacity_mAh", "soc", "soc_low", "half_cycle", "direction"):
        assert np.isfinite(found.columns[name][:3]).all()
        assert np.isnan(found.columns[name][3:]).all()
    assert any("8 of 11 scans lie outside" in note for note in found.notes)


def test_scans_in_a_pause_of_the_record_are_left_empty() -> None:
    of = cell(hours=8.0)
    paused = record(of, own=False, rows=np.flatnonzero((of.time < 7200.0) | (of.time > 21600.0)))
    found = align_scans(replace(paused, start=datetime(2026, 5, 2, 9, 0, 0)), TIMES, CyclerSettings())
    assert np.isnan(found.columns["voltage_V"][4:]).all()
    assert np.isfinite(found.columns["voltage_V"][:4]).all()
    assert any("pauses of the cycler's record" in note for note in found.notes)


def test_clocks_apart_are_told_with_both_ranges_and_the_offset_that_would_help() -> None:
    with pytest.raises(DataError) as caught:
        aligned(replace(TIMES, origin="2026-05-03T09:00:00+02:00"))
    message = str(caught.value)
    assert message.startswith("E149 ")
    assert "scans 2026-05-03 09:00:00+02:00 to 2026-05-03 14:30:00+02:00" in message
    assert "cycler 2026-05-02 09:00:00+02:00" in message
    assert "clock_offset_s = 86400" in message
    found = aligned(replace(TIMES, origin="2026-05-03T09:00:00+02:00"), clock_offset_s=86400.0)
    assert found.columns["voltage_V"][2] == pytest.approx(3.1875)


def test_a_clock_offset_is_added_to_the_clock_of_the_cycler() -> None:
    found = aligned(clock_offset_s=-1800.0)
    assert found.columns["voltage_V"][1] == pytest.approx(3.1875)
    assert "clock offset -1800 s" in found.notes[0]


def test_a_local_time_counts_in_the_zone_that_is_given() -> None:
    assert aligned(time_zone="+01:00", clock_offset_s=-3600.0).columns["voltage_V"][2] == pytest.approx(3.1875)
    assert aligned(time_zone="Europe/Berlin").columns["voltage_V"][2] == pytest.approx(3.1875)
    with pytest.raises(DataError, match="time zone is not known"):
        aligned(time_zone="Central Perk")


def test_without_dates_the_clocks_have_nothing_in_common_unless_the_offset_is_given() -> None:
    with pytest.raises(DataError, match="no date in the scans"):
        aligned(replace(TIMES, origin=None))
    found = aligned(replace(TIMES, origin=None), clock_offset_s=0.0)
    assert found.columns["voltage_V"][2] == pytest.approx(3.1875)


def test_capacity_per_mass_only_with_a_mass_and_composition_only_if_asked() -> None:
    bare = aligned()
    assert not {"capacity_mAh_g", "x_from_charge"} & set(bare.columns)
    assert "no mass of active material given: capacities in mA h only" in bare.notes
    weighed = aligned(active_mass_mg=10.0)
    np.testing.assert_allclose(weighed.columns["capacity_mAh_g"], weighed.columns["capacity_mAh"] / 0.01)
    assert "x_from_charge" not in weighed.columns
    asked = aligned(active_mass_mg=10.0, theoretical_capacity_mAh_g=170.0)
    assert asked.columns["x_from_charge"][5] == pytest.approx(1.0 - 1.2 / 1.7)


@pytest.mark.parametrize(
    ("said", "where"),
    [({"active_mass_mg": 0.00139}, "active_mass_mg"), ({"full_capacity_mAh": 0.3}, "full_capacity_mAh")],
)
def test_a_mass_or_capacity_in_another_unit_is_refused(said: dict[str, float], where: str) -> None:
    with pytest.raises(DataError, match=f"E147 .* cycler.{where} · 1.2 mA h"):
        aligned(**said)


def test_a_full_capacity_far_beyond_the_record_is_wondered_at() -> None:
    assert any("0.0012 of full_capacity_mAh" in note for note in aligned(full_capacity_mAh=1000.0).notes)
    assert not any("of full_capacity_mAh" in note for note in aligned(full_capacity_mAh=1.5).notes)


def test_scans_in_utc_beside_a_clock_on_the_wall_are_warned_of() -> None:
    utc = replace(TIMES, origin="2026-05-02T09:00:00+00:00")
    (warning,) = aligned(utc).warnings
    assert warning.startswith("W104") and "time_zone" in warning
    assert not aligned(utc, time_zone="+00:00").warnings
    assert not aligned(TIMES).warnings


def test_a_record_of_seconds_beside_a_series_of_hours_is_wondered_at() -> None:
    short = replace(RECORD, time_s=RECORD.time_s / 3600.0, start=datetime(2026, 5, 2, 9, 15, 0))
    (warning,) = align_scans(short, TIMES, CyclerSettings()).warnings
    assert warning.startswith("W107") and "0.00153 h of record against 5.5 h of scans" in warning


def test_a_record_too_short_to_hold_a_scan_is_no_matter_of_clocks() -> None:
    with pytest.raises(DataError, match=r"E149 .*\[cycler.units\] time") as caught:
        align_scans(replace(RECORD, time_s=RECORD.time_s / 3600.0), TIMES, CyclerSettings())
    assert "clock_offset_s" not in str(caught.value)


@pytest.mark.parametrize(
    ("late_s", "told"), [(3600.0, True), (-7200.0, True), (3500.0, True), (3400.0, False), (0.0, False)]
)
def test_a_record_whole_hours_off_that_misses_scans_is_noted_with_the_offset(late_s: float, told: bool) -> None:
    late = replace(RECORD, start=datetime(2026, 5, 2, 9, 0, 0) + timedelta(seconds=late_s))
    found = align_scans(late, TIMES, CyclerSettings())
    notes = [note for note in found.notes if "the record begins" in note]
    assert len(notes) == told and not found.warnings
    if told:
        assert f"{abs(late_s) / 3600.0:.2f} h" in notes[0] and f"clock_offset_s = {-late_s:.0f}" in notes[0]
    # A long rest before the first scan is none of that: all scans lie within the record.
    early = replace(RECORD, start=datetime(2026, 5, 2, 8, 0, 0))
    few = ScanTimes(start_s=TIMES.start_s[:5], end_s=TIMES.end_s[:5], origin=ORIGIN)
    assert not any("the record begins" in note for note in align_scans(early, few, CyclerSettings()).notes)


def test_what_the_user_says_of_the_clocks_is_not_doubted() -> None:
    late = replace(RECORD, start=datetime(2026, 5, 2, 9, 0, 0) + timedelta(seconds=5000.0))
    found = align_scans(late, TIMES, CyclerSettings(clock_offset_s=-1400.0))
    assert not any("the record begins" in note for note in found.notes) and found.warnings == ()
    dateless = replace(RECORD, start=None)
    assert align_scans(dateless, TIMES, CyclerSettings(clock_offset_s=3600.0)).warnings == ()


def test_a_mass_far_beyond_what_flowed_is_wondered_at() -> None:
    assert any("check active_mass_mg" in note for note in aligned(active_mass_mg=10000.0).notes)
    assert not any("check active_mass_mg" in note for note in aligned(active_mass_mg=10.0).notes)
