"""The joint fit against known truth: errors at the bound of the whole series, fractions, cells that shrink."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from xrdfit.cli.bound import joint_bound_of
from xrdfit.data import MemoryStack, ScanStack, ScanTimes, SeriesResult
from xrdfit.series.joint import solver
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import Blocks, JointProblem, assemble
from xrdfit.simulate import (
    BILAYER,
    CHARGE_ONLY,
    INTERNAL_STANDARD,
    LAB_INSTRUMENT,
    LEAST_FRACTION,
    SCENARIOS,
    WELL_BEHAVED,
    Departures,
    SimulatedStack,
    cramer_rao_scan_by_scan,
    pooled_bound,
    simulate_stack,
)

CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")
SHRINKING = ("LFP_b", "LFP_c", "FP_b", "FP_c")
GROWING_BY_20 = Departures(amount_drift=0.2)

Cycle = tuple[SimulatedStack, SeriesResult]
GetCycle = Callable[[str], Cycle]
Refine = Callable[..., SeriesResult]

both_scenarios = pytest.mark.parametrize("scenario", SCENARIOS)


def rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def error_and_score(found: Cycle, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Error of a cell length, and the same in esds, in the scans with enough of its phase."""
    simulated, result = found
    counted = simulated.truth[f"{name[:-2]}_fraction"] > LEAST_FRACTION
    error = (result.columns[name] - simulated.truth[name])[counted]
    return error, error / result.columns[f"{name}_esd"][counted]


