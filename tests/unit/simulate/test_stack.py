from pathlib import Path

import numpy as np
import pytest

from xrdfit.errors import InputError
from xrdfit.io import Hdf5Stack, read_truth
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack, write_simulated


@pytest.fixture(scope="module")
def stack() -> SimulatedStack:
    return simulate_stack(WELL_BEHAVED, seed=7, n_scans=6)


def test_the_reference_case_has_607_points_and_a_peak_near_2800_counts() -> None:
    stack = simulate_stack(WELL_BEHAVED, seed=7)
    assert stack.counts.shape == (42, 607)
    assert stack.expected.max() == pytest.approx(2800.0, rel=0.02)
    assert stack.expected.min() == pytest.approx(250.0, rel=0.15)


def test_the_same_seed_gives_the_same_counts_and_another_seed_others(stack: SimulatedStack) -> None:
    assert np.array_equal(simulate_stack(WELL_BEHAVED, seed=7, n_scans=6).counts, stack.counts)
    assert not np.array_equal(simulate_stack(WELL_BEHAVED, seed=8, n_scans=6).counts, stack.counts)


def test_counts_scatter_as_poisson_about_the_expected_pattern(stack: SimulatedStack) -> None:
    z = (stack.counts - stack.expected) / np.sqrt(stack.expected)
    assert np.array_equal(stack.counts, np.round(stack.counts))
    # 3 642 points: the mean of z scatters by 0.017, its mean square by 0.023.
    assert abs(z.mean()) < 0.07
    assert np.mean(z**2) == pytest.approx(1.0, abs=0.1)


def test_measuring_ten_times_as_long_counts_ten_times_as_much(stack: SimulatedStack) -> None:
    longer = simulate_stack(WELL_BEHAVED, seed=7, n_scans=6, counts=10.0)
    np.testing.assert_allclose(longer.expected, 10.0 * stack.expected, rtol=1e-12)
    np.testing.assert_allclose(longer.truth["LFP_scale"], 10.0 * stack.truth["LFP_scale"], rtol=1e-12)
    np.testing.assert_allclose(longer.truth["background_c0"], 10.0 * stack.truth["background_c0"])


def test_scans_follow_each_other_and_the_truth_belongs_to_their_mid_times(stack: SimulatedStack) -> None:
    times = stack.times
    assert np.array_equal(times.start_s[1:], times.end_s[:-1])
    np.testing.assert_allclose(stack.truth["time_s"], 0.5 * (times.start_s + times.end_s))
    np.testing.assert_allclose(stack.truth["FP_fraction"], WELL_BEHAVED.fp_fraction(stack.truth["time_s"]))


def test_the_truth_names_every_parameter_of_the_model_with_its_unit(stack: SimulatedStack) -> None:
    for spec in stack.model.table:
        assert stack.truth[spec.name].shape == (6,)
        assert stack.units[spec.name] == spec.unit
    strain = np.degrees(4.0 * 8e-4)
    np.testing.assert_allclose(stack.truth["FP_lorentz_strain"], strain)


def test_start_cells_are_those_of_the_literature_and_not_the_truth(stack: SimulatedStack) -> None:
    assert stack.phases[0].cell.a == 10.3290
    assert abs(stack.truth["LFP_a"][0] - 10.3290) > 1e-3


def test_a_written_stack_reads_back_with_its_truth(stack: SimulatedStack, tmp_path: Path) -> None:
    path = write_simulated(tmp_path / "stack.h5", stack)
    back = Hdf5Stack(path)
    assert len(back) == len(stack)
    assert np.array_equal(back.read(3).intensity, stack.counts[3])
    assert back.times is not None
    np.testing.assert_allclose(back.times.end_s, stack.times.end_s)
    truth = read_truth(path)
    assert truth.attributes["seed"] == 7
    assert truth.attributes["scenario"] == "well-behaved"
    for name, column in stack.truth.items():
        assert np.array_equal(truth.columns[name], column)


def test_the_same_stack_makes_the_same_bytes(stack: SimulatedStack, tmp_path: Path) -> None:
    first = write_simulated(tmp_path / "first.h5", stack).read_bytes()
    assert write_simulated(tmp_path / "second.h5", stack).read_bytes() == first


@pytest.mark.parametrize(("seed", "n_scans", "counts"), [(-1, 5, 1.0), (0, 0, 1.0), (0, 5, 0.0), (0, 5, float("nan"))])
def test_what_cannot_be_simulated_is_refused(seed: int, n_scans: int, counts: float) -> None:
    with pytest.raises(InputError, match="E172"):
        simulate_stack(WELL_BEHAVED, seed=seed, n_scans=n_scans, counts=counts)
