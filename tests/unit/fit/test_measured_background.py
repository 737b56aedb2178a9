"""A background that was measured has noise of its own, which the weights of a fit hold in the amount that is there."""

from __future__ import annotations

import numpy as np
import pytest

from tests import scans
from xrdfit.data import RefineSettings
from xrdfit.fit import ScanFit, fit_scan, prepare_scan, with_seeded_background
from xrdfit.model import Background, MeasuredBackground

X = scans.TWO_THETA
# The empty cell, measured in half the time of a scan: twice as much of it is in every scan.
CELL = 120.0 + 600.0 * np.exp(-(((X - 26.0) / 3.0) ** 2)) + 3000.0 * np.exp(-(((X - 33.1) / 0.1) ** 2))
AMOUNT = 2.0
SETTINGS = RefineSettings(esd_scaling="none")


def fitted(seed: int, *, known: bool = False, settings: RefineSettings = SETTINGS) -> tuple[ScanFit, float]:
    """A fit with the cell as it was counted, and the true a; ``known`` takes its noise for none."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(CELL).astype(np.float64)
    measured = MeasuredBackground.of(X, counts, None)
    if known:
        measured = MeasuredBackground(two_theta=X, intensity=counts)
    background = Background(terms=2, measured=measured)
    truth = scans.known_scan(
        scans.two_phase_model(background=Background(terms=2)),
        scans.parameters(scans.two_phase_model(background=Background(terms=2)), **scans.TRUE | {"background_c0": 30.0}),
        strongest=60.0,
    )
    model = scans.two_phase_model(background=background)
    pattern = scans.pattern(rng.poisson(truth.expected + AMOUNT * CELL).astype(np.float64))
    prepared = prepare_scan(pattern, settings, background)
    start = scans.parameters(model, **scans.TRUE)
    start = with_seeded_background(model, prepared, start)
    fit = fit_scan(model, prepared, settings, start=start, present=(True, True), vary=scans.usual(model))
    return fit, truth.values[truth.model.table.index("LFP_a")]


def test_variance_of_whole_counts_is_their_level_and_that_of_a_file_its_own() -> None:
    counts = np.random.default_rng(0).poisson(CELL).astype(np.float64)
    assert np.median(MeasuredBackground.of(X, counts, None).variance_at(X) / CELL) == pytest.approx(1.0, abs=0.05)
    stated = MeasuredBackground.of(X, counts, np.full(X.size, 3.0))
    np.testing.assert_allclose(stated.variance_at(X), 9.0)
    # A point half-way between two of its own is the mean of both, and has half the variance.
    np.testing.assert_allclose(stated.variance_at(0.5 * (X[1:] + X[:-1])), 4.5)
    np.testing.assert_array_equal(MeasuredBackground(two_theta=X, intensity=CELL).variance_at(X), 0.0)


def test_the_noise_of_the_cell_is_in_the_weights_in_the_amount_that_is_there() -> None:
    fit, _ = fitted(1)
    amount = fit.values[fit.objective.model.table.index("background_measured")]
    assert amount == pytest.approx(AMOUNT, abs=0.05)
    factor = fit.prepared.noise.constant / CELL
    assert np.median(factor) == pytest.approx(AMOUNT**2, rel=0.1)
    assert np.mean(np.abs(factor / AMOUNT**2 - 1.0) < 0.25) > 0.95
    unit, _ = fitted(1, settings=RefineSettings(esd_scaling="none", weights="unit"))
    assert np.ptp(unit.prepared.noise.constant) == 0.0


def test_a_fit_is_as_good_as_its_counts_and_its_esds_are_honest_beside_a_cell_measured_in_short_time() -> None:
    told = [fitted(seed) for seed in range(24)]
    gof = [fit.agreement.gof for fit, _ in told]
    assert np.mean(gof) == pytest.approx(1.0, abs=0.06)
    index = told[0][0].objective.model.table.index("LFP_a")
    pull = [(fit.values[index] - true) / fit.esd[index] for fit, true in told]
    assert 0.65 < np.sqrt(np.mean(np.square(pull))) < 1.35
    # Taken for exact, the same cell leaves residuals half as large again as they should be, and esds too small by that.
    trusted = [fitted(seed, known=True) for seed in range(6)]
    assert np.mean([fit.agreement.gof for fit, _ in trusted]) > 1.45
    assert np.mean([fit.esd[index] for fit, _ in trusted]) < 0.75 * np.mean([fit.esd[index] for fit, _ in told])
