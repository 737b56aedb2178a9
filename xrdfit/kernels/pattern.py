"""The calculated pattern: profiles of the lines, and the background."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.coarse import FAR, add_interpolated, alike, n_blocks, places_of
from xrdfit.kernels.emission import emission_weight
from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel
from xrdfit.kernels.lines import UNREACHABLE
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.profiles import (
    AT,
    ETA,
    FWHM,
    TOP,
    WEIGHT,
    accumulate_peak,
    add_two_cores,
    add_two_lorentzians,
    pseudo_voigt_shape,
    put_two_lorentzians,
)
from xrdfit.kernels.rows import add_scaled
from xrdfit.kernels.spread_lines import add_spread_lines, beam_spreads


@inlined_kernel
def background_start(problem: Problem) -> int:
    """Slot of the first Chebyshev coefficient."""
    return slot.N_GLOBAL + slot.N_PHASE * problem.n_phases


@lean_kernel
def put_weights(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    area: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Area (m, n_lines) of every line at every wavelength, zero for one that cannot be reached."""
    for line in range(area.size):
        for e in range(position.shape[1]):
            reached = position[line, e] != UNREACHABLE
            out[line, e] = area[line] * emission_weight(problem, slots, e) if reached else 0.0


@lean_kernel
def past_neighbours(phase: NDArray[np.int64], n_lines: int, line: int) -> int:
    """The first line that is not calculated together with this one.

    With one wavelength a line and the next one of its phase go together, as the two lines of a doublet do.
    """
    last = line + 1
    return last + 1 if n_lines == 1 and last < phase.size and phase[last] == phase[line] else last


@lean_kernel
def _next_two(
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    first: int,
    two: NDArray[np.float64],
) -> int:
    """Take the next two lines of an area, from `first` on; returns the one to go on from.

    position, gauss, lorentz, weight : (k,). two : (2, 5), overwritten: position (deg), FWHM (deg), eta, weight, and
    height of the Lorentzian part; a weight of zero for one that is not there.
    """
    count = 0
    e = first
    two[1, :] = 0.0
    two[0, :] = 0.0
    two[0, FWHM] = two[1, FWHM] = math.inf
    while e < position.size and count < 2:
        if weight[e] != 0.0:
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[e], lorentz[e])
            row = two[count]
            row[AT], row[FWHM], row[ETA], row[WEIGHT] = position[e], fwhm, eta, weight[e]
            row[TOP] = weight[e] * eta * 2.0 / (math.pi * fwhm)
            count += 1
        e += 1
    return e


@kernel
def line_profiles(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Profile of unit area of every line, all emission lines together: out (m, n) is overwritten."""
    unit = np.ones(position.shape[0])
    if beam_spreads(slots):
        out[:, :] = 0.0
        row = np.empty(position.shape[0], dtype=np.int64)
        for line in range(row.size):
            row[line] = line
        add_spread_lines(problem.copies_fwhm, problem, slots, position, gauss, lorentz, unit, row, out)
        return
    two, weight = np.empty((2, 5)), np.empty(position.shape)
    put_weights(problem, slots, position, unit, weight)
    for line in range(position.shape[0]):
        _put_profile(problem.two_theta, position[line], gauss[line], lorentz[line], weight[line], two, out[line])


@lean_kernel
def _put_profile(
    x: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    two: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    e = _next_two(position, gauss, lorentz, weight, np.int64(0), two)
    put_two_lorentzians(x, two, out)
    add_two_cores(x, two, out)
    while e < position.size:
        e = _next_two(position, gauss, lorentz, weight, e, two)
        add_two_lorentzians(x, two, out)
        add_two_cores(x, two, out)


@kernel
def add_lines(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    area: NDArray[np.float64],
    row: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """Add lines of known area to `out` (n_rows, n); far tails by way of the coarse grid.

    area, row : (m,) area of each line, and the row that it belongs to, one for all lines of a phase.
    """
    if add_spread_lines(problem.copies_fwhm, problem, slots, position, gauss, lorentz, area, row, out):
        return
    weight, at_nodes = np.empty(position.shape), np.zeros((out.shape[0], problem.coarse.node.size))
    put_weights(problem, slots, position, area, weight)
    two = np.empty((2, 5))
    _add_lines(problem, position.ravel(), gauss.ravel(), lorentz.ravel(), weight.ravel(), row, two, at_nodes, out)
    for k in range(out.shape[0]):
        add_interpolated(problem.coarse, at_nodes[k], out[k])


@lean_kernel
def _add_lines(
    problem: Problem,
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    weight: NDArray[np.float64],
    row: NDArray[np.int64],
    two: NDArray[np.float64],
    at_nodes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """The same for lines at all wavelengths (m * n_lines,) in turn; far tails stay at the nodes."""
    x, n_lines = problem.two_theta, problem.wavelength.size
    line = 0
    while line < row.size:
        last = past_neighbours(problem.phase, n_lines, line)
        there, nodes = out[row[line]], at_nodes[row[line]]
        e, end = line * n_lines, last * n_lines
        while e < end:
            e = _next_two(position[:end], gauss[:end], lorentz[:end], weight[:end], e, two)
            if two[0, WEIGHT] != 0.0:
                _add_two(x, problem.coarse.node, two, nodes, there)
        line = last


@lean_kernel
def _add_two(
    x: NDArray[np.float64],
    node: NDArray[np.float64],
    two: NDArray[np.float64],
    at_nodes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    other = two[1, AT] if two[1, WEIGHT] != 0.0 else two[0, AT]
    low, high = min(two[0, AT], other), max(two[0, AT], other)
    block = np.int64(0)
    while block < n_blocks(x):
        level, end = alike(x, block, low, high, FAR)
        start, stop = places_of(x, level, block, end)
        if level > 0:
            add_two_lorentzians(node[start:stop], two, at_nodes[start:stop])
        else:
            add_two_lorentzians(x[start:stop], two, out[start:stop])
        block = end
    add_two_cores(x, two, out)


@lean_kernel
def background(problem: Problem, slots: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Chebyshev polynomial and humps at the points: out (n,) is overwritten."""
    start = background_start(problem)
    out[:] = 0.0
    n_terms = problem.chebyshev.shape[0]
    for term in range(n_terms):
        add_scaled(slots[start + term], problem.chebyshev[term], out)
    for hump in range(problem.n_humps):
        first = start + n_terms + slot.N_HUMP * hump
        accumulate_peak(problem.two_theta, slots[first], slots[first + 1], 0.0, slots[first + 2], out)
