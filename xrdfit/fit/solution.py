"""What both drivers hand back: errors from one formula, in lmfit's own result type."""

from __future__ import annotations

from dataclasses import dataclass

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.fit.objective import ScanObjective, factor_lower
from xrdfit.fit.parameters import Constraints, FreeParameters
from xrdfit.kernels.linear import invert_over
from xrdfit.kernels.normal_equations import eliminated

# Directions of the scaled normal matrix weaker than this say nothing: their parameters get no esd.
_BLIND = 1e-11


def invert_normal_matrix(matrix: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Covariance (k, k) of the variables; rows of those at a limit, or that the data do not determine, are NaN."""
    covariance = np.full(matrix.shape, np.nan)
    index = np.flatnonzero(free & (np.diag(matrix) > 0.0))
    if index.size == 0 or invert_over(np.ascontiguousarray(matrix), index, _BLIND, covariance):
        return covariance
    root = np.sqrt(np.diag(matrix)[index])
    scaled = matrix[np.ix_(index, index)] / np.outer(root, root)
    strength, direction = np.linalg.eigh(scaled)
    seen = strength > _BLIND
    if not seen.any():
        return covariance
    inverse = (direction[:, seen] / strength[seen]) @ direction[:, seen].T
    determined = (direction[:, ~seen] ** 2).sum(axis=1) < 1e-4
    block = inverse / np.outer(root, root)
    kept = index[determined]
    covariance[np.ix_(kept, kept)] = block[np.ix_(determined, determined)]
    return covariance


def free_variables(
    variables: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    matrix: NDArray[np.float64],
    right: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """False for a variable that a limit holds: within a thousandth of its own error of it, and pushed against it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.where(np.diag(matrix) > 0.0, 1e-3 / np.sqrt(np.diag(matrix)), 0.0)
    at_lower = (variables - lower <= near) & (right <= 0.0)
    at_upper = (upper - variables <= near) & (right >= 0.0)
    return ~(at_lower | at_upper)


def marginal_area_covariance(
    objective: ScanObjective,
    values: NDArray[np.float64],
    derivative: NDArray[np.float64],
    covariance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(m, m) covariance of the line areas, the other parameters' uncertainty included; zero where an area is zero.

    derivative : (n_parameters, n_variables), covariance : of the variables, NaN where unknown.
    """
    objective.calculate(values)
    slots = objective.model.table.slots(values)
    factor, half, index = eliminated(objective.problem, slots, objective.row_of_slot, objective.work)
    result = np.zeros((objective.work.area.size,) * 2)
    if index.size:
        scale = 1.0 / np.sqrt(np.diag(objective.work.gram)[index])
        inverse = np.linalg.inv(factor_lower(factor, index.size))
        response = inverse.T @ (half.T @ objective.slot_derivative(derivative))
        block = inverse.T @ inverse + response @ np.nan_to_num(covariance) @ response.T
        result[np.ix_(index, index)] = block * np.outer(scale, scale)
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Where a driver has ended, with errors, in arrays over the n parameters of which k are varied.

    Attributes
    ----------
    initial, values, lower, upper : (n,). varied : (k,) rows that were varied.
    derivative : (n, k) of all parameters with respect to the varied ones.
    covariance : (k, k) marginal, areas and background included; NaN for what a limit holds or the data do not tell.
    esd : (n,) counting esds, NaN where there is none.
    residual : (n_points,) weighted. n_active : line areas above zero.
    given : lmfit's result where lmfit's Parameters were at hand.
    """

    method: str
    success: bool
    message: str
    nfev: int
    names: tuple[str, ...]
    varied: NDArray[np.int64]
    initial: NDArray[np.float64]
    values: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    derivative: NDArray[np.float64]
    covariance: NDArray[np.float64]
    esd: NDArray[np.float64]
    residual: NDArray[np.float64]
    n_active: int
    given: MinimizerResult | None = None

    @property
    def chi2(self) -> float:
        return float(self.residual @ self.residual)

    @property
    def at_limit(self) -> NDArray[np.bool_]:
        """(n,) True for a varied parameter that has been stopped by one of its limits."""
        reach = self.upper - self.lower
        near = np.where(np.isfinite(reach), 1e-5 * reach, 1e-9)
        stopped = (self.values - self.lower <= near) | (self.upper - self.values <= near)
        varied = np.zeros(self.values.size, dtype=np.bool_)
        varied[self.varied] = True
        return varied & np.isnan(self.esd) & stopped

    def parameter_covariance(self) -> NDArray[np.float64]:
        """(n, n) of all parameters; zero for what is fixed or at a limit, NaN for what the data do not determine."""
        covariance = self.covariance
        blind = ~np.isfinite(covariance.diagonal())
        if not blind.any():
            return np.asarray(self.derivative @ covariance @ self.derivative.T)
        stopped = self.at_limit[self.varied]
        full = self.derivative @ np.nan_to_num(covariance) @ self.derivative.T
        touched = np.abs(self.derivative[:, blind & ~stopped]).sum(axis=1) > 0.0
        full[touched, :] = np.nan
        full[:, touched] = np.nan
        return full

    def result(self) -> MinimizerResult:
        """The same as lmfit has it."""
        return self.given if self.given is not None else lmfit_result(self, self._parameters())

    def _parameters(self) -> lmfit.Parameters:
        parameters = lmfit.Parameters()
        for row, name in enumerate(self.names):
            low, high = float(self.lower[row]), float(self.upper[row])
            parameters.add(
                name, value=float(self.values[row]), min=low, max=high, vary=bool((self.varied == row).any())
            )
        return parameters


def minimum_here(
    objective: ScanObjective,
    constraints: Constraints | FreeParameters,
    *,
    initial: NDArray[np.float64],
    method: str,
    success: bool,
    message: str,
    nfev: int,
    normal: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Minimum:
    """The errors at the parameters as they stand; `initial` (n_parameters,) is where they began.

    normal : normal matrix and right side of the variables there, if they are known.
    """
    values = constraints.values()
    derivative = constraints.derivative()
    matrix, right = objective.normal_equations(values, derivative) if normal is None else normal
    lower, upper = constraints.limits()
    variables = constraints.variables()
    free = free_variables(variables, lower[constraints.varied], upper[constraints.varied], matrix, right)
    covariance = invert_normal_matrix(matrix, free)
    with np.errstate(invalid="ignore"):
        stderr = np.sqrt(np.diag(covariance))
    esd = np.full(values.size, np.nan)
    esd[constraints.varied] = stderr
    if constraints.tied:
        with np.errstate(invalid="ignore"):
            full = derivative @ np.nan_to_num(covariance) @ derivative.T
        for name in constraints.tied:
            row = constraints.names.index(name)
            leans_on = derivative[row] != 0.0
            if leans_on.any() and np.isfinite(stderr[leans_on]).all():
                esd[row] = np.sqrt(full[row, row])
    return Minimum(
        method=method,
        success=success,
        message=message,
        nfev=nfev,
        names=tuple(constraints.names),
        varied=constraints.varied,
        initial=initial,
        values=values,
        lower=lower,
        upper=upper,
        derivative=derivative,
        covariance=covariance,
        esd=esd,
        residual=objective.at_points(objective.residual(values)),
        n_active=int(np.count_nonzero(objective.work.area)),
    )


def minimum_of(result: MinimizerResult) -> Minimum:
    """What a driver that works on lmfit's Parameters hands back, in arrays."""
    constraints = Constraints(result.params)
    parameters = list(result.params.values())
    return Minimum(
        method=result.method,
        success=bool(result.success),
        message=str(result.message),
        nfev=int(result.nfev),
        names=tuple(constraints.names),
        varied=constraints.varied,
        initial=np.array([float(result.init_values.get(p.name, p.value)) for p in parameters]),
        values=np.array([float(p.value) for p in parameters]),
        lower=np.array([float(p.min) for p in parameters]),
        upper=np.array([float(p.max) for p in parameters]),
        derivative=constraints.derivative(),
        covariance=result.covar,
        esd=np.array([np.nan if p.stderr is None else float(p.stderr) for p in parameters]),
        residual=result.residual,
        n_active=result.ndata - result.nvarys - result.nfree,
        given=result,
    )


def lmfit_result(minimum: Minimum, parameters: lmfit.Parameters) -> MinimizerResult:
    """lmfit's own type; the errors are written into the parameters, which stand at the minimum already.

    Esds are counting esds (`scale_covar` off). ``nvarys`` counts lmfit's variables, ``nfree`` also takes off the active
    line areas.
    """
    covariance, esd = minimum.covariance, minimum.esd
    names = [minimum.names[row] for row in minimum.varied]
    # lmfit gives fixed parameters an error of zero, which would pass for a measurement without error.
    for row, name in enumerate(minimum.names):
        parameters[name].stderr = float(esd[row]) if np.isfinite(esd[row]) else None
        parameters[name].correl = None
    root = esd[minimum.varied]
    for i, name in enumerate(names):
        parameters[name].init_value = float(minimum.initial[minimum.varied[i]])
        if np.isfinite(root[i]):
            parameters[name].correl = {
                other: float(covariance[i, j] / (root[i] * root[j]))
                for j, other in enumerate(names)
                if j != i and np.isfinite(covariance[i, j])
            }
    n_points, chi2 = minimum.residual.size, minimum.chi2
    result = MinimizerResult(
        method=minimum.method,
        params=parameters,
        var_names=names,
        init_vals=[float(minimum.initial[row]) for row in minimum.varied],
        init_values={name: float(minimum.initial[row]) for name, row in zip(names, minimum.varied, strict=True)},
        covar=covariance,
        success=minimum.success,
        message=minimum.message,
        nfev=minimum.nfev,
        ndata=n_points,
        nvarys=len(names),
        nfree=max(n_points - len(names) - minimum.n_active, 1),
        chisqr=chi2,
        residual=minimum.residual,
        errorbars=bool(np.isfinite(root).all()),
        aborted=False,
        scale_covar=False,
    )
    result.redchi = chi2 / result.nfree
    # The likelihood with sigma estimated from the residual, as lmfit defines it.
    log_likelihood = n_points * np.log(max(chi2, 1e-250) / n_points)
    result.aic = log_likelihood + 2.0 * (len(names) + minimum.n_active)
    result.bic = log_likelihood + np.log(n_points) * (len(names) + minimum.n_active)
    return result
