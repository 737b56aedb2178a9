"""The tables ``[background]`` and ``[refine]``: what is refined, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from xrdfit.data import Direction, EsdScaling, ScopeName
from xrdfit.errors import Problem
from xrdfit.recipe.basics import Flag, Limit, Number, Table, Text, Whole
from xrdfit.recipe.mistakes import Code, mistake, nearest, refuse

_SOLVERS = (
    "compiled", "leastsq", "least_squares", "nelder", "lbfgsb", "powell", "cg", "newton", "cobyla", "bfgs", "tnc",
    "trust-ncg", "trust-exact", "trust-krylov", "trust-constr", "dogleg", "slsqp", "differential_evolution", "brute",
    "basinhopping", "ampgo", "shgo", "dual_annealing", "emcee",
)  # fmt: skip


class HumpTable(Table):
    """One of ``background.humps``, deg."""

    position: Number = Field(gt=0, lt=180)
    fwhm: Number = Field(gt=0)


class BackgroundTable(Table):
    """``[background]``."""

    type: Literal["chebyshev"] = "chebyshev"
    terms: Whole = Field(default=6, ge=1, le=40)
    humps: tuple[HumpTable, ...] = ()


class ScopeTable(Table):
    """What ``[refine.scope]`` says of one parameter: a word, or a table with the order of a drift."""

    scope: ScopeName
    order: Annotated[Whole, Field(ge=1)] | None = None


Scope = Annotated[ScopeTable, BeforeValidator(lambda said: {"scope": said} if isinstance(said, str) else said)]


class OverrideTable(Table):
    """One entry of ``[refine.parameters]``, in lmfit's vocabulary."""

    value: Number | None = None
    min: Limit | None = None
    max: Limit | None = None
    vary: Flag | None = None
    expr: Text | None = None

    @model_validator(mode="after")
    def _limits_hold(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        low = -float("inf") if self.min is None else self.min
        high = float("inf") if self.max is None else self.max
        if not low < high:
            yield mistake(
                Code.OUT_OF_RANGE,
                "limits are reversed",
                where="min",
                found=f"found {low:g} against < max = {high:g}",
                todo="exchange min and max",
            )
        elif self.value is not None and not low <= self.value <= high:
            yield mistake(
                Code.OUT_OF_RANGE,
                "value outside its limits",
                where="value",
                found=f"found {self.value:g} against {low:g} to {high:g}",
                todo="correct value or limits",
            )
        if self.expr is not None and (self.value is not None or self.vary):
            yield mistake(
                Code.CONFLICT,
                "expr decides on the value",
                where="expr",
                found="found expr with value or vary",
                todo="keep expr alone, or remove it",
            )


class RefineTable(Table):
    """``[refine]``."""

    mode: Literal["series", "sequential"] = "sequential"
    intensities: Literal["shared", "lebail", "structure"] = "lebail"
    extraction: Literal["joint", "partition"] = "joint"
    unresolved: Literal["carried", "free"] = "carried"
    solver: Text = "compiled"
    direction: Direction = "outward"
    esd_scaling: EsdScaling = "berar-lelann"
    scope: dict[str, Scope] = Field(default_factory=dict)
    parameters: dict[str, OverrideTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_available(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.mode == "series":
            yield _not_available('mode = "series"', "mode", "sequential")
        if self.intensities != "lebail":
            yield _not_available(f'intensities = "{self.intensities}"', "intensities", "lebail")
        if self.solver not in _SOLVERS:
            yield mistake(
                Code.NOT_A_CHOICE,
                "unknown solver",
                where="solver",
                found=f"found {self.solver!r} against compiled or a method of lmfit",
                todo=nearest(self.solver, _SOLVERS),
            )
        for name, entry in self.scope.items():
            if entry.scope == "drift":
                yield mistake(
                    Code.CONFLICT,
                    "a drift needs the joint fit of the series",
                    where=f"scope.{name}",
                    found="found drift against scan, series or fixed in sequential mode",
                    todo="choose one of those",
                )
            elif entry.order is not None:
                yield mistake(
                    Code.CONFLICT,
                    "only a drift has an order",
                    where=f"scope.{name}.order",
                    found=f"found order {entry.order}",
                    todo="remove it",
                )


def _not_available(what: str, where: str, instead: str) -> Problem:
    return mistake(
        Code.NOT_AVAILABLE,
        f"{what} is not available in this version",
        where=where,
        found=f'found it against "{instead}"',
        todo=f'write {where} = "{instead}"',
    )
