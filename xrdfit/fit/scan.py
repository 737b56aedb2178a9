"""The fit of one scan, from a start to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.data import Pattern, RefineSettings
from xrdfit.fit.background_seed import seed_background
from xrdfit.fit.compiled import refine_compiled
from xrdfit.fit.lebail import refine_classically, start_by_partition
from xrdfit.fit.lmfit_driver import refine_with_lmfit
from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import Constraints, lmfit_parameters
from xrdfit.fit.solution import marginal_area_covariance
from xrdfit.fit.statistics import Agreement, agreement, esd_factor
from xrdfit.fit.ties import Expected
from xrdfit.model import NoiseModel, PatternModel, Points, noise_model, select_points

# Times the list of lines may change during a fit before it is taken as it is.
_MAX_RELISTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedScan:
    """A pattern with its used points, its noise model and a first variance (n,) of the points."""

    pattern: Pattern
    points: Points
    noise: NoiseModel
    variance: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFit:
    """A fitted scan.

    Attributes
    ----------
    values, esd : (n_parameters,) in the table's order; esd is NaN where nothing was refined or determined.
    names, covariance : of the varied parameters, scaled like `esd`.
    parameter_covariance : (n_parameters, n_parameters) of all, through symmetry and constraints; zero for what is fixed
        or stands at a limit, NaN for what the data do not determine.
    result : lmfit's result (counting esds).
    """

    prepared: PreparedScan
    objective: ScanObjective
    result: MinimizerResult
    values: NDArray[np.float64]
    esd: NDArray[np.float64]
    names: tuple[str, ...]
    covariance: NDArray[np.float64]
    parameter_covariance: NDArray[np.float64]
    agreement: Agreement
    esd_factor: float
    present: tuple[bool, ...]

    @property
    def success(self) -> bool:
        return bool(self.result.success) and bool(np.isfinite(self.result.chisqr))


def prepare_scan(pattern: Pattern, settings: RefineSettings) -> PreparedScan:
    """Choose the points and settle the noise model."""
    points = select_points(pattern, two_theta_range=settings.two_theta_range, exclude=settings.exclude)
    noise = noise_model(points.intensity, points.sigma, weights=settings.weights)
    smooth = points.intensity
    if smooth.size:
        smooth = np.convolve(np.pad(smooth, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    variance = noise.constant + noise.slope * np.maximum(smooth, noise.floor)
    return PreparedScan(pattern=pattern, points=points, noise=noise, variance=variance)


def _background_rows(
    model: PatternModel, prepared: PreparedScan, values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The linear background parameters and their functions (k, n) at the points."""
    wanted = model.table.where("background")
    nothing = [False] * len(model.phases)
    objective = ScanObjective(model, prepared.points, prepared.noise, values=values, present=nothing, wanted=wanted)
    chosen = np.flatnonzero(wanted)
    objective.normal_equations(values, np.eye(len(model.table))[:, chosen])
    return chosen, objective.work.jacobian


