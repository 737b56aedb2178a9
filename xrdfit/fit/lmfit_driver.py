"""The lmfit driver: any of lmfit's methods on the same objective."""

from __future__ import annotations

from collections.abc import Callable

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import Constraints
from xrdfit.fit.solution import lmfit_result, minimum_here

# Weights depend on the model: rounds of minimisation, and the change, in esds, at which they end.
_MAX_ROUNDS = 12
_SETTLED = 1e-3
_COARSE = {"ftol": 1e-6, "xtol": 1e-6, "gtol": 0.0}
_FINE = {"ftol": 1e-12, "xtol": 1e-10, "gtol": 0.0}
# Evaluations after which a scan is given up, with the analytic Jacobian and without.
_BUDGET = {True: 2000, False: 20000}
# A start this close (relative to the width of the limits) to a limit is moved in: lmfit's transformation is flat there.
_INSET = 1e-4


class _Shared(lmfit.Parameters):
    """Parameters that lmfit works on as they are: it would copy them first, another quarter of its time."""

    def __deepcopy__(self, memo: dict[int, object]) -> _Shared:
        return self


class _WithoutErrors(lmfit.Minimizer):
    """Leaves out errors and correlations, a quarter of lmfit's time: those of the answer come from its covariance."""

    def _calculate_uncertainties_correlations(self) -> None:
        pass


def make_minimizer(
    objective: ScanObjective, parameters: lmfit.Parameters, kind: type[lmfit.Minimizer] = lmfit.Minimizer
) -> lmfit.Minimizer:
    """An `lmfit.Minimizer` of the scan at its present weights, for confidence intervals, emcee and the like."""
    constraints = Constraints(parameters)

    def read(given: lmfit.Parameters) -> NDArray[np.float64]:
        return np.array([float(given[name].value) for name in constraints.names])

    def residual(given: lmfit.Parameters) -> NDArray[np.float64]:
        return objective.residual(read(given))

    return kind(residual, parameters, nan_policy="raise", scale_covar=False)


def _jacobian_of(
    objective: ScanObjective, parameters: lmfit.Parameters
) -> Callable[[lmfit.Parameters], NDArray[np.float64]]:
    """At the parameters as they stand, which are those that lmfit works on (`_Shared`)."""
    constraints = Constraints(parameters)

    def jacobian(given: lmfit.Parameters) -> NDArray[np.float64]:
        return objective.residual_jacobian(constraints.values(), constraints.derivative())

    return jacobian


def _move_inside(parameter: lmfit.Parameter) -> None:
    low, high = parameter.min, parameter.max
    inset = _INSET * (high - low) if np.isfinite(high - low) else 1e-6
    if parameter.value - low < inset:
        parameter.value = low + inset
    elif high - parameter.value < inset:
        parameter.value = high - inset


def _hold_at_limits(
    constraints: Constraints, matrix: NDArray[np.float64], right: NDArray[np.float64], held: set[str]
) -> set[str]:
    """The variables that a limit holds, put onto it: a Newton step of the variable alone leads beyond the limit.

    Those in `held` that want to come back are moved inside and let go.
    """
    chosen = set()
    for i, name in enumerate(constraints.varied_names):
        parameter = constraints.parameters[name]
        step = right[i] / matrix[i, i] if matrix[i, i] > 0.0 else 0.0
        if step != 0.0 and not parameter.min < parameter.value + step < parameter.max:
            parameter.value = parameter.min if step < 0.0 else parameter.max
            chosen.add(name)
        elif name in held:
            _move_inside(parameter)
    return chosen


def refine_with_lmfit(
    objective: ScanObjective, parameters: lmfit.Parameters, *, method: str = "leastsq", max_nfev: int | None = None
) -> MinimizerResult:
    """Refine one scan by an lmfit method; ``leastsq`` gets the analytic Jacobian, constraints through the chain rule.

    lmfit's limits are a change of variable that is flat at the limit, where ``leastsq`` takes thousands of steps. So a
    first, coarse round shows which variables a limit holds; they stay there while the others are refined, and are let
    go if the slope says so. The values come from lmfit, esds from the same marginal covariance as the compiled
    driver's.
    """
    initial = Constraints(parameters).values()
    analytic = method == "leastsq"
    budget = max_nfev or _BUDGET[analytic]
    held: set[str] = set()
    nfev = 0
    success, message = True, "nothing to vary"
    for name in Constraints(parameters).varied_names:
        _move_inside(parameters[name])
    for number in range(_MAX_ROUNDS):
        constraints = Constraints(parameters)
        names, before = constraints.varied_names, constraints.variables()
        for name in held:
            parameters[name].vary = False
        if len(names) - len(held) > objective.points.two_theta.size:
            success, message = False, "fewer points than variables"
        elif len(held) < len(names):
            exact: dict[str, object] = {}
            if analytic:
                exact = {"Dfun": _jacobian_of(objective, parameters), "col_deriv": True}
                exact |= _COARSE if number == 0 else _FINE
            minimizer = make_minimizer(objective, parameters, _WithoutErrors)
            as_given, parameters.__class__ = parameters.__class__, _Shared
            try:
                outcome = minimizer.minimize(method=method, max_nfev=budget - nfev, **exact)
            except ValueError:  # how lmfit says that the residual is not finite
                constraints.set(before)
                success, message, nfev = False, "the calculated pattern, or a constraint, is not finite", budget
            else:
                nfev += outcome.nfev
                success, message = bool(outcome.success), str(outcome.message)
            finally:
                parameters.__class__ = as_given
        for name in held:
            parameters[name].vary = True
        constraints = Constraints(parameters)
        matrix, right = objective.normal_equations(constraints.values(), constraints.derivative())
        moved = np.abs(constraints.variables() - before) * np.sqrt(np.maximum(np.diag(matrix), 0.0))
        now = _hold_at_limits(constraints, matrix, right, held) if analytic else held
        if nfev >= budget or (now == held and np.all(moved < _SETTLED)):
            break
        held = now
        objective.calculate(constraints.set(constraints.variables()))
        objective.update_weights()
    constraints = Constraints(parameters)
    found = minimum_here(
        objective, constraints, initial=initial, method=method, success=success, message=message, nfev=nfev
    )
    return lmfit_result(found, parameters)
