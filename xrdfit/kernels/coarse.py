"""Far tails on a coarse grid: smooth where they are far, they are calculated at a few nodes and interpolated.

The points are cut into blocks of `BLOCK`. In a block whose middle c is at least `FAR` half-widths h away from a line's
centre, the line is calculated at `N_NODES` Chebyshev nodes instead of every point; what all lines together leave at the
nodes is carried to the points by the polynomial through them. Lines that are nearer are calculated point by point. The
nodes of `WIDE` blocks are cut into a wide block in the same way: where a line is far from it, too, it is calculated at
the nodes of the wide block, from which the sum is carried to the nodes of the blocks. So what a line costs grows hardly
with the number of points.

How far this is from the sum itself: the Lorentzian ``t = 1 / (1 + u^2)``, u = (x - x0) / g with half width at half
maximum g, is the imaginary part of ``g / (x - p)`` with the pole p = x0 + i g, and the polynomial through the K
Chebyshev nodes misses ``1 / (x - p)`` by exactly ``T_K(s) / (T_K(s_p) (x - p))`` with s = (x - c) / h. Inside the
block ``|T_K(s)| <= 1``, and where ``|s_p| >= z > 1``, ``|T_K(s_p)|`` is at least ``sinh(K arccosh z)``, which is T_K(z)
but for its last digits. Hence, in units of the line's height,

    ``|error of t| <= g / |x - p| / T_K(z) <= 1 / T_K(z)``,

which is 2.6e-11 at K = 16 and z = 2.5, and smaller by g over the distance. ``2 u t^2`` and ``t - 2 t^2``, of which the
derivatives consist, are the parts of ``g^2 / (x - p)^2``, the derivative of the former with respect to p:

    ``|error| <= g / |x - p| / T_K(z) (g / |x - p| + K g / (h |sqrt(s_p^2 - 1)|)) <= (1 + K w) / T_K(z)``

with ``w = z / sqrt(z^2 - 1)``, which is 4.8e-10. What goes by a wide block is that far off at the blocks. Carried
on, it is greater by Lebesgue's constant of the nodes at most, 2.8 at K = 16; but a wide block is far from `_FURTHER`
times as many of its half-widths on, where T_K is greater by 3. Blocks need not be alike: uneven steps and gaps make h
larger, and a line that is then nearer than `FAR` half-widths is calculated point by point.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import inlined_kernel, lean_kernel, lean_vector_kernel

N_NODES = 16
WIDE = 4
BLOCK = WIDE * N_NODES
FAR = 2.5
_FURTHER = 1.07
# Fewer points than this have no wide blocks: next to none would be far.
_MANY = 4 * WIDE * BLOCK


class CoarseGrid(NamedTuple):
    """Nodes of the blocks of n points.

    Attributes
    ----------
    node : ((n_blocks + n_wide) * N_NODES,) deg, those of a block together; behind them those of wide blocks, if any.
    basis : (N_NODES, n) value at each point of the polynomials that are 1 at one node of its block and 0 at the others.
    wide_basis : (N_NODES, n_blocks * N_NODES) the same of the wide blocks, at the nodes of the blocks.
    """

    node: NDArray[np.float64]
    basis: NDArray[np.float64]
    wide_basis: NDArray[np.float64]


def coarse_grid(two_theta: NDArray[np.float64]) -> CoarseGrid:
    """Nodes for points (n,), deg, ascending."""
    node, basis = _nodes(two_theta, two_theta, BLOCK)
    wide_node, wide_basis = _nodes(two_theta, node, WIDE * BLOCK)
    if two_theta.size < _MANY:
        wide_node = wide_node[:0]
    return CoarseGrid(node=np.concatenate([node, wide_node]), basis=basis, wide_basis=wide_basis)


def _nodes(
    x: NDArray[np.float64], place: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes of blocks of `size` points, and their polynomials at places of which `BLOCK` belong to each block."""
    first = x[::size]
    last = x[np.minimum(np.arange(first.size) * size + size, x.size) - 1]
    centre = 0.5 * (first + last)
    # A block of one point has a width all the same.
    half = np.maximum(0.5 * (last - first), 1e-9)
    angle = (np.arange(N_NODES) + 0.5) * np.pi / N_NODES
    node = centre[:, None] + half[:, None] * np.cos(angle)
    # Lagrange's polynomials by discrete orthogonality of Chebyshev's: sum_j T_j(node) T_j(s), halved at j = 0.
    order = np.arange(N_NODES)
    at_nodes = np.cos(order[:, None] * angle) * (2.0 / N_NODES)
    at_nodes[0] *= 0.5
    block = np.arange(place.size) // BLOCK
    inside = np.clip((place - centre[block]) / half[block], -1.0, 1.0)
    basis = at_nodes.T @ np.cos(order[:, None] * np.arccos(inside))
    return node.ravel(), np.ascontiguousarray(basis)


@inlined_kernel
def n_blocks(two_theta: NDArray[np.float64]) -> int:
    return (two_theta.size + BLOCK - 1) // BLOCK


