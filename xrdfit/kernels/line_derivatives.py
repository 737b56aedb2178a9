"""What a line answers to, added to the rows of a Jacobian.

Whatever moves or widens a line changes the pattern by a sum of the same six functions of the distance from its centre
(`xrdfit.kernels.profiles.derivative_factors`). So each line is evaluated once, both lines of a doublet together, and
every row of the Jacobian takes its combination. Lorentzian parts go point by point only near the line and otherwise to
the nodes of a coarse grid (`xrdfit.kernels.coarse`), from which they are carried to the points once a row; Gaussian
parts exist near the line alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.coarse import FAR, alike, n_blocks, places_of
from xrdfit.kernels.gaussian import halved
from xrdfit.kernels.jit import inlined_kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.lines import slot_kind
from xrdfit.kernels.pattern import past_neighbours
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import (
    BY_GAUSS,
    BY_LORENTZ,
    BY_POSITION,
    N_FACTORS,
    VALUE,
    derivative_factors,
    gauss_window,
)


class Room(NamedTuple):
    """Buffers of one Jacobian.

    Attributes
    ----------
    at_nodes : (n_rows, n_nodes) the rows' far tails at the nodes. touched : (n_rows,) which rows have any.
    tails : (2, n or n_nodes). shape, unit : (4, 6) of one line, and of the same line at unit weight.
    position, inverse, factors : (2,), (2,), (2, n_line_slots, 6) of two lines that are added together.
    used, rows : (n_line_slots,) slots that the lines of the phase at hand answer to, and their rows.
    line_used, line_rows : (n_line_slots,) those among them that the line at hand answers to.
    """

    at_nodes: NDArray[np.float64]
    touched: NDArray[np.bool_]
    tails: NDArray[np.float64]
    shape: NDArray[np.float64]
    unit: NDArray[np.float64]
    position: NDArray[np.float64]
    inverse: NDArray[np.float64]
    factors: NDArray[np.float64]
    used: NDArray[np.int64]
    rows: NDArray[np.int64]
    line_used: NDArray[np.int64]
    line_rows: NDArray[np.int64]


@inlined_kernel
def make_room(problem: Problem, n_rows: int, n_line_slots: int) -> Room:
    n_nodes = problem.coarse.node.size
    return Room(
        np.zeros((n_rows, n_nodes)),
        np.zeros(n_rows, dtype=np.bool_),
        np.empty((2, max(problem.two_theta.size, n_nodes))),
        np.empty((4, N_FACTORS)),
        np.empty((4, N_FACTORS)),
        np.zeros(2),
        np.zeros(2),
        np.zeros((2, n_line_slots, N_FACTORS)),
        np.empty(n_line_slots, dtype=np.int64),
        np.empty(n_line_slots, dtype=np.int64),
        np.empty(n_line_slots, dtype=np.int64),
        np.empty(n_line_slots, dtype=np.int64),
    )


@lean_kernel
def _slots_in_use(row_of_slot: NDArray[np.int64], phase: int, room: Room) -> int:
    """Find the slots that the lines of a phase answer to, counted as in `by_slot`; returns how many."""
    base = slot.N_GLOBAL + slot.N_PHASE * phase
    count = 0
    for index in range(room.used.size):
        row = row_of_slot[index if index < slot.N_GLOBAL else base + index - slot.N_GLOBAL]
        if row >= 0:
            room.used[count], room.rows[count] = index, row
            count += 1
    return count


@inlined_kernel
def _answers(by_slot: NDArray[np.float64], n_used: int, room: Room) -> int:
    """Of the slots of its phase, find those that lines answer to: h00 knows nothing of b; returns how many."""
    count = 0
    for j in range(n_used):
        index = room.used[j]
        amount = 0.0
        for e in range(by_slot.shape[0]):
            amount += abs(by_slot[e, index])
        if amount != 0.0:
            room.line_used[count], room.line_rows[count] = index, room.rows[j]
            count += 1
    return count


@inlined_kernel
def _row_factors(
    index: int,
    amount: float,
    by_theta: NDArray[np.float64],
    shape: NDArray[np.float64],
    unit: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """What a row has of the six functions of a line; shape, unit : (4, 6) of the line and of its unit weight."""
    kind = slot_kind(index)
    for k in range(N_FACTORS):
        if kind == slot.ON_THETA:
            out[k] = amount * (
                by_theta[0] * shape[BY_POSITION, k]
                + by_theta[1] * shape[BY_GAUSS, k]
                + by_theta[2] * shape[BY_LORENTZ, k]
            )
        elif kind == slot.ON_POSITION:
            out[k] = amount * shape[BY_POSITION, k]
        elif kind == slot.ON_GAUSS:
            out[k] = amount * shape[BY_GAUSS, k]
        elif kind == slot.ON_LORENTZ:
            out[k] = amount * shape[BY_LORENTZ, k]
        elif kind == slot.ON_WEIGHT:
            out[k] = amount * unit[VALUE, k]
        else:
            # A beam without divergence: its opening is at the edge of what it may be, where nothing changes.
            out[k] = 0.0


@lean_vector_kernel
def _tails(
    x: NDArray[np.float64],
    position: NDArray[np.float64],
    inverse: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> None:
    """``t = 1 / (1 + u^2)`` of two lines by one division; the outputs are overwritten."""
    at, per_half, other_at, other_per_half = position[0], inverse[0], position[1], inverse[1]
    for i in range(x.size):
        u = (x[i] - at) * per_half
        v = (x[i] - other_at) * other_per_half
        p = 1.0 + u * u
        q = 1.0 + v * v
        both = 1.0 / (p * q)
        first[i] = q * both
        second[i] = p * both


@lean_vector_kernel
def _add_tails(
    x: NDArray[np.float64],
    position: NDArray[np.float64],
    inverse: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the combination f of ``u t^2, t, t^2`` of the first line and g of the second to `out`."""
    at, per_half, other_at, other_per_half = position[0], inverse[0], position[1], inverse[1]
    f0, f1, f2, g0, g1, g2 = f[0], f[1], f[2], g[0], g[1], g[2]
    for i in range(x.size):
        u = (x[i] - at) * per_half
        v = (x[i] - other_at) * other_per_half
        t, s = first[i], second[i]
        out[i] += t * (f1 + t * (f2 + f0 * u)) + s * (g1 + s * (g2 + g0 * v))


