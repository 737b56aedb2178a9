from dataclasses import replace

import numpy as np
import pytest

from xrdfit.data import Drift, RefineSettings
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.model import NoiseModel, Points
from xrdfit.series import joint_bound
from xrdfit.simulate import (
    DISTORTED,
    WELL_BEHAVED,
    SimulatedStack,
    cramer_rao_scan_by_scan,
    pooled_bound,
    simulate_stack,
    single_phase,
)

CELLS = tuple(f"{phase}_{axis}" for phase in ("LFP", "FP") for axis in "abc")
WIDTHS = ("LFP_lorentz_size", "LFP_lorentz_strain", "FP_lorentz_size", "FP_lorentz_strain")


def bound_of(stack: SimulatedStack, settings: RefineSettings | None = None) -> dict[str, np.ndarray]:
    model = stack.model
    return joint_bound(
        model,
        values=np.column_stack([stack.truth[name] for name in model.table.names]),
        areas=stack.areas,
        expected=stack.expected,
        two_theta=stack.two_theta,
        times=stack.times,
        settings=settings,
    )


class ByHand:
    """The patterns of a whole series as one vector that depends on one vector of parameters."""

    def __init__(self, stack: SimulatedStack) -> None:
        self.stack, self.model = stack, stack.model
        self.values = np.column_stack([stack.truth[name] for name in self.model.table.names])
        n = stack.two_theta.size
        points = Points(two_theta=stack.two_theta, intensity=np.ones(n), sigma=None, used=np.ones(n, dtype=bool))
        noise = NoiseModel(constant=np.ones(n), slope=0.0, floor=0.0, regime="poisson")
        self.lines = self.model.choose_lines(self.values[1], stack.two_theta, (True, True))
        self.problem = self.model.problem(points, noise, self.lines)
        self.work = make_workspace(self.problem, 0)
        self.areas = np.array([stack.areas(scan, self.lines) for scan in range(len(stack))])

    def pattern(self, values: np.ndarray, factor: np.ndarray, amount: np.ndarray) -> np.ndarray:
        """values (N, n_parameters); factor (m,) on the lines' areas; amount (N, P) on each phase's."""
        found = []
        times = self.stack.times
        middle = 0.5 * (times.start_s + times.end_s)
        n = self.stack.two_theta.size
        for scan in range(len(self.stack)):
            slots = self.model.table.slots(values[scan])
            parts = []
            for phase in (None, 0, 1):
                own = np.zeros(self.lines.phase.size) if phase is None else 1.0 * (self.lines.phase == phase)
                self.work.area[:] = own * factor * self.unit(scan)
                calculate(self.problem, slots, self.work, False)
                parts.append(self.work.model.copy())
            total = parts[0].copy()
            start, end = times.start_s[scan], times.end_s[scan]
            when = start + (end - start) * (np.arange(n) + 0.5) / n if self.stack.sweep else np.full(n, middle[scan])
            for phase in (0, 1):
                total += np.interp(when, middle, amount[:, phase]) * (parts[1 + phase] - parts[0])
            found.append(total)
        return np.concatenate(found)

    def unit(self, scan: int) -> np.ndarray:
        """(m,) areas in a scan where the amount of each phase is 1."""
        scale = np.array([self.stack.truth["LFP_scale"][scan], self.stack.truth["FP_scale"][scan]])
        return self.areas[scan] / scale[self.lines.phase]

    def covariance(self) -> tuple[dict[tuple[str, int], int], np.ndarray]:
        """Where each variable is (name, scan), and the covariance of all."""
        stack, table = self.stack, self.model.table
        amount = np.column_stack([stack.truth["LFP_scale"], stack.truth["FP_scale"]])
        ones = np.ones(self.lines.phase.size)
        n_scans = len(stack)
        progress = np.linspace(0.0, 1.0, n_scans)
        place: dict[tuple[str, int], int] = {}
        columns: list[np.ndarray] = []

        def shift(name: str, scan: int, where: np.ndarray, step: float) -> None:
            place[name, scan] = len(columns)
            moved = np.zeros_like(self.values)
            moved[:, table.index(name)] = where * step
            up = self.pattern(self.values + moved, ones, amount)
            columns.append((up - self.pattern(self.values - moved, ones, amount)) / (2.0 * step))

        for scan in range(n_scans):
            only = np.arange(n_scans) == scan
            for name in CELLS:
                shift(name, scan, 1.0 * only, 1e-4)
            for term in range(stack.background.terms):
                shift(f"background_c{term}", scan, 1.0 * only, 1.0)
            for phase, label in enumerate(("LFP", "FP")):
                place[label, scan] = len(columns)
                more = amount.copy()
                more[scan, phase] *= 1.01
                columns.append((self.pattern(self.values, ones, more) - self.pattern(self.values, ones, amount)) / 0.01)
        for name in WIDTHS:
            shift(name, 0, np.ones(n_scans), 1e-3)
        shift("sample_displacement", 0, 1.0 - progress, 1e-3)
        shift("sample_displacement", 1, progress, 1e-3)
        for line in range(ones.size):
            factor = ones.copy()
            factor[line] *= 1.01
            columns.append((self.pattern(self.values, factor, amount) - self.pattern(self.values, ones, amount)) / 0.01)
        jacobian = np.array(columns)
        weighted = jacobian / np.concatenate(list(stack.expected))
        fisher = weighted @ jacobian.T
        # The amounts and the intensities of a phase have one factor too many: held where the intensities say most.
        for phase in (0, 1):
            own = len(columns) - ones.size + np.flatnonzero(self.lines.phase == phase)
            direction = fisher[np.ix_(own, own)].sum(axis=1)
            fisher[np.ix_(own, own)] += 1e4 * np.outer(direction, direction) / direction.sum()
        root = np.sqrt(np.diag(fisher))
        return place, np.linalg.inv(fisher / np.outer(root, root)) / np.outer(root, root)