@inlined_kernel
def points_of(two_theta: NDArray[np.float64], block: int, end: int) -> tuple[int, int]:
    """First and one-past-last point of the blocks from `block` to before `end`."""
    return block * BLOCK, min(end * BLOCK, two_theta.size)


@lean_kernel
def is_far(two_theta: NDArray[np.float64], block: int, end: int, low: float, high: float, least: float) -> bool:
    """Whether what stands between two positions is `least` half-widths from the blocks up to before `end`, or more."""
    first, last = points_of(two_theta, block, end)
    start, stop = two_theta[first], two_theta[last - 1]
    centre, reach = 0.5 * (start + stop), least * 0.5 * (stop - start)
    return low >= centre + reach or high <= centre - reach


@lean_kernel
def _level(two_theta: NDArray[np.float64], block: int, low: float, high: float, least: float) -> int:
    """By what a block is calculated: 0 its points, 1 its nodes, 2 the nodes of the wide block that it begins."""
    if (
        two_theta.size >= _MANY
        and block % WIDE == 0
        and is_far(two_theta, block, block + WIDE, low, high, _FURTHER * least)
    ):
        return 2
    return 1 if is_far(two_theta, block, block + 1, low, high, least) else 0


@lean_kernel
def alike(two_theta: NDArray[np.float64], block: int, low: float, high: float, least: float) -> tuple[int, int]:
    """By what a block is calculated, 0 points or 1 and 2 nodes, and the next block with which that differs.

    low, high : deg, between which the lines stand. least : half-widths from which on a block is far from them.
    """
    level = _level(two_theta, block, low, high, least)
    end = block
    while end < n_blocks(two_theta) and _level(two_theta, end, low, high, least) == level:
        end += WIDE if level == 2 else 1
    return level, end


@inlined_kernel
def places_of(two_theta: NDArray[np.float64], level: int, block: int, end: int) -> tuple[int, int]:
    """First and one-past-last point or node by which the blocks from `block` to before `end` are calculated."""
    if level == 0:
        return points_of(two_theta, block, end)
    if level == 1:
        return block * N_NODES, end * N_NODES
    behind = n_blocks(two_theta) * N_NODES
    return behind + block // WIDE * N_NODES, behind + (end + WIDE - 1) // WIDE * N_NODES


@lean_vector_kernel
def _carry(at_nodes: NDArray[np.float64], basis: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Add what polynomials through the nodes are at places (n,), `BLOCK` of them to a block, to `out` (n,)."""
    for first in range(0, out.size, BLOCK):
        own = at_nodes[first // BLOCK * N_NODES : (first // BLOCK + 1) * N_NODES]
        there = out[first : first + BLOCK]
        # Four nodes at once: what is loaded and stored serves several products.
        for k in range(0, N_NODES, 4):
            c0, c1, c2, c3 = own[k], own[k + 1], own[k + 2], own[k + 3]
            b0, b1 = basis[k, first : first + BLOCK], basis[k + 1, first : first + BLOCK]
            b2, b3 = basis[k + 2, first : first + BLOCK], basis[k + 3, first : first + BLOCK]
            for i in range(there.size):
                there[i] += c0 * b0[i] + c1 * b1[i] + c2 * b2[i] + c3 * b3[i]


@lean_vector_kernel
def _collect(row: NDArray[np.float64], basis: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """The transpose of `_carry`; `out` is overwritten."""
    for first in range(0, row.size, BLOCK):
        own = row[first : first + BLOCK]
        there = out[first // BLOCK * N_NODES : (first // BLOCK + 1) * N_NODES]
        for k in range(0, N_NODES, 4):
            b0, b1 = basis[k, first : first + BLOCK], basis[k + 1, first : first + BLOCK]
            b2, b3 = basis[k + 2, first : first + BLOCK], basis[k + 3, first : first + BLOCK]
            c0 = c1 = c2 = c3 = 0.0
            for i in range(own.size):
                c0 += own[i] * b0[i]
                c1 += own[i] * b1[i]
                c2 += own[i] * b2[i]
                c3 += own[i] * b3[i]
            there[k], there[k + 1], there[k + 2], there[k + 3] = c0, c1, c2, c3


@lean_kernel
def add_interpolated(grid: CoarseGrid, at_nodes: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Carry a function from the nodes to the points and add it to `out` (n,).

    at_nodes : the nodes of the blocks get what those of the wide ones carry to them.
    """
    inner = grid.wide_basis.shape[1]
    if at_nodes.size > inner:
        _carry(at_nodes[inner:], grid.wide_basis, at_nodes[:inner])
    _carry(at_nodes[:inner], grid.basis, out)


@lean_kernel
def gather(grid: CoarseGrid, row: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """What is at the points, gathered at the nodes: the transpose of `add_interpolated`; `out` is overwritten."""
    inner = grid.wide_basis.shape[1]
    _collect(row, grid.basis, out[:inner])
    if out.size > inner:
        _collect(out[:inner], grid.wide_basis, out[inner:])
