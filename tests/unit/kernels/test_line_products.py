"""Products of lines by partial fractions: those of the sums over the points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import twins
from xrdfit.kernels.coarse import coarse_grid
from xrdfit.kernels.line_products import products_of_lines
from xrdfit.kernels.line_row_products import products_with_rows

# Part of the geometric mean of two lines' products with themselves.
BOUND = 1e-12


def uneven(rng: np.random.Generator, n: int) -> np.ndarray:
    """Points with steps between 0.001 and 0.05 deg, and a gap."""
    steps = rng.uniform(0.001, 0.05, n)
    steps[n // 3] += 2.0
    return 10.0 + np.cumsum(steps)


def compare(x: np.ndarray, position: np.ndarray, gauss: np.ndarray, lorentz: np.ndarray, weight: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    other = rng.normal(size=x.size)
    rows = np.array([twins.pseudo_voigt(x, *line) for line in zip(position, gauss, lorentz, strict=True)]) * 0.7
    m = position.size
    gram, right, with_rows = np.empty((m, m)), np.empty(m), np.empty((m, 5))
    several, grid = rng.normal(size=(5, x.size)), coarse_grid(x)
    products_of_lines(x, grid, 0.7, position, gauss, lorentz, weight, weight * other, gram, right)
    products_with_rows(x, grid, 0.7, position, gauss, lorentz, weight, several, with_rows)
    expected = rows * weight @ rows.T
    root = np.sqrt(np.diag(expected))
    assert (np.abs(gram - expected) <= BOUND * np.outer(root, root)).all()
    assert (gram == gram.T).all()
    assert (np.abs(right - rows @ (weight * other)) <= BOUND * (rows @ np.abs(weight * other))).all()
    assert (np.abs(with_rows - rows * weight @ several.T) <= BOUND * (rows * weight @ np.abs(several.T))).all()


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 14),
    st.integers(20, 2500),
    st.floats(-9.0, 1.0),
    st.floats(0.0, 6.0),
)
def test_products_are_the_sums_over_the_points(seed: int, m: int, n: int, closeness: float, range_: float) -> None:
    """Lines down to 1e-9 of their width apart, weights up to six orders of magnitude apart."""
    rng = np.random.default_rng(seed)
    x = uneven(rng, n)
    position = rng.uniform(x[0] - 0.5, x[-1] + 0.5, m)
    gauss, lorentz = rng.uniform(0.01, 0.2, m), rng.uniform(0.0, 0.2, m)
    # Every other line is near the one before it, or the same.
    step = 10.0**closeness * rng.normal(size=m) * rng.integers(0, 2, m)
    for k in range(1, m, 2):
        position[k] = position[k - 1] + gauss[k - 1] * step[k]
        gauss[k], lorentz[k] = gauss[k - 1] * (1.0 + 0.1 * abs(step[k])), lorentz[k - 1]
    compare(x, position, gauss, lorentz, 10.0 ** rng.uniform(-range_, 0.0, n))


@pytest.mark.parametrize(("gauss", "lorentz"), [(0.05, 0.0), (1e-4, 0.05), (0.05, 1e-9), (30.0, 30.0)])
def test_lines_may_be_of_one_kind_or_wider_than_the_pattern(gauss: float, lorentz: float) -> None:
    x = np.linspace(20.0, 24.0, 800)
    position = np.array([20.5, 20.5, 21.0, 22.5, 25.0])
    compare(x, position, np.full(5, gauss), np.full(5, lorentz), 1.0 + np.cos(x) ** 2)


def test_weights_of_zero_hide_points() -> None:
    x = np.linspace(20.0, 24.0, 800)
    weight = np.where(np.abs(x - 21.0) < 0.3, 0.0, 1.0)
    compare(x, np.array([20.5, 21.0, 21.01, 23.0]), np.full(4, 0.03), np.full(4, 0.03), weight)
