"""Errors against a known truth: neither too small nor too large."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import RefineSettings

N_SCANS = 60
CELLS = ("LFP_a", "LFP_b", "LFP_c", "FP_a", "FP_b", "FP_c")


@pytest.fixture(scope="module")
def pulls() -> dict[str, np.ndarray]:
    """(fit - truth) / esd of every refined parameter, and of the cells with esds at fixed intensities."""
    scan = scans.reference_scan()
    table = scan.model.table
    varied = np.flatnonzero(scans.usual(scan.model))
    derivative = np.eye(len(table))[:, varied]
    found: dict[str, list[float]] = {}
    for seed in range(N_SCANS):
        fit = scans.refine(scan, scan.counts(seed), RefineSettings(esd_scaling="none"))
        assert fit.success
        matrix, _ = fit.objective.normal_equations(fit.values, derivative, areas_free=False)
        fixed = np.sqrt(np.diag(np.linalg.inv(matrix)))
        for column, i in enumerate(varied):
            off = fit.values[i] - scan.values[i]
            found.setdefault(table.names[i], []).append(off / fit.esd[i])
            found.setdefault(f"{table.names[i]} at fixed intensities", []).append(off / fixed[column])
    return {name: np.array(values) for name, values in found.items()}


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.parametrize("name", [*CELLS, "LFP_lorentz_size", "FP_lorentz_size", "sample_displacement"])
def test_errors_of_a_scan_are_as_large_as_stated(pulls: dict[str, np.ndarray], name: str) -> None:
    # 60 scans determine the RMS to 9 %.
    assert 0.8 < rms(pulls[name]) < 1.25
    assert abs(pulls[name].mean()) < 3.0 / np.sqrt(N_SCANS)


def test_errors_of_all_cells_together_are_as_large_as_stated(pulls: dict[str, np.ndarray]) -> None:
    assert 0.9 < rms(np.concatenate([pulls[name] for name in CELLS])) < 1.12


def test_esds_at_fixed_intensities_would_be_found_out(pulls: dict[str, np.ndarray]) -> None:
    worst = max(rms(pulls[f"{name} at fixed intensities"]) for name in CELLS)
    assert worst > 1.35


def test_errors_of_a_pattern_that_is_not_counts_are_as_large_as_stated() -> None:
    # Estimated noise: monitor-scaled counts, 0.37 units a count.
    scan = scans.reference_scan(3)
    rows = [scan.model.table.index(name) for name in CELLS]
    settings = RefineSettings(esd_scaling="none", weights="estimated")
    pulls = []
    for seed in range(40):
        fit = scans.refine(scan, 0.37 * scan.counts(seed), settings)
        pulls.append((fit.values[rows] - scan.values[rows]) / fit.esd[rows])
    assert 0.8 < rms(np.array(pulls)) < 1.15


def test_poisson_weights_from_the_model_do_not_bias_low_counts() -> None:
    # Ten counts a point: 1/y weights would pull the background down by one count.
    model = scans.two_phase_model()
    truth = scans.parameters(model, background_c0=10.0)
    scan = scans.known_scan(model, truth, present=(False, False))
    row = model.table.index("background_c0")
    off = [scans.refine(scan, scan.counts(seed), present=(False, False)).values[row] - 10.0 for seed in range(20)]
    assert abs(np.mean(off)) < 4.0 * np.std(off) / np.sqrt(20.0) < 0.2
