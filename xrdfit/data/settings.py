"""How a series is to be refined: plain values, already checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weights = Literal["auto", "file", "poisson", "estimated", "unit"]
EsdScaling = Literal["none", "chi2", "berar-lelann"]
Direction = Literal["outward", "forward", "backward"]
ScopeName = Literal["scan", "series", "drift", "fixed"]
Mode = Literal["series", "sequential"]
Intensities = Literal["shared", "hierarchical", "lebail", "structure"]
FractionMethod = Literal["auto", "conservation", "structure", "anchored"]
Amount = Literal["drifting", "constant"]
BadScans = Literal["leave-out", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOverride:
    """What the recipe says of one parameter, in lmfit's vocabulary; None means not said.

    ``prior`` is the mean and the standard deviation of a Gaussian, in the parameter's unit.
    """

    value: float | None = None
    min: float | None = None
    max: float | None = None
    vary: bool | None = None
    expr: str | None = None
    prior: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a parameter goes with time: a polynomial of ``order``, or a cubic spline if it has interior ``knots``."""

    order: int = 1
    knots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JointPrior:
    """A Gaussian over several parameters of the series: mean (k,) and covariance (k, k), in the parameters' units."""

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineSettings:
    """The tables ``[refine]`` and ``[fractions]`` of a recipe, with what ``[data]`` says of weights and bad scans.

    ``two_theta_range`` and ``exclude`` are in deg; ``scope``, ``drift`` and ``overrides`` are keyed by parameter name.
    ``drift`` says how the parameters of scope drift go with time; one that it does not name goes as `Drift` does by
    default. ``anchors`` gives the scan (0-based) in which a phase is declared pure, by name of the phase.
    ``joint_prior`` is what a calibration says of parameters of scope series.
    """

    mode: Mode = "series"
    intensities: Intensities = "shared"
    extraction: Literal["joint", "partition"] = "joint"
    unresolved: Literal["carried", "free"] = "carried"
    solver: str = "compiled"
    direction: Direction = "outward"
    weights: Weights = "auto"
    bad_scans: BadScans = "leave-out"
    esd_scaling: EsdScaling = "berar-lelann"
    two_theta_range: tuple[float, float] | None = None
    exclude: tuple[tuple[float, float], ...] = ()
    scope: Mapping[str, ScopeName] = field(default_factory=dict)
    drift: Mapping[str, Drift] = field(default_factory=dict)
    overrides: Mapping[str, ParameterOverride] = field(default_factory=dict)
    fractions: FractionMethod = "auto"
    anchors: Mapping[str, int] = field(default_factory=dict)
    amount: Amount = "drifting"
    joint_prior: JointPrior | None = None
