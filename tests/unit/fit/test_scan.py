"""One scan from start to result, and what happens at the edges."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import RefineSettings
from xrdfit.fit import prepare_scan, with_seeded_background
from xrdfit.model import Background

SOLVERS = ("compiled", "leastsq")


def test_seeded_background_runs_below_the_peaks_and_through_the_noise() -> None:
    scan = scans.reference_scan()
    prepared = prepare_scan(scans.pattern(scan.counts(0)), RefineSettings())
    seeded = with_seeded_background(scan.model, prepared, scan.model.table.defaults())
    # The common tails of 27 strong lines lift it, peaks ten times its height do not.
    assert 240.0 < seeded[scan.model.table.index("background_c0")] < 400.0


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("solver", SOLVERS)
def test_scan_of_a_few_points_ends_without_an_exception(n: int, solver: str) -> None:
    scan = scans.reference_scan()
    part = slice(300, 300 + n)
    short = scans.KnownScan(
        model=scan.model,
        values=scan.values,
        lines=scan.lines,
        areas=scan.areas,
        expected=scan.expected[part],
        two_theta=scan.two_theta[part].copy(),
    )
    fit = scans.refine(short, scan.counts(0)[part], RefineSettings(solver=solver))
    assert np.isfinite(fit.values).all()


@pytest.mark.parametrize(
    "intensity",
    [np.zeros(607), np.full(607, 5.0), np.full(607, 0.5), np.linspace(1.0, 2.0, 607)],
    ids=["dead detector", "constant counts", "constant value", "slope"],
)
@pytest.mark.parametrize("weights", ["auto", "estimated", "unit", "poisson"])
def test_pattern_without_a_peak_ends_with_a_finite_answer(intensity: np.ndarray, weights: str) -> None:
    scan = scans.reference_scan()
    fit = scans.refine(scan, intensity, RefineSettings(weights=weights))  # type: ignore[arg-type]
    assert np.isfinite(fit.values).all()
    np.testing.assert_allclose(fit.objective.work.model, intensity, atol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_phase_present_is_a_fit_of_the_background_alone(solver: str) -> None:
    model = scans.two_phase_model()
    truth = scans.parameters(model, background_c0=250.0, background_c1=-30.0, background_c3=10.0)
    scan = scans.known_scan(model, truth, present=(False, False))
    fit = scans.refine(scan, scan.counts(0), RefineSettings(solver=solver), present=(False, False))
    assert fit.success
    index = model.table.index("background_c1")
    assert abs(fit.values[index] + 30.0) < 4.0 * fit.esd[index]
    assert fit.objective.lines.phase.size == 0


def test_lines_that_change_places_are_no_other_lines() -> None:
    scan = scans.reference_scan()
    start = scan.values.copy()
    start[scan.model.table.index("LFP_b")] += 0.01
    listed = scan.model.choose_lines(start, scan.two_theta, (True, True))
    assert not listed.same_as(scan.lines)
    fit = scans.refine(scan, scan.counts(0), start=start)
    assert fit.objective.lines.same_as(listed)


def test_start_far_off_leads_where_one_nearby_leads() -> None:
    scan = scans.reference_scan()
    start = scan.values.copy()
    start[scan.model.table.where("cell")] *= 1.001
    near, far = (scans.refine(scan, scan.counts(0), start=values) for values in (scan.values, start))
    varied = np.isfinite(near.esd)
    assert (np.abs(far.values - near.values)[varied] <= 3e-3 * near.esd[varied]).all()


def test_range_without_a_line_leaves_the_cell_without_an_esd() -> None:
    scan = scans.reference_scan()
    gap = scans.known_scan(scan.model, scan.values, two_theta=np.linspace(21.5, 22.3, 60))
    fit = scans.refine(gap, np.full(60, 250.0))
    cells = scan.model.table.where("cell")
    assert np.isnan(fit.esd[cells]).all()
    np.testing.assert_array_equal(fit.values[cells], scan.values[cells])


def test_two_identical_phases_do_not_break_the_fit() -> None:
    twin = scans.phase("LFP2", "Pnma", 10.3290, 6.0065, 4.6908)
    model = scans.two_phase_model(scans.LFP, twin)
    values = scans.parameters(model, LFP_lorentz_size=0.1, LFP2_lorentz_size=0.1, background_c0=250.0)
    scan = scans.known_scan(model, values)
    fit = scans.refine(scan, scan.counts(0))
    assert np.isfinite(fit.values).all()
    assert fit.agreement.gof < 1.3


def test_masked_and_excluded_points_do_not_touch_the_answer() -> None:
    scan = scans.reference_scan()
    counts = scan.counts(0)
    settings = RefineSettings(exclude=((30.0, 31.0),), esd_scaling="none")
    spoiled = counts.copy()
    spoiled[(scan.two_theta >= 30.0) & (scan.two_theta <= 31.0)] = 1e6
    one, other = scans.refine(scan, counts, settings), scans.refine(scan, spoiled, settings)
    np.testing.assert_array_equal(one.values, other.values)


def test_tail_of_a_line_just_outside_the_range_is_not_taken_for_background() -> None:
    wide = scans.known_scan(
        scans.two_phase_model(scans.LFP, background=Background(terms=2)),
        scans.parameters(
            scans.two_phase_model(scans.LFP, background=Background(terms=2)), LFP_lorentz_size=0.15, background_c0=100.0
        ),
        strongest=3000.0,
        two_theta=np.linspace(15.0, 45.0, 1500),
    )
    # (020) and (211) stand near 29.7 deg; the range ends two FWHM below them.
    inside = wide.two_theta < 29.4
    cut = scans.KnownScan(
        model=wide.model,
        values=wide.values,
        lines=wide.lines,
        areas=wide.areas,
        expected=wide.expected[inside],
        two_theta=wide.two_theta[inside].copy(),
    )
    fit = scans.refine(cut, cut.expected)
    assert fit.agreement.gof < 0.5
    # Without the line in the model GoF is 43 at these counts, and b 6 esds off.
    index = wide.model.table.index("LFP_b")
    assert abs(fit.values[index] - 6.0065) < fit.esd[index]


def test_line_areas_and_their_esds_are_honest() -> None:
    from xrdfit.fit.scan import area_covariance

    scan = scans.reference_scan()
    pulls = []
    for seed in range(25):
        fit = scans.refine(scan, scan.counts(seed))
        esd = np.sqrt(np.diag(area_covariance(fit)))
        strong = (scan.areas > 10.0 * np.nanmedian(esd)) & (esd > 0.0)
        pulls.append((fit.objective.work.area - scan.areas)[strong] / esd[strong])
    assert np.sqrt(np.mean(np.concatenate(pulls) ** 2)) == pytest.approx(1.0, abs=0.15)
