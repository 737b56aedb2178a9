"""Which phases are in a scan: what their lines gain, where their cell may be, whether a cell can be read off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.fit import PreparedScan, ScanFit, ScanObjective
from xrdfit.kernels import problem as slot
from xrdfit.kernels.nonnegative import nonnegative_solve
from xrdfit.kernels.phase_evidence import mean_fwhm, position_blur, rise_with_only
from xrdfit.model import PatternModel
from xrdfit.series.state import Status

# A phase's cell is read off only where its error moves the phase's lines by less than this part of their FWHM: beyond,
# the error is not a standard deviation of anything, since the fit may sit on a neighbouring line or on noise.
DETERMINED = 0.1
# Lines that a fit makes this much broader than it found them have been left for the background or for other lines.
RUNAWAY = 3.0
# Reduced chi^2 above which a residual is misfit rather than noise.
MISFIT = 2.0
# Factors on the cell that move a phase's lines to where they are not.
DECOYS = tuple(1.0 + sign * (0.008 + 0.003 * step) for sign in (-1.0, 1.0) for step in range(13))
# tan(theta) / cos(theta) at 20 deg: a displacement s moves lines like cells that grow by s / R over it. Along the beam
# (Debye-Scherrer) it is another number, but all that matters here is the order of magnitude.
_AS_DISPLACED = 0.39
# Steps to either side of a cell search, and how many cells are tried at once.
_MOST_STEPS = 60
_AT_ONCE = 16


def gain_threshold(n_lines: int) -> float:
    """Fall in chi^2 / GoF^2 above which `n_lines` free areas are more than noise and small misfit."""
    return 10.0 + n_lines + 6.0 * np.sqrt(2.0 * max(n_lines, 1))


def is_seen(phase: Phase, status: Status, significance: float, n_lines: int) -> bool:
    """Whether a scan says where a phase is.

    One whose cell is known is in every fit, seen or not; then its place and width are those of noise.
    """
    return status == Status.REFINED and (not phase.fixed_cell or significance > gain_threshold(n_lines))


def gain_of_the_rest(fit: ScanFit, phase: int) -> float:
    """Fall in chi^2 / GoF^2 that a phase's lines bring on top of the two that bring most."""
    objective = fit.objective
    objective.calculate(fit.values)
    own = np.flatnonzero(objective.lines.phase == phase)
    alone = np.tile(objective.lines.phase != phase, (own.size, 1))
    alone[np.arange(own.size), own] = True
    best = np.argsort(_rise_with_only(objective, alone))[:2]
    rise = _rise_with_only(objective, alone[best[:1]] | alone[best[-1:]])
    return float(rise[0]) / max(fit.agreement.chi2_reduced, 1.0)


def gains(fit: ScanFit) -> NDArray[np.float64]:
    """(n_phases,) fall in chi^2 / GoF^2 that each present phase brings."""
    objective = fit.objective
    objective.calculate(fit.values)
    scale = max(fit.agreement.chi2_reduced, 1.0) if fit.prepared.noise.regime != "unit" else fit.agreement.chi2_reduced
    result = np.zeros(len(fit.present))
    there = np.flatnonzero(fit.present)
    others = objective.lines.phase != there[:, None]
    result[there] = _rise_with_only(objective, others) / scale
    return result


