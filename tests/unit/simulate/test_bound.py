from dataclasses import replace

import numpy as np
import pytest

from xrdfit.data import RefineSettings
from xrdfit.fit import fit_scan, prepare_scan
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.model import NoiseModel, Points
from xrdfit.simulate import (
    DISTORTED,
    WELL_BEHAVED,
    SimulatedStack,
    cramer_rao_scan_by_scan,
    default_free,
    pooled_bound,
    simulate_stack,
    single_phase,
)

CELLS = tuple(f"{phase}_{axis}" for phase in ("LFP", "FP") for axis in "abc")


def test_bound_is_the_inverse_of_a_fisher_matrix_set_up_by_finite_differences() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=4)
    scan = 1
    model, expected = stack.model, stack.expected[scan]
    values = np.array([stack.truth[name][scan] for name in model.table.names])
    lines = model.choose_lines(values, stack.two_theta, (True, True))
    n = expected.size
    points = Points(two_theta=stack.two_theta, intensity=expected, sigma=None, used=np.ones(n, dtype=bool))
    noise = NoiseModel(constant=expected, slope=0.0, floor=0.0, regime="poisson")
    work = make_workspace(model.problem(points, noise, lines), 0)

    def pattern(parameters: np.ndarray, areas: np.ndarray) -> np.ndarray:
        work.area[:] = areas
        calculate(model.problem(points, noise, lines), model.table.slots(parameters), work, False)
        return work.model.copy()

    areas = stack.areas(scan, lines)
    free = default_free(model.table)
    columns = []
    for name in free:
        row = model.table.index(name)
        step = np.zeros(values.size)
        step[row] = 1e-4 * max(abs(values[row]), 0.05)
        columns.append((pattern(values + step, areas) - pattern(values - step, areas)) / (2.0 * step[row]))
    for line in range(areas.size):
        more = areas.copy()
        more[line] += 1.0
        columns.append(pattern(values, more) - pattern(values, areas))
    jacobian = np.array(columns)
    root = np.sqrt(((jacobian**2) / expected).sum(axis=1))
    fisher = (jacobian / expected) @ jacobian.T / np.outer(root, root)
    by_hand = np.sqrt(np.diag(np.linalg.inv(fisher))) / root
    bound = cramer_rao_scan_by_scan(stack)
    for name, expected_bound in zip(free, by_hand, strict=False):
        assert bound[name][scan] == pytest.approx(expected_bound, rel=1e-3)


def test_fits_of_one_scan_scatter_about_the_truth_as_the_bound_says() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=7)
    scan = 2
    model = stack.model
    truth = np.array([stack.truth[name][scan] for name in model.table.names])
    bound = cramer_rao_scan_by_scan(stack)
    rows = [model.table.index(name) for name in CELLS]
    limit = np.array([bound[name][scan] for name in CELLS])
    vary = np.isin(model.table.names, default_free(model.table))
    settings = RefineSettings()
    generator = np.random.default_rng(123)
    scores = []
    for _ in range(150):
        counts = generator.poisson(stack.expected[scan]).astype(np.float64)
        prepared = prepare_scan(replace(stack.read(scan), intensity=counts), settings)
        fit = fit_scan(model, prepared, settings, start=truth, present=(True, True), vary=vary)
        scores.append((fit.values - truth)[rows] / limit)
    # 150 fits of six cell parameters that share one displacement: the RMS scatters by about 0.05.
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(1.0, abs=0.13)


def test_four_times_the_counts_halve_the_bound() -> None:
    once, four = (
        cramer_rao_scan_by_scan(simulate_stack(WELL_BEHAVED, seed=0, n_scans=5, counts=counts)) for counts in (1.0, 4.0)
    )
    for name in CELLS:
        np.testing.assert_allclose(four[name], 0.5 * once[name], rtol=1e-6)


def test_a_fixed_displacement_leaves_less_to_be_unsure_of() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=5)
    free = default_free(stack.model.table)
    fixed = cramer_rao_scan_by_scan(stack, free=[name for name in free if name != "sample_displacement"])
    full = cramer_rao_scan_by_scan(stack)
    assert "sample_displacement" not in fixed
    assert (fixed["LFP_a"] < 0.95 * full["LFP_a"]).all()


def test_an_absent_phase_has_no_bound() -> None:
    bound = cramer_rao_scan_by_scan(simulate_stack(WELL_BEHAVED, seed=0, n_scans=42))
    assert np.isnan(bound["FP_a"][:3]).all()
    assert np.isfinite(bound["FP_a"][3:]).all()
    assert np.isfinite(bound["LFP_a"]).all()


def test_a_cell_that_never_holds_a_phase_has_no_pooled_bound_for_it() -> None:
    stack = simulate_stack(single_phase("FP"), seed=0, n_scans=2)
    pooled = pooled_bound(stack, cramer_rao_scan_by_scan(stack))
    assert np.isnan(pooled["LFP_a"])
    assert pooled["FP_a"] > 0.0


def test_both_scenarios_pooled_give_the_bound_of_the_reference_case() -> None:
    pooled: list[dict[str, float]] = []
    for scenario in (WELL_BEHAVED, DISTORTED):
        stack: SimulatedStack = simulate_stack(scenario, seed=0)
        pooled.append(pooled_bound(stack, cramer_rao_scan_by_scan(stack)))
    # Cramer-Rao bound, scan by scan, free intensities and displacement; 1e-3 Å.
    reference = dict(zip(CELLS, (1.62, 1.52, 1.37, 3.10, 1.15, 1.56), strict=True))
    for name, value in reference.items():
        rms = 1e3 * np.sqrt(np.mean([bound[name] ** 2 for bound in pooled]))
        assert rms == pytest.approx(value, rel=0.10)
