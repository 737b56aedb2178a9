"""The calculated pattern: profiles of the lines, and the background."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels import problem as slot
from xrdfit.kernels.coarse import N_NODES, add_interpolated, alike, n_blocks, points_of
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
def _next_two(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    first: int,
    two: NDArray[np.float64],
) -> int:
    """Take the next two emission lines that are there, from `first` on; returns the one to go on from.

    position, gauss, lorentz : (n_lines,) of one reflection. two : (2, 5), overwritten: position (deg), FWHM (deg), eta,
    weight, and height of the Lorentzian part; a weight of zero for one that is not there.
    """
    count = 0
    e = first
    two[1, :] = 0.0
    two[0, :] = 0.0
    two[0, FWHM] = two[1, FWHM] = math.inf
    while e < position.size and count < 2:
        weight = emission_weight(problem, slots, e)
        if position[e] != UNREACHABLE and weight != 0.0:
            fwhm, eta, _, _, _, _ = pseudo_voigt_shape(gauss[e], lorentz[e])
            row = two[count]
            row[AT], row[FWHM], row[ETA], row[WEIGHT] = position[e], fwhm, eta, weight
            row[TOP] = weight * eta * 2.0 / (math.pi * fwhm)
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
    if beam_spreads(slots):
        out[:, :] = 0.0
        unit, row = np.ones(position.shape[0]), np.empty(position.shape[0], dtype=np.int64)
        for line in range(row.size):
            row[line] = line
        add_spread_lines(problem.copies_fwhm, problem, slots, position, gauss, lorentz, unit, row, out)
        return
    two = np.empty((2, 5))
    for line in range(position.shape[0]):
        _put_profile(problem, slots, position[line], gauss[line], lorentz[line], two, out[line])


@lean_kernel
def _put_profile(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    two: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    x = problem.two_theta
    e = _next_two(problem, slots, position, gauss, lorentz, np.int64(0), two)
    put_two_lorentzians(x, two, out)
    add_two_cores(x, two, 1.0, out)
    while e < position.size:
        e = _next_two(problem, slots, position, gauss, lorentz, e, two)
        add_two_lorentzians(x, two, 1.0, out)
        add_two_cores(x, two, 1.0, out)


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

    area, row : (m,) area of each line, and the row that it belongs to.
    """
    if add_spread_lines(problem.copies_fwhm, problem, slots, position, gauss, lorentz, area, row, out):
        return
    two = np.empty((2, 5))
    at_nodes = np.zeros((out.shape[0], problem.coarse.node.size))
    for line in range(area.size):
        if area[line] != 0.0:
            there, nodes = out[row[line]], at_nodes[row[line]]
            _add_line(problem, slots, position[line], gauss[line], lorentz[line], area[line], two, nodes, there)
    for k in range(out.shape[0]):
        add_interpolated(problem.two_theta, problem.coarse, at_nodes[k], out[k])


@lean_kernel
def _add_line(
    problem: Problem,
    slots: NDArray[np.float64],
    position: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    area: float,
    two: NDArray[np.float64],
    at_nodes: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    x, grid = problem.two_theta, problem.coarse
    e = np.int64(0)
    while e < position.size:
        e = _next_two(problem, slots, position, gauss, lorentz, e, two)
        if two[0, WEIGHT] == 0.0:
            return
        other = two[1, AT] if two[1, WEIGHT] != 0.0 else two[0, AT]
        low, high = min(two[0, AT], other), max(two[0, AT], other)
        block = np.int64(0)
        while block < n_blocks(x):
            far, end = alike(x, block, low, high)
            if far:
                start, stop = block * N_NODES, end * N_NODES
                add_two_lorentzians(grid.node[start:stop], two, area, at_nodes[start:stop])
            else:
                start, stop = points_of(x, block, end)
                add_two_lorentzians(x[start:stop], two, area, out[start:stop])
            block = end
        add_two_cores(x, two, area, out)


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
