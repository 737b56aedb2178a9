"""The lmfit driver: any of lmfit's methods on the same objective."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import Constraints
from xrdfit.fit.solution import minimizer_result

# Weights depend on the model: rounds of minimisation, and the change, in esds, at which they end.
_MAX_ROUNDS = 8
_SETTLED = 1e-3
# A start this close (relative to the width of the limits) to a limit is moved in: lmfit's transformation is flat there.
_INSET = 1e-4


def make_minimizer(objective: ScanObjective, parameters: lmfit.Parameters) -> lmfit.Minimizer:
    """An `lmfit.Minimizer` of the scan at its present weights, for confidence intervals, emcee and the like."""
    constraints = Constraints(parameters)

    def read(given: lmfit.Parameters) -> NDArray[np.float64]:
        return np.array([float(given[name].value) for name in constraints.names])

    def residual(given: lmfit.Parameters) -> NDArray[np.float64]:
        return objective.residual(read(given))

    return lmfit.Minimizer(residual, parameters, nan_policy="raise", scale_covar=False)


def _jacobian_of(objective: ScanObjective) -> Callable[[lmfit.Parameters], NDArray[np.float64]]:
    def jacobian(given: lmfit.Parameters) -> NDArray[np.float64]:
        constraints = Constraints(given)
        return objective.residual_jacobian(constraints.values(), constraints.derivative())

    return jacobian


def _move_inside(parameters: lmfit.Parameters) -> None:
    for parameter in parameters.values():
        if parameter.vary and not parameter.expr:
            low, high = parameter.min, parameter.max
            inset = _INSET * (high - low) if np.isfinite(high - low) else 1e-6
            if parameter.value - low < inset:
                parameter.value = low + inset
            elif high - parameter.value < inset:
                parameter.value = high - inset


def refine_with_lmfit(
    objective: ScanObjective, parameters: lmfit.Parameters, *, method: str = "leastsq", max_nfev: int = 20000
) -> MinimizerResult:
    """Refine one scan by an lmfit method; ``leastsq`` gets the analytic Jacobian, constraints through the chain rule.

    The values come from lmfit, esds from the same marginal covariance as the compiled driver's.
    """
    initial = deepcopy(parameters)
    options: dict[str, object] = {}
    if method == "leastsq":
        options = {"Dfun": _jacobian_of(objective), "col_deriv": True, "ftol": 1e-13, "xtol": 1e-10, "gtol": 1e-12}
    current = parameters
    nfev = 0
    outcome: MinimizerResult | None = None
    for _ in range(_MAX_ROUNDS):
        _move_inside(current)
        minimizer = make_minimizer(objective, current)
        outcome = minimizer.minimize(method=method, max_nfev=max_nfev, **options)
        nfev += outcome.nfev
        before = Constraints(current).variables()
        current = outcome.params
        constraints = Constraints(current)
        matrix, _ = objective.normal_equations(constraints.values(), constraints.derivative())
        moved = np.abs(constraints.variables() - before) * np.sqrt(np.maximum(np.diag(matrix), 0.0))
        if objective.noise.slope == 0.0 or np.all(moved < _SETTLED):
            break
        objective.update_weights()
    assert outcome is not None
    return minimizer_result(
        objective,
        Constraints(current),
        initial=initial,
        method=method,
        success=bool(outcome.success),
        message=str(outcome.message),
        nfev=nfev,
    )
