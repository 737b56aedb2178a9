"""Weighted Gram matrices, Cholesky, non-negative least squares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from tests import twins
from xrdfit.kernels.linear import cholesky, cholesky_solve, weighted_gram, weighted_products
from xrdfit.kernels.nonnegative import nonnegative_solve
from xrdfit.kernels.rows import weighted_dot

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=40, deadline=None)


@QUICK
@given(SEED, st.integers(1, 13), st.integers(1, 11), st.integers(1, 40))
def test_weighted_products_agree_with_plain_numpy(seed: int, m: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    left, right, weight = rng.normal(size=(m, n)), rng.normal(size=(k, n)), rng.uniform(0.1, 3.0, n)
    gram, products = np.empty((m, m)), np.empty((m, k))
    weighted_gram(left, weight, gram)
    weighted_products(left, right, weight, products)
    # Sums of both signs: the bound is relative to the sum of magnitudes.
    size = np.abs(left) * weight @ np.abs(left).T
    assert (np.abs(gram - left * weight @ left.T) <= 1e-12 * size).all()
    assert (np.abs(products - left * weight @ right.T) <= 1e-12 * (np.abs(left) * weight @ np.abs(right).T)).all()
    assert weighted_dot(left[0], weight, left[0]) == pytest.approx(float(gram[0, 0]), rel=1e-12)


@QUICK
@given(SEED, st.integers(1, 12))
def test_cholesky_solves_a_positive_definite_system(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    matrix, right = root @ root.T + np.eye(size), rng.normal(size=size)
    factor, answer = matrix.copy(), right.copy()
    assert cholesky(factor, 1e-13) == -1
    cholesky_solve(factor, answer)
    np.testing.assert_allclose(matrix @ answer, right, atol=1e-10 * np.abs(matrix).max())


def test_cholesky_names_the_row_that_depends_on_earlier_ones() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    assert cholesky(rows @ rows.T, 1e-9) == 2


def lines(seed: int, *, separation: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit-area profiles (m, n) as a pattern has them, no two closer than `separation` of their width, and data."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(60, 300)), int(rng.integers(1, 25))
    x = np.arange(float(n))
    width = rng.uniform(2.5, 8.0)
    position = np.sort(rng.uniform(0.0, n, m))
    position += separation * width * np.arange(m)
    rows = np.array([twins.pseudo_voigt(x, p, width * 0.5, width * rng.uniform(0.3, 0.8)) for p in position])
    area = np.maximum(rng.normal(size=m), 0.0) * 10.0 ** rng.uniform(0.0, 4.0)
    return rows, area @ rows + rng.normal(size=n)


def solve(rows: np.ndarray, data: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, float]:
    area, active = np.empty(len(rows)), guess.copy()
    nonnegative_solve(np.ascontiguousarray(rows @ rows.T), rows @ data, area, active, np.empty((area.size, area.size)))
    assert (area >= 0.0).all()
    assert not area[~active].any()
    return area, float(((area @ rows - data) ** 2).sum())


@settings(max_examples=80, deadline=None)
@given(SEED)
def test_nonnegative_solution_is_that_of_scipy(seed: int) -> None:
    rows, data = lines(seed, separation=0.05)
    area, chi2 = solve(rows, data, np.random.default_rng(seed).random(len(rows)) < 0.5)
    expected, norm = nnls(rows.T, data)
    assert chi2 == pytest.approx(norm**2, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(area, expected, rtol=1e-5, atol=1e-6 * max(expected.max(), 1.0))


@settings(max_examples=60, deadline=None)
@given(SEED)
def test_lines_on_top_of_each_other_cost_no_agreement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, data = lines(seed, separation=0.0)
    # Exact doubles, and copies shifted by next to nothing.
    rows = np.concatenate([rows, rows[rng.random(len(rows)) < 0.5], np.roll(rows[:1], 0) * (1.0 + 1e-12)])
    _, chi2 = solve(rows, data, rng.random(len(rows)) < 0.5)
    assert chi2 <= nnls(rows.T, data, maxiter=10000)[1] ** 2 + 1e-4


@settings(max_examples=60, deadline=None)
@given(SEED)
def test_any_input_comes_to_an_end_with_nonnegative_areas(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 12)), int(rng.integers(1, 20))
    rows = rng.integers(-2, 3, size=(m, n)).astype(float) * 10.0 ** rng.integers(-8, 8, size=(m, 1))
    data = rng.integers(-3, 4, size=n) * 10.0 ** rng.integers(-8, 8)
    solve(rows, data.astype(float), rng.random(m) < 0.5)


def test_line_without_a_point_under_it_gets_nothing() -> None:
    rows = np.array([[1.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    area, _ = solve(rows, np.array([1.0, 2.0, 1.0]), np.ones(2, dtype=bool))
    assert area == pytest.approx([1.0, 0.0])


def test_line_that_only_noise_pulls_down_is_zero_and_the_rest_is_solved_without_it() -> None:
    rows = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    area, _ = solve(rows, np.array([2.0, 2.0, -1.0]), np.ones(2, dtype=bool))
    assert area == pytest.approx([2.0, 0.0])
