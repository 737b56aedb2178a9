"""A first look at the series: where each phase stands best, and what is common to all scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome
from xrdfit.fit import PreparedScan, ScanFit, ScanObjective
from xrdfit.series.sequential.fitted import Fitted, record_of
from xrdfit.series.sequential.scanfit import NARROW, WIDE, ScanFitter
from xrdfit.series.sequential.selection import MISFIT
from xrdfit.series.sequential.widths import observed_fwhm, with_first_widths
from xrdfit.series.state import ScanRecord, Status

MAX_SURVEYED = 24
# Where the pass is but a start for something else, a fifth of the scans will do, though not fewer than these.
LEAST_SURVEYED = 10
# Scans of each phase from which the parameters of scope `series` are found.
_SCANS_A_PHASE = 4
_SERIES_ROUNDS = 20
# They are settled when a step promises to lower the sum of chi^2 / chi^2_red by less than this: 1e-3 of an esd.
_SERIES_SETTLED = 1e-6
_SERIES_NEAR = 0.1
_LEAST_STEP = 1e-3

FitAll = Callable[[ScanFitter, Mapping[int, PreparedScan], NDArray[np.float64], Sequence[float]], dict[int, Fitted]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the survey found.

    Attributes
    ----------
    records : of the surveyed scans, by index. fits : what they are the records of.
    first : (n_parameters,) values that the survey began from.
    start : (n_parameters,) start values, series parameters settled, cells and widths of each phase from its best scan.
    anchor : the scan to begin with.
    found : whether each phase was seen at all.
    """

    records: Mapping[int, ScanRecord]
    fits: Mapping[int, Fitted]
    first: NDArray[np.float64]
    start: NDArray[np.float64]
    anchor: int
    found: tuple[bool, ...]


def survey_indices(scans: Sequence[int], count: int = MAX_SURVEYED) -> list[int]:
    """So many evenly spread scans, first and last among them."""
    if len(scans) <= count:
        return list(scans)
    return [scans[int(i)] for i in np.unique(np.linspace(0, len(scans) - 1, count).round())]


def survey(
    fitter: ScanFitter,
    prepared: Mapping[int, PreparedScan],
    start: NDArray[np.float64],
    *,
    brief: bool = False,
    fit_all: FitAll | None = None,
) -> Survey | None:
    """Fit the given scans from nothing, settle the series parameters on the best of them, and choose the anchor.

    None if no scan could be fitted. brief : scans from nothing only until every phase has been seen, others from these.
    fit_all : fits the scans from nothing, one after the other by default.
    """
    fit_all = fit_all or one_after_the_other
    n_phases = len(fitter.model.phases)
    fwhm = observed_fwhm(fitter.model, list(prepared.values()), start)
    start = with_first_widths(fitter.model, start, fwhm, fitter.settings, fitter.scopes)
    fitter = replace(fitter, yardstick=start)
    reach = [NARROW] * n_phases
    fits = _fit_in_turn(fitter, prepared, start, reach) if brief else fit_all(fitter, prepared, start, reach)
    unseen = [p for p in range(n_phases) if not any(fitter.is_seen(f, p) for f in fits.values())]
    missing = [p for p in unseen if not fitter.model.phases[p].fixed_cell]
    if missing:
        # A phase that stands nowhere near its start cell is looked for further away, the others where they are.
        reach = [WIDE if phase in missing else NARROW for phase in range(n_phases)]
        wide = fit_all(fitter, prepared, start, reach)
        fits = {i: wide[i] if i in wide and _better(wide[i], fits.get(i)) else fits[i] for i in fits | wide}
    fits = {i: fitted for i, fitted in fits.items() if np.isfinite(fitted.fit.agreement.chi2)}
    if not fits:
        return None
    # What a joint fit will find by itself need not be found now; without any resolution it would begin from too far.
    unknown = (fitter.scopes.series & fitter.model.table.where("resolution")).any()
    values, changed = _settle_series(fitter, fits, start) if unknown or not brief else (start.copy(), False)
    if changed:
        fits = {
            i: fitter.settle(prepared[i], _with(f.fit.values, values, fitter.scopes.series), f.status)
            for i, f in fits.items()
        }
    found = []
    for phase in range(n_phases):
        best = max(fits, key=lambda i: _strength(fits[i], phase))
        found.append(fitter.is_seen(fits[best], phase))
        own = fitter.model.of_phase(phase)
        if found[-1]:
            values[own] = fits[best].fit.values[own]
        elif fitter.model.phases[phase].fixed_cell:
            values[own] = fitter.best_place(list(fits.values()), start, phase, reach=WIDE)[own]
    records = {i: record_of(f, outcome=Outcome.CONVERGED, message="") for i, f in fits.items()}
    anchor = _anchor(fits, found)
    return Survey(records=records, fits=fits, first=start, start=values, anchor=anchor, found=tuple(found))


