"""Linear algebra of a joint series fit: a chain of scans with a shared border, in time linear in the number of scans.

The symmetric matrix is ``H = [[T, C], [C^T, K]]``. T is block tridiagonal over N scans with blocks of size L
(``diagonal[s] = T[s, s]``, ``below[s] = T[s + 1, s]``; an empty `below` makes it block diagonal), C is the border
(N, L, B) of the variables that scans share, K their corner (B, B). H is positive semidefinite, as normal equations are.

Everything is computed for H scaled to unit diagonal, so that tolerances have a meaning and units have none. Each scan
has a front ``[T[s, s] | T[s, s + 1] | C[s] | right side]``, whose rows the Cholesky factorisation turns in place into
rows of the factor; the reciprocal of a pivot stands on the diagonal. A variable that is taken out, or that those before
it already determine, has the reciprocal zero: its row vanishes, and with it its part in all that follows.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel, vector_kernel

# A variable of which the data leave less than this, those before it given, is not determined: scaled pivot.
_LEAST_PIVOT = 1e-12
# Directions of the shared variables weaker than this say nothing: eigenvalue of the scaled Schur complement.
_LEAST_STRENGTH = 1e-11
# A variable takes part in an undetermined direction if it makes up more than this of it (square of the component).
_LEAST_SHARE = 1e-4
# A scan's variable with a larger variance than this, in units of 1 / its diagonal element, is not determined.
_LARGEST_VARIANCE = 1e9
# Scans that are inverted together where none is linked to the next: their fronts are as large as what is wanted.
_AT_ONCE = 256


@vector_kernel
def _add_combination(
    factor: float, weight: NDArray[np.float64], rows: NDArray[np.float64], first: int, target: NDArray[np.float64]
) -> None:
    """``target += factor * weight @ rows[:, first : first + target.size]``."""
    n = target.size
    count = weight.size
    k = 0
    while k + 4 <= count:
        w0, w1, w2, w3 = factor * weight[k], factor * weight[k + 1], factor * weight[k + 2], factor * weight[k + 3]
        r0, r1, r2, r3 = rows[k, first:], rows[k + 1, first:], rows[k + 2, first:], rows[k + 3, first:]
        for x in range(n):
            target[x] += w0 * r0[x] + w1 * r1[x] + w2 * r2[x] + w3 * r3[x]
        k += 4
    while k < count:
        w0 = factor * weight[k]
        r0 = rows[k, first:]
        for x in range(n):
            target[x] += w0 * r0[x]
        k += 1


@kernel
def _scale(element: float, free: bool) -> float:
    """``1 / sqrt(element)``; zero for a variable that is not free or has nothing on the diagonal."""
    return 1.0 / math.sqrt(element) if free and element > 0.0 else 0.0


@kernel
def _scaled_corner(
    corner: NDArray[np.float64], right: NDArray[np.float64], free: NDArray[np.bool_], damping: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``[K | right side]`` (B, B + 1) scaled to unit diagonal and damped, and the scale (B,)."""
    size = free.size
    scale = np.empty(size)
    for i in range(size):
        scale[i] = _scale(corner[i, i], free[i])
    scaled = np.empty((size, size + 1))
    for i in range(size):
        for j in range(size):
            scaled[i, j] = corner[i, j] * scale[i] * scale[j]
        scaled[i, i] = 1.0 + damping if scale[i] > 0.0 else 0.0
        scaled[i, size] = right[i] * scale[i]
    return scaled, scale


