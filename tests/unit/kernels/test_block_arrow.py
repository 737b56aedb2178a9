"""A chain of scans with a shared border: solving and inverting it against dense algebra."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrdfit.kernels.block_arrow import invert_block_arrow, solve_block_arrow

SEED = st.integers(0, 2**32 - 1)
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(0, 6))
QUICK = settings(max_examples=60, deadline=None)


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """Blocks of H, right sides and masks, in the order in which the solver takes them."""

    diagonal: np.ndarray
    below: np.ndarray
    border: np.ndarray
    corner: np.ndarray
    right: np.ndarray
    right_corner: np.ndarray
    free: np.ndarray
    free_corner: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        return np.concatenate([self.free.ravel(), self.free_corner])

    @property
    def right_side(self) -> np.ndarray:
        return np.concatenate([self.right.ravel(), self.right_corner])

    def dense(self) -> np.ndarray:
        n, size, n_corner = self.border.shape
        full = np.zeros((n * size + n_corner,) * 2)
        for s in range(n):
            here = slice(s * size, (s + 1) * size)
            full[here, here] = self.diagonal[s]
            full[here, n * size :] = self.border[s]
            full[n * size :, here] = self.border[s].T
        for s in range(len(self.below)):
            here, after = slice(s * size, (s + 1) * size), slice((s + 1) * size, (s + 2) * size)
            full[after, here] = self.below[s]
            full[here, after] = self.below[s].T
        full[n * size :, n * size :] = self.corner
        return full

    def solve(self, damping: np.ndarray | None = None, damping_corner: float = 0.0) -> tuple[np.ndarray, int]:
        damping = np.zeros(len(self.free)) if damping is None else damping
        blocks = (getattr(self, name) for name in Arrow.__dataclass_fields__)
        step, step_corner, n_blind = solve_block_arrow(*blocks, damping, damping_corner)
        return np.concatenate([step.ravel(), step_corner]), n_blind

    def invert(self) -> tuple[np.ndarray, ...]:
        return invert_block_arrow(self.diagonal, self.below, self.border, self.corner, self.free, self.free_corner)

    def covariance(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Dense covariance as the parts make it, True where the parts give it, and the blind variables."""
        local, neighbour, response, corner, blind, blind_corner = self.invert()
        n, size, n_corner = self.border.shape
        part, known = np.zeros((n * size + n_corner,) * 2), np.zeros((n * size + n_corner,) * 2, bool)
        for s in range(n):
            here = slice(s * size, (s + 1) * size)
            known[here, here] = True
            part[here, here] = local[s]
            part[here, n * size :] = -response[s] @ corner
            part[n * size :, here] = part[here, n * size :].T
        for s in range(n - 1):
            here, after = slice(s * size, (s + 1) * size), slice((s + 1) * size, (s + 2) * size)
            if len(neighbour):
                part[after, here], part[here, after] = neighbour[s], neighbour[s].T
            known[after, here] = known[here, after] = True
        flat = response.reshape(n * size, n_corner)
        part[: n * size, : n * size] += flat @ corner @ flat.T
        part[n * size :, n * size :] = corner
        known[n * size :] = known[:, n * size :] = True
        return part, known, np.concatenate([blind.ravel(), blind_corner])


