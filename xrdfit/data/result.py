"""What a refinement yields: one scan, and a series of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Outcome(StrEnum):
    """How the fit of one scan ended."""

    CONVERGED = "converged"
    FLAGGED = "flagged"
    FAILED = "failed"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A fitted pattern, for figures and files. All arrays (n,) on the scan's own grid."""

    two_theta: NDArray[np.float64]
    observed: NDArray[np.float64]
    sigma: NDArray[np.float64]
    calculated: NDArray[np.float64]
    background: NDArray[np.float64]
    used: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLines:
    """The lines of one phase in one scan: hkl (m, 3), position (m,) deg of the first emission line, area (m,), esd."""

    phase: str
    hkl: NDArray[np.int32]
    two_theta: NDArray[np.float64]
    area: NDArray[np.float64]
    area_esd: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """One refined scan.

    Attributes
    ----------
    values, esd : by parameter name; a held or fixed value has no entry in ``esd``.
    names, covariance : rows of the marginal covariance of the varied parameters, (k,) and (k, k).
    lines : per phase, the extracted intensities.
    r_p, r_wp, r_wp_background_subtracted, r_exp : fractions, not percent.
    gof : R_wp / R_exp.
    """

    outcome: Outcome
    message: str
    values: Mapping[str, float]
    esd: Mapping[str, float]
    names: tuple[str, ...]
    covariance: NDArray[np.float64]
    lines: tuple[PhaseLines, ...]
    curves: Curves | None
    r_p: float
    r_wp: float
    r_wp_background_subtracted: float
    r_exp: float
    gof: float
    durbin_watson: float
    nfev: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLabel:
    """What tables and figures need to know of a phase.

    ``cell_names`` are the free cell parameters, e.g. ``("a", "b", "c")``; ``reference`` maps some of
    ``a b c alpha beta gamma volume`` to the literature value and ``reference_source`` says whose it is.
    """

    name: str
    color: str | None
    role: str
    cell_names: tuple[str, ...]
    reference: Mapping[str, float]
    reference_source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesResult:
    """A refined series: the columns of ``trajectories.csv``, in order.

    Numbers are float64 with NaN for "not measured"; ``source`` and ``outcome`` are object arrays of str. ``messages``
    are about single scans, ``warnings`` about the series (``CODE what · where · found · what to do``), ``notes`` say
    what was settled. ``comments`` say by which convention a column was made, where there are several.
    """

    columns: Mapping[str, NDArray]
    units: Mapping[str, str]
    phases: tuple[PhaseLabel, ...]
    messages: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)
