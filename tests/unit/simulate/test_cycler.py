"""The simulated cycler's record is that of the cell whose scans are simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xrdfit.echem import CyclerSettings, align_scans, count_charge, read_cycler
from xrdfit.simulate import CHARGE_ONLY, DISTORTED, WELL_BEHAVED, Scenario, cycler_text, simulate_stack, single_phase
from xrdfit.simulate.cycler import full_capacity_mAh


def record_of(scenario: Scenario, folder: Path):  # type: ignore[no-untyped-def]
    path = folder / "cell.mpt"
    path.write_text(cycler_text(scenario), encoding="utf-8", newline="")
    return read_cycler(path)


@pytest.mark.parametrize("scenario", [WELL_BEHAVED, DISTORTED, CHARGE_ONLY], ids=lambda s: s.name)
def test_state_of_charge_is_the_fraction_of_fp_less_that_at_the_start(scenario: Scenario, tmp_path: Path) -> None:
    record = record_of(scenario, tmp_path)
    stack = simulate_stack(scenario, seed=1, n_scans=12)
    found = align_scans(record, stack.times, CyclerSettings(full_capacity_mAh=full_capacity_mAh()))
    np.testing.assert_allclose(found.columns["soc"], stack.truth["FP_fraction"] - scenario.begin, atol=1e-6)
    assert np.isfinite(found.columns["voltage_V"]).all()


def test_the_cell_is_charged_at_the_rate_of_the_scenario(tmp_path: Path) -> None:
    record = record_of(WELL_BEHAVED, tmp_path)
    assert record.current_A.max() == pytest.approx(1e-3 * full_capacity_mAh() / WELL_BEHAVED.full_charge_hours)
    halves = count_charge(record).half_cycles
    assert [half.sign * half.capacity_mAh / full_capacity_mAh() for half in halves] == pytest.approx([0.95, -0.9])
    assert all(half.capacity_mAh == pytest.approx(half.own_mAh, rel=1e-6) for half in halves)


def test_voltage_keeps_to_the_plateau_and_charge_runs_above_discharge(tmp_path: Path) -> None:
    record = record_of(WELL_BEHAVED, tmp_path)
    count = count_charge(record)
    middle = np.abs(count.net_mAh / full_capacity_mAh() - 0.5) < 0.2
    charge, discharge = (record.voltage_V[middle & (np.sign(record.current_A) == way)] for way in (1, -1))
    assert np.ptp(charge) < 0.03
    assert 0.05 < charge.mean() - discharge.mean() < 0.07
    assert 2.5 < record.voltage_V.min() < record.voltage_V.max() < 4.2


def test_a_cell_at_rest_has_no_state_of_charge(tmp_path: Path) -> None:
    scenario = single_phase("LFP", hours=4.0)
    record = record_of(scenario, tmp_path)
    found = align_scans(record, simulate_stack(scenario, seed=1, n_scans=2).times, CyclerSettings())
    assert np.isnan(found.columns["soc"]).all()
    assert np.isfinite(found.columns["voltage_V"]).all()
