"""Which parameters move where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.model import PatternModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """(n_parameters,) masks over the parameter table: refined in every scan, and once for the series."""

    scan: NDArray[np.bool_]
    series: NDArray[np.bool_]


def settle_scopes(model: PatternModel, settings: RefineSettings, *, n_scans: int) -> Scopes:
    """The scope of every parameter; in a series of one scan, what belongs to the series belongs to the scan."""
    scan, series = [], []
    for spec in model.table:
        said = settings.overrides.get(spec.name)
        scope = settings.scope.get(spec.name, spec.scope)
        if said is not None and said.vary is not None and spec.name not in settings.scope:
            # `vary = true` frees what is fixed by default; `vary = false` fixes whatever the scope.
            scope = "fixed" if not said.vary else "scan" if scope == "fixed" else scope
        if said is not None and said.expr is not None:
            scope = "fixed"
        if scope == "series" and n_scans == 1:
            scope = "scan"
        # What drifts is free in every scan of the pass from which the joint fit starts.
        scan.append(scope in ("scan", "drift"))
        series.append(scope == "series")
    return Scopes(scan=np.array(scan), series=np.array(series))
