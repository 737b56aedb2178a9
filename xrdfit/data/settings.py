"""How a series is to be refined: plain values, already checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Weights = Literal["auto", "file", "poisson", "estimated", "unit"]
EsdScaling = Literal["none", "chi2", "berar-lelann"]
Direction = Literal["outward", "forward", "backward"]
ScopeName = Literal["scan", "series", "drift", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOverride:
    """What the recipe says of one parameter, in lmfit's vocabulary; None means not said."""

    value: float | None = None
    min: float | None = None
    max: float | None = None
    vary: bool | None = None
    expr: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """The ``[refine]`` table of a recipe, with ``data.weights`` beside it.

    ``two_theta_range`` and ``exclude`` are in deg; ``scope`` and ``overrides`` are keyed by parameter name.
    """

    mode: Literal["series", "sequential"] = "sequential"
    intensities: Literal["shared", "lebail", "structure"] = "lebail"
    extraction: Literal["joint", "partition"] = "joint"
    unresolved: Literal["carried", "free"] = "carried"
    solver: str = "compiled"
    direction: Direction = "outward"
    weights: Weights = "auto"
    esd_scaling: EsdScaling = "berar-lelann"
    two_theta_range: tuple[float, float] | None = None
    exclude: tuple[tuple[float, float], ...] = ()
    scope: Mapping[str, ScopeName] = field(default_factory=dict)
    overrides: Mapping[str, ParameterOverride] = field(default_factory=dict)