@pytest.mark.parametrize("sweep", [False, True])
def test_the_bound_is_the_inverse_of_a_fisher_matrix_of_the_whole_series_set_up_by_finite_differences(
    sweep: bool,
) -> None:
    # Three scans between 24 and 76 % of the charge.
    scenario = replace(WELL_BEHAVED, begin=0.1, charged=0.9, discharged=0.9, rest_hours=(0.0, 0.0, 0.0))
    stack = simulate_stack(scenario, seed=0, n_scans=3, sweep=sweep)
    place, covariance = ByHand(stack).covariance()
    by_hand = {key: np.sqrt(covariance[where, where]) for key, where in place.items()}
    bound = bound_of(stack)
    for name in CELLS:
        for scan in range(3):
            assert bound[name][scan] == pytest.approx(by_hand[name, scan], rel=2e-3)
    for name in WIDTHS:
        assert bound[name][0] == pytest.approx(by_hand[name, 0], rel=2e-3)
    # The drift is a straight line: known at either end as its values there are.
    assert bound["sample_displacement"][0] == pytest.approx(by_hand["sample_displacement", 0], rel=2e-3)
    assert bound["sample_displacement"][2] == pytest.approx(by_hand["sample_displacement", 1], rel=2e-3)
    for phase in ("LFP", "FP"):
        for scan in range(3):
            assert bound[f"{phase}_scale_relative"][scan] == pytest.approx(by_hand[phase, scan], rel=2e-3)


def test_both_scenarios_pooled_give_the_bound_of_the_reference_case() -> None:
    pooled: list[dict[str, float]] = []
    for scenario in (WELL_BEHAVED, DISTORTED):
        stack = simulate_stack(scenario, seed=0)
        pooled.append(pooled_bound(stack, bound_of(stack)))
    # Cramer-Rao bound, joint, displacement linear in time; 1e-3 Å. Of another simulation of the same case.
    reference = dict(zip(CELLS, (0.87, 0.41, 0.51, 1.55, 0.48, 0.71), strict=True))
    for name, value in reference.items():
        rms = 1e3 * np.sqrt(np.mean([bound[name] ** 2 for bound in pooled]))
        assert rms == pytest.approx(value, rel=0.13)


def test_the_series_knows_every_cell_better_than_a_scan_on_its_own() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=12)
    alone, joint = cramer_rao_scan_by_scan(stack), bound_of(stack)
    for name in CELLS:
        there = np.isfinite(alone[name])
        assert (np.isfinite(joint[name]) == there).all()
        assert (joint[name][there] < 0.9 * alone[name][there]).all()


def test_four_times_the_counts_halve_the_bound() -> None:
    once, four = (bound_of(simulate_stack(WELL_BEHAVED, seed=0, n_scans=5, counts=counts)) for counts in (1.0, 4.0))
    for name in (*CELLS, "FP_scale_relative", "sample_displacement"):
        np.testing.assert_allclose(four[name], 0.5 * once[name], rtol=1e-6)


def test_an_absent_phase_has_no_bound_and_neither_has_one_that_is_nowhere() -> None:
    bound = bound_of(simulate_stack(WELL_BEHAVED, seed=0))
    for name in ("FP_a", "FP_lorentz_size", "FP_scale_relative"):
        assert np.isnan(bound[name][:3]).all()
        assert np.isfinite(bound[name][3:]).all()
    alone = bound_of(simulate_stack(single_phase("FP"), seed=0, n_scans=3))
    assert np.isnan(alone["LFP_scale_relative"]).all()
    assert not {"LFP_a", "LFP_lorentz_size"} & set(alone)
    assert np.isfinite(alone["FP_a"]).all()


def test_a_displacement_that_may_drift_in_more_ways_costs_precision() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=12)
    line, curve, scan = (
        bound_of(stack, settings)["FP_a"][8]
        for settings in (
            RefineSettings(),
            RefineSettings(drift={"sample_displacement": Drift(order=6)}),
            RefineSettings(scope={"sample_displacement": "scan"}),
        )
    )
    assert line < curve < scan


def test_more_parameters_of_a_drift_than_scans_are_not_determined_and_do_no_other_harm() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=0, n_scans=4)
    bound = bound_of(stack, RefineSettings(drift={"sample_displacement": Drift(order=9)}))
    assert np.isnan(bound["sample_displacement"]).all()
