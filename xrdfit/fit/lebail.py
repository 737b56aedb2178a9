"""The Le Bail partition: as a start, and as the classical scheme."""

from __future__ import annotations

from collections.abc import Callable

import lmfit
import numpy as np
from lmfit.minimizer import MinimizerResult
from numpy.typing import NDArray

from xrdfit.fit.objective import ScanObjective
from xrdfit.fit.parameters import Constraints
from xrdfit.fit.solution import lmfit_result, minimum_here
from xrdfit.kernels.partition import partition_cycle

START_CYCLES = 8
_ROUNDS = 60
_CYCLES_A_ROUND = 16
# The classical scheme has settled when a round changes R_wp by less than this part of it.
_SETTLED = 1e-5


def partition(objective: ScanObjective, values: NDArray[np.float64], *, area: NDArray[np.float64], cycles: int) -> None:
    """Share out the net intensity at these parameters, from `area`, and put the result into the objective."""
    filled = objective.profiles(values)
    net = objective.points.intensity - objective.at_points(objective.work.background)
    profiles = np.ascontiguousarray(objective.at_points(filled))
    shared = area.copy()
    for _ in range(cycles):
        before = shared.copy()
        partition_cycle(profiles, net, before, shared)
    objective.set_areas(shared)


def start_by_partition(objective: ScanObjective, values: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
    """First areas and first weights: partition from equal areas, then weights from the model that gives.

    variance : (n,) of the points before any model is at hand.
    """
    objective.start_weights(1.0 / variance)
    n_lines = objective.lines.phase.size
    if n_lines:
        equal = np.full(n_lines, max(float(np.ptp(objective.points.intensity)), 1e-300))
        # Which areas are above zero, if they have been solved for, is a better guess than that all are.
        active = objective.work.active.copy()
        partition(objective, values, area=equal, cycles=START_CYCLES)
        objective.work.active[:] = active
    else:
        objective.calculate(values)
    objective.update_weights()


def refine_classically(
    objective: ScanObjective,
    parameters: lmfit.Parameters,
    drive: Callable[[ScanObjective, lmfit.Parameters], MinimizerResult],
) -> MinimizerResult:
    """The scheme of Le Bail programs: partition, refine at fixed areas, and again, until R_wp settles.

    It is not descent on one objective: the lowest chi^2 met is kept. Esds are marginal nevertheless.
    """
    constraints = Constraints(parameters)
    initial = constraints.values()
    best = (np.inf, constraints.values(), constraints.variables(), objective.work.area.copy())
    nfev = 0
    settled = False
    previous = np.inf
    objective.areas_free = False
    for _ in range(_ROUNDS):
        partition(objective, constraints.values(), area=objective.work.area, cycles=_CYCLES_A_ROUND)
        outcome = drive(objective, parameters)
        nfev += int(outcome.nfev)
        parameters = outcome.params
        constraints = Constraints(parameters)
        objective.calculate(constraints.values())
        if objective.chi2 < best[0]:
            best = (objective.chi2, constraints.values(), constraints.variables(), objective.work.area.copy())
        if abs(previous - objective.chi2) < 2.0 * _SETTLED * objective.chi2:
            settled = True
            break
        previous = objective.chi2
    constraints.set(best[2])
    objective.forget()
    objective.fill_products(best[1])
    objective.set_areas(best[3])
    found = minimum_here(
        objective,
        constraints,
        initial=initial,
        method="partition",
        success=settled,
        message="settled" if settled else f"R_wp did not settle in {_ROUNDS} rounds; the best of them is kept",
        nfev=nfev,
    )
    return lmfit_result(found, constraints.parameters)
