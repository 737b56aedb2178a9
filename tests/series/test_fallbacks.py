"""The joint fit of series that give it less than it asks for, or other than it expects: it says so and goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import xrdfit
from xrdfit.crystal import Phase, UnitCell
from xrdfit.data import Drift, MemoryStack, ParameterOverride, Pattern, ScanResult, ScanStack, ScanTimes, SeriesResult
from xrdfit.errors import InputError
from xrdfit.recipe import Job
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack, single_phase, write_simulated
from xrdfit.simulate.crystals import lfp_and_fp

CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")
N_SCANS = 6

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def simulated() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=77, n_scans=N_SCANS)


@pytest.fixture(scope="module")
def job(simulated: SimulatedStack, tmp_path_factory: pytest.TempPathFactory) -> Job:
    here = tmp_path_factory.mktemp("series")
    write_simulated(here / "stack.h5", simulated)
    (here / "recipe.toml").write_text(simulated.recipe_text)
    return xrdfit.build_job(xrdfit.load_recipe(here / "recipe.toml"))


@pytest.fixture(scope="module")
def plain(job: Job) -> SeriesResult:
    return xrdfit.refine_series(job)


def refine(
    job: Job,
    *,
    stack: ScanStack | None = None,
    scans: Sequence[int] | None = None,
    phases: tuple[Phase, ...] | None = None,
    profile: bool = True,
    detector: Literal["point", "area"] | None = None,
    overrides: dict[str, dict[str, Any]] | None = None,
    **settings: Any,
) -> SeriesResult:
    said = {name: ParameterOverride(**words) for name, words in (overrides or {}).items()}
    settings["scope"] = {**job.settings.scope, **settings.get("scope", {})}
    instrument = job.instrument if profile else replace(job.instrument, profile=None)
    return xrdfit.refine_series(
        replace(
            job,
            stack=job.stack if stack is None else stack,
            phases=job.phases if phases is None else phases,
            instrument=instrument if detector is None else replace(instrument, detector=detector),
            settings=replace(job.settings, overrides=said, **settings),
        ),
        scans=scans,
    )


def patterns(simulated: SimulatedStack) -> list[Pattern]:
    return [simulated.read(scan) for scan in range(len(simulated))]


def stack_of(rows: Sequence[Pattern], times: ScanTimes | None = None) -> ScanStack:
    return MemoryStack.of(list(rows), times=times)


def notes(result: SeriesResult, *words: str) -> list[str]:
    return [note for note in result.notes if all(word in note for word in words)]


def assert_sane(
    result: SeriesResult, truth: SimulatedStack, scans: Sequence[int], *, within: float = 4.5, cells: int = 3
) -> None:
    """Cells are the true ones within their errors, and there are cells where there is much of a phase."""
    n_found = 0
    for name in CELLS:
        found, esd = result.columns[name], result.columns[f"{name}_esd"]
        true, fraction = truth.truth[name][list(scans)], truth.truth[f"{name[:-2]}_fraction"][list(scans)]
        known = np.isfinite(found)
        assert known[fraction > 0.3].all()
        assert (np.abs(found - true) <= within * esd)[known].all()
        n_found += int(known.sum())
    assert n_found >= cells


def apart(one: SeriesResult, other: SeriesResult, rows: Sequence[int], names: Sequence[str] = CELLS) -> float:
    """Largest distance in esds between results, the rows of the other being `rows`."""
    worst = 0.0
    for name in names:
        first, second = one.columns[name][list(rows)], other.columns[name]
        np.testing.assert_array_equal(np.isfinite(first), np.isfinite(second))
        esd = one.columns[f"{name}_esd"][list(rows)]
        known = np.isfinite(first) & (esd > 0.0)
        worst = max(worst, float((np.abs(first - second) / esd)[known].max(initial=0.0)))
    return worst


# Few scans.


@pytest.mark.parametrize("scans", [[2], [2, 3]])
def test_one_and_two_scans_are_refined_and_what_they_cannot_tell_is_said(
    job: Job, simulated: SimulatedStack, scans: list[int]
) -> None:
    result = refine(job, scans=scans)
    assert list(result.columns["scan"]) == scans
    assert_sane(result, simulated, scans)
    assert np.isfinite(result.columns["sample_displacement"]).all()
    assert bool(notes(result, "sample_displacement", "a constant in its place")) == (len(scans) == 1)
    assert notes(result, "fractions: not determined", "fewer than")
    alone = refine(job, stack=stack_of([simulated.read(scan) for scan in scans]))
    for name in ("LFP_a", "FP_c"):
        np.testing.assert_allclose(alone.columns[name], result.columns[name], rtol=0.0, atol=1e-6)


@pytest.mark.parametrize(
    "shape, wanted, found",
    [(Drift(order=5), 6, 3), (Drift(knots=2), 6, 3), (Drift(order=2), 3, None)],
)
def test_a_drift_has_no_more_coefficients_than_there_are_scans(
    job: Job, simulated: SimulatedStack, shape: Drift, wanted: int, found: int | None
) -> None:
    result = refine(job, scans=[1, 2, 3], drift={"sample_displacement": shape})
    said = notes(result, "sample_displacement", f"a drift with {wanted} coefficients is more than")
    assert len(said) == (found is not None)
    assert found is None or f"a drift with {found} coefficients in its place" in said[0]
    assert np.isfinite(result.columns["sample_displacement"]).all()
    assert_sane(result, simulated, [1, 2, 3])


def test_progress_goes_on_through_the_joint_fit_and_tells_how_well_it_fits(job: Job) -> None:
    told: list[tuple[int, int, str]] = []
    xrdfit.refine_series(job, progress=lambda done, total, word: told.append((done, total, word)))
    n = len(job.stack)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert {total for _, total, _ in told} == {2 * n}
    assert n < told[-1][0] <= 2 * n
    assert f"{n} scans together: R_wp 0." in told[-1][2]


def test_scans_that_all_claim_one_time_share_one_displacement(job: Job, simulated: SimulatedStack) -> None:
    times = ScanTimes(start_s=np.zeros(N_SCANS), end_s=np.full(N_SCANS, 3600.0), origin=simulated.times.origin)
    result = refine(job, stack=stack_of(patterns(simulated), times), detector="point")
    assert notes(result, "sample_displacement", "a constant in its place")
    assert np.ptp(result.columns["sample_displacement"]) == 0.0
    assert np.isfinite(result.columns["LFP_a"]).any()


# Phases that are not there.


def test_a_series_of_one_phase_says_that_the_other_is_absent(job: Job) -> None:
    pure = simulate_stack(single_phase("FP"), seed=4, n_scans=4)
    result = refine(job, stack=stack_of(patterns(pure), pure.times))
    assert np.isfinite(result.columns["FP_a"]).all()
    assert np.isnan(result.columns["LFP_a"]).all()
    assert (result.columns["FP_present"] == 1).all() and (result.columns["LFP_present"] == 0).all()
    assert notes(result, "LFP: not established in any scan")
    assert notes(result, "fractions: not determined", "only FP is seen")


def test_a_series_of_background_alone_is_flagged_scan_by_scan(job: Job, simulated: SimulatedStack) -> None:
    rng = np.random.default_rng(0)
    empty = [
        replace(row, intensity=rng.poisson(250.0, row.two_theta.size).astype(float)) for row in patterns(simulated)
    ]
    result = refine(job, stack=stack_of(empty[:3]))
    assert list(result.columns["outcome"]) == ["flagged"] * 3
    assert all("no phase found" in message for message in result.messages)
    assert notes(result, "sample_displacement", "not determined by the series")
    assert np.isnan(result.columns["sample_displacement"]).all()


def test_phases_far_from_what_is_there_are_not_passed_off_as_a_result(job: Job) -> None:
    wrong = tuple(
        replace(phase, cell=UnitCell(*(float(1.13 * length) for length in phase.cell.lengths_angles[:3])))
        for phase in job.phases
    )
    result = refine(job, phases=wrong, scans=[2, 3])
    assert notes(result, "does not describe the patterns")
    assert np.nanmedian(result.columns["gof"]) > 1.5


# What the data do not determine.


def test_positions_that_shift_all_lines_alike_say_so_and_leave_cells_with_errors_as_wide(
    job: Job, simulated: SimulatedStack
) -> None:
    scope = dict.fromkeys(("zero_shift", "sample_displacement", "transparency"), "series")
    result = refine(job, scope=scope)
    assert notes(result, "nearly collinear")
    assert_sane(result, simulated, range(N_SCANS), cells=0)
    assert np.nanmin(result.columns["LFP_a_esd"]) > 5e-3


def test_a_position_at_its_limit_leaves_no_cell(job: Job) -> None:
    # The true displacement goes from 0.03 to 0.04 mm: cells found 0.06 mm off would be wrong by many esds.
    said = {"sample_displacement": {"value": -0.04, "min": -0.05, "max": -0.03}}
    result = refine(job, overrides=said, scope={"sample_displacement": "scan"})
    assert set(result.columns["outcome"]) == {"flagged"}
    assert all("sample_displacement at its limit (-0.03): no cells are given" in message for message in result.messages)
    assert np.isnan([result.columns[name] for name in CELLS]).all()


@pytest.mark.parametrize(("seed", "counts"), [(203, 1.0), (902, 0.1)])
def test_over_a_short_range_cells_and_displacement_do_not_run_away_together(
    seed: int, counts: float, tmp_path: Path
) -> None:
    # Begun from scans refined alone, the first ended with (201) and (111) in each other's place, GoF 1.01, 40 esds off.
    # With cells that were held counted as known, those of the second were 6 esds off.
    truth = simulate_stack(WELL_BEHAVED, seed=seed, counts=counts)
    write_simulated(tmp_path / "stack.h5", truth)
    (tmp_path / "recipe.toml").write_text(truth.recipe_text)
    job = xrdfit.build_job(xrdfit.load_recipe(tmp_path / "recipe.toml"))
    result = refine(job, two_theta_range=(20.0, 30.0))
    for name in CELLS:
        z = (result.columns[name] - truth.truth[name]) / result.columns[f"{name}_esd"]
        assert np.sqrt(np.nanmean(z**2)) < 2.0
    off = result.columns["sample_displacement"] - truth.truth["sample_displacement"]
    assert np.abs(off).max() < 0.06


def test_a_drift_that_leaves_its_limits_is_flagged(job: Job) -> None:
    # The true displacement goes from 0.03 to 0.04 mm.
    result = refine(job, overrides={"sample_displacement": {"value": 0.06, "min": 0.05, "max": 0.1}})
    assert notes(result, "sample_displacement: drifts", "at its limit") or any(
        "sample_displacement drifts beyond its limits" in message for message in result.messages
    )


def test_strain_of_a_phase_in_a_single_scan_does_not_spoil_the_others(job: Job, simulated: SimulatedStack) -> None:
    result = refine(job, scans=[0, 1])
    assert notes(result, "FP_lorentz_strain", "one value for the series")
    assert np.isfinite(result.columns["LFP_a"]).all()
    assert_sane(result, simulated, [0, 1])


def test_without_an_instrument_profile_widths_are_said_to_be_no_sample_properties(
    job: Job, simulated: SimulatedStack
) -> None:
    result = refine(job, profile=False)
    assert notes(result, "instrument resolution unknown")
    assert notes(result, "caglioti_w", "one value for the series")
    assert_sane(result, simulated, range(N_SCANS))


# Scans that are not like the others.


@pytest.fixture(scope="module")
def motley(job: Job, simulated: SimulatedStack) -> SeriesResult:
    """Scan 1 is all NaN, 2 has a hole, 3 is on a grid of its own with ten times the counts, 4 is a dead detector."""
    rows = patterns(simulated)
    rows[1] = replace(rows[1], intensity=np.full_like(rows[1].intensity, np.nan))
    holed = rows[2].intensity.copy()
    holed[100:250] = np.nan
    rows[2] = replace(rows[2], intensity=holed)
    x = np.linspace(20.5, 37.5, 480)
    more = np.random.default_rng(1).poisson(10.0 * np.interp(x, simulated.two_theta, simulated.expected[3]))
    rows[3] = replace(rows[3], two_theta=x, intensity=more.astype(float), mask=np.ones(x.size, dtype=bool))
    rows[4] = replace(rows[4], intensity=np.zeros_like(rows[4].intensity))
    return refine(job, stack=stack_of(rows, simulated.times))


def test_bad_scans_cost_themselves_only(motley: SeriesResult, simulated: SimulatedStack) -> None:
    assert [str(outcome) for outcome in motley.columns["outcome"][[1, 4]]] == ["no_data", "no_data"]
    kept = [0, 2, 3, 5]
    for name in CELLS:
        assert np.isnan(motley.columns[name][[1, 4]]).all()
        error = (motley.columns[name] - simulated.truth[name])[kept]
        known = np.isfinite(error)
        assert known[simulated.truth[f"{name[:-2]}_fraction"][kept] > 0.3].all()
        assert (np.abs(error) < 4.5 * motley.columns[f"{name}_esd"][kept])[known].all()


def test_a_hole_in_a_scan_makes_it_less_certain_and_counts_make_it_more_so(
    motley: SeriesResult, plain: SeriesResult
) -> None:
    change = {name: motley.columns[f"{name}_esd"] / plain.columns[f"{name}_esd"] for name in CELLS}
    # The hole takes (0 1 1) and (1 1 1), which tell c more than a.
    assert change["FP_c"][2] > 1.08 and change["LFP_c"][2] > 1.08
    # Not by the root of ten: what all scans share has an error, too.
    assert all(change[name][3] < 0.8 for name in CELLS)


def test_a_scan_measured_twice_is_two_scans(job: Job, simulated: SimulatedStack) -> None:
    rows = patterns(simulated)
    twice = [1, 2, 2, 3]
    times = ScanTimes(
        start_s=simulated.times.start_s[twice], end_s=simulated.times.end_s[twice], origin=simulated.times.origin
    )
    result = refine(job, stack=stack_of([rows[scan] for scan in twice], times), bad_scans="keep")
    assert_sane(result, simulated, twice)
    for name in CELLS:
        assert result.columns[name][1] == pytest.approx(result.columns[name][2], abs=1e-5, nan_ok=True)
    swept = refine(job, stack=stack_of([rows[scan] for scan in twice], times), detector="point", bad_scans="keep")
    assert np.isfinite(swept.columns["FP_a"][1])


def test_sweeping_scans_without_times_follow_each_other_without_a_pause(job: Job) -> None:
    swept = simulate_stack(WELL_BEHAVED, seed=78, n_scans=N_SCANS, sweep=True)
    with_times = refine(job, stack=stack_of(patterns(swept), swept.times), detector="point")
    without = refine(job, stack=stack_of(patterns(swept)), detector="point")
    assert_sane(without, swept, range(N_SCANS), within=5.0)
    assert apart(with_times, without, range(N_SCANS)) < 0.01


# What the recipe says of parameters.


def test_limits_that_exclude_the_truth_are_said_to_be_met(job: Job, simulated: SimulatedStack) -> None:
    result = refine(job, overrides={"LFP_a": {"value": 10.34, "min": 10.33, "max": 10.4}})
    scan = int(np.argmax(simulated.truth["LFP_fraction"]))
    assert np.isnan(result.columns["LFP_a"][scan]) and np.isfinite(result.columns["LFP_b"][scan])
    assert result.columns["outcome"][scan] == "flagged"
    assert any(f"scan {scan}:" in message and "LFP_a at its limit" in message for message in result.messages)


def test_priors_pull_as_hard_as_they_are_certain(job: Job, plain: SeriesResult) -> None:
    # Of what drifts, the prior is one of its mean.
    firm = refine(
        job,
        overrides={"LFP_lorentz_size": {"prior": (0.15, 1e-4)}, "sample_displacement": {"prior": (0.05, 1e-5)}},
    )
    (said,) = notes(firm, "LFP_lorentz_size = ")
    assert float(said.split()[2]) == pytest.approx(0.15, abs=2e-3)
    assert firm.columns["sample_displacement"].mean() == pytest.approx(0.05, abs=1e-4)
    assert np.ptp(firm.columns["sample_displacement"]) > 1e-3
    loose = refine(job, overrides={"LFP_lorentz_size": {"prior": (0.15, 10.0)}})
    assert apart(plain, loose, range(N_SCANS)) < 0.01


def test_what_is_held_stays_where_it_is_and_makes_the_cells_more_certain(
    job: Job, simulated: SimulatedStack, plain: SeriesResult
) -> None:
    # Whatever its scope.
    result = refine(job, overrides={"sample_displacement": {"vary": False, "value": 0.035}})
    assert np.isnan(result.columns["sample_displacement"]).all()
    assert not notes(result, "sample_displacement")
    scan = int(np.argmax(simulated.truth["LFP_fraction"]))
    assert result.columns["LFP_a_esd"][scan] < 0.9 * plain.columns["LFP_a_esd"][scan]


def test_tied_parameters_obey_their_expressions_and_share_their_errors(job: Job, simulated: SimulatedStack) -> None:
    expressions = {"LFP_b": "LFP_a * 0.5815", "FP_lorentz_size": "LFP_lorentz_size"}
    scans = [1, 2, 4]
    result = refine(job, scans=scans, overrides={name: {"expr": text} for name, text in expressions.items()})
    known = np.isfinite(result.columns["LFP_a"])
    assert known.any() and not any(note.startswith("FP_lorentz_size") for note in result.notes)
    np.testing.assert_allclose(result.columns["LFP_b"][known], 0.5815 * result.columns["LFP_a"][known], rtol=1e-12)
    ratio = result.columns["LFP_b_esd"][known] / result.columns["LFP_a_esd"][known]
    np.testing.assert_allclose(ratio, 0.5815, rtol=1e-6)
    # 0.5815 is the true ratio to 5e-6.
    assert_sane(result, simulated, scans)


def test_a_cell_tied_to_another_phase_is_measured_where_that_phase_is_not(job: Job, simulated: SimulatedStack) -> None:
    ratio = 9.8185 / 10.3265
    scans = [0, 1, 2]
    result = refine(job, scans=scans, overrides={"FP_a": {"expr": f"LFP_a * {ratio}"}})
    pure = simulated.truth["FP_fraction"][scans] == 0.0
    strong = simulated.truth["FP_fraction"][scans] > 0.3
    assert np.isnan(result.columns["FP_a"][pure]).all()
    error = (result.columns["FP_a"] - simulated.truth["FP_a"][scans])[strong]
    assert (np.abs(error) < 4.5 * result.columns["FP_a_esd"][strong]).all()


# Other models of intensities, and of phases.


@pytest.mark.parametrize("intensities", ["hierarchical", "lebail"])
def test_every_model_of_intensities_gives_sane_cells(job: Job, simulated: SimulatedStack, intensities: str) -> None:
    result = refine(job, intensities=intensities)
    assert_sane(result, simulated, range(N_SCANS), within=5.0)
    assert bool(notes(result, "fractions: mole fractions")) == (intensities != "lebail")


def test_preferred_orientation_of_a_random_powder_is_found_to_be_none(job: Job, simulated: SimulatedStack) -> None:
    lfp, fp = lfp_and_fp()
    result = refine(job, intensities="structure", phases=(replace(lfp, march_dollase=(0, 1, 0)), fp))
    assert_sane(result, simulated, range(N_SCANS))
    (said,) = notes(result, "LFP_march_dollase = ", "one value for the series, esd")
    r, esd = float(said.split()[2].rstrip(":")), float(said.split()[-1])
    assert abs(r - 1.0) < 4.5 * esd < 0.1
    assert notes(result, "fractions: mole fractions")
    fraction = result.columns["LFP_fraction"]
    assert np.abs(fraction - simulated.truth["LFP_fraction"]).max() < 0.03


@pytest.mark.parametrize("intensities", ["hierarchical", "lebail", "structure"])
def test_every_model_of_intensities_takes_a_single_scan(job: Job, simulated: SimulatedStack, intensities: str) -> None:
    phases = lfp_and_fp() if intensities == "structure" else None
    result = refine(job, intensities=intensities, phases=phases, scans=[2])
    assert np.isfinite(result.columns["FP_a"]).all()


def test_a_cell_that_an_inert_phase_keeps_throughout_is_measured_once(job: Job, simulated: SimulatedStack) -> None:
    inert = tuple(replace(phase, role="inert") if phase.name == "FP" else phase for phase in job.phases)
    result = refine(job, phases=inert, scope={f"FP_{axis}": "series" for axis in "abc"})
    known = np.isfinite(result.columns["FP_a"])
    assert known[simulated.truth["FP_fraction"] > 0.3].all()
    assert np.ptp(result.columns["FP_a"][known]) == 0.0 and np.ptp(result.columns["FP_a_esd"][known]) == 0.0
    assert notes(result, "FP_a = ", "one value for the series")
    strongest = int(np.argmax(simulated.truth["FP_fraction"]))
    error = result.columns["FP_b"][strongest] - simulated.truth["FP_b"][strongest]
    assert abs(error) < 4.5 * result.columns["FP_b_esd"][strongest]


def test_a_recipe_without_an_active_phase_has_no_fractions(job: Job) -> None:
    result = refine(job, phases=tuple(replace(phase, role="inert") for phase in job.phases), scans=[1, 2, 3])
    assert notes(result, "fractions: not determined, no phase is active")
    assert np.isfinite(result.columns["FP_a"]).any()


# What else is in the beam.


def test_an_empty_cell_under_the_patterns_is_found_in_the_amount_that_is_there(
    simulated: SimulatedStack, tmp_path: Path
) -> None:
    grid = np.linspace(19.0, 39.0, 400)
    hill = 400.0 * np.exp(-(((grid - 26.0) / 2.0) ** 2)) + 900.0 * np.exp(-(((grid - 33.0) / 0.2) ** 2))
    np.savetxt(tmp_path / "empty.xy", np.column_stack([grid, hill]))
    rng = np.random.default_rng(5)
    expected = simulated.expected + 0.6 * np.interp(simulated.two_theta, grid, hill)
    write_simulated(tmp_path / "stack.h5", replace(simulated, counts=rng.poisson(expected).astype(np.float64)))
    text = simulated.recipe_text.replace("[background]", '[background]\nfile = "empty.xy"')
    (tmp_path / "recipe.toml").write_text(text)
    job = xrdfit.build_job(xrdfit.load_recipe(tmp_path / "recipe.toml"))
    found: list[tuple[float, float]] = []

    class Keep:
        def write_scan(self, index: int, result: ScanResult) -> None:
            found.append((result.values["background_measured"], result.esd["background_measured"]))

    result = xrdfit.refine_series(job, writer=Keep())
    assert_sane(result, simulated, range(N_SCANS))
    amount, esd = np.array(found).T
    assert (np.abs(amount - 0.6) < 4.0 * esd).all() and esd.max() < 0.02
    assert sorted(result.columns["background_measured"]) == sorted(amount)
    assert sorted(result.columns["background_measured_esd"]) == sorted(esd)
    (note,) = notes(result, "background_measured: ")
    assert f"{amount.min():.4g} (esd " in note and "median 0." in note and "(1: as measured)" in note


def test_an_empty_cell_measured_over_too_short_a_range_is_refused(simulated: SimulatedStack, tmp_path: Path) -> None:
    refuse_background(simulated, tmp_path, 30.0, 40.0, r"does not cover the patterns · background.file · 20 to 30 deg")


@pytest.mark.parametrize("level", [0.0, -40.0])
def test_an_empty_cell_without_intensity_is_refused(simulated: SimulatedStack, tmp_path: Path, level: float) -> None:
    refuse_background(simulated, tmp_path, 39.0, level, "has no intensity · background.file")


def refuse_background(simulated: SimulatedStack, folder: Path, end: float, level: float, words: str) -> None:
    np.savetxt(folder / "empty.xy", np.column_stack([np.linspace(20.0, end, 200), np.full(200, level)]))
    write_simulated(folder / "stack.h5", simulated)
    text = simulated.recipe_text.replace("[background]", '[background]\nfile = "empty.xy"')
    (folder / "recipe.toml").write_text(text)
    with pytest.raises(InputError, match=words):
        xrdfit.build_job(xrdfit.load_recipe(folder / "recipe.toml"))


def test_a_resolution_wider_than_any_is_refused(simulated: SimulatedStack, tmp_path: Path) -> None:
    write_simulated(tmp_path / "stack.h5", simulated)
    (tmp_path / "recipe.toml").write_text(simulated.recipe_text.replace("w = 0.0035", "w = 1.3e12"))
    with pytest.raises(InputError, match="wider than that of any diffractometer"):
        xrdfit.build_job(xrdfit.load_recipe(tmp_path / "recipe.toml"))