def experiment(
    rng: np.random.Generator, n: int, size: int, n_corner: int, *, coupled: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Jacobians of the scans' data for their own and the shared variables, and of ties to this and the next scan."""
    n_rows = 2 * (size + n_corner) + 4
    ties = (max(n - 1, 0) if coupled else 0, size, size)
    own, shared = rng.normal(size=(n, n_rows, size)), rng.normal(size=(n, n_rows, n_corner))
    return own, shared, rng.normal(size=ties), rng.normal(size=ties)


def arrow(rng: np.random.Generator, own: np.ndarray, shared: np.ndarray, here: np.ndarray, after: np.ndarray) -> Arrow:
    """Normal equations whose right side lies in the space of H, as that of a least-squares fit does."""
    n, _, size = own.shape
    diagonal = np.swapaxes(own, 1, 2) @ own
    diagonal[: len(here)] += np.swapaxes(here, 1, 2) @ here
    diagonal[n - len(here) :] += np.swapaxes(after, 1, 2) @ after
    normal = Arrow(
        diagonal=diagonal,
        below=np.ascontiguousarray(np.swapaxes(after, 1, 2) @ here),
        border=np.swapaxes(own, 1, 2) @ shared,
        corner=(np.swapaxes(shared, 1, 2) @ shared).sum(axis=0),
        right=np.zeros((n, size)),
        right_corner=np.zeros(shared.shape[2]),
        free=np.ones((n, size), bool),
        free_corner=np.ones(shared.shape[2], bool),
    )
    right = normal.dense() @ rng.normal(size=normal.mask.size)
    return replace(normal, right=right[: n * size].reshape(n, size), right_corner=right[n * size :])


def in_units(normal: Arrow, unit: np.ndarray) -> Arrow:
    """The same normal equations with each variable counted in another unit."""
    n, size, _ = normal.border.shape
    local, shared = unit[: n * size].reshape(n, size), unit[n * size :]
    return replace(
        normal,
        diagonal=normal.diagonal * local[:, :, None] * local[:, None, :],
        below=normal.below * local[1:][: len(normal.below), :, None] * local[:-1][: len(normal.below), None, :],
        border=normal.border * local[:, :, None] * shared,
        corner=normal.corner * np.outer(shared, shared),
        right=normal.right * local,
        right_corner=normal.right_corner * shared,
    )


def some_arrow(seed: int, sizes: tuple[int, int, int], *, coupled: bool, masked: bool) -> Arrow:
    rng = np.random.default_rng(seed)
    normal = arrow(rng, *experiment(rng, *sizes, coupled=coupled))
    normal = in_units(normal, 10.0 ** rng.uniform(-3.0, 3.0, normal.mask.size))
    if masked:
        free, free_corner = rng.random(normal.free.shape) < 0.7, rng.random(normal.free_corner.shape) < 0.7
        normal = replace(normal, free=free, free_corner=free_corner)
    return normal


def assert_close(got: np.ndarray, expected: np.ndarray, diagonal: np.ndarray) -> None:
    """Equal within 1e-8 of the largest element, in units in which H has a unit diagonal."""
    root = np.sqrt(diagonal)
    if got.ndim == 2:
        root = np.outer(root, root)
    np.testing.assert_allclose(got * root, expected * root, rtol=1e-8, atol=1e-8 * np.abs(expected * root).max())


@QUICK
@given(SEED, SIZES, st.booleans(), st.booleans(), st.booleans())
def test_a_step_is_that_of_the_dense_damped_equations(
    seed: int, sizes: tuple[int, int, int], coupled: bool, masked: bool, damped: bool
) -> None:
    normal = some_arrow(seed, sizes, coupled=coupled, masked=masked)
    rng = np.random.default_rng(seed + 1)
    damping, damping_corner = rng.uniform(0.0, 2.0, sizes[0]) * damped, float(rng.uniform(0.0, 2.0)) * damped
    step, n_blind = normal.solve(damping, damping_corner)
    full, mask = normal.dense(), normal.mask
    full += np.diag(np.diag(full) * np.concatenate([np.repeat(damping, sizes[1]), np.full(sizes[2], damping_corner)]))
    assert n_blind == 0
    assert not step[~mask].any()
    if mask.any():
        root = np.sqrt(np.diag(full)[mask])
        expected = np.linalg.solve(full[np.ix_(mask, mask)] / np.outer(root, root), normal.right_side[mask] / root)
        assert_close(step[mask], expected / root, root**2)


@QUICK
@given(SEED, SIZES, st.booleans(), st.booleans())
def test_covariances_are_those_of_the_dense_inverse(
    seed: int, sizes: tuple[int, int, int], coupled: bool, masked: bool
) -> None:
    normal = some_arrow(seed, sizes, coupled=coupled, masked=masked)
    covariance, known, blind = normal.covariance()
    full, mask = normal.dense(), normal.mask
    assert not blind.any()
    assert not covariance[~mask].any()
    assert not covariance[:, ~mask].any()
    if mask.any():
        root = np.sqrt(np.diag(full)[mask])
        expected = np.linalg.inv(full[np.ix_(mask, mask)] / np.outer(root, root)) / np.outer(root, root)
        seen = known[np.ix_(mask, mask)]
        assert_close(np.where(seen, covariance[np.ix_(mask, mask)], 0.0), np.where(seen, expected, 0.0), root**2)


def test_the_inverse_of_the_chain_alone_is_what_local_neighbour_and_response_hold() -> None:
    normal = some_arrow(3, (4, 3, 2), coupled=True, masked=False)
    local, neighbour, response, corner, _, _ = normal.invert()
    full = normal.dense()
    chain = np.linalg.inv(full[:12, :12])
    for s in range(4):
        np.testing.assert_allclose(local[s], chain[3 * s : 3 * s + 3, 3 * s : 3 * s + 3], rtol=1e-8)
        np.testing.assert_allclose(response[s], (chain @ full[:12, 12:])[3 * s : 3 * s + 3], rtol=1e-8)
    for s in range(3):
        np.testing.assert_allclose(neighbour[s], chain[3 * s + 3 : 3 * s + 6, 3 * s : 3 * s + 3], rtol=1e-8)
    np.testing.assert_allclose(corner, np.linalg.inv(full)[12:, 12:], rtol=1e-8)


def test_one_call_leaves_its_inputs_as_they_were() -> None:
    normal = some_arrow(5, (3, 4, 2), coupled=True, masked=True)
    before = {name: getattr(normal, name).copy() for name in Arrow.__dataclass_fields__}
    damping = np.full(3, 0.1)
    normal.solve(damping, 0.1)
    normal.invert()
    assert (damping == 0.1).all()
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(normal, name), value)


