from dataclasses import replace

import numpy as np
import pytest

from xrdfit.errors import InputError
from xrdfit.simulate import (
    CHARGE_ONLY,
    DISTORTED,
    LAB_INSTRUMENT,
    SCENARIOS,
    WELL_BEHAVED,
    Scenario,
    charge_only,
    find_scenario,
    simulate_stack,
    single_phase,
)
from xrdfit.simulate.pattern import CellInTime

both = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=str)


@both
def test_fractions_of_lfp_and_fp_add_up_to_one(scenario: Scenario) -> None:
    truth = simulate_stack(scenario, seed=0, n_scans=11).truth
    np.testing.assert_allclose(truth["LFP_fraction"] + truth["FP_fraction"], 1.0, rtol=1e-14)


def test_well_behaved_cell_converts_all_but_five_percent() -> None:
    end_of_charge, end_of_discharge = WELL_BEHAVED.fp_fraction(WELL_BEHAVED.knots_s[[2, 4]])
    assert end_of_charge == pytest.approx(0.95)
    assert end_of_discharge == pytest.approx(0.05)


def test_distorted_cell_leaves_both_phases_behind() -> None:
    end_of_charge, end_of_discharge = DISTORTED.fp_fraction(DISTORTED.knots_s[[2, 4]])
    assert 0.12 <= 1.0 - end_of_charge <= 0.18
    assert 0.12 <= end_of_discharge <= 0.18


@both
def test_current_is_constant_at_c_over_20(scenario: Scenario) -> None:
    _, begin, charged, rested, discharged, _ = scenario.knots_s
    time = np.linspace(0.0, scenario.knots_s[-1], 2001)
    rate = np.abs(np.diff(scenario.fp_fraction(time)) / np.diff(time)) * 3600.0
    middle = 0.5 * (time[1:] + time[:-1])
    step = time[1]
    running = ((middle > begin + step) & (middle < charged - step)) | (
        (middle > rested + step) & (middle < discharged - step)
    )
    np.testing.assert_allclose(rate[running], 1.0 / 20.0, rtol=1e-9)


def test_fp_is_really_absent_while_the_cell_rests_before_the_charge() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0)
    assert (stack.truth["FP_fraction"][:3] == 0.0).all()
    assert (stack.truth["FP_scale"][:3] == 0.0).all()
    assert stack.truth["FP_fraction"][3] > 0.0
    assert (stack.line_area[:3, stack.lines.phase == 1] == 0.0).all()


def test_b_and_c_of_the_well_behaved_cell_stand_still() -> None:
    truth = simulate_stack(WELL_BEHAVED, seed=0, n_scans=11).truth
    for name in ("LFP_b", "LFP_c", "FP_b", "FP_c"):
        assert np.ptp(truth[name]) == 0.0


def test_b_and_c_of_the_distorted_cell_shrink_until_the_end_of_charge_and_recover() -> None:
    truth = simulate_stack(DISTORTED, seed=0).truth
    turn = int(truth["FP_fraction"].argmax())
    for name in ("LFP_b", "LFP_c", "FP_b", "FP_c"):
        relative = truth[name] / truth[name][0] - 1.0
        assert -0.002 <= relative.min() <= -0.001
        assert (np.diff(relative[: turn + 1]) <= 0.0).all()
        assert (np.diff(relative[turn + 1 :]) >= 0.0).all()
        assert relative[-1] == pytest.approx(0.0, abs=1e-12)


@both
def test_displacement_drifts_linearly_from_30_to_40_micrometres(scenario: Scenario) -> None:
    displacement = simulate_stack(scenario, seed=0, n_scans=20).truth["sample_displacement"]
    np.testing.assert_allclose(np.diff(displacement), (0.040 - 0.030) / 20, rtol=1e-9)
    assert displacement[0] == pytest.approx(0.030 + 0.00025)


def test_an_unknown_scenario_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean distorted"):
        find_scenario("distort")


def test_a_charge_on_its_own_never_turns_back() -> None:
    for scenario in (CHARGE_ONLY, charge_only(DISTORTED)):
        truth = simulate_stack(scenario, seed=0, n_scans=20).truth
        assert (np.diff(truth["FP_fraction"]) >= 0.0).all()
        assert scenario.fp_fraction(scenario.knots_s[[0, -1]]).tolist() == [0.0, scenario.charged]
        assert scenario.knots_s[-1] == pytest.approx((20.0 * scenario.charged + 1.0) * 3600.0)
    # Nothing undoes the charge, so that b and c go on shrinking to the very end of the last scan.
    assert (np.diff(truth["LFP_b"]) <= 0.0).all()
    assert charge_only(DISTORTED).depth(charge_only(DISTORTED).knots_s[-1]) == 1.0


@pytest.mark.parametrize(("name", "fraction"), [("LFP", 0.0), ("FP", 1.0)])
@pytest.mark.parametrize("sweep", [False, True])
def test_a_single_phase_is_alone_in_every_scan(name: str, fraction: float, sweep: bool) -> None:
    scenario = single_phase(name)
    stack = simulate_stack(scenario, seed=0, n_scans=4, sweep=sweep)
    assert stack.times.end_s[-1] == 84.0 * 3600.0
    assert (stack.truth["FP_fraction"] == fraction).all()
    assert (scenario.fp_fraction(np.linspace(0.0, scenario.knots_s[-1], 501)) == fraction).all()
    other = stack.lines.phase == (1 if name == "LFP" else 0)
    assert not stack.line_area[:, other].any()
    assert stack.line_area[:, ~other].any()
    for axis in "abc":
        assert np.ptp(stack.truth[f"{name}_{axis}"]) == 0.0


def test_fp_alone_counts_as_much_as_fp_at_the_end_of_a_full_charge() -> None:
    full = replace(WELL_BEHAVED, charged=1.0, fp=replace(WELL_BEHAVED.fp, shrinkage=(0.0, 0.0, 0.0)))
    charged = CellInTime.of(full, LAB_INSTRUMENT, counts=1.0).state(full.knots_s[2])
    alone = CellInTime.of(single_phase("FP"), LAB_INSTRUMENT, counts=1.0).state(0.0)
    np.testing.assert_allclose(alone.area, charged.area, rtol=1e-9)


def test_a_swept_cycle_of_22_scans_reads_low_angles_earlier_than_high_ones() -> None:
    swept, still = (simulate_stack(WELL_BEHAVED, seed=0, n_scans=22, sweep=sweep) for sweep in (True, False))
    scan = int(np.abs(still.truth["time_s"] - 0.5 * WELL_BEHAVED.knots_s[[1, 2]].sum()).argmin())
    change = swept.expected[scan] - still.expected[scan]
    # LFP (101) at 20.76 deg has lost less than at mid-time, LFP (410) at 37.89 deg more.
    assert change[int(np.abs(still.two_theta - 20.76).argmin())] > 30.0
    assert change[int(np.abs(still.two_theta - 37.89).argmin())] < -10.0


def test_an_unknown_single_phase_is_refused() -> None:
    with pytest.raises(InputError, match=r"E171 unknown phase.*LFP or FP"):
        single_phase("NMC")
