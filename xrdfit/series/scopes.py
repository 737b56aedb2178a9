"""Which parameters move where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Drift, RefineSettings, ScopeName
from xrdfit.model import ParameterSpec, PatternModel, default_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """(n_parameters,) masks over the parameter table: refined in every scan, and once for the series."""

    scan: NDArray[np.bool_]
    series: NDArray[np.bool_]


def settle_scopes(model: PatternModel, settings: RefineSettings, *, n_scans: int) -> Scopes:
    """The scope of every parameter; in a series of one scan, what belongs to the series belongs to the scan."""
    scan, series = [], []
    places = {f"{phase.name}_displacement" for phase in model.phases if phase.own_displacement}
    for spec in model.table:
        scope = scope_of(spec, settings, spec.scope)
        # A phase must be found before the series can say where it is.
        found_first = spec.name in places and settings.mode == "series" and scope in ("series", "drift")
        if found_first or (scope == "series" and n_scans == 1):
            scope = "scan"
        # What drifts is free in every scan of the pass from which the joint fit starts, but for the zero and the
        # sample's place: over a short range they and the cells of one scan run off together, and lines swap places.
        scan.append(scope == "scan" or (scope == "drift" and spec.kind != "position"))
        series.append(scope == "series")
    return Scopes(scan=np.array(scan), series=np.array(series))


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScopes:
    """Rows of the parameter table that a joint fit moves in every scan, once, and with time."""

    local: NDArray[np.int64]
    series: NDArray[np.int64]
    drifts: tuple[tuple[int, Drift], ...]

    def moving(self, n_parameters: int) -> NDArray[np.bool_]:
        """(n_parameters,) the rows of all of them."""
        moving = np.zeros(n_parameters, dtype=np.bool_)
        moving[[*self.local, *self.series, *(row for row, _ in self.drifts)]] = True
        return moving


def settle_joint_scopes(model: PatternModel, settings: RefineSettings, *, absent: NDArray[np.bool_]) -> JointScopes:
    """The scope of every parameter in series mode; `absent` (n_parameters,) belong to phases that are nowhere."""
    scopes = [scope_of(spec, settings, default_scope(spec, settings.mode)) for spec in model.table]
    rows = {
        name: np.array([i for i, scope in enumerate(scopes) if scope == name and not absent[i]], dtype=np.int64)
        for name in ("scan", "series", "drift")
    }
    names = model.table.names
    return JointScopes(
        local=rows["scan"],
        series=rows["series"],
        drifts=tuple((int(row), settings.drift.get(names[row], Drift())) for row in rows["drift"]),
    )


def scope_of(spec: ParameterSpec, settings: RefineSettings, default: ScopeName) -> ScopeName:
    """What the recipe says of where a parameter lives, or the default."""
    said = settings.overrides.get(spec.name)
    scope = settings.scope.get(spec.name, default)
    if said is None:
        return scope
    if said.vary is False or said.expr is not None:
        return "fixed"
    # `vary = true` frees what is fixed by default.
    return "scan" if said.vary and scope == "fixed" and spec.name not in settings.scope else scope
