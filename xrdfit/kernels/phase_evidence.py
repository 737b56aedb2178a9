"""What the lines of a fitted pattern say of each phase: what they gain, how broad they are, how well placed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import kernel, lean_kernel
from xrdfit.kernels.nonnegative import nonnegative_solve
from xrdfit.kernels.profiles import pseudo_voigt_shape
from xrdfit.kernels.rows import dot


@lean_kernel
def _change(gram: NDArray[np.float64], right: NDArray[np.float64], area: NDArray[np.float64]) -> float:
    """By what areas (m,) change chi^2: ``area . gram area - 2 right . area``."""
    total = 0.0
    for i in range(area.size):
        total += area[i] * (dot(gram[i], area) - 2.0 * right[i])
    return total


@kernel
def rise_with_only(
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
    area: NDArray[np.float64],
    active: NDArray[np.bool_],
    kept: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """By how much chi^2 rises if only some of the lines are kept, their areas solved for again.

    Parameters
    ----------
    gram, right : (m, m) and (m,) weighted products of the profiles with each other and with the net pattern.
    area, active : (m,) areas of the lines, and which of them may be positive: where the solution begins.
    kept : (k, m) the lines that stay, in each of k cases.

    Returns
    -------
    (k,) rise of chi^2.
    """
    m = right.size
    now = _change(gram, right, area)
    index = np.empty(m, dtype=np.int64)
    net, first = np.empty(m), np.empty(m, dtype=np.bool_)
    found, rise = np.empty(m), np.empty(kept.shape[0])
    for case in range(kept.shape[0]):
        count = np.int64(0)
        for line in range(m):
            if kept[case, line]:
                index[count] = line
                count += 1
        inner = np.empty((count, count))
        for i in range(count):
            net[i], first[i] = right[index[i]], active[index[i]]
            for j in range(count):
                inner[i, j] = gram[index[i], index[j]]
        nonnegative_solve(inner, net[:count], found[:count], first[:count], np.empty((count, count)))
        rise[case] = _change(inner, net[:count], found[:count]) - now
    return rise


@kernel
def mean_fwhm(
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    area: NDArray[np.float64],
    phase: NDArray[np.int64],
    n_phases: int,
) -> NDArray[np.float64]:
    """(n_phases,) FWHM (deg) of each phase's lines at the first wavelength, weighted by area; NaN without any area.

    gauss, lorentz : (m, n_lines) FWHM of the parts, deg. phase : (m,) whose line it is.
    """
    total, width = np.zeros(n_phases), np.zeros(n_phases)
    for line in range(area.size):
        if area[line] > 0.0:
            total[phase[line]] += area[line]
            width[phase[line]] += area[line] * pseudo_voigt_shape(gauss[line, 0], lorentz[line, 0])[0]
    for number in range(n_phases):
        width[number] = width[number] / total[number] if total[number] > 0.0 else math.nan
    return width


@kernel
def position_blur(
    by_slot: NDArray[np.float64],
    by_theta: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    area: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    first: int,
    mapping: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> float:
    """How far the error of some parameters moves lines, in their FWHM: root mean square, weighted by area.

    Infinite where the lines have no area, or the covariance is not finite.

    Parameters
    ----------
    by_slot, by_theta, gauss, lorentz : as `xrdfit.kernels.lines.place_lines` fills them; the first wavelength counts.
    chosen : (m,) the lines.
    first : of the slots that act on the Bragg angle, among those of `by_slot`.
    mapping : (n_slots, k) derivative of these slots with respect to the parameters. covariance : (k, k) of these.
    """
    size = covariance.shape[0]
    total = blur = 0.0
    motion = np.empty(size)
    for line in range(area.size):
        if chosen[line]:
            for j in range(size):
                motion[j] = 0.0
                for k in range(mapping.shape[0]):
                    motion[j] += by_slot[line, 0, first + k] * mapping[k, j]
            variance = 0.0
            for j in range(size):
                variance += motion[j] * dot(covariance[j], motion)
            turn = by_theta[line, 0, 0] / (gauss[line, 0] + lorentz[line, 0])
            total += area[line]
            blur += area[line] * variance * turn * turn
    return math.sqrt(blur / total) if total > 0.0 and math.isfinite(blur) else math.inf


@kernel
def farthest_moves(
    position: NDArray[np.float64],
    home: NDArray[np.float64],
    gauss: NDArray[np.float64],
    lorentz: NDArray[np.float64],
    phase: NDArray[np.int64],
    n_phases: int,
) -> NDArray[np.float64]:
    """(n_phases,) how far the line of each phase that is farthest from home stands from it, in its FWHM there.

    position : (m, n_lines) where the lines are. home, gauss, lorentz : (m, n_lines) where they belong, and their FWHM.
    """
    farthest = np.zeros(n_phases)
    for line in range(phase.size):
        for e in range(position.shape[1]):
            away = abs(position[line, e] - home[line, e]) / (gauss[line, e] + lorentz[line, e])
            farthest[phase[line]] = max(farthest[phase[line]], away)
    return farthest