def fraction_errors(found: Cycle) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of FP, where a fraction is printed; and the same in esds, where it has one."""
    simulated, result = found
    error = result.columns["FP_fraction"] - simulated.truth["FP_fraction"]
    score = error / result.columns["FP_fraction_esd"]
    return error[np.isfinite(error)], score[np.isfinite(score)]


def notes(result: SeriesResult, *words: str) -> list[str]:
    return [note for note in result.notes if all(word in note for word in words)]


def reordered(simulated: SimulatedStack, order: NDArray[np.int64]) -> ScanStack:
    """The scans in another order, each with its own times."""
    times = simulated.times
    return MemoryStack.of(
        [simulated.read(int(scan)) for scan in order],
        times=ScanTimes(start_s=times.start_s[order], end_s=times.end_s[order], origin=times.origin),
    )


# Cells.


@both_scenarios
def test_errors_of_cells_reach_the_bound_of_the_whole_series(scenario: str, cycle: GetCycle) -> None:
    simulated, result = found = cycle(scenario)
    assert set(result.columns["outcome"]) == {"converged"}
    bound = pooled_bound(simulated, joint_bound_of(simulated))
    alone = pooled_bound(simulated, cramer_rao_scan_by_scan(simulated))
    for name in CELLS:
        error = rms(error_and_score(found, name)[0])
        # 27 to 35 scans of one series, errors of the shared displacement in all of them: the RMS scatters by 0.17.
        assert error < 1.35 * bound[name]
        # No scan on its own, whatever the program, can be as exact.
        assert error < alone[name]


@both_scenarios
def test_esds_of_cells_are_as_large_as_the_errors(scenario: str, cycle: GetCycle) -> None:
    scores = np.concatenate([error_and_score(cycle(scenario), name)[1] for name in CELLS])
    # Some 190 values: independent, their RMS would scatter by 0.05; a shared displacement makes it 0.07.
    assert 0.85 < rms(scores) < 1.15
    assert np.abs(scores).max() < 4.5


@both_scenarios
def test_a_phase_that_is_absent_has_no_cell_and_one_that_is_plentiful_has(scenario: str, cycle: GetCycle) -> None:
    simulated, result = cycle(scenario)
    for name in CELLS:
        fraction = simulated.truth[f"{name[:-2]}_fraction"]
        assert np.isnan(result.columns[name][fraction == 0.0]).all()
        assert np.isfinite(result.columns[name][fraction > LEAST_FRACTION]).all()
    nothing = simulated.truth["FP_fraction"] == 0.0
    assert nothing.sum() >= 3
    assert (result.columns["FP_present"][nothing] == 0).all()


def loss_on_charge(found: Cycle, name: str) -> tuple[float, float]:
    """Relative loss of length over the charge by a weighted straight line, and its esd."""
    simulated, result = found
    knots, time_s = simulated.scenario.knots_s, simulated.truth["time_s"]
    used = np.isfinite(result.columns[name]) & (time_s >= knots[1]) & (time_s <= knots[2])
    weight = 1.0 / result.columns[f"{name}_esd"][used]
    rows = np.column_stack([np.ones(used.sum()), simulated.scenario.depth(time_s[used])]) * weight[:, None]
    line = np.linalg.lstsq(rows, result.columns[name][used] * weight, rcond=None)[0]
    return -float(line[1] / line[0]), float(np.sqrt(np.linalg.inv(rows.T @ rows)[1, 1]) / line[0])


@pytest.mark.parametrize("name", SHRINKING)
def test_cells_that_shrink_on_charge_are_told_from_cells_that_do_not(name: str, cycle: GetCycle) -> None:
    for scenario, course in SCENARIOS.items():
        loss, esd = loss_on_charge(cycle(scenario), name)
        phase = course.lfp if name.startswith("LFP") else course.fp
        assert abs(loss - phase.shrinkage["abc".index(name[-1])]) < 3.0 * esd
        assert (loss > 5.0 * esd) == (scenario == "distorted")


# Fractions.


@both_scenarios
def test_fractions_are_true_within_their_esds(scenario: str, cycle: GetCycle) -> None:
    error, score = fraction_errors(cycle(scenario))
    assert error.size == 42
    assert rms(error) < 0.005
    # 38 values, and conversion factors that all of them share: the RMS scatters by 0.13.
    assert 0.7 < rms(score) < 1.3


@both_scenarios
def test_fractions_add_up_and_lie_below_their_limits(scenario: str, cycle: GetCycle) -> None:
    columns = cycle(scenario)[1].columns
    np.testing.assert_allclose(columns["LFP_fraction"] + columns["FP_fraction"], 1.0, rtol=0.0, atol=1e-12)
    for phase in ("LFP", "FP"):
        fraction, limit = columns[f"{phase}_fraction"], columns[f"{phase}_fraction_upper95"]
        assert ((limit > fraction) | (fraction == 1.0)).all()
        absent = columns[f"{phase}_present"] == 0
        assert (fraction[absent] == 0.0).all()
        # At these counts 2 % of a phase is 6 esds or more.
        assert ((limit[absent] > 0.0) & (limit[absent] < 0.012)).all()


def test_an_amount_that_grows_is_reported_and_does_not_disturb_fractions(refine_jointly: Refine) -> None:
    simulated = simulate_stack(WELL_BEHAVED, seed=603, n_scans=16, departures=GROWING_BY_20)
    result = refine_jointly(simulated)
    (said,) = notes(result, "irradiated amount: changes by")
    change, esd = (float(number) for number in re.findall(r"[-+]?\d+\.\d+", said)[:2])
    # From the middle of the first scan to the middle of the last, against the mean.
    assert abs(change - 0.2 * 15 / 16 / 1.1) < 4.0 * esd < 0.02
    true_amount = 1.0 + 0.2 * (simulated.truth["time_s"] / simulated.scenario.knots_s[-1])
    score = (result.columns["amount"] - true_amount / true_amount.mean()) / result.columns["amount_esd"]
    assert rms(score) < 1.5
    error, score = fraction_errors((simulated, result))
    assert rms(error) < 0.005
    # 15 values: the RMS scatters by 0.18.
    assert 0.55 < rms(score) < 1.5


def with_counts(simulated: SimulatedStack, factors: dict[int, float]) -> SimulatedStack:
    """The same cell, some scans counted at another beam or for another time."""
    factor = np.ones((len(simulated), 1))
    factor[list(factors), 0] = list(factors.values())
    expected = simulated.expected * factor
    counts = np.random.default_rng(simulated.seed).poisson(expected).astype(np.float64)
    return replace(simulated, expected=expected, counts=counts)


@pytest.mark.parametrize("sweep", [False, True])
def test_a_scan_at_half_the_counts_is_named_and_costs_the_others_nothing(sweep: bool, refine_jointly: Refine) -> None:
    whole = simulate_stack(WELL_BEHAVED, seed=710, n_scans=16, sweep=sweep)
    simulated = with_counts(whole, {7: 0.5})
    usual, result = refine_jointly(whole), refine_jointly(simulated)
    others = np.arange(16) != 7
    esd, of_usual = (one.columns["FP_fraction_esd"][others] for one in (result, usual))
    assert np.nanmedian(esd) < 1.2 * np.nanmedian(of_usual)
    error, score = fraction_errors((simulated, result))
    assert error.size == 16
    assert rms(error) < (0.009 if sweep else 0.006)
    assert rms(score) < 1.6
    (said,) = result.messages
    assert re.fullmatch(r"scan 7: amount (49|50|51)% below the series", said)
    assert notes(result, "irradiated amount", "in scan 7, which has no say")
    assert list(np.flatnonzero(result.columns["outcome"] == "flagged")) == [7]
    assert not any(warning.startswith("W409") for warning in result.warnings)


def test_several_scans_at_other_counts_are_warned_of_once(refine_jointly: Refine) -> None:
    simulated = with_counts(simulate_stack(WELL_BEHAVED, seed=711, n_scans=20), {4: 0.6, 5: 0.6, 6: 0.6, 15: 1.5})
    result = refine_jointly(simulated)
    (said,) = (warning for warning in result.warnings if warning.startswith("W409"))
    assert "scans 4, 5, 6, 15" in said
    least, most = (float(number) for number in re.findall(r"found ([\d.]+) to ([\d.]+) of", said)[0])
    assert abs(least - 0.6) < 0.02 and abs(most - 1.5) < 0.03
    error, score = fraction_errors((simulated, result))
    assert error.size == 20
    assert rms(error) < 0.006
    assert 0.6 < rms(score) < 1.5


def test_a_declared_scan_that_is_not_pure_is_warned_of_and_widens_the_errors(refine_jointly: Refine) -> None:
    cell = replace(CHARGE_ONLY, begin=0.06, charged=1.0, discharged=1.0, rest_hours=(6.0, 0.0, 6.0))
    simulated = simulate_stack(cell, seed=712, n_scans=14)
    result = refine_jointly(simulated, anchors={"LFP": 0, "FP": 13})
    (said,) = (warning for warning in result.warnings if warning.startswith("W410"))
    found, esd = (
        float(number) for number in re.findall(r"LFP in scan 0 · found ([\d.]+)%\(([\d.]+)%\) of FP", said)[0]
    )
    first, last = (simulated.truth["FP_fraction"][scan] for scan in (0, 13))
    assert last > 0.99
    assert abs(found / 100.0 - first) < 4.0 * esd / 100.0
    error, score = fraction_errors((simulated, result))
    mixed = slice(2, 12)
    assert rms(error[mixed]) > 0.006
    assert rms(score[mixed]) < 1.4
    assert notes(result, "pure by declaration: LFP in scan 0 and FP in scan 13")


def test_a_phase_too_weak_to_be_established_is_named_beside_its_line(refine_jointly: Refine) -> None:
    cell = replace(WELL_BEHAVED, charged=0.02, discharged=0.0, full_charge_hours=950.0)
    result = refine_jointly(simulate_stack(cell, seed=713, n_scans=24))
    assert np.isnan(result.columns["FP_fraction"]).all()
    assert notes(result, "fractions: not determined by conservation: only LFP is seen")
    said = [warning for warning in result.warnings if warning.startswith("W403")]
    assert said and all("of FP stands there, a phase that was not established" in warning for warning in said)


def test_on_charge_alone_a_drift_cannot_be_told_from_conversion(refine_jointly: Refine) -> None:
    simulated = simulate_stack(CHARGE_ONLY, seed=604, n_scans=10, departures=GROWING_BY_20)
    order = np.random.default_rng(0).permutation(10)
    result = refine_jointly(simulated, stack=reordered(simulated, order))
    for phase in ("LFP", "FP"):
        for column in ("fraction", "fraction_esd", "fraction_upper95"):
            assert np.isnan(result.columns[f"{phase}_{column}"]).all()
    (said,) = notes(result, "fractions: not determined by conservation")
    assert "goes one way" in said
    assert "fall-back: give structures, declare a scan of each phase pure, or declare the amount constant" in said
    # Cells do not mind.
    assert np.isfinite(result.columns["LFP_a"]).any()


def test_on_charge_alone_an_amount_declared_constant_determines_the_fractions(refine_jointly: Refine) -> None:
    simulated = simulate_stack(CHARGE_ONLY, seed=604, n_scans=10)
    result = refine_jointly(simulated, amount="constant")
    error, score = fraction_errors((simulated, result))
    assert error.size == 10
    assert rms(error) < 0.007
    # 10 values: the RMS scatters by 0.22.
    assert 0.4 < rms(score) < 1.6


def test_the_time_of_every_point_counts_in_scans_that_sweep(sweeping: Cycle, refine_jointly: Refine) -> None:
    simulated, result = sweeping
    error, score = fraction_errors(sweeping)
    assert not result.warnings
    assert rms(error) < 0.006
    assert rms(score) < 1.5
    ignored = refine_jointly(simulated, detector="area")
    # The bias is 0.007 to 0.015 on charge and on discharge, of opposite signs.
    assert rms(fraction_errors((simulated, ignored))[0]) > 1.4 * rms(error)
    (said,) = (warning for warning in ignored.warnings if warning.startswith("W405"))
    assert 'write detector = "point"' in said


# Order.


def test_order_of_the_scans_does_not_change_the_numbers(sweeping: Cycle, refine_jointly: Refine) -> None:
    simulated, result = sweeping
    order = np.random.default_rng(1).permutation(len(simulated))
    mixed = refine_jointly(simulated, stack=reordered(simulated, order))
    compared = 0
    for name, straight in result.columns.items():
        esd = result.columns.get(f"{name}_esd")
        if esd is None:
            continue
        other = mixed.columns[name][np.argsort(order)]
        np.testing.assert_array_equal(np.isfinite(other), np.isfinite(straight))
        apart = np.abs(other - straight) / esd
        assert np.nanmax(apart, initial=0.0) < 0.01
        compared += int(np.isfinite(apart).any())
    assert compared > 15


def test_beside_an_electrolyte_and_behind_a_window_cells_keep_their_errors(refine_jointly: Refine) -> None:
    # LATP's strongest line is three times LFP's; the window's two lines lie under lines of LFP and LATP.
    simulated = simulate_stack(BILAYER, seed=961, n_scans=14)
    result = refine_jointly(simulated, phases=simulated.phases, two_theta_range=(20.0, 46.0))
    found = (simulated, result)
    scores = np.concatenate([error_and_score(found, name)[1] for name in CELLS])
    assert 0.8 < rms(scores) < 1.25
    errors, fraction_scores = fraction_errors(found)
    assert rms(errors) < 0.008 and rms(fraction_scores) < 1.5
    off = result.columns["Al_displacement"] - simulated.truth["Al_displacement"]
    assert (np.abs(off) < 4.0 * result.columns["Al_displacement_esd"]).all()
    assert result.columns["Al_displacement_esd"][0] < 2e-3
    assert np.isnan(result.columns["Al_a"]).all() and not any("Al" in message for message in result.messages)


def test_internal_standard_says_where_the_sample_is_in_every_scan(refine_jointly: Refine) -> None:
    # A holder that is put back elsewhere after each scan, by as much as would move b of LFP by 1e-3 A and more.
    departures = Departures(displacement_scatter_mm=0.05)
    simulated = simulate_stack(INTERNAL_STANDARD, seed=971, n_scans=14, departures=departures)
    result = refine_jointly(
        simulated, phases=simulated.phases, two_theta_range=(20.0, 58.0), scope={"sample_displacement": "scan"}
    )
    truth, columns = simulated.truth["sample_displacement"], result.columns
    assert np.std(truth) > 0.03
    score = (columns["sample_displacement"] - truth) / columns["sample_displacement_esd"]
    # Three standard errors of the root mean square of 14 numbers.
    assert 0.45 < rms(score) < 1.55
    assert (columns["sample_displacement_esd"] < 2e-3).all()
    scores = np.concatenate([error_and_score((simulated, result), name)[1] for name in CELLS])
    assert 0.75 < rms(scores) < 1.25
    assert np.isnan(columns["Si_a"]).all() and (columns["Si_present"] == 1).all()


def test_a_spread_beam_hinders_no_fit(refine_jointly: Refine) -> None:
    profile = LAB_INSTRUMENT.profile
    assert profile is not None
    instrument = replace(LAB_INSTRUMENT, profile=replace(profile, axial_soller=2.3))
    simulated = simulate_stack(WELL_BEHAVED, seed=0, n_scans=24, instrument=instrument)
    result = refine_jointly(simulated, instrument=simulated.instrument)
    # Copies that came and went while it ran would keep a fit going as long as it may.
    assert result.columns["nfev"].max() <= 25
    scores = np.concatenate([error_and_score((simulated, result), name)[1] for name in CELLS])
    assert 0.75 < rms(scores) < 1.25


@pytest.mark.parametrize("seed", [3946, 3948])
def test_scans_with_hardly_any_of_a_phase_cost_the_series_no_passes(
    refine_jointly: Refine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # In these series the valleys that noise makes for a phase of a few per cent once took 22 passes over all scans.
    passes = 0

    def counted(problem: JointProblem, state: SeriesState) -> Blocks:
        nonlocal passes
        passes += len(problem.scans) == 42
        return assemble(problem, state)

    monkeypatch.setattr(solver, "assemble", counted)
    refine_jointly(simulate_stack(WELL_BEHAVED, seed=seed))
    assert 4 <= passes <= 13
