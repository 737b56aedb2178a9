"""Products of lines with the rows of a Jacobian, without the profile of each line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.coarse import CoarseGrid, alike, gather, n_blocks, places_of
from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.line_facts import AT, FAR_ENOUGH, HALF, N_FACTS, STRENGTH, describe_lines
from xrdfit.kernels.linear import four_by_four
from xrdfit.kernels.rows import add_scaled, dot


@lean_vector_kernel
def _put_tail(x: NDArray[np.float64], at: float, half: float, strength: float, out: NDArray[np.float64]) -> None:
    for i in range(out.size):
        away = x[i] - at
        out[i] = strength / (away * away + half * half)


@lean_kernel
def _add_four_lines(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    facts: NDArray[np.float64],
    line: int,
    rows: NDArray[np.float64],
    nodes: NDArray[np.float64],
    room: NDArray[np.float64],
    four: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the products of four Lorentzians with rows (k, n), which are gathered in `nodes`, to `out` (m, k).

    room : flat, and four : (4, k), scratch.
    """
    last = min(line + 4, out.shape[0])
    low = high = facts[AT, line]
    for i in range(line + 1, last):
        low, high = min(low, facts[AT, i]), max(high, facts[AT, i])
    block = np.int64(0)
    while block < n_blocks(x):
        level, end = alike(x, block, low, high, FAR_ENOUGH)
        start, stop = places_of(x, level, block, end)
        there, factors = (grid.node, nodes) if level > 0 else (x, rows)
        tails = room[: 4 * (stop - start)].reshape(4, stop - start)
        for i in range(line, last):
            _put_tail(there[start:stop], facts[AT, i], facts[HALF, i], facts[STRENGTH, i], tails[i - line])
        _add_products(tails, factors, start, last - line, four, out[line:last])
        block = end


@lean_kernel
def _add_products(
    tails: NDArray[np.float64],
    rows: NDArray[np.float64],
    start: int,
    count: int,
    four: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for j in range(0, rows.shape[0], 4):
        four_by_four(tails, rows, np.int64(0), j, start, four)
    for i in range(count):
        add_scaled(1.0, four[i], out[i])


@kernel
def products_with_rows(
    x: NDArray[np.float64],
    grid: CoarseGrid,
    unit: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    rows: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """``out[i, j] = sum_x weight profile_i rows_j``; rows (k, n), out (m, k) is overwritten, the others as above."""
    m, k = out.shape
    facts = np.empty((N_FACTS, m))
    first, count = np.empty(m, dtype=np.int64), np.empty(m, dtype=np.int64)
    cores = describe_lines(x, unit, position, gauss, lorentz, facts, first, count)
    weighted, nodes = np.empty((k, x.size)), np.empty((k, grid.node.size))
    for j in range(k):
        for i in range(x.size):
            weighted[j, i] = weight[i] * rows[j, i]
        gather(grid, weighted[j], nodes[j])
    room, four = np.empty(4 * max(x.size, grid.node.size)), np.empty((4, k))
    out[:, :] = 0.0
    for line in range(0, m, 4):
        _add_four_lines(x, grid, facts, line, weighted, nodes, room, four, out)
    for line in range(m):
        core, start = cores[line][: count[line]], first[line]
        for j in range(k):
            out[line, j] += dot(core, weighted[j][start : start + core.size])