@QUICK
@given(SEED, SIZES, st.booleans())
def test_scans_in_reversed_order_give_the_reversed_answer(
    seed: int, sizes: tuple[int, int, int], coupled: bool
) -> None:
    normal = some_arrow(seed, sizes, coupled=coupled, masked=True)
    backwards = replace(
        normal,
        diagonal=normal.diagonal[::-1].copy(),
        below=np.swapaxes(normal.below[::-1], 1, 2).copy(),
        border=normal.border[::-1].copy(),
        right=normal.right[::-1].copy(),
        free=normal.free[::-1].copy(),
    )
    n, size, n_corner = sizes
    turned = np.concatenate([np.arange(n * size).reshape(n, size)[::-1].ravel(), n * size + np.arange(n_corner)])
    diagonal = np.diag(normal.dense())[turned]
    damping = np.random.default_rng(seed).uniform(0.0, 1.0, n)
    assert_close(backwards.solve(damping[::-1].copy(), 0.5)[0], normal.solve(damping, 0.5)[0][turned], diagonal)
    assert_close(backwards.covariance()[0], normal.covariance()[0][np.ix_(turned, turned)], diagonal)


@QUICK
@given(SEED, SIZES, st.booleans(), st.data())
def test_the_answer_does_not_depend_on_units(
    seed: int, sizes: tuple[int, int, int], coupled: bool, data: st.DataObject
) -> None:
    normal = dependent_arrow(seed, sizes, coupled=coupled)
    unit = np.ones(normal.mask.size)
    unit[data.draw(st.integers(0, unit.size - 1))] = 1e6
    other = in_units(normal, unit)
    step, n_blind = normal.solve()
    other_step, other_n_blind = other.solve()
    covariance, _, blind = normal.covariance()
    other_covariance, _, other_blind = other.covariance()
    assert n_blind == other_n_blind
    np.testing.assert_array_equal(blind, other_blind)
    assert_close(other_step * unit, step, np.diag(normal.dense()))
    assert_close(other_covariance * np.outer(unit, unit), covariance, np.diag(normal.dense()))


