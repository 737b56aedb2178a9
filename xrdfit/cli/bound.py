"""What errors the counts of a simulated stack allow, for planning a measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from xrdfit.data import RefineSettings
from xrdfit.series import joint_bound
from xrdfit.simulate import LEAST_FRACTION, SimulatedStack, cramer_rao_scan_by_scan, pooled_bound

_AMOUNT = "_scale_relative"


def joint_bound_of(simulated: SimulatedStack, settings: RefineSettings | None = None) -> dict[str, NDArray[np.float64]]:
    """Joint bound of a simulated stack, (n_scans,) by name; settings as in `xrdfit.series.joint_bound`."""
    model = simulated.model
    return joint_bound(
        model,
        values=np.column_stack([simulated.truth[name] for name in model.table.names]),
        areas=simulated.areas,
        expected=simulated.expected,
        two_theta=simulated.two_theta,
        times=simulated.times,
        settings=settings,
    )


def bounds_of(simulated: SimulatedStack) -> dict[str, dict[str, float | str | None]]:
    """Bounds of cells (Å) and amounts (relative), RMS over the scans with enough of the phase; None if there are none.

    Keys ``scan_by_scan``, ``joint`` and ``unit``; an amount is bounded jointly only, areas having no common unit else.
    """
    alone = pooled_bound(simulated, cramer_rao_scan_by_scan(simulated))
    joint = pooled_bound(simulated, joint_bound_of(simulated))
    table = simulated.model.table
    names = [spec.name for spec in table if spec.kind == "cell"]
    units = {spec.name: spec.unit for spec in table}
    names += [f"{phase.name}{_AMOUNT}" for phase in simulated.phases]
    return {
        name: {
            "scan_by_scan": _known(alone.get(name, np.nan)),
            "joint": _known(joint.get(name, np.nan)),
            "unit": units.get(name, ""),
        }
        for name in names
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def print_bounds(bounds: dict[str, dict[str, float | str | None]]) -> None:
    """As a table."""
    table = Table("smallest standard error", "unit", "scan by scan", "whole series")
    for name, row in bounds.items():
        of_amount = name.endswith(_AMOUNT)
        factor, unit = (100.0, "%") if of_amount else (1e3, f"1e-3 {row['unit']}")
        cells = [f"{factor * value:.2f}" if isinstance(value, float) else "" for value in list(row.values())[:2]]
        table.add_row(f"amount of {name.removesuffix(_AMOUNT)}" if of_amount else name, unit, *cells)
    console = Console()
    console.print(table)
    console.print(f"RMS over the scans with more than {LEAST_FRACTION:.0%} of the phase, at these counts")
