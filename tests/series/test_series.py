"""What a series owes its user: bad scans cost themselves only, order and direction do not matter, ghosts stay out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import xrdfit
from xrdfit.data import MemoryStack, Mode, ParameterOverride, Pattern, SeriesResult
from xrdfit.errors import NoResultError
from xrdfit.fit import start_values
from xrdfit.model import PatternModel
from xrdfit.recipe import Job
from xrdfit.series.presence import presence_test, score_test
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential.first_pass import FirstPass
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.segments import walk_order
from xrdfit.series.sequential.series import SequentialSeries
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack

CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=77, n_scans=10)


def with_intensity(pattern: Pattern, intensity: np.ndarray) -> Pattern:
    return replace(pattern, intensity=intensity)


def test_bad_scans_cost_themselves_only(simulated: SimulatedStack, refine: Callable[..., SeriesResult]) -> None:
    patterns = [simulated.read(scan) for scan in range(len(simulated))]
    kept = [scan for scan in range(len(simulated)) if scan not in (3, 6)]
    without = refine(simulated, stack=MemoryStack.of([patterns[scan] for scan in kept])).columns
    patterns[3] = with_intensity(patterns[3], np.zeros_like(patterns[3].intensity))
    patterns[6] = with_intensity(patterns[6], np.full_like(patterns[6].intensity, np.nan))
    columns = refine(simulated, stack=MemoryStack.of(patterns, times=simulated.times)).columns
    assert list(columns["outcome"][[3, 6]]) == ["no_data", "no_data"]
    for name in CELLS:
        assert np.isnan(columns[name][[3, 6]]).all()
        beside = columns[name][kept]
        np.testing.assert_array_equal(np.isfinite(without[name]), np.isfinite(beside))
        # Weak phases are predicted between scans by their number, which differs here.
        assert np.nanmax(np.abs(without[name] - beside) / without[f"{name}_esd"]) < 0.1


@pytest.mark.parametrize("mode", ["sequential", "series"])
def test_spikes_repeats_and_lost_beam_leave_every_other_scan_as_it_is_without_them(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job], mode: Mode
) -> None:
    job = job_of(simulated)
    job = replace(job, stack=simulated, settings=replace(job.settings, mode=mode))
    counts = simulated.counts.copy()
    counts[2, 300:302] += 5000.0
    counts[5, 350:] = 0.0
    counts[7] = counts[6]
    patterns = [with_intensity(simulated.read(scan), counts[scan]) for scan in range(len(simulated))]
    spoiled = xrdfit.refine_series(replace(job, stack=MemoryStack.of(patterns, times=simulated.times)))
    kept = [0, 1, 3, 4, 6, 8, 9]
    without = xrdfit.refine_series(job, scans=kept)
    for name, column in without.columns.items():
        np.testing.assert_array_equal(spoiled.columns[name][kept], column)
    (warning,) = (line for line in spoiled.warnings if line.startswith("W411"))
    assert "scans 2, 5, 7 · found spikes: 2; beam off: 5; repeated: 7 ·" in warning


def test_direction_of_the_walk_does_not_change_the_answer(
    simulated: SimulatedStack, refine: Callable[..., SeriesResult]
) -> None:
    ways = [refine(simulated, direction=way).columns for way in ("outward", "forward", "backward")]
    for name in CELLS:
        for other in ways[1:]:
            np.testing.assert_array_equal(np.isfinite(ways[0][name]), np.isfinite(other[name]))
            assert np.nanmax(np.abs(other[name] - ways[0][name]) / ways[0][f"{name}_esd"]) < 0.05


def test_start_cells_half_a_percent_off_lead_to_the_same_cells(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]
) -> None:
    job = job_of(simulated)
    right = xrdfit.refine_series(job).columns
    phases = tuple(
        replace(phase, cell=type(phase.cell)(*(1.005 * phase.cell.lengths_angles[:3]), 90.0, 90.0, 90.0))
        for phase in job.phases
    )
    off = xrdfit.refine_series(replace(job, phases=phases)).columns
    for name in CELLS:
        assert np.nanmax(np.abs(off[name] - right[name]) / right[f"{name}_esd"]) < 0.05


def test_a_phase_that_is_nowhere_gets_no_cell(simulated: SimulatedStack, refine: Callable[..., SeriesResult]) -> None:
    pure = np.flatnonzero(simulate_stack(WELL_BEHAVED, seed=1).truth["FP_fraction"] == 0.0)
    stacks = [simulate_stack(WELL_BEHAVED, seed=seed) for seed in (81, 82)]
    patterns = [stack.read(int(scan)) for stack in stacks for scan in pure]
    columns = refine(simulated, stack=MemoryStack.of(patterns)).columns
    assert np.isnan(columns["FP_a"]).all()
    assert (columns["FP_present"] == 0).all()
    assert np.isfinite(columns["LFP_a"]).all()


def test_a_series_without_any_signal_is_no_result(
    simulated: SimulatedStack, refine: Callable[..., SeriesResult]
) -> None:
    dead = [with_intensity(simulated.read(0), np.zeros(simulated.two_theta.size))] * 3
    with pytest.raises(NoResultError, match="all values equal"):
        refine(simulated, stack=MemoryStack.of(dead))


def test_walk_begins_at_the_anchor_and_meets_every_scan_once() -> None:
    assert walk_order([0, 1, 2, 3, 4], 2, "outward") == [2, 3, 4, 1, 0]
    assert walk_order([0, 1, 2], 1, "backward") == [2, 1, 0]


def test_score_of_noise_is_standard_normal(simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]) -> None:
    # A template that is not in the data, against many noise realisations of a pure scan.
    job = job_of(simulated)
    model = simulated.model
    rng = np.random.default_rng(5)
    fits = []
    for _ in range(40):
        counts = rng.poisson(simulated.expected[0]).astype(float)
        stack = MemoryStack.of([with_intensity(simulated.read(0), counts)])
        fits.append(xrdfit.refine_one_scan(replace(job, stack=stack), 0, solver="compiled"))
    template = np.exp(-0.5 * ((simulated.two_theta - 23.4) / 0.1) ** 2)
    scores = [score_test(fit, template).z for fit in fits]
    assert abs(np.mean(scores)) < 0.6
    assert 0.7 < np.std(scores) < 1.35
    reference = {(2, 0, 0): 0.4, (2, 1, 0): 0.2, (1, 0, 1): 0.2, (3, 0, 1): 0.2}
    values = model.table.defaults()
    tests = [presence_test(model, fit, values=values, phase=1, reference=reference) for fit in fits[:20]]
    assert abs(np.mean([test.z for test in tests])) < 1.0


def test_lines_of_something_unlisted_do_not_conjure_up_a_phase(
    simulated: SimulatedStack, refine: Callable[..., SeriesResult]
) -> None:
    # Two foreign lines on a pattern of LFP alone; a cell of FP can be bent to meet them.
    x = simulated.two_theta
    foreign = sum(200.0 * np.exp(-0.5 * ((x - position) / 0.06) ** 2) for position in (30.6, 37.0))
    rng = np.random.default_rng(9)
    patterns = [
        with_intensity(simulated.read(0), rng.poisson(simulated.expected[0] + foreign).astype(float)) for _ in range(4)
    ]
    columns = refine(simulated, stack=MemoryStack.of(patterns)).columns
    assert (columns["FP_present"] == 0).all()
    assert np.isnan(columns["FP_a"]).all()
    assert np.isfinite(columns["LFP_a"]).all()


def test_volume_error_follows_a_cell_whose_axes_are_tied(
    simulated: SimulatedStack, refine: Callable[..., SeriesResult]
) -> None:
    overrides = {
        "FP_b": ParameterOverride(expr="FP_a * 0.58985"),
        "FP_c": ParameterOverride(expr="FP_a * 0.48690"),
    }
    columns = refine(simulated, overrides=overrides).columns
    known = np.isfinite(columns["FP_a"])
    # V goes with the cube of the one free length.
    expected = 3.0 * columns["FP_volume"][known] / columns["FP_a"][known] * columns["FP_a_esd"][known]
    np.testing.assert_allclose(columns["FP_volume_esd"][known], expected, rtol=1e-3)


def test_a_cell_stopped_at_a_limit_is_said_and_its_other_axes_are_printed(
    simulated: SimulatedStack, refine: Callable[..., SeriesResult]
) -> None:
    result = refine(simulated, overrides={"LFP_b": ParameterOverride(value=6.02, min=6.015, max=6.1)})
    scan = int(np.argmax(simulated.truth["LFP_fraction"]))
    assert np.isnan(result.columns["LFP_b"][scan])
    assert np.isfinite(result.columns["LFP_a"][scan])
    assert result.columns["outcome"][scan] == "flagged"
    assert any("LFP_b at its limit" in message for message in result.messages)


def test_a_phase_that_strayed_in_one_scan_is_not_followed_by_the_next(
    simulated: SimulatedStack, job_of: Callable[[SimulatedStack], Job]
) -> None:
    job = job_of(simulated)
    model = PatternModel.of(job.instrument, job.phases, job.background)
    scans, start = list(range(len(simulated))), start_values(model.table, job.settings.overrides)
    scopes = settle_scopes(model, job.settings, n_scans=len(scans))
    fitter = ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start)
    series = SequentialSeries(
        fitter=fitter, stack=job.stack, scans=scans, start=start, summarise=id, on_final=lambda *_: None
    )
    series.explore(passes=1)
    cell = [model.table.index(name) for name in ("LFP_a", "LFP_b", "LFP_c")]
    right = series.records[4].values[cell].copy()
    # Seen in a series of 2100 scans: four lines of a weak LFP sit on lines of FP, and GoF is 1.1.
    wrong = series.records[3].values.copy()
    wrong[cell] = [10.0816, 5.9486, 4.8131]
    assert series.seen is not None
    first = FirstPass(fitter=series.fitter, stack=job.stack, seen=series.seen)
    strayed = first.neighbours({3: replace(series.records[3], values=wrong, gof=1.7, r_wp=0.08)})
    assert first.refine(4, strayed).values[cell] == pytest.approx(right, abs=2e-3)
