"""What is remembered of a scan while the series is refined: numbers, not patterns."""

from __future__ import annotations

from collections.abc import Collection
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
    lines : hkl of the lines of each phase. line_area : areas of all of them, phase after phase.
    width : of each phase, mean FWHM of its lines weighted by area, deg.
    """

    outcome: Outcome
    message: str
    values: NDArray[np.float64]
    status: tuple[Status, ...]
    significance: tuple[float, ...]
    stands_out: tuple[bool, ...]
    lines: tuple[tuple[Hkl, ...], ...]
    line_area: NDArray[np.float64]
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
        lines = tuple(() if phase in phases else own for phase, own in enumerate(self.lines))
        area = [value for phase, own in enumerate(self.areas) if phase not in phases for value in own.values()]
        return replace(self, status=status, significance=gains, lines=lines, line_area=np.array(area))

    @property
    def areas(self) -> tuple[dict[Hkl, float], ...]:
        """Per phase, hkl -> line area; made when asked for, because a record in a long series must be small."""
        values = iter(self.line_area.tolist())
        return tuple(dict(zip(own, values, strict=False)) for own in self.lines)

    @property
    def usable(self) -> bool:
        """Whether it may seed other scans."""
        return self.outcome in (Outcome.CONVERGED, Outcome.FLAGGED)
