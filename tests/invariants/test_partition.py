"""What the Le Bail partition keeps, whatever the pattern."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans, twins
from xrdfit.kernels.partition import partition_cycle

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=30, deadline=None)


def overlapping(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit-area profiles (m, n) over uneven points with a gap, some lines partly out of range; positive areas."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(20.0, 40.0, 400))
    x = x[(x < 28.0) | (x > 29.0)]
    m = int(rng.integers(1, 20))
    rows = np.array([twins.pseudo_voigt(x, rng.uniform(19.8, 40.2), 0.1, rng.uniform(0.02, 0.3)) for _ in range(m)])
    return rows, rng.uniform(1.0, 500.0, m)


def cycle(rows: np.ndarray, net: np.ndarray, area: np.ndarray) -> np.ndarray:
    out = np.empty_like(area)
    partition_cycle(rows, net, area, out)
    return out


@QUICK
@given(SEED)
def test_partition_agrees_with_plain_numpy(seed: int) -> None:
    rows, area = overlapping(seed)
    net = np.random.default_rng(seed + 1).uniform(1.0, 1000.0, rows.shape[1])
    np.testing.assert_allclose(cycle(rows, net, area), twins.partition(rows, net, area), rtol=1e-12)


@QUICK
@given(SEED)
def test_lebail_partition_conserves_net_intensity(seed: int) -> None:
    # Every point's net intensity goes to some line: the new areas times the profiles sum to the net, over the points.
    rows, area = overlapping(seed)
    net = np.random.default_rng(seed + 1).uniform(1.0, 1000.0, rows.shape[1])
    new = cycle(rows, net, area)
    np.testing.assert_allclose((new @ rows).sum(), net.sum(), rtol=1e-12)


def test_areas_add_up_to_the_integral_where_all_lines_are_in_range() -> None:
    x = np.linspace(10.0, 50.0, 4001)
    rows = np.array([twins.pseudo_voigt(x, p, 0.1, 0.0) for p in (20.0, 20.05, 30.0)])
    net = np.array([300.0, 100.0, 50.0]) @ rows
    new = cycle(rows, net, np.ones(3))
    np.testing.assert_allclose(new.sum(), 450.0, rtol=1e-9)


@QUICK
@given(SEED)
def test_noise_free_pattern_is_the_fixed_point_of_the_partition(seed: int) -> None:
    rows, area = overlapping(seed)
    np.testing.assert_allclose(cycle(rows, area @ rows, area), area, rtol=1e-11)


def test_signed_noise_does_not_push_a_weak_line_up() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(20.0, 22.0, 201)
    rows = np.array([twins.pseudo_voigt(x, 21.0, 0.1, 0.1)])
    area = np.array([5.0])
    noise = rng.normal(scale=6.0, size=(2000, x.size))
    signed = np.array([cycle(rows, area @ rows + shake, area)[0] for shake in noise])
    clipped = np.array([cycle(rows, np.maximum(area @ rows + shake, 0.0), area)[0] for shake in noise])
    error = signed.std() / np.sqrt(signed.size)
    assert (signed > 0.0).mean() > 0.97
    assert abs(signed.mean() - 5.0) < 4.0 * error
    assert clipped.mean() - 5.0 > 20.0 * error


def test_line_that_the_data_deny_becomes_zero_and_not_negative() -> None:
    rows = np.array([[1.0, 2.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 2.0, 1.0]])
    new = cycle(rows, np.array([1.0, 2.0, 0.0, -4.0, -1.0]), np.ones(2))
    assert new[0] > 0.0
    assert new[1] == 0.0


def test_weight_of_a_line_does_not_depend_on_the_order_of_the_phases() -> None:
    scan = scans.reference_scan()
    rows = twins.profiles(scan.model, scans.by_name(scan.model, scan.values), scan.lines, scan.two_theta)
    net, order = scan.areas @ rows, np.random.default_rng(1).permutation(scan.areas.size)
    start = np.full(scan.areas.size, 100.0)
    np.testing.assert_allclose(cycle(rows[order], net, start), cycle(rows, net, start)[order], rtol=1e-12)