@kernel
def _fronts(
    diagonal: NDArray[np.float64],
    below: NDArray[np.float64],
    border: NDArray[np.float64],
    right: NDArray[np.float64],
    free: NDArray[np.bool_],
    damping: NDArray[np.float64],
    scale_corner: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fronts of all scans, scaled to unit diagonal and damped, and the scales (N, L)."""
    n_scans, size = free.shape
    n_corner = scale_corner.size
    tail = 2 * size if below.shape[0] else size
    front = np.zeros((n_scans, size, tail + n_corner + 1))
    scale = np.empty((n_scans, size))
    for s in range(n_scans):
        for i in range(size):
            scale[s, i] = _scale(diagonal[s, i, i], free[s, i])
        for i in range(size):
            for j in range(i + 1, size):
                front[s, i, j] = diagonal[s, i, j] * scale[s, i] * scale[s, j]
            front[s, i, i] = 1.0 + damping[s] if scale[s, i] > 0.0 else 0.0
            for j in range(n_corner):
                front[s, i, tail + j] = border[s, i, j] * scale[s, i] * scale_corner[j]
            front[s, i, tail + n_corner] = right[s, i] * scale[s, i]
    for s in range(below.shape[0]):
        for i in range(size):
            for j in range(size):
                front[s, i, size + j] = below[s, j, i] * scale[s, i] * scale[s + 1, j]
    return front, scale


@kernel
def _factor(rows: NDArray[np.float64]) -> None:
    """Rows (m, m + more) of a matrix become those of its Cholesky factor ``U`` (``U^T U``), in place."""
    for i in range(rows.shape[0]):
        row = rows[i, i:]
        _add_combination(-1.0, rows[:i, i], rows, i, row)
        reciprocal = 1.0 / math.sqrt(row[0]) if row[0] > _LEAST_PIVOT else 0.0
        for x in range(row.size):
            row[x] *= reciprocal
        row[0] = reciprocal


@kernel
def _eliminate_scans(front: NDArray[np.float64], corner: NDArray[np.float64], tail: int) -> None:
    """Factor the fronts down the chain; `corner`, upper triangle, becomes the Schur complement."""
    n_scans, size, _ = front.shape
    for s in range(n_scans):
        rows = front[s]
        _factor(rows)
        if tail > size and s + 1 < n_scans:
            for i in range(size):
                weight = rows[:, size + i]
                _add_combination(-1.0, weight, rows, size + i, front[s + 1, i, i:size])
                _add_combination(-1.0, weight, rows, tail, front[s + 1, i, tail:])
        for i in range(corner.shape[0]):
            _add_combination(-1.0, rows[:, tail + i], rows, tail + i, corner[i, i:])


@vector_kernel
def _substitute(rows: NDArray[np.float64], solution: NDArray[np.float64]) -> None:
    """First m of `solution` from factored rows (m, m + more + 1), right side last, and the known rest of `solution`."""
    last = rows.shape[1] - 1
    for i in range(rows.shape[0] - 1, -1, -1):
        row = rows[i]
        total = row[last]
        for x in range(i + 1, last):
            total -= row[x] * solution[x]
        solution[i] = total * row[i]


@kernel
def solve_block_arrow(
    diagonal: NDArray[np.float64],
    below: NDArray[np.float64],
    border: NDArray[np.float64],
    corner: NDArray[np.float64],
    right: NDArray[np.float64],
    right_corner: NDArray[np.float64],
    free: NDArray[np.bool_],
    free_corner: NDArray[np.bool_],
    damping: NDArray[np.float64],
    damping_corner: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Solve ``(H + damping diag(H)) step = right`` over the free variables.

    Parameters
    ----------
    diagonal : (N, L, L), below : (N - 1, L, L) or (0, L, L), border : (N, L, B), corner : (B, B)
        Blocks of H, see the module; C-contiguous as all arrays here (others compile anew). B may be 0.
    right : (N, L), right_corner : (B,)
    free : (N, L), free_corner : (B,)
        False takes a variable out.
    damping : (N,), damping_corner
        At least zero; relative to the diagonal, each scan with its own.

    Returns
    -------
    step : (N, L), step_corner : (B,)
        Zero for variables that are not free or not determined.
    n_blind : int
        Free variables left out, because their diagonal element is not positive or the variables before them leave
        nothing of them.
    """
    n_scans, size = free.shape
    n_corner = free_corner.size
    tail = 2 * size if below.shape[0] else size
    reduced, scale_corner = _scaled_corner(corner, right_corner, free_corner, damping_corner)
    front, scale = _fronts(diagonal, below, border, right, free, damping, scale_corner)
    _eliminate_scans(front, reduced, tail)
    _factor(reduced)

    # This scan, the one after it, the corner: what a row of a front meets.
    solution = np.zeros(tail + n_corner)
    _substitute(reduced, solution[tail:])
    step = np.empty((n_scans, size))
    step_corner = np.empty(n_corner)
    n_blind = 0
    for s in range(n_scans - 1, -1, -1):
        for i in range(tail - size):
            solution[size + i] = solution[i]
        _substitute(front[s], solution)
        for i in range(size):
            step[s, i] = solution[i] * scale[s, i]
            n_blind += free[s, i] and front[s, i, i] == 0.0
    for i in range(n_corner):
        step_corner[i] = solution[tail + i] * scale_corner[i]
        n_blind += free_corner[i] and reduced[i, i] == 0.0
    return step, step_corner, n_blind


@kernel
def _turned(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """A contiguous transpose."""
    turned = np.empty((matrix.shape[1], matrix.shape[0]))
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            turned[j, i] = matrix[i, j]
    return turned


@kernel
def _propagate(
    own: NDArray[np.float64],
    link: NDArray[np.float64],
    following: NDArray[np.float64],
    out: NDArray[np.float64],
) -> NDArray[np.float64]:
    """``out = own own^T + link following link^T`` of symmetric `following`; returns ``link following``."""
    size = own.shape[0]
    product = np.zeros(link.shape)
    own_turned, link_turned = _turned(own), _turned(link)
    for i in range(size):
        _add_combination(1.0, link[i], following, 0, product[i])
        row = np.zeros(i + 1)
        _add_combination(1.0, own[i], own_turned, 0, row)
        _add_combination(1.0, product[i], link_turned, 0, row)
        for j in range(i + 1):
            out[i, j] = row[j]
            out[j, i] = row[j]
    return product


@kernel
def _substitute_rows(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> None:
    """``matrix <- U^-1 matrix`` with the triangle U at the head of factored rows."""
    size = rows.shape[0]
    for i in range(size - 1, -1, -1):
        _add_combination(-1.0, rows[i, i + 1 : size], matrix[i + 1 :], 0, matrix[i])
        for x in range(matrix.shape[1]):
            matrix[i, x] *= rows[i, i]


@kernel
def _dependencies(rows: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """(L, n): for each variable without a pivot, the combination of a scan's variables that the data do not see."""
    size = scale.size
    index = [b for b in range(size) if rows[b, b] == 0.0 and scale[b] > 0.0]
    unseen = np.zeros((size, len(index)))
    for column, b in enumerate(index):
        unseen[b, column] = 1.0
        for i in range(b - 1, -1, -1):
            total = 0.0
            for k in range(i + 1, b + 1):
                total -= rows[i, k] * unseen[k, column]
            unseen[i, column] = total * rows[i, i]
    return unseen


@kernel
def _invert_chain(
    front: NDArray[np.float64], scale: NDArray[np.float64], tail: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Blocks of ``T^-1`` on and below the diagonal, ``T^-1 C``, and each variable's part in dependencies (N, L).

    Takahashi, Fagan & Chin (1973) by blocks: from ``U T^-1 = U^-T``, with U of a scan ``[R | X]`` and ``G = R^-1 X``,
    ``T^-1[s, s] = R^-1 R^-T + G T^-1[s+1, s+1] G^T`` and ``T^-1[s+1, s] = -T^-1[s+1, s+1] G^T``.
    """
    n_scans, size, width = front.shape
    n_link, n_corner = tail - size, width - 1 - tail
    local = np.empty((n_scans, size, size))
    neighbour = np.empty((n_scans - 1 if n_link else 0, size, size))
    response = np.empty((n_scans, size, n_corner))
    part = np.zeros((n_scans, size))
    unseen = np.zeros((size, size))
    any_unseen = False
    beyond = np.zeros((size, size))
    for s in range(n_scans - 1, -1, -1):
        rows = front[s]
        inverse, link = np.zeros((size, size)), np.empty((size, n_link))
        for i in range(size):
            inverse[i, i] = 1.0
            for j in range(n_link):
                link[i, j] = rows[i, size + j]
            for j in range(n_corner):
                response[s, i, j] = rows[i, tail + j]
            if s < neighbour.shape[0]:
                _add_combination(-1.0, rows[i, size:tail], response[s + 1], 0, response[s, i])
        _substitute_rows(rows, inverse)
        _substitute_rows(rows, link)
        _substitute_rows(rows, response[s])
        product = _propagate(inverse, link, beyond, local[s])
        beyond = local[s]
        if s < neighbour.shape[0]:
            for i in range(size):
                for j in range(size):
                    neighbour[s, j, i] = -product[i, j]
        dependent = _dependencies(rows, scale[s])
        any_unseen = any_unseen or dependent.shape[1] > 0
        if any_unseen:
            here = np.empty((size, size))
            _propagate(dependent, link, unseen, here)
            unseen = here
            for i in range(size):
                part[s, i] = here[i, i]
    return local, neighbour, response, part


def invert_block_arrow(
    diagonal: NDArray[np.float64],
    below: NDArray[np.float64],
    border: NDArray[np.float64],
    corner: NDArray[np.float64],
    free: NDArray[np.bool_],
    free_corner: NDArray[np.bool_],
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.bool_],
    NDArray[np.bool_],
]:
    """Covariance of the free variables, in the parts of which any element of ``H^-1`` is made.

    ``cov(x_s, x_t) = T^-1[s, t] + response_s corner_covariance response_t^T`` and
    ``cov(x_s, corner) = -response_s corner_covariance``.

    Parameters
    ----------
    diagonal, below, border, corner, free, free_corner : as in `solve_block_arrow`

    Returns
    -------
    local : (N, L, L), ``T^-1[s, s]``
    neighbour : (N - 1, L, L), ``T^-1[s + 1, s]``; (0, L, L) if `below` is empty
    response : (N, L, B), ``T^-1 C``
    corner_covariance : (B, B), ``(K - C^T T^-1 C)^-1``, over the directions that the data determine
    blind : (N, L), blind_corner : (B,)
        Free variables that the data do not determine: all that take part in a dependency, not the last one alone.

    Notes
    -----
    Rows and columns of variables that are not free, and of a scan's blind ones, are zero. Those of blind shared
    variables are not, and are no variances: a combination of them may be determined and carry error to the scans
    (of two that act alike, the sum is).
    """
    tail = free.shape[1] * (2 if below.shape[0] else 1)
    still, still_corner = np.zeros(free.shape), np.zeros(free_corner.shape)
    reduced, scale_corner = _scaled_corner(corner, still_corner, free_corner, 0.0)
    n_scans, undamped = free.shape[0], np.zeros(free.shape[0])
    local, response, neighbour = np.empty(diagonal.shape), np.empty(border.shape), np.empty(below.shape)
    scale, part = np.empty(free.shape), np.empty(free.shape)
    at_once = max(n_scans, 1) if below.shape[0] else _AT_ONCE
    for first in range(0, n_scans, at_once):
        run = slice(first, first + at_once)
        front, scale[run] = _fronts(
            diagonal[run], below, border[run], still[run], free[run], undamped[run], scale_corner
        )
        _eliminate_scans(front, reduced, tail)
        local[run], neighbour[:], response[run], part[run] = _invert_chain(front, scale[run], tail)
    variance = np.diagonal(local, axis1=1, axis2=2)
    blind = free & ((variance == 0.0) | (variance > _LARGEST_VARIANCE) | (part > _LEAST_SHARE))

    kept = scale_corner > 0.0
    blind_corner = free_corner & ~kept
    strength, direction = np.linalg.eigh(reduced[:, :-1][np.ix_(kept, kept)], UPLO="U")
    seen = strength > _LEAST_STRENGTH
    root = direction[:, seen] * (scale_corner[kept, None] / np.sqrt(strength[seen]))
    corner_covariance = np.zeros(corner.shape)
    corner_covariance[np.ix_(kept, kept)] = root @ root.T
    if not seen.all():
        unseen = direction[:, ~seen]
        blind_corner[kept] |= (unseen**2).sum(axis=1) > _LEAST_SHARE
        blind |= free & (((response[:, :, kept] @ unseen) ** 2).sum(axis=2) > _LEAST_SHARE)

    shown = np.where(blind, 0.0, scale)
    local *= shown[:, :, None]
    local *= shown[:, None, :]
    if neighbour.size:
        neighbour *= shown[1:, :, None]
        neighbour *= shown[:-1, None, :]
    response *= shown[:, :, None]
    response /= np.where(kept, scale_corner, np.inf)
    return local, neighbour, response, corner_covariance, blind, blind_corner
