import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xrdfit.errors import InputError
from xrdfit.io import read_truth
from xrdfit.model import LineChoice
from xrdfit.simulate import (
    LAB_INSTRUMENT,
    SCENARIOS,
    WELL_BEHAVED,
    Departures,
    SimulatedStack,
    cramer_rao_scan_by_scan,
    parse_departures,
    simulate_stack,
    single_phase,
    write_simulated,
)
from xrdfit.simulate.beside import FOREIGN_AREA
from xrdfit.simulate.pattern import CellInTime

N_SCANS = 8
CELLS = tuple(f"{phase}_{axis}" for phase in ("LFP", "FP") for axis in "abc")


def _stack(**departures: Any) -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=7, n_scans=N_SCANS, departures=Departures(**departures))


@pytest.fixture(scope="module")
def plain() -> SimulatedStack:
    return _stack()


@pytest.fixture(scope="module")
def progress(plain: SimulatedStack) -> np.ndarray:
    return plain.truth["time_s"] / WELL_BEHAVED.knots_s[-1]


def _line(phase: int, *hkl: int) -> LineChoice:
    return LineChoice(hkl=np.array([hkl], dtype=np.int32), phase=np.array([phase]))


def _course(stack: SimulatedStack, plain: SimulatedStack, phase: int, *hkl: int) -> np.ndarray:
    """(n_scans - 1,) area of one line against what it is without departures; in the first scan there is no FP."""
    line = _line(phase, *hkl)
    areas = [[float(each.areas(scan, line)[0]) for scan in range(1, N_SCANS)] for each in (stack, plain)]
    return np.array(areas[0]) / np.array(areas[1])


def _net(stack: SimulatedStack) -> np.ndarray:
    grid = np.linspace(-1.0, 1.0, stack.two_theta.size)
    return stack.expected - np.polynomial.chebyshev.chebval(grid, WELL_BEHAVED.background)


@pytest.mark.parametrize(
    ("scenario", "settings", "digest"),
    [
        ("well-behaved", {"n_scans": 42}, "044e7bb99f90579770a45a393e9034165132e45aebe1237a6bdb11633c955d8a"),
        ("distorted", {"n_scans": 42}, "7277b5982e8aec4409db0db4a9ef17e61cea653dbd545b7008911971f5d537d1"),
        (
            "well-behaved",
            {"n_scans": 6, "sweep": True, "counts": 2.5},
            "3fcd691446d3745c0d6f585e5c39c12e097b65daec0d338843457742c98f682e",
        ),
    ],
)
def test_a_series_without_departures_counts_what_it_always_did(
    scenario: str, settings: dict[str, Any], digest: str
) -> None:
    counts = simulate_stack(SCENARIOS[scenario], seed=7, departures=Departures(), **settings).counts
    assert hashlib.sha256(counts.astype("<i8").tobytes()).hexdigest() == digest


def test_texture_strengthens_0k0_and_weakens_h0l_as_the_series_goes_on(
    plain: SimulatedStack, progress: np.ndarray
) -> None:
    stack = _stack(texture=0.3)
    turn = 2.0 * progress[1:] - 1.0
    for phase in (0, 1):
        np.testing.assert_allclose(_course(stack, plain, phase, 0, 2, 0), 1.0 + 0.3 * turn)
        np.testing.assert_allclose(_course(stack, plain, phase, 1, 0, 1), 1.0 - 0.15 * turn)
    middle = _course(stack, plain, 0, 1, 2, 1)
    assert 1.0 < middle[-1] < 1.0 + 0.3 * turn[-1]
    assert np.array_equal(stack.truth["LFP_scale"], plain.truth["LFP_scale"])