def with_seeded_background(
    model: PatternModel, prepared: PreparedScan, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`values` with the linear background parameters replaced by a first guess from the pattern."""
    chosen, rows = _background_rows(model, prepared, values)
    seeded = values.copy()
    seeded[chosen] = seed_background(prepared.points, rows, np.sqrt(prepared.variance))
    return seeded


def seeded_background(model: PatternModel, prepared: PreparedScan, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) that first guess as a curve."""
    _, rows = _background_rows(model, prepared, values)
    return seed_background(prepared.points, rows, np.sqrt(prepared.variance)) @ rows


def fit_scan(
    model: PatternModel,
    prepared: PreparedScan,
    settings: RefineSettings,
    *,
    start: NDArray[np.float64],
    present: Sequence[bool],
    vary: NDArray[np.bool_],
    expected: Sequence[Expected] = (),
) -> ScanFit:
    """Refine one scan from `start`.

    Parameters
    ----------
    start : (n_parameters,) in the table's order, background included.
    present : which phases are in the model; the parameters of the others are held.
    vary : (n_parameters,) what may move, before the recipe's word on it.
    expected : per phase, areas by which lines that the scan cannot tell apart are tied; see `xrdfit.fit.ties`.
    """
    free = vary.copy()
    for phase, there in enumerate(present):
        if not there:
            free &= ~model.of_phase(phase)
    constrained = {name for name, said in settings.overrides.items() if said.expr is not None}
    tied = np.array([name in constrained for name in model.table.names])
    drive = refine_compiled if settings.solver == "compiled" else partial(refine_with_lmfit, method=settings.solver)
    values = start
    nfev = 0
    for _ in range(_MAX_RELISTED):
        parameters = lmfit_parameters(model.table, values, free, settings.overrides)
        values = np.array([float(parameter.value) for parameter in parameters.values()])
        objective = ScanObjective(
            model,
            prepared.points,
            prepared.noise,
            values=values,
            present=present,
            wanted=free | tied,
            expected=expected,
        )
        start_by_partition(objective, values, prepared.variance)
        if settings.extraction == "partition":
            result = refine_classically(objective, parameters, drive)
        else:
            result = drive(objective, parameters)
        nfev += int(result.nfev)
        values = np.array([float(parameter.value) for parameter in result.params.values()])
        if model.choose_lines(values, prepared.points.two_theta, present).same_as(objective.lines):
            break
    result.nfev = nfev
    return _finished(prepared, objective, result, values, settings, tuple(present))


def _finished(
    prepared: PreparedScan,
    objective: ScanObjective,
    result: MinimizerResult,
    values: NDArray[np.float64],
    settings: RefineSettings,
    present: tuple[bool, ...],
) -> ScanFit:
    work = objective.work
    objective.calculate(values)
    fit = agreement(
        observed=prepared.points.intensity,
        calculated=objective.at_points(work.model),
        background=objective.at_points(work.background),
        weight=objective.at_points(work.weight),
        n_parameters=int(np.isfinite(np.diag(result.covar)).sum()) + int(np.count_nonzero(work.area)),
    )
    factor = esd_factor(fit, scaling=settings.esd_scaling, regime=prepared.noise.regime)
    esd = np.array([np.nan if p.stderr is None else p.stderr * factor for p in result.params.values()])
    return ScanFit(
        prepared=prepared,
        objective=objective,
        result=result,
        values=values,
        esd=esd,
        names=tuple(result.var_names),
        covariance=result.covar * factor**2,
        parameter_covariance=_parameter_covariance(result) * factor**2,
        agreement=fit,
        esd_factor=factor,
        present=present,
    )


def at_limit(parameter: lmfit.Parameter) -> bool:
    """Whether a varied parameter has been stopped by one of its limits."""
    reach = parameter.max - parameter.min
    near = 1e-5 * reach if np.isfinite(reach) else 1e-9
    return bool(parameter.vary and parameter.stderr is None) and bool(
        parameter.value - parameter.min <= near or parameter.max - parameter.value <= near
    )


def _parameter_covariance(result: MinimizerResult) -> NDArray[np.float64]:
    derivative = Constraints(result.params).derivative()
    covariance = result.covar.copy()
    stopped = [i for i, name in enumerate(result.var_names) if at_limit(result.params[name])]
    covariance[stopped, :] = 0.0
    covariance[:, stopped] = 0.0
    blind = ~np.isfinite(np.diag(covariance))
    full = derivative @ np.nan_to_num(covariance) @ derivative.T
    touched = np.abs(derivative[:, blind]).sum(axis=1) > 0.0
    full[touched, :] = np.nan
    full[:, touched] = np.nan
    return full


def area_covariance(fit: ScanFit) -> NDArray[np.float64]:
    """(m, m) covariance of the line areas of a fit, scaled like its other errors; zero where an area is zero."""
    derivative = Constraints(fit.result.params).derivative()
    return marginal_area_covariance(fit.objective, fit.values, derivative, fit.result.covar) * fit.esd_factor**2


def fit_report(fit: ScanFit) -> str:
    """lmfit's report of a fit; its errors are the counting esds, before any scaling."""
    return str(lmfit.fit_report(fit.result, min_correl=0.5))