def one_after_the_other(
    fitter: ScanFitter, prepared: Mapping[int, PreparedScan], start: NDArray[np.float64], reach: Sequence[float]
) -> dict[int, Fitted]:
    """Fits of scans from nothing."""
    return {index: fitter.cold(scan, start, reach=reach) for index, scan in prepared.items()}


def _fit_in_turn(
    fitter: ScanFitter, prepared: Mapping[int, PreparedScan], start: NDArray[np.float64], reach: Sequence[float]
) -> dict[int, Fitted]:
    """A scan begins from the nearest that is done once every phase has been seen; the first one from `start`.

    Where misfit rules, a neighbour's answer proves little: then it begins from nothing like the first ones.
    """
    fits: dict[int, Fitted] = {}
    for index in _outside_in(sorted(prepared)):
        scan = prepared[index]
        seen = [
            min((i for i in fits if fitter.is_seen(fits[i], phase)), key=lambda i: abs(i - index), default=None)
            for phase in range(len(fitter.model.phases))
        ]
        warm = None
        if None not in seen:
            nearest = fits[min(fits, key=lambda i: abs(i - index))]
            values = nearest.fit.values.copy()
            for phase, where in enumerate(seen):
                own = fitter.model.of_phase(phase)
                values[own] = fits[where].fit.values[own] if where is not None else start[own]
            warm = fitter.settle(scan, values, nearest.status)
            if not warm.fit.success or warm.fit.agreement.chi2_reduced > MISFIT:
                warm = None
        if not fits:
            warm = fitter.at_once(scan, start)
        fits[index] = fitter.cold(scan, start, reach=reach) if warm is None else warm
    return fits


