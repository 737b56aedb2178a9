"""Far tails on the coarse grid: the bound that `xrdfit.kernels.coarse` proves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans
from xrdfit.kernels.coarse import (
    BLOCK,
    FAR,
    N_NODES,
    WIDE,
    add_interpolated,
    alike,
    coarse_grid,
    is_far,
    n_blocks,
    places_of,
)
from xrdfit.kernels.normal_equations import fill_jacobian

# 1 / T_K(z), and what the derivatives add to it.
BOUND = 1.0 / np.cosh(N_NODES * np.arccosh(FAR))
SLOPE_BOUND = BOUND * (1.0 + N_NODES * FAR / np.sqrt(FAR**2 - 1.0))
# A dozen additions of numbers up to 1.
ROUNDING = 1e-14


def uneven(seed: int, n: int) -> np.ndarray:
    """Points with steps between 0.001 and 0.1 deg, and a gap."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.001, 0.1, n)
    steps[n // 3] += 2.0
    return 10.0 + np.cumsum(steps)


def coarsely(function, x: np.ndarray, centre: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The function by way of the grid, as a line that stands at `centre` is calculated."""
    grid = coarse_grid(x)
    at_nodes, out = np.zeros_like(grid.node), np.zeros_like(x)
    block = 0
    while block < n_blocks(x):
        level, end = alike(x, block, centre, centre, FAR)
        start, stop = places_of(x, level, block, end)
        there, into = (grid.node, at_nodes) if level > 0 else (x, out)
        into[start:stop] = function(there[start:stop])
        block = end
    add_interpolated(grid, at_nodes, out)
    return out


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 3000), st.floats(-20.0, 200.0), st.floats(1e-3, 3.0))
def test_far_tails_keep_the_proven_bound_whatever_the_steps(seed: int, n: int, centre: float, half: float) -> None:
    x = uneven(seed, n)

    def tail(at: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + ((at - centre) / half) ** 2)

    def slope(at: np.ndarray) -> np.ndarray:
        return 2.0 * (at - centre) / half * tail(at) ** 2

    def wider(at: np.ndarray) -> np.ndarray:
        return tail(at) - 2.0 * tail(at) ** 2

    for function, bound in ((tail, BOUND), (slope, SLOPE_BOUND), (wider, SLOPE_BOUND)):
        off = np.abs(coarsely(function, x, centre) - function(x))
        assert off.max(initial=0.0) <= bound + ROUNDING


@pytest.mark.parametrize(("n", "level"), [(300, 1), (3000, 1), (3000, 2)])
def test_polynomials_of_the_grids_degree_come_through_exactly(n: int, level: int) -> None:
    x = uneven(3, n)
    scale = x.max()

    def power(at: np.ndarray) -> np.ndarray:
        return (at / scale) ** (N_NODES - 1)

    grid = coarse_grid(x)
    at_nodes, out = np.zeros_like(grid.node), np.zeros_like(x)
    start, stop = places_of(x, level, 0, n_blocks(x))
    at_nodes[start:stop] = power(grid.node[start:stop])
    add_interpolated(grid, at_nodes, out)
    np.testing.assert_allclose(out, power(x), rtol=0.0, atol=1e-13)


def test_no_block_is_far_from_a_line_inside_it() -> None:
    x = np.linspace(20.0, 38.0, 607)
    for block in range(n_blocks(x)):
        inside = x[block * BLOCK]
        assert not is_far(x, block, block + 1, inside, inside, FAR)
        assert not is_far(x, block, block + 1, inside - 100.0, inside + 100.0, FAR)


def test_near_blocks_are_few() -> None:
    x = np.linspace(20.0, 38.0, 607)
    far = [is_far(x, block, block + 1, 29.0, 29.1, FAR) for block in range(n_blocks(x))]
    assert n_blocks(x) == -(-607 // BLOCK)
    assert n_blocks(x) - sum(far) in (2, 3)


def test_most_of_a_long_pattern_goes_by_wide_blocks() -> None:
    x = np.linspace(4.0, 25.5, 4000)
    block, blocks_of = 0, [0, 0, 0]
    while block < n_blocks(x):
        level, end = alike(x, block, 12.0, 12.0, FAR)
        blocks_of[level] += end - block
        block = end
    assert blocks_of[0] <= 3 and blocks_of[1] <= 3 * WIDE


@pytest.mark.parametrize("name", ["LFP_a", "LFP_lorentz_size", "sample_displacement"])
def test_the_jacobian_is_that_of_the_points_whatever_stands_between_them(name: str) -> None:
    """A pattern thinned to every fifth point has other blocks, and the same derivatives at its points."""
    scan = scans.reference_scan()
    table = scan.model.table
    rows = np.arange(table.n_slots)
    found = []
    for x in (scan.two_theta, np.ascontiguousarray(scan.two_theta[::5])):
        given_problem = scans.problem(scans.known_scan(scan.model, scan.values, two_theta=x), None)
        given_problem = given_problem._replace(hkl=scans.problem(scan).hkl, phase=scans.problem(scan).phase)
        work = scans.filled_workspace(scan, given_problem, table.n_slots)
        fill_jacobian(given_problem, table.slots(scan.values), rows, work)
        found.append(table.slot_mapping[:, table.index(name)] @ work.jacobian)
    np.testing.assert_allclose(found[1], found[0][::5], rtol=0.0, atol=1e-9 * np.abs(found[0]).max())
