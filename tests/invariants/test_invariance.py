"""What must not change a refined cell: the order of phases, the unit of intensity, a known zero shift."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import RefineSettings, Weights
from xrdfit.fit import ScanFit

PLAIN = RefineSettings(esd_scaling="none")


def cells(fit: ScanFit, scan: scans.KnownScan) -> tuple[dict[str, float], dict[str, float]]:
    names = [name for name in scan.model.table.names if name.startswith(("LFP_", "FP_"))]
    rows = [scan.model.table.index(name) for name in names]
    return dict(zip(names, fit.values[rows], strict=True)), dict(zip(names, fit.esd[rows], strict=True))


def assert_same(one: tuple, other: tuple, *, within: float) -> None:
    """Values within a part of an esd, esds within the same relative part."""
    for name, value in one[0].items():
        if np.isfinite(one[1][name]):
            assert other[0][name] == pytest.approx(value, abs=within * one[1][name]), name
            assert other[1][name] == pytest.approx(one[1][name], rel=within), name
        else:
            assert other[0][name] == value and np.isnan(other[1][name]), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("solver", ["compiled", "leastsq"])
def test_order_of_the_phases_does_not_matter(seed: int, solver: str) -> None:
    scan = scans.reference_scan(seed)
    model = scans.two_phase_model(scans.FP, scans.LFP)
    values = scans.parameters(model, **scans.TRUE)
    swapped = scans.KnownScan(
        model=model,
        values=values,
        lines=model.choose_lines(values, scan.two_theta, (True, True)),
        areas=scan.areas,
        expected=scan.expected,
        two_theta=scan.two_theta,
    )
    counts = scan.counts(seed)
    settings = RefineSettings(esd_scaling="none", solver=solver)
    one, other = scans.refine(scan, counts, settings), scans.refine(swapped, counts, settings)
    assert one.agreement.chi2 == pytest.approx(other.agreement.chi2, rel=1e-9)
    # Both stop within 1e-3 of an esd of the optimum; esds vary with that, not with the order.
    assert_same(cells(one, scan), cells(other, swapped), within=1e-3)


def test_order_of_the_phases_leaves_the_esds_at_the_same_point_alone() -> None:
    scan = scans.reference_scan()
    esds = []
    for phases in ((scans.LFP, scans.FP), (scans.FP, scans.LFP)):
        model = scans.two_phase_model(*phases)
        values = scans.parameters(model, **scans.TRUE)
        lines = model.choose_lines(values, scan.two_theta, (True, True))
        known = scans.KnownScan(
            model=model,
            values=values,
            lines=lines,
            areas=scan.areas,
            expected=scan.expected,
            two_theta=scan.two_theta,
        )
        fit = scans.refine(known, scan.expected, PLAIN)
        esds.append(cells(fit, known)[1])
    for name, esd in esds[0].items():
        assert esds[1][name] == pytest.approx(esd, rel=1e-6, nan_ok=True), name


@pytest.mark.parametrize("factor", [1e-8, 0.37, 1e6])
@pytest.mark.parametrize("weights", ["unit", "estimated", "file"])
def test_scaling_the_counts_scales_the_areas_and_leaves_the_cells_alone(weights: Weights, factor: float) -> None:
    scan = scans.reference_scan()
    # Not whole numbers: equal levels would be sorted by rounding.
    data = scan.counts(1) + np.random.default_rng(2).uniform(-0.5, 0.5, scan.expected.size)
    sigma = np.sqrt(scan.expected) if weights == "file" else None
    settings = RefineSettings(weights=weights, esd_scaling="chi2")
    one = scans.refine(scan, data, settings, sigma=sigma)
    other = scans.refine(scan, data * factor, settings, sigma=None if sigma is None else sigma * factor)
    assert one.success and other.success
    assert_same(cells(one, scan), cells(other, scan), within=1e-3)
    np.testing.assert_allclose(
        other.objective.work.area / factor, one.objective.work.area, rtol=1e-4, atol=1e-4 * scan.areas.max()
    )
    assert other.agreement.r_wp == pytest.approx(one.agreement.r_wp, rel=1e-6)


@pytest.mark.parametrize("shift", [-0.05, 0.013, 0.2])
def test_known_zero_shift_is_taken_out_of_the_cells(shift: float) -> None:
    scan = scans.reference_scan()
    counts = scan.counts(1)
    values = scan.values.copy()
    values[scan.model.table.index("zero_shift")] = shift
    moved = scans.KnownScan(
        model=scan.model,
        values=values,
        lines=scan.lines,
        areas=scan.areas,
        expected=scan.expected,
        two_theta=scan.two_theta + shift,
    )
    assert_same(
        cells(scans.refine(scan, counts, PLAIN), scan), cells(scans.refine(moved, counts, PLAIN), moved), within=1e-3
    )


def test_splitting_a_wavelength_in_two_equal_halves_changes_nothing() -> None:
    from xrdfit.model import Background, Instrument, PatternModel

    values, fits = {}, {}
    for lines in (((1.5406, 1.0),), ((1.5406, 0.5), (1.5406, 0.5))):
        model = PatternModel.of(Instrument(lines=lines, profile=scans.PROFILE), (scans.LFP, scans.FP), Background())
        scan = scans.known_scan(model, scans.parameters(model, **scans.TRUE))
        fits[len(lines)] = scans.refine(scan, scan.counts(3), PLAIN)
        values[len(lines)] = cells(fits[len(lines)], scan)
    assert_same(values[1], values[2], within=1e-3)
