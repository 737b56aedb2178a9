"""What both drivers hand back: errors from one formula, in lmfit's own result type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.fit.objective import ScanObjective, factor_lower
from xrdfit.fit.parameters import Constraints
from xrdfit.kernels.least_squares import eliminated

# Directions of the scaled normal matrix weaker than this say nothing: their parameters get no esd.
_BLIND = 1e-11


def invert_normal_matrix(matrix: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Covariance (k, k) of the variables; rows of those at a limit, or that the data do not determine, are NaN."""
    covariance = np.full(matrix.shape, np.nan)
    index = np.flatnonzero(free & (np.diag(matrix) > 0.0))
    if index.size == 0:
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
        inverse = np.linalg.inv(factor_lower(factor))
        response = inverse.T @ (half @ objective.slot_derivative(derivative))
        block = inverse.T @ inverse + response @ np.nan_to_num(covariance) @ response.T
        result[np.ix_(index, index)] = block * np.outer(scale, scale)
    return result


def minimizer_result(
    objective: ScanObjective,
    constraints: Constraints,
    *,
    initial: Mapping[str, float],
    method: str,
    success: bool,
    message: str,
    nfev: int,
) -> MinimizerResult:
    """lmfit's result at the parameters as they stand.

    Esds are marginal: areas, background and all other parameters included; they are counting esds (`scale_covar` off).
    ``nvarys`` counts lmfit's variables, ``nfree`` also takes off the active line areas.
    """
    parameters = constraints.parameters
    values = constraints.values()
    derivative = constraints.derivative()
    matrix, right = objective.normal_equations(values, derivative)
    lower, upper = constraints.limits()
    variables = constraints.variables()
    free = free_variables(variables, lower, upper, matrix, right)
    covariance = invert_normal_matrix(matrix, free)
    names = constraints.varied_names
    with np.errstate(invalid="ignore"):
        full = derivative @ np.nan_to_num(covariance) @ derivative.T
        stderr = np.sqrt(np.diag(covariance))
    # lmfit gives fixed parameters an error of zero, which would pass for a measurement without error.
    for parameter in parameters.values():
        parameter.stderr, parameter.correl = None, None
    for i, name in enumerate(names):
        known = bool(np.isfinite(stderr[i]))
        parameters[name].stderr = float(stderr[i]) if known else None
        parameters[name].init_value = float(initial[name])
        parameters[name].correl = (
            {
                other: float(covariance[i, j] / (stderr[i] * stderr[j]))
                for j, other in enumerate(names)
                if j != i and np.isfinite(covariance[i, j])
            }
            if known
            else None
        )
    for name in constraints.tied:
        row = constraints.names.index(name)
        leans_on = derivative[row] != 0.0
        known = bool(leans_on.any() and np.isfinite(stderr[leans_on]).all())
        parameters[name].stderr = float(np.sqrt(full[row, row])) if known else None
    n_active = int(np.count_nonzero(objective.work.area))
    residual = objective.at_points(objective.residual(values))
    chi2 = float(residual @ residual)
    n_points = objective.points.two_theta.size
    result = MinimizerResult(
        method=method,
        params=parameters,
        var_names=names,
        init_vals=[float(initial[name]) for name in names],
        init_values={name: float(initial[name]) for name in names},
        covar=covariance,
        success=success,
        message=message,
        nfev=nfev,
        ndata=n_points,
        nvarys=len(names),
        nfree=max(n_points - len(names) - n_active, 1),
        chisqr=chi2,
        residual=residual,
        errorbars=bool(np.isfinite(stderr).all()),
        aborted=False,
        scale_covar=False,
    )
    result.redchi = chi2 / result.nfree
    # The likelihood with sigma estimated from the residual, as lmfit defines it.
    log_likelihood = n_points * np.log(max(chi2, 1e-250) / n_points)
    result.aic = log_likelihood + 2.0 * (len(names) + n_active)
    result.bic = log_likelihood + np.log(n_points) * (len(names) + n_active)
    return result
