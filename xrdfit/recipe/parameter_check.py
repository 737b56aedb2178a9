"""Does what ``[refine.scope]`` and ``[refine.parameters]`` say fit the model and the number of scans?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xrdfit.crystal import Phase
from xrdfit.data import Drift, RefineSettings
from xrdfit.errors import Problem
from xrdfit.model import ParameterSpec, ParameterTable, default_scope
from xrdfit.recipe.mistakes import Code, mistake, nearest


def parameter_problems(
    table: ParameterTable, phases: tuple[Phase, ...], settings: RefineSettings, *, n_scans: int
) -> Iterator[Problem]:
    """All that cannot be meant, one problem each."""
    for place, names in (("scope", settings.scope), ("parameters", settings.overrides)):
        for name in names:
            if name not in table.names:
                yield mistake(
                    Code.UNKNOWN_PARAMETER,
                    "unknown parameter",
                    where=f"refine.{place}.{name}",
                    found=f"found {name} against {len(table)} parameters of this model",
                    todo=nearest(name, table.names),
                )
    active = {
        f"{phase.name}_{name}": phase.name
        for phase in phases
        if phase.role == "active"
        for name in phase.group.free_parameters
    }
    for spec in table:
        yield from _scope_problems(spec, active.get(spec.name), settings)
        yield from _drift_problems(spec, settings, n_scans)
        yield from _prior_problems(spec, settings)
    for phase in phases:
        for name, value in zip(phase.group.free_parameters, phase.free_values, strict=True):
            yield from _start_problems(f"{phase.name}_{name}", float(value), settings)


def _scope_problems(spec: ParameterSpec, active_phase: str | None, settings: RefineSettings) -> Iterator[Problem]:
    """Cells of active phases and the background are what changes from scan to scan."""
    scope = settings.scope.get(spec.name)
    if scope not in ("series", "drift"):
        return
    if active_phase is not None:
        what = "the cell of an active phase is wanted in every scan"
        todo = f'choose one of those, or write role = "inert" for {active_phase}'
    elif spec.kind == "background":
        what, todo = "the background belongs to its scan", "choose one of those"
    else:
        return
    yield mistake(
        Code.CONFLICT, what, where=f"refine.scope.{spec.name}", found=f"found {scope} against scan or fixed", todo=todo
    )


def _drift_problems(spec: ParameterSpec, settings: RefineSettings, n_scans: int) -> Iterator[Problem]:
    """A drift has fewer values than there are scans; in a single scan nothing drifts, whatever is said."""
    drift = settings.drift.get(spec.name, Drift())
    needed = drift.knots + 4 if drift.knots else drift.order + 1
    if spec.name not in settings.drift or n_scans == 1 or needed <= n_scans:
        return
    shape = f"knots = {drift.knots}" if drift.knots else f"order = {drift.order}"
    most = f"knots = {n_scans - 4}" if drift.knots and n_scans > 4 else f"order = {n_scans - 1}"
    yield mistake(
        Code.OUT_OF_RANGE,
        "more drift than scans",
        where=f"refine.scope.{spec.name}",
        found=f"found {shape}, which takes {needed} values, against {n_scans} scans",
        todo=f"write at most {most}",
    )


def _prior_problems(spec: ParameterSpec, settings: RefineSettings) -> Iterator[Problem]:
    said = settings.overrides.get(spec.name)
    scope = settings.scope.get(spec.name, default_scope(spec, settings.mode))
    if said is not None and said.prior is not None and scope == "fixed" and not said.vary:
        yield mistake(
            Code.CONFLICT,
            "a prior is of something that is refined",
            where=f"refine.parameters.{spec.name}.prior",
            found=f"found prior of {spec.name}, whose scope is fixed",
            todo="give it another scope in [refine.scope], or remove the prior",
        )
    if (
        said is not None
        and said.prior is not None
        and scope == "drift"
        and settings.drift.get(spec.name, Drift()).knots
    ):
        yield mistake(
            Code.CONFLICT,
            "a prior of a drift is one of its mean, which a spline has no coefficient for",
            where=f"refine.parameters.{spec.name}.prior",
            found=f"found prior of {spec.name}, whose drift has knots",
            todo="write order in place of knots, or remove the prior",
        )


def _start_problems(name: str, start: float, settings: RefineSettings) -> Iterator[Problem]:
    """A cell from which the fit is to start lies within the limits that the recipe gives it."""
    said = settings.overrides.get(name)
    if said is None or said.value is not None or said.expr is not None:
        return
    low = -np.inf if said.min is None else said.min
    high = np.inf if said.max is None else said.max
    if low < high and not low <= start <= high:
        yield mistake(
            Code.OUT_OF_RANGE,
            "the cell lies outside its limits",
            where=f"refine.parameters.{name}",
            found=f"found {start:g} against {low:g} to {high:g}",
            todo="correct the limits or the phase's cell, or give a value to start from",
        )