def _outside_in(indices: Sequence[int]) -> list[int]:
    """A quarter of the way first, where two phases are likely to stand side by side, be it a cycle or half of one.

    Then first, middle, last (a cycle ends with what it began with), then the middles of what is left between.
    """
    end = len(indices) - 1
    order, gaps = dict.fromkeys((end // 4, 0, end // 2, end)), [(0, end // 2), (end // 2, end)]
    while gaps:
        first, last = gaps.pop(0)
        middle = (first + last) // 2
        if first < middle < last:
            order[middle] = None
            gaps += [(first, middle), (middle, last)]
    return [indices[place] for place in order]


def _better(new: Fitted, old: Fitted | None) -> bool:
    return old is None or new.fit.agreement.chi2 < old.fit.agreement.chi2


def _strength(fitted: Fitted, phase: int) -> float:
    return fitted.significance[phase] if fitted.status[phase] == Status.REFINED else -1.0


def _with(values: NDArray[np.float64], other: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(mask, other, values)


def _anchor(fits: Mapping[int, Fitted], found: Sequence[bool]) -> int:
    """The scan with most phases refined; among those, the one whose weakest phase is strongest."""

    def rank(index: int) -> tuple[int, float]:
        strengths = [_strength(fits[index], phase) for phase, there in enumerate(found) if there]
        refined = [s for s in strengths if s > 0.0]
        return len(refined), min(refined, default=0.0)

    return max(fits, key=rank)


def _settle_series(
    fitter: ScanFitter, fits: Mapping[int, Fitted], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], bool]:
    """Series parameters at the joint optimum of the best scans, each scan's own parameters following.

    Gauss-Newton on the sum over scans of the normal equations with the scan parameters eliminated, within limits.
    """
    table, series = fitter.model.table, fitter.scopes.series
    values = start.copy()
    chosen: set[int] = set()
    for phase in range(len(fitter.model.phases)):
        ranked = sorted(fits, key=lambda i: -_strength(fits[i], phase))
        chosen.update(i for i in ranked[:_SCANS_A_PHASE] if _strength(fits[i], phase) > 0.0)
    if not series.any() or not chosen:
        return values, False
    where = np.flatnonzero(series)
    lower = np.array([table.specs[i].lower for i in where])
    upper = np.array([table.specs[i].upper for i in where])
    state = {i: fits[i].fit for i in sorted(chosen)}
    weight = {i: 1.0 / max(fit.agreement.chi2_reduced, 1e-300) for i, fit in state.items()}

    def refit(trial: NDArray[np.float64]) -> tuple[dict[int, ScanFit], float]:
        fitted = {
            i: fitter.fit(fit.prepared, _with(fit.values, trial, series), fits[i].status) for i, fit in state.items()
        }
        return fitted, sum(weight[i] * fit.agreement.chi2 for i, fit in fitted.items())

    merit = sum(weight[i] * fit.agreement.chi2 for i, fit in state.items())
    settled = max(_SERIES_SETTLED, fitter.tolerance)
    for _ in range(_SERIES_ROUNDS):
        matrix = np.zeros((where.size, where.size))
        right = np.zeros(where.size)
        for index, fit in state.items():
            information, gradient = _eliminated_information(fitter, fit.values, fits[index], where)
            matrix += weight[index] * information
            right += weight[index] * gradient
        step = _bounded_step(matrix, right, values[where], lower, upper)
        promised = float(right @ step)
        if promised < settled:
            break
        shrink = 1.0
        while shrink > _LEAST_STEP:
            trial = values.copy()
            trial[where] += shrink * step
            moved, total = refit(trial)
            # Weights follow the model, so that close to the end chi^2 is no longer a merit to the last digit.
            if total < merit or promised < _SERIES_NEAR:
                break
            shrink *= 0.25
        else:
            break
        values, state, merit = trial, moved, total
    return values, True


def _eliminated_information(
    fitter: ScanFitter, values: NDArray[np.float64], fitted: Fitted, where: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Information and gradient of the series parameters from one scan, its own parameters eliminated."""
    model = fitter.model
    scan = fitter.scopes.scan.copy()
    here = np.ones(where.size, dtype=np.bool_)
    for phase, status in enumerate(fitted.status):
        own = model.of_phase(phase)
        if status != Status.REFINED:
            scan &= ~own
            here &= ~own[where]
    own_index = np.flatnonzero(scan)
    wanted = scan.copy()
    wanted[where] = True

    prepared = fitted.fit.prepared
    objective = ScanObjective(
        model,
        prepared.points,
        prepared.noise,
        values=values,
        present=[s != Status.ABSENT for s in fitted.status],
        wanted=wanted,
    )
    objective.work.weight[:] = 1.0 / prepared.variance
    objective.calculate(values)
    objective.update_weights()
    identity = np.eye(len(model.table))
    derivative = identity[:, np.concatenate([own_index, where])]
    matrix, right = objective.normal_equations(values, derivative)
    k = own_index.size
    inner = matrix[:k, :k]
    scale = np.sqrt(np.maximum(np.diag(inner), 1e-300))
    scaled = inner / np.outer(scale, scale) + 1e-10 * np.eye(k)
    across = matrix[k:, :k] / scale
    solved = np.linalg.solve(scaled, np.column_stack([across.T, (right[:k] / scale)[:, None]]))
    information = matrix[k:, k:] - across @ solved[:, :-1]
    gradient = right[k:] - across @ solved[:, -1]
    information[~here] = 0.0
    information[:, ~here] = 0.0
    gradient[~here] = 0.0
    return information, gradient


def _bounded_step(
    matrix: NDArray[np.float64],
    right: NDArray[np.float64],
    values: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Newton step; parameters that it drives out of their limits stop there and the others are solved again."""
    size = right.size
    free = np.diag(matrix) > 0.0
    step = np.zeros(size)
    for _ in range(size + 1):
        index = np.flatnonzero(free)
        if index.size == 0:
            break
        scale = np.sqrt(np.diag(matrix)[index])
        scaled = matrix[np.ix_(index, index)] / np.outer(scale, scale) + 1e-6 * np.eye(index.size)
        fixed = right[index] - matrix[np.ix_(index, np.flatnonzero(~free))] @ step[~free]
        step[index] = np.linalg.solve(scaled, fixed / scale) / scale
        target = values + step
        outside = free & ((target < lower) | (target > upper))
        if not outside.any():
            break
        step[outside] = np.clip(target[outside], lower[outside], upper[outside]) - values[outside]
        free &= ~outside
    return step
