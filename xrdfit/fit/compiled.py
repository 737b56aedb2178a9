"""The compiled driver: bounded Levenberg-Marquardt in numba behind lmfit's Parameters and MinimizerResult."""

from __future__ import annotations

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult

from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import Constraints, FreeParameters
from xrdfit.fit.solution import Minimum, lmfit_result, minimum_here
from xrdfit.kernels.least_squares import CONVERGED, NOT_FINITE, STALLED, minimise

# Fall in chi^2 that is nothing: a parameter then stands within 1e-3 of its esd.
TOLERANCE = 1e-6
# Evaluations after which a scan is given up.
MAX_NFEV = 200
_MAX_RELINEARISED = 30
_WORDS = {
    CONVERGED: "converged",
    STALLED: "no step lowers chi^2 although the gradient is not zero",
    NOT_FINITE: "the calculated pattern, or a constraint, is not finite",
}


def refine_compiled(
    objective: ScanObjective, parameters: lmfit.Parameters, *, max_nfev: int = MAX_NFEV, tolerance: float = TOLERANCE
) -> MinimizerResult:
    """Refine one scan; the parameters are updated in place and returned inside the result."""
    found = descend(objective, Constraints(parameters), max_nfev=max_nfev, tolerance=tolerance)
    return lmfit_result(found, parameters)


def descend(
    objective: ScanObjective,
    constraints: Constraints | FreeParameters,
    *,
    max_nfev: int = MAX_NFEV,
    tolerance: float = TOLERANCE,
) -> Minimum:
    """Refine one scan; the constraints' parameters are updated in place.

    The kernel moves along the tangent of expressions; where they are not linear, it is called again from the new
    tangent until nothing moves.
    """
    initial = constraints.values()
    lower, upper = (limit[constraints.varied] for limit in constraints.limits())
    evaluations = 0
    status = CONVERGED
    normal = None
    for _ in range(_MAX_RELINEARISED):
        values = constraints.values()
        variables = constraints.variables()
        derivative = constraints.derivative()
        slot_mapping = np.ascontiguousarray(objective.model.table.slot_mapping @ derivative)
        base = objective.model.table.slots(values) - slot_mapping @ variables
        chi2 = objective.calculate(values)
        longest = objective.longest_steps(values, derivative)
        before = variables.copy()
        chi2, used, status, matrix, right = minimise(
            objective.problem,
            base,
            slot_mapping,
            objective.row_of_slot,
            variables,
            lower,
            upper,
            longest,
            objective.work,
            chi2,
            objective.areas_free,
            tolerance,
            max_nfev - evaluations,
        )
        evaluations += used
        objective.forget()
        if status == NOT_FINITE:
            break
        if not np.isfinite(constraints.set(variables)).all():
            constraints.set(before)
            status = NOT_FINITE
            break
        if not constraints.tied:
            if status == CONVERGED:
                objective.take(constraints.values(), chi2)
                normal = matrix, right
            break
        if evaluations >= max_nfev:
            break
        moved = np.abs(variables - before)
        matrix, _ = objective.normal_equations(constraints.values(), constraints.derivative())
        if np.all(moved * np.sqrt(np.maximum(np.diag(matrix), 0.0)) < 1e-4):
            break
    else:
        status = STALLED
    return minimum_here(
        objective,
        constraints,
        initial=initial,
        method="compiled",
        success=status == CONVERGED,
        message=_WORDS.get(status, f"stopped after {evaluations} evaluations"),
        nfev=evaluations,
        normal=normal,
    )