@lean_vector_kernel
def _core(x: NDArray[np.float64], position: float, inverse: float, out: NDArray[np.float64]) -> None:
    for i in range(x.size):
        u = (x[i] - position) * inverse
        out[i] = halved(u * u)


@lean_vector_kernel
def _add_core(
    x: NDArray[np.float64],
    position: float,
    inverse: float,
    core: NDArray[np.float64],
    f: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the combination f of ``u e, e, u^2 e`` to `out`."""
    f0, f1, f2 = f[3], f[4], f[5]
    for i in range(x.size):
        u = (x[i] - position) * inverse
        out[i] += core[i] * (f1 + u * (f0 + u * f2))


@lean_kernel
def _add_tails_to_rows(x: NDArray[np.float64], start: int, n_used: int, room: Room, out: NDArray[np.float64]) -> None:
    """Add the tails of two lines at places x to all rows of `out`, from its column `start` on."""
    first, second = room.tails[0][: x.size], room.tails[1][: x.size]
    _tails(x, room.position, room.inverse, first, second)
    for j in range(n_used):
        there = out[room.line_rows[j]][start : start + x.size]
        _add_tails(x, room.position, room.inverse, first, second, room.factors[0, j], room.factors[1, j], there)


@lean_kernel
def _add_lines(problem: Problem, count: int, n_used: int, room: Room, out: NDArray[np.float64]) -> None:
    """Add the lines that wait in `room`, one or two, to all rows that they answer to."""
    x, position = problem.two_theta, room.position
    for j in range(n_used):
        room.touched[room.line_rows[j]] = True
    low, high = min(position[0], position[1]), max(position[0], position[1])
    block = np.int64(0)
    while block < n_blocks(x):
        level, end = alike(x, block, low, high, FAR)
        start, stop = places_of(x, level, block, end)
        if level > 0:
            _add_tails_to_rows(problem.coarse.node[start:stop], start, n_used, room, room.at_nodes)
        else:
            _add_tails_to_rows(x[start:stop], start, n_used, room, out)
        block = end
    for e in range(count):
        inverse = room.inverse[e]
        start, stop = gauss_window(x, position[e], 2.0 / inverse)
        there, core = x[start:stop], room.tails[0][: stop - start]
        _core(there, position[e], inverse, core)
        for j in range(n_used):
            _add_core(there, position[e], inverse, core, room.factors[e, j], out[room.line_rows[j]][start:stop])


@lean_kernel
def _add_derivatives(
    problem: Problem,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    unit: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    n_used: int,
    room: Room,
    out: NDArray[np.float64],
) -> None:
    """Add lines of one phase to the rows that they answer to; the beam does not spread them.

    position, gauss, lorentz, weight, unit : (k,) as in `add_plain_lines`; by_theta, by_slot : (k, ...).
    """
    n_own = np.int64(_answers(by_slot, n_used, room))
    waiting = np.int64(0)
    for e in range(position.size):
        if weight[e] == 0.0 and unit[e] == 0.0:
            continue
        room.position[waiting] = position[e]
        room.inverse[waiting] = derivative_factors(gauss[e], lorentz[e], weight[e], room.shape)
        if unit[e] != 0.0:
            derivative_factors(gauss[e], lorentz[e], unit[e], room.unit)
        for j in range(n_own):
            index = room.line_used[j]
            _row_factors(index, by_slot[e, index], by_theta[e], room.shape, room.unit, room.factors[waiting, j])
        waiting += 1
        if waiting == 2:
            _add_lines(problem, waiting, n_own, room, out)
            waiting = np.int64(0)
    if waiting == 1:
        room.position[1], room.inverse[1] = room.position[0], 0.0
        for j in range(n_own):
            for k in range(N_FACTORS):
                room.factors[1, j, k] = 0.0
        _add_lines(problem, waiting, n_own, room, out)


@lean_kernel
def add_plain_lines(
    problem: Problem,
    row_of_slot: NDArray[np.int64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    unit: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    room: Room,
    out: NDArray[np.float64],
) -> None:
    """Add all lines to the rows that they answer to; far tails stay at the nodes in `room`.

    position, gauss, lorentz : (m * n_lines,) lines at all wavelengths in turn. weight, unit : (m * n_lines,) area of
    each, and what it would be at a factor of one of a weight that is refined. by_theta, by_slot : (m * n_lines, ...).
    """
    n_lines = problem.wavelength.size
    phase, n_used, line = -1, 0, 0
    while line < problem.phase.size:
        if problem.phase[line] != phase:
            phase = problem.phase[line]
            n_used = _slots_in_use(row_of_slot, phase, room)
        last = past_neighbours(problem.phase, n_lines, line)
        a, b = line * n_lines, last * n_lines
        _add_derivatives(
            problem,
            position[a:b],
            gauss[a:b],
            lorentz[a:b],
            weight[a:b],
            unit[a:b],
            by_theta[a:b],
            by_slot[a:b],
            n_used,
            room,
            out,
        )
        line = last
