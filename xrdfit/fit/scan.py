"""The fit of one scan, from a start to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.data import Pattern, RefineSettings
from xrdfit.fit.background_seed import seed_background
from xrdfit.fit.compiled import TOLERANCE, descend, refine_compiled
from xrdfit.fit.lebail import refine_classically, start_by_partition
from xrdfit.fit.lmfit_driver import refine_with_lmfit
from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import FreeParameters, lmfit_parameters
from xrdfit.fit.solution import Minimum, marginal_area_covariance, minimum_of
from xrdfit.fit.statistics import Agreement, agreement, esd_factor
from xrdfit.fit.ties import Expected
from xrdfit.model import (
    Background,
    NoiseModel,
    PatternModel,
    Points,
    background_curves,
    noise_model,
    select_points,
)

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
    minimum : where the driver ended (counting esds).
    """

    prepared: PreparedScan
    objective: ScanObjective
    minimum: Minimum
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
        return self.minimum.success and bool(np.isfinite(self.minimum.chi2))

    @property
    def result(self) -> MinimizerResult:
        """The fit as lmfit's result (counting esds)."""
        return self.minimum.result()


def prepare_scan(pattern: Pattern, settings: RefineSettings, background: Background | None = None) -> PreparedScan:
    """Choose the points and settle the noise model.

    background : of the model; the noise of one that was measured is added to that of the scan, in the amount in which
        it is first guessed to be there.
    """
    points = select_points(pattern, two_theta_range=settings.two_theta_range, exclude=settings.exclude)
    noise = noise_model(points.intensity, points.sigma, weights=settings.weights)
    variance = first_variance(points.intensity, noise)
    if background is not None and background.measured is not None and noise.regime != "unit" and variance.size:
        added = _amount_of_measured(background, points, variance) ** 2 * background.measured.variance_at(
            points.two_theta
        )
        noise, variance = replace(noise, constant=noise.constant + added), variance + added
    return PreparedScan(pattern=pattern, points=points, noise=noise, variance=variance)


def first_variance(intensity: NDArray[np.float64], noise: NoiseModel) -> NDArray[np.float64]:
    """(n,) variance of used points as they themselves, smoothed, have it: there is no model yet."""
    smooth = intensity
    if smooth.size:
        edges = smooth[[0, 0]], smooth, smooth[[-1, -1]]
        smooth = np.convolve(np.concatenate(edges), np.full(5, 0.2), mode="valid")
    return noise.constant + noise.slope * np.maximum(smooth, noise.floor)


def _amount_of_measured(background: Background, points: Points, variance: NDArray[np.float64]) -> float:
    """How much of the measured background a pattern seems to hold, before anything is fitted; never less than none."""
    humps = [np.exp(-4.0 * np.log(2.0) * ((points.two_theta - h.position) / h.fwhm) ** 2) for h in background.humps]
    rows = np.vstack([background_curves(points.two_theta, background), *humps])
    return max(float(seed_background(points, rows, np.sqrt(variance))[background.terms]), 0.0)


def _background_rows(
    model: PatternModel, prepared: PreparedScan, values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The linear background parameters and their functions (k, n) at the points."""
    wanted = model.table.where("background")
    if not model.background.humps:
        return np.flatnonzero(wanted), background_curves(prepared.points.two_theta, model.background)
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
    tolerance: float = TOLERANCE,
) -> ScanFit:
    """Refine one scan from `start`.

    Parameters
    ----------
    start : (n_parameters,) in the table's order, background included.
    present : which phases are in the model; the parameters of the others are held.
    vary : (n_parameters,) what may move, before the recipe's word on it.
    expected : per phase, areas by which lines that the scan cannot tell apart are tied; see `xrdfit.fit.ties`.
    tolerance : fall in chi^2 that is nothing, for the compiled driver.
    """
    free = vary.copy()
    for phase, there in enumerate(present):
        if not there:
            free &= ~model.of_phase(phase)
    constrained = {name for name, said in settings.overrides.items() if said.expr is not None}
    tied = np.array([name in constrained for name in model.table.names])
    # lmfit's Parameters cost more than a fit: they are built where something needs them.
    plain = settings.solver == "compiled" and settings.extraction == "joint" and not constrained
    values = start
    weight = 1.0 / prepared.variance
    nfev = 0
    for _ in range(_MAX_RELISTED):
        parameters = (FreeParameters if plain else lmfit_parameters)(model.table, values, free, settings.overrides)
        values = parameters.start if isinstance(parameters, FreeParameters) else _values_of(parameters)
        objective = ScanObjective(
            model,
            prepared.points,
            prepared.noise,
            values=values,
            present=present,
            wanted=free | tied,
            expected=expected,
        )
        if isinstance(parameters, FreeParameters):
            objective.start_weights(weight)
            found = descend(objective, parameters, tolerance=tolerance)
            # Should lines have changed, the fit goes on from here.
            weight = objective.at_points(objective.work.weight) if found.success else weight
        else:
            start_by_partition(objective, values, prepared.variance)
            found = minimum_of(_driven(objective, parameters, settings, tolerance))
        nfev += found.nfev
        values = found.values
        if model.choose_lines(values, prepared.points.two_theta, present).same_but_for_order(objective.lines):
            break
    if found.given is not None:
        found.given.nfev = nfev
    return _finished(prepared, objective, replace(found, nfev=nfev), settings, tuple(present))


def _values_of(parameters: lmfit.Parameters) -> NDArray[np.float64]:
    return np.array([float(parameter.value) for parameter in parameters.values()])


def _driven(
    objective: ScanObjective, parameters: lmfit.Parameters, settings: RefineSettings, tolerance: float
) -> MinimizerResult:
    drive = (
        partial(refine_compiled, tolerance=tolerance)
        if settings.solver == "compiled"
        else partial(refine_with_lmfit, method=settings.solver)
    )
    if settings.extraction == "partition":
        return refine_classically(objective, parameters, drive)
    return drive(objective, parameters)


def _finished(
    prepared: PreparedScan,
    objective: ScanObjective,
    minimum: Minimum,
    settings: RefineSettings,
    present: tuple[bool, ...],
) -> ScanFit:
    work = objective.work
    objective.calculate(minimum.values)
    fit = agreement(
        observed=prepared.points.intensity,
        calculated=objective.at_points(work.model),
        background=objective.at_points(work.background),
        weight=objective.at_points(work.weight),
        n_parameters=int(np.isfinite(np.diag(minimum.covariance)).sum()) + int(np.count_nonzero(work.area)),
    )
    factor = esd_factor(fit, scaling=settings.esd_scaling, regime=prepared.noise.regime)
    return ScanFit(
        prepared=prepared,
        objective=objective,
        minimum=minimum,
        values=minimum.values,
        esd=minimum.esd * factor,
        names=tuple(minimum.names[row] for row in minimum.varied),
        covariance=minimum.covariance * factor**2,
        parameter_covariance=minimum.parameter_covariance() * factor**2,
        agreement=fit,
        esd_factor=factor,
        present=present,
    )


def area_covariance(fit: ScanFit) -> NDArray[np.float64]:
    """(m, m) covariance of the line areas of a fit, scaled like its other errors; zero where an area is zero."""
    found = fit.minimum
    return marginal_area_covariance(fit.objective, fit.values, found.derivative, found.covariance) * fit.esd_factor**2


def fit_report(fit: ScanFit) -> str:
    """lmfit's report of a fit; its errors are the counting esds, before any scaling."""
    return str(lmfit.fit_report(fit.result, min_correl=0.5))