def dependent_arrow(seed: int, sizes: tuple[int, int, int], *, coupled: bool) -> Arrow:
    """As `some_arrow`, but some of the scans' and of the shared variables act like others of their kind."""
    rng = np.random.default_rng(seed)
    n, size, n_corner = sizes
    own, shared, here, after = experiment(rng, *sizes, coupled=coupled)
    for s in range(n):
        if size > 1 and rng.random() < 0.5:
            i, j = rng.choice(size, 2, replace=False)
            own[s, :, i] = 1.7 * own[s, :, j]
            if s < len(here):
                here[s, :, i] = 1.7 * here[s, :, j]
            if 0 < s <= len(after):
                after[s - 1, :, i] = 1.7 * after[s - 1, :, j]
    if n_corner > 1 and rng.random() < 0.5:
        i, j = rng.choice(n_corner, 2, replace=False)
        shared[:, :, i] = -0.6 * shared[:, :, j]
    return arrow(rng, own, shared, here, after)


def scaled_spectrum(normal: Arrow) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    root = np.sqrt(np.diag(normal.dense()))
    return (*np.linalg.eigh(normal.dense() / np.outer(root, root)), root)


@settings(max_examples=120, deadline=None)
@given(SEED, SIZES, st.booleans())
def test_all_variables_of_a_dependency_are_blind_and_all_others_right(
    seed: int, sizes: tuple[int, int, int], coupled: bool
) -> None:
    normal = dependent_arrow(seed, sizes, coupled=coupled)
    strength, direction, root = scaled_spectrum(normal)
    weak = strength < 1e-12
    dependent = (direction[:, weak] ** 2).sum(axis=1) > 1e-4
    covariance, known, blind = normal.covariance()
    assert np.isfinite(covariance).all()
    np.testing.assert_array_equal(blind, dependent)
    if (~blind).any():
        pseudo = (direction[:, ~weak] / strength[~weak]) @ direction[:, ~weak].T / np.outer(root, root)
        sighted = np.ix_(~blind, ~blind)
        expected = np.where(known, pseudo, 0.0)[sighted]
        assert_close(np.where(known, covariance, 0.0)[sighted], expected, root[~blind] ** 2)


@settings(max_examples=120, deadline=None)
@given(SEED, SIZES, st.booleans())
def test_a_step_over_dependent_variables_still_solves_the_equations(
    seed: int, sizes: tuple[int, int, int], coupled: bool
) -> None:
    normal = dependent_arrow(seed, sizes, coupled=coupled)
    strength, _, root = scaled_spectrum(normal)
    step, n_blind = normal.solve()
    assert n_blind == np.count_nonzero(strength < 1e-12)
    assert np.count_nonzero(step == 0.0) == n_blind
    left, right = normal.dense() @ step / root, normal.right_side / root
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8 * np.abs(right).max())


def test_a_damped_step_divides_between_variables_that_act_alike() -> None:
    ones = np.ones((2, 2))
    normal = Arrow(
        diagonal=np.array([ones]),
        below=np.zeros((0, 2, 2)),
        border=np.zeros((1, 2, 2)),
        corner=ones,
        right=np.ones((1, 2)),
        right_corner=np.ones(2),
        free=np.ones((1, 2), bool),
        free_corner=np.ones(2, bool),
    )
    step, n_blind = normal.solve(np.array([0.1]), 0.1)
    assert n_blind == 0
    np.testing.assert_allclose(step, np.full(4, 1.0 / 2.1), rtol=1e-12)


