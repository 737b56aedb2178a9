"""The tables ``[background]`` and ``[refine]``: what is refined, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from xrdfit.data import Direction, EsdScaling, Intensities, Mode, ScopeName
from xrdfit.errors import Problem
from xrdfit.recipe.basics import Flag, Limit, Number, Span, Table, Text, Whole
from xrdfit.recipe.mistakes import Code, mistake, nearest, refuse

_SOLVERS = (
    "compiled", "leastsq", "least_squares", "nelder", "lbfgsb", "powell", "cg", "newton", "cobyla", "bfgs", "tnc",
    "trust-ncg", "trust-exact", "trust-krylov", "trust-constr", "dogleg", "slsqp", "differential_evolution", "brute",
    "basinhopping", "ampgo", "shgo", "dual_annealing", "emcee",
)  # fmt: skip
DEFAULT_INTENSITIES: dict[Mode, Intensities] = {"series": "shared", "sequential": "lebail"}


class HumpTable(Table):
    """One of ``background.humps``, deg."""

    position: Number = Field(gt=0, lt=180)
    fwhm: Number = Field(gt=0)


class BackgroundTable(Table):
    """``[background]``."""

    type: Literal["chebyshev"] = "chebyshev"
    terms: Whole = Field(default=6, ge=1, le=40)
    humps: tuple[HumpTable, ...] = ()
    file: Text | None = None


class ScopeTable(Table):
    """What ``[refine.scope]`` says of one parameter: a word, or a table with the shape of a drift."""

    scope: ScopeName
    order: Annotated[Whole, Field(ge=1)] | None = None
    knots: Annotated[Whole, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        for key in ("order", "knots"):
            if self.scope != "drift" and getattr(self, key) is not None:
                yield mistake(
                    Code.CONFLICT,
                    f"only a drift has {key}",
                    where=key,
                    found=f"found {key} = {getattr(self, key)} with scope {self.scope} against drift",
                    todo="remove it",
                )
        if self.scope == "drift" and self.order is not None and self.knots is not None:
            yield mistake(
                Code.CONFLICT,
                "order and knots exclude each other",
                where="knots",
                found="found both against one of them",
                todo="keep order for a polynomial in time, knots for a spline",
            )


Scope = Annotated[ScopeTable, BeforeValidator(lambda said: {"scope": said} if isinstance(said, str) else said)]


class OverrideTable(Table):
    """One entry of ``[refine.parameters]``, in lmfit's vocabulary."""

    value: Number | None = None
    min: Limit | None = None
    max: Limit | None = None
    vary: Flag | None = None
    expr: Text | None = None
    prior: Span | None = None

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
        if self.prior is not None:
            yield from self._prior_problems(self.prior[1])

    def _prior_problems(self, esd: float) -> Iterator[Problem]:
        if not esd > 0.0:
            yield mistake(
                Code.OUT_OF_RANGE,
                "a prior has a standard deviation",
                where="prior[1]",
                found=f"found {esd:g} against > 0",
                todo="write prior = [mean, standard deviation]",
            )
        if self.expr is not None or self.vary is False:
            other = "vary = false" if self.expr is None else "expr"
            yield mistake(
                Code.CONFLICT,
                "a prior is of something that is refined",
                where="prior",
                found=f"found prior with {other}",
                todo="remove one of the two",
            )


class RefineTable(Table):
    """``[refine]``."""

    mode: Mode = "series"
    intensities: Intensities | None = None
    extraction: Literal["joint", "partition"] = "joint"
    unresolved: Literal["carried", "free"] = "carried"
    solver: Text = "compiled"
    direction: Direction = "outward"
    esd_scaling: EsdScaling = "berar-lelann"
    scope: dict[str, Scope] = Field(default_factory=dict)
    parameters: dict[str, OverrideTable] = Field(default_factory=dict)

    @property
    def chosen_intensities(self) -> Intensities:
        """As said, or the default of the mode."""
        return self.intensities or DEFAULT_INTENSITIES[self.mode]

    @model_validator(mode="after")
    def _is_available(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.solver not in _SOLVERS:
            yield mistake(
                Code.NOT_A_CHOICE,
                "unknown solver",
                where="solver",
                found=f"found {self.solver!r} against compiled or a method of lmfit",
                todo=nearest(self.solver, _SOLVERS),
            )
        elif self.mode == "series" and self.solver != "compiled":
            yield mistake(
                Code.CONFLICT,
                "methods of lmfit refine one scan at a time",
                where="solver",
                found=f'found {self.solver} against compiled in mode = "series"',
                todo='remove it, or write mode = "sequential"',
            )
        if self.extraction == "partition" and (self.mode, self.chosen_intensities) != ("sequential", "lebail"):
            yield mistake(
                Code.CONFLICT,
                "the classical partition gives free intensities of single scans",
                where="extraction",
                found=f'found partition with mode = "{self.mode}" and intensities = "{self.chosen_intensities}"',
                todo='remove it, or write mode = "sequential" and intensities = "lebail"',
            )
        if self.mode == "sequential":
            yield from self._joint_problems()

    def _joint_problems(self) -> Iterator[Problem]:
        """What sequential mode cannot do."""
        if self.intensities in ("shared", "hierarchical"):
            yield mistake(
                Code.CONFLICT,
                f"{self.intensities} intensities need the joint fit of the series",
                where="intensities",
                found=f"found {self.intensities} against lebail or structure in sequential mode",
                todo='write mode = "series", or choose one of those',
            )
        for name, entry in self.scope.items():
            if entry.scope == "drift":
                yield mistake(
                    Code.CONFLICT,
                    "a drift needs the joint fit of the series",
                    where=f"scope.{name}",
                    found="found drift against scan, series or fixed in sequential mode",
                    todo='write mode = "series", or choose one of those',
                )
        for name, said in self.parameters.items():
            if said.prior is not None:
                yield mistake(
                    Code.CONFLICT,
                    "a prior needs the joint fit of the series",
                    where=f"parameters.{name}.prior",
                    found="found prior in sequential mode",
                    todo='write mode = "series", or remove it',
                )
