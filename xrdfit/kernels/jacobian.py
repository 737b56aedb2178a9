"""The Jacobian of the pattern, in the cheapest order found.

Whatever moves or widens a line changes the pattern by a sum of the same six functions of the distance from its centre
(`xrdfit.kernels.profiles.derivative_factors`). So each line is evaluated once, both lines of a doublet together, and
every row of the Jacobian takes its combination. Lorentzian parts go point by point only near the line and otherwise to
the nodes of a coarse grid (`xrdfit.kernels.coarse`), from which they are carried to the points once a row; Gaussian
parts exist near the line alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import make_nodes
from xrdfit.kernels.coarse import N_NODES, add_interpolated, alike, n_blocks, points_of
from xrdfit.kernels.gaussian import halved
from xrdfit.kernels.jit import kernel, lean_kernel, lean_vector_kernel
from xrdfit.kernels.lines import UNREACHABLE, slot_kind
from xrdfit.kernels.pattern import add_scaled, background_start, beam_spreads, copies_of, emission_weight
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import (
    BY_GAUSS,
    BY_LORENTZ,
    BY_POSITION,
    N_FACTORS,
    VALUE,
    accumulate_peak,
    derivative_factors,
    gauss_window,
    pseudo_voigt_shape,
)
from xrdfit.kernels.spread import BEYOND, N_BUFFERS, accumulate_spread, spread_derivatives

_LN2 = math.log(2.0)


class _Room(NamedTuple):
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


@kernel
def _make_room(problem: Problem, n_rows: int, n_line_slots: int) -> _Room:
    n_nodes = problem.coarse.node.size
    return _Room(
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
def _slots_in_use(row_of_slot: NDArray[np.int64], phase: int, room: _Room) -> int:
    """Find the slots that the lines of a phase answer to, counted as in `by_slot`; returns how many."""
    base = slot.N_GLOBAL + slot.N_PHASE * phase
    count = 0
    for index in range(room.used.size):
        row = row_of_slot[index if index < slot.N_GLOBAL else base + index - slot.N_GLOBAL]
        if row >= 0:
            room.used[count], room.rows[count] = index, row
            room.touched[row] = True
            count += 1
    return count


@lean_kernel
def _answers(by_slot: NDArray[np.float64], n_used: int, room: _Room) -> int:
    """Of the slots of its phase, find those that a line answers to: h00 knows nothing of b; returns how many."""
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


@lean_kernel
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
def _add_tails_to_rows(x: NDArray[np.float64], start: int, n_used: int, room: _Room, out: NDArray[np.float64]) -> None:
    """Add the tails of two lines at places x to all rows of `out`, from its column `start` on."""
    first, second = room.tails[0][: x.size], room.tails[1][: x.size]
    _tails(x, room.position, room.inverse, first, second)
    for j in range(n_used):
        there = out[room.line_rows[j]][start : start + x.size]
        _add_tails(x, room.position, room.inverse, first, second, room.factors[0, j], room.factors[1, j], there)


@lean_kernel
def _add_lines(problem: Problem, count: int, n_used: int, room: _Room, out: NDArray[np.float64]) -> None:
    """Add the lines that wait in `room`, one or two, to all rows that they answer to."""
    x, position = problem.two_theta, room.position
    low, high = min(position[0], position[1]), max(position[0], position[1])
    block = 0
    while block < n_blocks(x):
        far, end = alike(x, block, low, high)
        if far:
            start, stop = block * N_NODES, end * N_NODES
            _add_tails_to_rows(problem.coarse.node[start:stop], start, n_used, room, room.at_nodes)
        else:
            start, stop = points_of(x, block, end)
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
def _weights(
    problem: Problem, slots: NDArray[np.float64], row_of_slot: NDArray[np.int64], e: int
) -> tuple[float, float]:
    """Weight of an emission line, and what it would be at unit weight if that is refined, else zero."""
    own = problem.weight_slot[e]
    # A contaminating line without weight still answers to it.
    unit = problem.weight[e] if own >= 0 and row_of_slot[own] >= 0 else 0.0
    return emission_weight(problem, slots, e), unit


@lean_kernel
def _add_plain_line(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    area: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    n_used: int,
    room: _Room,
    out: NDArray[np.float64],
) -> None:
    """Add a line, given at each wavelength, to the rows that it answers to; the beam does not spread it."""
    n_used = _answers(by_slot, n_used, room)
    waiting = 0
    for e in range(position.size):
        weight, unit = _weights(problem, slots, row_of_slot, e)
        if position[e] == UNREACHABLE or (weight == 0.0 and unit == 0.0):
            continue
        room.position[waiting] = position[e]
        room.inverse[waiting] = derivative_factors(gauss[e], lorentz[e], area * weight, room.shape)
        if unit != 0.0:
            derivative_factors(gauss[e], lorentz[e], area * unit, room.unit)
        for j in range(n_used):
            index = room.line_used[j]
            _row_factors(index, by_slot[e, index], by_theta[e], room.shape, room.unit, room.factors[waiting, j])
        waiting += 1
        if waiting == 2:
            _add_lines(problem, 2, n_used, room, out)
            waiting = 0
    if waiting == 1:
        room.position[1], room.inverse[1] = room.position[0], 0.0
        for j in range(n_used):
            for k in range(N_FACTORS):
                room.factors[1, j, k] = 0.0
        _add_lines(problem, 1, n_used, room, out)


@kernel
def _add_spread_line(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    line: int,
    area: float,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    n_used: int,
    room: _Room,
    nodes: NDArray[np.float64],
    buffer: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """The same for a line that the beam spreads; nodes, buffer : scratch."""
    with_openings = bool(np.any(row_of_slot[slot.AXIAL_SAMPLE : slot.EQUATORIAL_DIVERGENCE + 1] >= 0))
    for e in range(position.size):
        weight, unit = _weights(problem, slots, row_of_slot, e)
        if position[e] == UNREACHABLE or (weight == 0.0 and unit == 0.0):
            continue
        at, g, l = position[e], gauss[e], lorentz[e]  # noqa: E741
        fwhm, eta, _, _, _, _ = pseudo_voigt_shape(g, l)
        copies = copies_of(problem, slots, line, e, fwhm, nodes)
        spread_derivatives(problem.two_theta, at, g, l, area * weight, copies, with_openings, buffer)
        buffer[slot.ON_THETA] = buffer[BEYOND]
        add_scaled(by_theta[e, 0], buffer[slot.ON_POSITION], buffer[slot.ON_THETA])
        add_scaled(by_theta[e, 1], buffer[slot.ON_GAUSS], buffer[slot.ON_THETA])
        add_scaled(by_theta[e, 2], buffer[slot.ON_LORENTZ], buffer[slot.ON_THETA])
        buffer[slot.ON_WEIGHT, :] = 0.0
        if unit != 0.0:
            accumulate_spread(problem.two_theta, at, fwhm, eta, area * unit, copies, buffer[slot.ON_WEIGHT])
        for j in range(n_used):
            index = room.used[j]
            if by_slot[e, index] != 0.0:
                add_scaled(by_slot[e, index], buffer[slot_kind(index)], out[room.rows[j]])


@kernel
def jacobian(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    area: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    by_slot: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Derivative of the pattern with respect to the slots in use, at fixed areas.

    Parameters
    ----------
    row_of_slot : (n_slots,) row of `out` for each slot, -1 where it is not wanted.
    area : (m,) of the lines; the other line arrays as `xrdfit.kernels.lines.place_lines` gives them.
    out : (n_rows, n), overwritten.
    """
    out[:, :] = 0.0
    spreads = beam_spreads(slots)
    nodes = make_nodes() if spreads else np.empty((0, 0))
    buffer = np.empty((N_BUFFERS if spreads else 0, problem.two_theta.size))
    room = _make_room(problem, out.shape[0], by_slot.shape[2])
    phase = -1
    n_used = 0
    for line in range(position.shape[0]):
        if area[line] == 0.0:
            continue
        if problem.phase[line] != phase:
            phase = problem.phase[line]
            n_used = _slots_in_use(row_of_slot, phase, room)
        if spreads:
            _add_spread_line(
                problem,
                slots,
                row_of_slot,
                line,
                area[line],
                position[line],
                gauss[line],
                lorentz[line],
                by_theta[line],
                by_slot[line],
                n_used,
                room,
                nodes,
                buffer,
                out,
            )
        else:
            _add_plain_line(
                problem,
                slots,
                row_of_slot,
                area[line],
                position[line],
                gauss[line],
                lorentz[line],
                by_theta[line],
                by_slot[line],
                n_used,
                room,
                out,
            )
    if not spreads:
        for row in range(out.shape[0]):
            if room.touched[row]:
                add_interpolated(problem.two_theta, problem.coarse, room.at_nodes[row], out[row])
    start = background_start(problem)
    n_terms = problem.chebyshev.shape[0]
    for term in range(n_terms):
        row = row_of_slot[start + term]
        if row >= 0:
            add_scaled(1.0, problem.chebyshev[term], out[row])
    for hump in range(problem.n_humps):
        _hump_jacobian(problem, slots, row_of_slot, start + n_terms + slot.N_HUMP * hump, out)


@kernel
def _hump_jacobian(
    problem: Problem,
    slots: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    first: int,
    out: NDArray[np.float64],
) -> None:
    centre, fwhm, area = slots[first], slots[first + 1], slots[first + 2]
    unit = np.zeros(problem.two_theta.size)
    accumulate_peak(problem.two_theta, centre, fwhm, 0.0, 1.0, unit)
    for i in range(unit.size):
        u = 2.0 * (problem.two_theta[i] - centre) / fwhm
        if row_of_slot[first] >= 0:
            out[row_of_slot[first], i] += area * unit[i] * 4.0 * _LN2 * u / fwhm
        if row_of_slot[first + 1] >= 0:
            out[row_of_slot[first + 1], i] += area * unit[i] * (2.0 * _LN2 * u * u - 1.0) / fwhm
        if row_of_slot[first + 2] >= 0:
            out[row_of_slot[first + 2], i] += unit[i]
