"""The smallest errors that the counts allow: the Cramer-Rao bound of a scan refined on its own."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import ScanObjective
from xrdfit.fit.solution import invert_normal_matrix
from xrdfit.model import NoiseModel, ParameterTable, Points
from xrdfit.simulate.stack import SimulatedStack

# Smallest mole fraction of a phase for which a scan counts in pooled figures.
LEAST_FRACTION = 0.10


def default_free(table: ParameterTable) -> tuple[str, ...]:
    """What a sequential refinement frees beside the areas: cells, sizes, displacement, background."""
    kinds = ("cell", "width", "background")
    return tuple(spec.name for spec in table if spec.kind in kinds or spec.name == "sample_displacement")


def cramer_rao_scan_by_scan(
    simulated: SimulatedStack, *, free: Collection[str] | None = None
) -> dict[str, NDArray[np.float64]]:
    """Bound on the standard error of each free parameter, (n_scans,), NaN where its phase is absent.

    The inverse of the Fisher information ``J^T diag(1 / mu) J`` at the truth, mu being the expected counts, with the
    areas of all lines of the present phases free as well.

    Parameters
    ----------
    free : parameter names; None takes `default_free`.
    """
    model = simulated.model
    wanted = np.isin(model.table.names, list(default_free(model.table) if free is None else free))
    derivative = np.eye(len(model.table))[:, wanted]
    bound = np.full((len(simulated), int(wanted.sum())), np.nan)
    for scan, expected in enumerate(simulated.expected):
        n = expected.size
        points = Points(two_theta=simulated.two_theta, intensity=expected, sigma=None, used=np.ones(n, dtype=np.bool_))
        noise = NoiseModel(constant=expected, slope=0.0, floor=0.0, regime="poisson")
        values = np.array([simulated.truth[name][scan] for name in model.table.names])
        present = [
            phase.role == "inert" or bool(simulated.truth[f"{phase.name}_fraction"][scan] > 0.0)
            for phase in model.phases
        ]
        objective = ScanObjective(model, points, noise, values=values, present=present, wanted=wanted)
        objective.work.area[:] = simulated.areas(scan, objective.lines)
        objective.work.active[:] = objective.work.area > 0.0
        objective.work.weight[:] = 1.0 / expected
        objective.areas_free = False
        matrix, _ = objective.normal_equations(values, derivative, areas_free=True)
        covariance = invert_normal_matrix(matrix, np.diag(matrix) > 0.0)
        bound[scan] = np.sqrt(np.diag(covariance))
    names = np.array(model.table.names)[wanted]
    return {str(name): column for name, column in zip(names, bound.T, strict=True)}


def pooled_bound(simulated: SimulatedStack, bound: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    """RMS of a phase's bounds over the scans with more than `LEAST_FRACTION` of it, of other bounds over all scans.

    NaN for a phase of which no scan has that much.
    """
    pooled = {}
    for name, column in bound.items():
        owner = [phase.name for phase in simulated.phases[:2] if name.startswith(f"{phase.name}_")]
        counted = simulated.truth[f"{owner[0]}_fraction"] > LEAST_FRACTION if owner else np.isfinite(column)
        pooled[name] = float(np.sqrt(np.mean(column[counted] ** 2))) if counted.any() else np.nan
    return pooled