def test_one_line_is_off_in_the_second_half_of_the_scans_and_no_other(plain: SimulatedStack) -> None:
    stack = _stack(line_off=-0.2)
    np.testing.assert_allclose(_course(stack, plain, 0, 3, 1, 1), np.repeat([1.0, 0.8], N_SCANS // 2)[1:])
    changed = stack.line_area != plain.line_area
    assert changed.any(axis=0).sum() == 1
    lost = plain.expected - stack.expected
    assert not lost[: N_SCANS // 2].any()
    assert plain.two_theta[lost[-1].argmax()] == pytest.approx(35.6, abs=0.05)


def test_another_line_can_be_off(plain: SimulatedStack) -> None:
    stack = _stack(line_off=0.5, line_off_hkl=("FP", (0, 2, 0)))
    np.testing.assert_allclose(_course(stack, plain, 1, 0, 2, 0)[-1], 1.5)
    np.testing.assert_allclose(_course(stack, plain, 0, 3, 1, 1), 1.0)


def test_displacement_jumps_in_mid_series(plain: SimulatedStack) -> None:
    jump = _stack(displacement_jump_mm=0.05).truth["sample_displacement"] - plain.truth["sample_displacement"]
    np.testing.assert_allclose(jump, np.repeat([0.0, 0.05], N_SCANS // 2), atol=1e-12)


def test_displacement_scatters_from_scan_to_scan_in_what_is_measured_and_what_is_true() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=7, n_scans=60, departures=Departures(displacement_scatter_mm=0.05))
    drift = WELL_BEHAVED.displacement(stack.truth["time_s"])
    off = stack.truth["sample_displacement"] - drift
    # Three standard errors of the standard deviation of 60 numbers, and four of a correlation.
    assert off.std() == pytest.approx(0.05, rel=0.28)
    assert abs(np.corrcoef(off[1:], off[:-1])[0, 1]) < 0.5
    # All lines are lower by 2 s / R cos(theta) than in the same cell that stands still.
    quiet = simulate_stack(WELL_BEHAVED, seed=7, n_scans=60)
    slope = np.gradient(quiet.expected, quiet.two_theta, axis=1)
    lower = ((stack.expected - quiet.expected) * slope).sum(axis=1) / (slope**2).sum(axis=1)
    cosine = np.cos(np.radians(14.5))
    np.testing.assert_allclose(lower, np.degrees(2.0 * off / 217.5) * cosine, rtol=0.1, atol=2e-3)
    swept = simulate_stack(
        WELL_BEHAVED, seed=7, n_scans=3, sweep=True, departures=Departures(displacement_scatter_mm=0.05)
    )
    still = simulate_stack(WELL_BEHAVED, seed=7, n_scans=3, sweep=True)
    assert np.abs(swept.expected - still.expected).max() > 50.0


def test_in_swept_scans_a_jump_is_sharp() -> None:
    def at(n_scans: int, **departures: Any) -> np.ndarray:
        broken = Departures(**departures)
        return simulate_stack(WELL_BEHAVED, seed=7, n_scans=n_scans, sweep=True, departures=broken).expected

    for n_scans in (4, 3):  # in mid-series one scan ends, or is half-way
        change = (at(n_scans, displacement_jump_mm=0.05) - at(n_scans)).ravel()
        half = change.size // 2
        np.testing.assert_allclose(change[:half], 0.0, atol=0.02)
        assert np.abs(change[half : half + 300]).max() > 20.0


def test_a_foreign_phase_grows_in_from_mid_series_to_its_height_at_the_end(plain: SimulatedStack) -> None:
    cell = CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0, departures=Departures(foreign=0.1))
    without = CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0)
    end = float(WELL_BEHAVED.knots_s[-1])
    courses = {share: cell.pattern(share * end) - without.pattern(share * end) for share in (0.0, 0.5, 0.75, 1.0)}
    assert not courses[0.0].any()
    assert not courses[0.5].any()
    assert courses[1.0].max() == pytest.approx(0.1 * WELL_BEHAVED.peak_counts, rel=1e-9)
    # The peak moves a little with the displacement, and the points of the pattern meet it elsewhere.
    assert courses[0.75].max() == pytest.approx(0.5 * courses[1.0].max(), rel=0.02)
    stack = _stack(foreign=0.1)
    assert [phase.name for phase in stack.beside] == ["foreign"]
    assert (stack.line_area[: N_SCANS // 2, stack.lines.phase == 2] == 0.0).all()
    last = stack.line_area[-1, stack.lines.phase == 2]
    np.testing.assert_allclose(last / last.max(), FOREIGN_AREA)


def test_lines_of_the_foreign_phase_stand_where_neither_lfp_nor_fp_has_one() -> None:
    cell = CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0, departures=Departures(foreign=0.1))
    position = cell.model.place(cell.state(0.0).values, cell.lines).position[:, 0]
    foreign = cell.lines.phase == 2
    assert foreign.sum() == 3
    assert ((position[foreign] > 20.5) & (position[foreign] < 37.5)).all()
    assert np.abs(position[foreign][:, np.newaxis] - position[~foreign]).min() > 0.6


def test_strain_of_fp_doubles_along_the_series_and_broadens_its_lines(
    plain: SimulatedStack, progress: np.ndarray
) -> None:
    stack = _stack(fp_strain_growth=1.0)
    np.testing.assert_allclose(stack.truth["FP_lorentz_strain"], np.degrees(4.0 * 8e-4) * (1.0 + progress))
    assert np.array_equal(stack.truth["LFP_lorentz_strain"], plain.truth["LFP_lorentz_strain"])
    np.testing.assert_allclose(stack.line_area, plain.line_area)
    scan = int(plain.truth["FP_fraction"].argmax())
    peak = int(np.abs(plain.two_theta - 36.66).argmin())
    assert _net(stack)[scan, peak] < 0.92 * _net(plain)[scan, peak]


def test_a_drifting_amount_leaves_the_fractions_and_the_background(plain: SimulatedStack, progress: np.ndarray) -> None:
    stack = _stack(amount_drift=0.2)
    for phase in ("LFP", "FP"):
        assert np.array_equal(stack.truth[f"{phase}_fraction"], plain.truth[f"{phase}_fraction"])
        np.testing.assert_allclose(
            stack.truth[f"{phase}_scale"], (1.0 + 0.2 * progress) * plain.truth[f"{phase}_scale"]
        )
    np.testing.assert_allclose(_net(stack), (1.0 + 0.2 * progress)[:, np.newaxis] * _net(plain), atol=1e-9)


def test_a_dipping_beam_takes_from_everything_for_an_eighth_of_the_record() -> None:
    plain, dipped = (
        simulate_stack(WELL_BEHAVED, seed=7, departures=Departures(beam_dip=share)).expected for share in (0.0, 0.4)
    )
    ratio = dipped / plain
    np.testing.assert_allclose(ratio[10:15], 0.6, rtol=1e-9)
    np.testing.assert_allclose(np.delete(ratio, range(10, 15), axis=0), 1.0, rtol=1e-12)
    swept = simulate_stack(WELL_BEHAVED, seed=7, sweep=True, departures=Departures(beam_dip=0.4)).expected
    still = simulate_stack(WELL_BEHAVED, seed=7, sweep=True).expected
    # It dips in the middle of a scan that sweeps, and comes back in the middle of another.
    assert 0.6 < (swept / still)[10].mean() < 0.99
    np.testing.assert_allclose((swept / still)[[8, 12, 17]].mean(axis=1), [1.0, 0.6, 1.0], rtol=1e-9)


def test_a_solid_solution_takes_moles_from_lfp_and_scatters_between_lfp_and_fp(plain: SimulatedStack) -> None:
    stack = _stack(solid_solution=0.2)
    truth = stack.truth
    names = [phase.name for phase in stack.beside]
    assert len(names) == 7
    np.testing.assert_allclose(truth["LFP_fraction"], 0.8 * plain.truth["LFP_fraction"])
    assert np.array_equal(truth["FP_fraction"], plain.truth["FP_fraction"])
    total = truth["LFP_fraction"] + truth["FP_fraction"] + sum(truth[f"{name}_fraction"] for name in names)
    np.testing.assert_allclose(total, 1.0)
    np.testing.assert_allclose(stack.line_area.sum(axis=1), plain.line_area.sum(axis=1))
    for axis in "abc":
        ladder = [truth[f"FP_{axis}"], *(truth[f"{name}_{axis}"] for name in names), truth[f"LFP_{axis}"]]
        np.testing.assert_allclose(np.diff(ladder, axis=0), np.diff(ladder[::8], axis=0)[0] / 8 * np.ones((8, 1)))
    # Between LFP (301) at 32.2 and FP (301) at 33.1 deg, where two phases leave but tails.
    between = (stack.two_theta > 32.55) & (stack.two_theta < 32.8)
    gained = (stack.expected - plain.expected)[:, between].min(axis=1)
    assert gained[0] > 20.0


def test_grains_make_each_line_of_each_scan_scatter_on_its_own(plain: SimulatedStack) -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=7, n_scans=40, departures=Departures(spread=0.1))
    smooth = simulate_stack(WELL_BEHAVED, seed=7, n_scans=40)
    there = smooth.line_area > 0.0
    ratio = np.where(there, stack.line_area / np.where(there, smooth.line_area, 1.0), np.nan) - 1.0
    # Some 1 900 lines in scans: their standard deviation scatters by 1.6 %.
    assert np.nanstd(ratio) == pytest.approx(0.1, rel=0.07)
    assert abs(np.nanmean(ratio)) < 0.01
    pairs = np.nanmean(ratio[1:] * ratio[:-1]) / np.nanvar(ratio)
    assert abs(pairs) < 0.1
    assert (_stack(spread=1.0).line_area >= 0.0).all()
    assert np.array_equal(_stack(spread=0.1).counts, _stack(spread=0.1).counts)
    assert not np.array_equal(_stack(spread=0.1).counts, plain.counts)


def test_grains_stay_the_same_while_a_scan_sweeps() -> None:
    rest = replace(single_phase("LFP"), displacement_mm=(0.03, 0.03))
    still, swept = (
        simulate_stack(rest, seed=7, n_scans=2, sweep=sweep, departures=Departures(spread=0.3)).expected
        for sweep in (False, True)
    )
    np.testing.assert_allclose(swept, still, rtol=1e-9)
    assert np.abs(still[1] - still[0]).max() > 50.0


def test_true_areas_and_parameters_give_the_expected_counts_back() -> None:
    everything = Departures(
        texture=0.3, line_off=0.2, displacement_jump_mm=0.02, fp_strain_growth=1.0, amount_drift=0.2, spread=0.1
    )
    stack = simulate_stack(WELL_BEHAVED, seed=7, n_scans=N_SCANS, departures=everything)
    cell = CellInTime.of(WELL_BEHAVED, LAB_INSTRUMENT, counts=1.0)
    scan = 6
    values = np.array([stack.truth[name][scan] for name in stack.model.table.names])
    state = cell.state(0.0)
    again = replace(state, values=values, area=stack.areas(scan, cell.lines))
    np.testing.assert_allclose(cell.expected(again), stack.expected[scan], rtol=1e-12)


def test_the_bound_of_a_departing_series_is_that_of_its_true_areas_and_widths(plain: SimulatedStack) -> None:
    usual = cramer_rao_scan_by_scan(plain)
    broad = cramer_rao_scan_by_scan(_stack(fp_strain_growth=1.0))
    scan = int(plain.truth["FP_fraction"].argmax())
    assert broad["FP_a"][scan] > 1.1 * usual["FP_a"][scan]
    crowded = cramer_rao_scan_by_scan(_stack(foreign=0.5, solid_solution=0.1))
    assert all(np.isfinite(crowded[name][1:]).all() for name in CELLS)


def test_departures_are_written_beside_the_truth(tmp_path: Path) -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=7, n_scans=2, departures=Departures(texture=0.3, foreign=0.1))
    truth = read_truth(write_simulated(tmp_path / "stack.h5", stack))
    assert truth.attributes["departures"] == "texture=0.3 foreign=0.1"
    assert np.array_equal(truth.columns["foreign_a"], stack.truth["foreign_a"])
    assert parse_departures(stack.departures.words.split()) == stack.departures


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["txture=0.3"], "E174.*did you mean texture"),
        (["=1"], "E174.*choose one of them"),
        (["texture=much"], "E174.*against a number"),
        (["texture"], "E174.*texture=0.1"),
        (["foreign=0.1", "foreign=0.2"], "E174.*given twice"),
        (["texture=1.1"], "E173.*texture"),
        (["spread=nan"], "E173.*spread"),
        (["amount_drift=inf"], "E173.*amount_drift"),
    ],
)
def test_departures_that_make_no_sense_are_refused(words: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_departures(words)


def test_every_wrong_word_is_told_at_once() -> None:
    with pytest.raises(InputError) as refused:
        parse_departures(["txture=0.3", "spread=much", "foreign=0.1"])
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("line", [("LFP", (9, 9, 9)), ("LiFePO4", (3, 1, 1))])
def test_a_line_that_is_not_there_cannot_be_off(line: tuple[str, tuple[int, int, int]]) -> None:
    with pytest.raises(InputError, match=r"E173.*line_off_hkl"):
        _stack(line_off=0.2, line_off_hkl=line)