def test_a_series_parameter_that_every_scan_can_imitate_blinds_the_scans_parameter_too() -> None:
    rng = np.random.default_rng(11)
    own, shared, here, after = experiment(rng, 5, 4, 3, coupled=False)
    shared[:, :, 1] = 0.8 * own[:, :, 2]
    _, _, _, _, blind, blind_corner = arrow(rng, own, shared, here, after).invert()
    np.testing.assert_array_equal(blind_corner, [False, True, False])
    np.testing.assert_array_equal(blind, np.tile([False, False, True, False], (5, 1)))


def test_a_smooth_course_without_any_data_is_blind_in_all_scans() -> None:
    """Ties between scans fix the differences of a parameter that acts on no data, never its level."""
    rng = np.random.default_rng(12)
    own, shared, here, after = experiment(rng, 6, 3, 2, coupled=True)
    own[:, :, 1] = 0.0
    here[:] = np.diag([1.0, 2.0, 0.5])
    after[:] = -here
    normal = arrow(rng, own, shared, here, after)
    covariance, _, _ = normal.covariance()
    blind = normal.invert()[4]
    np.testing.assert_array_equal(blind, np.tile([False, True, False], (6, 1)))
    assert normal.solve()[1] == 1
    sighted = np.delete(np.arange(20), np.arange(1, 18, 3))
    expected = np.linalg.inv(normal.dense()[np.ix_(sighted, sighted)])
    kept = np.abs(np.subtract.outer(sighted, sighted)) < 3
    np.testing.assert_allclose(covariance[np.ix_(sighted, sighted)][kept], expected[kept], rtol=1e-8, atol=1e-12)


def test_shared_variables_that_act_alike_still_carry_the_error_of_their_sum_to_the_scans() -> None:
    rng = np.random.default_rng(13)
    own, shared, here, after = experiment(rng, 3, 2, 2, coupled=False)
    shared[:, :, 1] = shared[:, :, 0]
    one = arrow(rng, own, shared[:, :, :1], here, after)
    two = arrow(rng, own, shared, here, after)
    np.testing.assert_array_equal(two.invert()[5], [True, True])
    np.testing.assert_allclose(two.covariance()[0][:6, :6], one.covariance()[0][:6, :6], rtol=1e-8)


@pytest.mark.parametrize("element", [0.0, -1.0])
def test_free_variables_without_a_positive_diagonal_are_blind_and_do_not_move(element: float) -> None:
    normal = some_arrow(14, (3, 3, 2), coupled=True, masked=False)
    normal.diagonal[1, 2, 2] = element
    normal.corner[0, 0] = element
    step, n_blind = normal.solve()
    assert n_blind == 2
    assert step[5] == 0.0
    assert step[9] == 0.0
    free, free_corner = normal.free.copy(), normal.free_corner.copy()
    free[1, 2] = free_corner[0] = False
    without = replace(normal, free=free, free_corner=free_corner)
    np.testing.assert_array_equal(step, without.solve()[0])
    covariance, _, blind = normal.covariance()
    np.testing.assert_array_equal(np.flatnonzero(blind), [5, 9])
    np.testing.assert_array_equal(covariance, without.covariance()[0])


def test_variables_all_but_alike_are_blind_in_the_covariance() -> None:
    almost = 1.0 - 1e-10
    normal = some_arrow(15, (1, 2, 0), coupled=False, masked=False)
    normal = replace(normal, diagonal=np.array([[[1.0, almost], [almost, 1.0]]]))
    assert normal.solve()[1] == 0
    assert normal.invert()[4].all()


def test_with_nothing_free_nothing_moves_and_nothing_is_blind() -> None:
    normal = some_arrow(16, (3, 2, 2), coupled=True, masked=False)
    normal = replace(normal, free=np.zeros((3, 2), bool), free_corner=np.zeros(2, bool))
    step, n_blind = normal.solve()
    covariance, _, blind = normal.covariance()
    assert n_blind == 0
    assert not blind.any()
    assert not step.any()
    assert not covariance.any()
