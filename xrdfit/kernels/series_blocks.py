"""Patterns and normal equations of scans on one grid, scan after scan, without a step of Python in between."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import inlined_kernel, kernel, lean_kernel
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.rows import add_scaled, put
from xrdfit.kernels.series_block import BlockWork, series_block, series_pattern


@lean_kernel
def _all_finite(values: NDArray[np.float64]) -> bool:
    finite = True
    for i in range(values.size):
        finite = finite and math.isfinite(values[i])
    return finite


@inlined_kernel
def _problem_of(
    like: Problem, intensity: NDArray[np.float64], constant: NDArray[np.float64], slope: float, floor: float
) -> Problem:
    """That of another scan on the grid."""
    return Problem(
        like.two_theta,
        like.coarse,
        intensity,
        constant,
        slope,
        floor,
        like.chebyshev,
        like.n_humps,
        like.wavelength,
        like.weight,
        like.natural_width,
        like.weight_slot,
        like.geometry,
        like.radius,
        like.hkl,
        like.phase,
        like.n_phases,
        like.ties,
        like.anisotropy,
        like.copies_fwhm,
        like.only_weight,
    )


@kernel
def series_patterns(
    like: Problem,
    intensity: NDArray[np.float64],
    variance_constant: NDArray[np.float64],
    variance_slope: NDArray[np.float64],
    variance_floor: NDArray[np.float64],
    slots: NDArray[np.float64],
    pinned: NDArray[np.float64],
    relative: NDArray[np.float64],
    scales: NDArray[np.float64],
    share: NDArray[np.float64],
    deviates: NDArray[np.bool_],
    course: NDArray[np.float64],
    work: BlockWork,
    model: NDArray[np.float64],
    background: NDArray[np.float64],
    weight: NDArray[np.float64],
    position: NDArray[np.float64],
    merit: NDArray[np.float64],
) -> None:
    """Fill `model`, `background`, `weight` (R, n), `position` (R, m, n_lines) and `merit` (R,) of R scans.

    Arguments are those of `series_blocks`. A scan with slots that are not finite has merit infinity and no pattern.
    """
    for s in range(merit.size):
        if not _all_finite(slots[s]):
            model[s], background[s], weight[s], position[s], merit[s] = np.nan, np.nan, np.nan, np.nan, np.inf
            continue
        problem = _problem_of(like, intensity[s], variance_constant[s], variance_slope[s], variance_floor[s])
        merit[s] = series_pattern(
            problem, slots[s], pinned[s], relative[s], scales[s], share[s], deviates[s], course[s], work
        )
        put(work.model, model[s])
        put(work.background, background[s])
        put(work.weight, weight[s])
        put(work.position.ravel(), position[s].ravel())


@kernel
def series_blocks(
    like: Problem,
    intensity: NDArray[np.float64],
    variance_constant: NDArray[np.float64],
    variance_slope: NDArray[np.float64],
    variance_floor: NDArray[np.float64],
    slots: NDArray[np.float64],
    pinned: NDArray[np.float64],
    row_of_slot: NDArray[np.int64],
    mapping: NDArray[np.float64],
    relative: NDArray[np.float64],
    geometry: NDArray[np.float64],
    by_intensity: NDArray[np.float64],
    scales: NDArray[np.float64],
    share: NDArray[np.float64],
    deviates: NDArray[np.bool_],
    course: NDArray[np.float64],
    by_deviation: NDArray[np.float64],
    n_local: int,
    work: BlockWork,
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
    merit: NDArray[np.float64],
) -> None:
    """Fill `gram` (R, n_rows, n_rows), `right` (R, n_rows) and `merit` (R,) of R scans.

    Arguments are those of `xrdfit.kernels.series_block.series_block` with a first axis over the scans, but for `like`,
    which is the problem of any of them, `by_intensity` (m, n_intensity), which is that of all before the geometry
    factors (R, m), and `course`, of which one without rows will do where nothing deviates. A scan with slots that are
    not finite has merit infinity and no say.
    """
    for s in range(merit.size):
        if not _all_finite(slots[s]) or not _all_finite(mapping[s].ravel()):
            gram[s], right[s], merit[s] = 0.0, 0.0, np.inf
            continue
        problem = _problem_of(like, intensity[s], variance_constant[s], variance_slope[s], variance_floor[s])
        by = np.zeros(by_intensity.shape)
        for line in range(geometry.shape[1]):
            if not deviates[s, problem.phase[line]]:
                add_scaled(geometry[s, line], by_intensity[line], by[line])
        merit[s] = series_block(
            problem,
            slots[s],
            pinned[s],
            row_of_slot,
            mapping[s],
            relative[s],
            by,
            scales[s],
            share[s],
            deviates[s],
            course[s],
            by_deviation[s],
            n_local,
            work,
        )
        put(work.gram.ravel(), gram[s].ravel())
        put(work.right, right[s])
