"""Far tails on a coarse grid: smooth where they are far, they are calculated at a few nodes and interpolated.

The points are cut into blocks of `BLOCK`. In a block whose middle c is at least `FAR` half-widths h away from a line's
centre, the line is calculated at `N_NODES` Chebyshev nodes instead of every point; what all lines together leave at the
nodes is carried to the points by the polynomial through them. Lines that are nearer are calculated point by point.

How far this is from the sum itself: the Lorentzian ``t = 1 / (1 + u^2)``, u = (x - x0) / g with half width at half
maximum g, is the imaginary part of ``g / (x - p)`` with the pole p = x0 + i g, and the polynomial through the K
Chebyshev nodes misses ``1 / (x - p)`` by exactly ``T_K(s) / (T_K(s_p) (x - p))`` with s = (x - c) / h. Inside the
block ``|T_K(s)| <= 1``, and where ``|s_p| >= z > 1``, ``|T_K(s_p)|`` is at least ``sinh(K arccosh z)``, which is T_K(z)
but for its last digits. Hence, in units of the line's height,

    ``|error of t| <= g / |x - p| / T_K(z) <= 1 / T_K(z)``,

which is 2.6e-11 at K = 16 and z = 2.5, and smaller by g over the distance. ``2 u t^2`` and ``t - 2 t^2``, of which the
derivatives consist, are the parts of ``g^2 / (x - p)^2``, the derivative of the former with respect to p:

    ``|error| <= g / |x - p| / T_K(z) (g / |x - p| + K g / (h |sqrt(s_p^2 - 1)|)) <= (1 + K w) / T_K(z)``

with ``w = z / sqrt(z^2 - 1)``, which is 4.8e-10. Blocks need not be alike: uneven steps and gaps make h larger, and a
line that is then nearer than `FAR` half-widths is calculated point by point.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import inlined_kernel, lean_kernel, lean_vector_kernel

BLOCK = 64
N_NODES = 16
FAR = 2.5


class CoarseGrid(NamedTuple):
    """Nodes of the blocks of n points.

    Attributes
    ----------
    node : (n_blocks * N_NODES,) deg, those of a block together.
    basis : (N_NODES, n) value at each point of the polynomials that are 1 at one node of its block and 0 at the others.
    """

    node: NDArray[np.float64]
    basis: NDArray[np.float64]


def coarse_grid(two_theta: NDArray[np.float64]) -> CoarseGrid:
    """Nodes for points (n,), deg, ascending."""
    x = two_theta
    block = np.arange(x.size) // BLOCK
    first = x[::BLOCK]
    last = x[np.minimum(np.arange(first.size) * BLOCK + BLOCK, x.size) - 1]
    centre = 0.5 * (first + last)
    # A block of one point has a width all the same.
    half = np.maximum(0.5 * (last - first), 1e-9)
    angle = (np.arange(N_NODES) + 0.5) * np.pi / N_NODES
    node = centre[:, None] + half[:, None] * np.cos(angle)
    # Lagrange's polynomials by discrete orthogonality of Chebyshev's: sum_j T_j(node) T_j(s), halved at j = 0.
    order = np.arange(N_NODES)
    at_nodes = np.cos(order[:, None] * angle) * (2.0 / N_NODES)
    at_nodes[0] *= 0.5
    inside = np.clip((x - centre[block]) / half[block], -1.0, 1.0)
    basis = at_nodes.T @ np.cos(order[:, None] * np.arccos(inside))
    return CoarseGrid(node=node.ravel(), basis=np.ascontiguousarray(basis))


@inlined_kernel
def n_blocks(two_theta: NDArray[np.float64]) -> int:
    return (two_theta.size + BLOCK - 1) // BLOCK


@inlined_kernel
def points_of(two_theta: NDArray[np.float64], block: int, end: int) -> tuple[int, int]:
    """First and one-past-last point of the blocks from `block` to before `end`."""
    return block * BLOCK, min(end * BLOCK, two_theta.size)


@lean_kernel
def is_far(two_theta: NDArray[np.float64], block: int, low: float, high: float) -> bool:
    """Whether what stands between two positions (deg) is far from a block."""
    first, last = points_of(two_theta, block, block + 1)
    start, stop = two_theta[first], two_theta[last - 1]
    centre, reach = 0.5 * (start + stop), FAR * 0.5 * (stop - start)
    return low >= centre + reach or high <= centre - reach


@lean_kernel
def alike(two_theta: NDArray[np.float64], block: int, low: float, high: float) -> tuple[bool, int]:
    """Whether a block is far from what stands between two positions (deg), and the next block with which it differs."""
    far = is_far(two_theta, block, low, high)
    end = block + 1
    while end < n_blocks(two_theta) and is_far(two_theta, end, low, high) == far:
        end += 1
    return far, end


@lean_vector_kernel
def add_interpolated(
    two_theta: NDArray[np.float64], grid: CoarseGrid, at_nodes: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Carry a function from the nodes to the points and add it to `out` (n,)."""
    for block in range(n_blocks(two_theta)):
        first, last = points_of(two_theta, block, block + 1)
        own = at_nodes[block * N_NODES : (block + 1) * N_NODES]
        there = out[first:last]
        # Four nodes at once: what is loaded and stored serves several products.
        for k in range(0, N_NODES, 4):
            c0, c1, c2, c3 = own[k], own[k + 1], own[k + 2], own[k + 3]
            b0, b1 = grid.basis[k, first:last], grid.basis[k + 1, first:last]
            b2, b3 = grid.basis[k + 2, first:last], grid.basis[k + 3, first:last]
            for i in range(there.size):
                there[i] += c0 * b0[i] + c1 * b1[i] + c2 * b2[i] + c3 * b3[i]
