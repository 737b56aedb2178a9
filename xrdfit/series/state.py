"""What is remembered of a scan while the series is refined: numbers, not patterns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome

Hkl = tuple[int, int, int]


class Status(IntEnum):
    """What a scan says of a phase."""

    ABSENT = 0
    HELD = 1
    """Its lines are there, but too weak for a cell: cell and widths stay at the prediction."""
    REFINED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRecord:
    """A fitted scan in brief.

    Attributes
    ----------
    values : (n_parameters,) in the table's order.
    status : of each phase. significance : of each phase, fall in chi^2 / GoF^2 that its lines bring.
    stands_out : of each phase, whether its lines gain clearly more where it is than anywhere else.
    areas : per phase, hkl -> line area. width : of each phase, mean FWHM of its lines weighted by area, deg.
    """

    outcome: Outcome
    message: str
    values: NDArray[np.float64]
    status: tuple[Status, ...]
    significance: tuple[float, ...]
    stands_out: tuple[bool, ...]
    areas: tuple[Mapping[Hkl, float], ...]
    width: tuple[float, ...]
    chi2: float
    gof: float
    r_wp: float

    def without(self, phases: Collection[int]) -> ScanRecord:
        """The record with these phases absent."""
        if not any(self.status[phase] != Status.ABSENT for phase in phases):
            return self
        status = tuple(Status.ABSENT if phase in phases else state for phase, state in enumerate(self.status))
        gains = tuple(0.0 if phase in phases else gain for phase, gain in enumerate(self.significance))
        areas = tuple({} if phase in phases else lines for phase, lines in enumerate(self.areas))
        return replace(self, status=status, significance=gains, areas=areas)

    @property
    def usable(self) -> bool:
        """Whether it may seed other scans."""
        return self.outcome in (Outcome.CONVERGED, Outcome.FLAGGED)