def _rise_with_only(objective: ScanObjective, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(k,) by how much chi^2 of the present pattern rises with these lines (k, m) alone, their areas solved for."""
    work = objective.work
    return rise_with_only(work.gram, work.right, work.area, work.active, kept)


def scaled_cell(model: PatternModel, values: NDArray[np.float64], phase: int, factor: float) -> NDArray[np.float64]:
    """`values` with the cell lengths of a phase multiplied by `factor`.

    One whose cell is known but not its place is displaced instead, by what moves its lines alike at 40 deg 2theta.
    """
    result = values.copy()
    known = model.phases[phase]
    if known.fixed_cell and known.own_displacement:
        i = model.table.index(f"{known.name}_displacement")
        spec, by = model.table.specs[i], _AS_DISPLACED * model.instrument.goniometer_radius_mm * (factor - 1.0)
        result[i] = min(max(values[i] + by, spec.lower), spec.upper)
        return result
    for i, spec in enumerate(model.table):
        if spec.kind == "cell" and spec.unit == "Å" and model.of_phase(phase)[i]:
            result[i] = min(max(values[i] * factor, spec.lower), spec.upper)
    return result


def gain_of_adding(
    model: PatternModel,
    prepared: PreparedScan,
    *,
    values: NDArray[np.float64],
    present: Sequence[bool],
    phase: int,
    factors: Iterable[float],
    weight: NDArray[np.float64],
) -> list[tuple[float, float, int]]:
    """For each factor on the phase's cell: fall in chi^2 that its lines bring beside the present ones.

    Returns (gain, factor, number of lines) by falling gain. Everything but the areas stays at `values`; weight (n,).
    """
    others = [there and number != phase for number, there in enumerate(present)]
    nothing = np.zeros(len(model.table), dtype=np.bool_)
    known = ScanObjective(model, prepared.points, prepared.noise, values=values, present=others, wanted=nothing)
    known.work.weight[:] = weight
    known.calculate(values)
    lines = known.at_points(known.profiles(values))
    net = weight * (prepared.points.intensity - known.work.background)
    factors = list(factors)
    found = []
    for begin in range(0, len(factors), _AT_ONCE):
        part = factors[begin : begin + _AT_ONCE]
        moved = [scaled_cell(model, values, phase, factor) for factor in part]
        profiles, owner = model.profiles_of_replicas(moved, phase, prepared.points, prepared.noise)
        bounds = np.searchsorted(owner, np.arange(len(part) + 1))
        gain = _gains(known, lines, profiles, bounds, weight=weight, net=net)
        found += list(zip(gain, map(float, part), np.diff(bounds).tolist(), strict=True))
    return sorted(found, reverse=True)


def _gains(
    known: ScanObjective,
    lines: NDArray[np.float64],
    profiles: NDArray[np.float64],
    bounds: NDArray[np.int64],
    *,
    weight: NDArray[np.float64],
    net: NDArray[np.float64],
) -> list[float]:
    """Fall in chi^2 that lines bring beside the objective's, profiles (m, n) in groups `bounds` (k + 1,) of their own.

    lines : (m_known, n) profiles of the objective's. weight, net : (n,), the latter weighted.
    """
    work, n_known = known.work, known.work.area.size
    weighted = profiles * weight
    across, right = weighted @ lines.T, profiles @ net
    before = 2.0 * work.right @ work.area - work.area @ work.gram @ work.area
    gains = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        size = n_known + last - first
        gram = np.empty((size, size))
        gram[:n_known, :n_known] = work.gram
        gram[n_known:, :n_known] = across[first:last]
        gram[:n_known, n_known:] = across[first:last].T
        gram[n_known:, n_known:] = weighted[first:last] @ profiles[first:last].T
        products = np.concatenate([work.right, right[first:last]])
        area = np.zeros(size)
        nonnegative_solve(gram, products, area, np.ones(size, dtype=np.bool_), np.empty((size, size)))
        gains.append(float(2.0 * products @ area - area @ gram @ area - before) if first < last else 0.0)
    return gains


def scale_grid(
    model: PatternModel, values: NDArray[np.float64], two_theta: NDArray[np.float64], reach: float
) -> list[float]:
    """Factors from ``1 - reach`` to ``1 + reach`` in steps that move the last line by half the resolution at most."""
    slots = model.table.slots(values)
    theta = np.radians(two_theta[-1]) / 2.0
    tangent = np.tan(theta)
    squared = tangent * (slots[slot.CAGLIOTI_U] * tangent + slots[slot.CAGLIOTI_V]) + slots[slot.CAGLIOTI_W]
    width = np.sqrt(max(squared, 1e-6))
    step = 0.5 * width / np.degrees(2.0 * np.tan(theta))
    half = max(1, min(int(np.ceil(reach / step)), _MOST_STEPS))
    return [1.0 + reach * i / half for i in range(-half, half + 1)]


def cell_blur(fit: ScanFit, model: PatternModel, phase: int) -> float:
    """How far the error of a phase's cell moves its lines, in their FWHM: root mean square, weighted by area.

    Infinite where the cell, or part of it, is not determined.
    """
    rows, mapping = model.table.cell_rows(phase)
    objective = fit.objective
    objective.calculate(fit.values)
    work = objective.work
    return position_blur(
        work.by_slot,
        work.by_theta,
        work.gauss,
        work.lorentz,
        work.area,
        objective.lines.phase == phase,
        slot.N_GLOBAL + slot.CELL,
        mapping,
        fit.parameter_covariance[rows[:, None], rows],
    )


def mean_widths(fit: ScanFit) -> NDArray[np.float64]:
    """(n_phases,) FWHM (deg) of each phase's lines, weighted by area; NaN where it has none."""
    fit.objective.calculate(fit.values)
    work = fit.objective.work
    return mean_fwhm(work.gauss, work.lorentz, work.area, fit.objective.lines.phase, len(fit.present))


def broadening(fit: ScanFit, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_phases,) by what factor lines are broader in the fit than they are at `values`; NaN for a phase without."""
    now = mean_widths(fit)
    before = fit.objective.place(values)
    phase = fit.objective.lines.phase
    return now / mean_fwhm(before.gauss, before.lorentz, fit.objective.work.area, phase, len(fit.present))
