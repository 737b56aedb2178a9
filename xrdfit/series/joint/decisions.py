"""What is decided between two fits of a series: which phase is where, and how far lines may leave the shared ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.errors import blur
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.presence import Z_PRESENT
from xrdfit.series.sequential.selection import DETERMINED
from xrdfit.series.state import Status

# With shared intensities a phase this many standard deviations above nothing has a cell of its own.
Z_CELL_JOINT = 8.0
# One that has a cell keeps it down to this part.
_STAYS = 0.8
# A phase this strong is never held: a cell put wrong by force would push everything else out of place.
_Z_BEYOND_DOUBT = 40.0

Statuses = dict[int, tuple[Status, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """How far the lines of a scan may leave the shared intensities.

    ``spread`` (P,): standard deviation of their relative deviations, 0 for none; infinite: they are free, and the
    scales and shared intensities, which would be without meaning, stay what they are. None: shared intensities.
    """

    spread: NDArray[np.float64] | None = None

    @property
    def deviations(self) -> bool:
        return self.spread is not None

    @property
    def free(self) -> bool:
        return self.spread is not None and bool(np.isinf(self.spread).all())


@dataclass(slots=True)
class Decisions:
    """Decides on the phases of scans. A cell found vague in a scan stays held there, or it would come and go."""

    vague: set[tuple[int, int]] = field(default_factory=set)

    def of(self, index: int, fit: JointScanFit, regime: Regime) -> tuple[Status, ...]:
        """Of each phase: there with a cell of its own, there with a held cell, or not there."""
        found = []
        for phase, z in enumerate(fit.z):
            refined = fit.status[phase] == Status.REFINED
            vague = (
                refined
                and z < _Z_BEYOND_DOUBT
                and not blur(fit.chain, fit.position, fit.solution, fit.parameter_covariance, phase) < DETERMINED
            )
            if vague:
                self.vague.add((index, phase))
            enough = z >= (_STAYS * Z_CELL_JOINT if refined else Z_CELL_JOINT)
            if regime.free and fit.status[phase] == Status.ABSENT:
                found.append(Status.ABSENT)
            elif enough and (index, phase) not in self.vague:
                found.append(Status.REFINED)
            else:
                found.append(Status.HELD if z >= Z_PRESENT else Status.ABSENT)
        return tuple(found)


def with_status(fit: JointScanFit, decided: tuple[Status, ...]) -> JointScanFit:
    """A fit called what was decided after it; a cell that was held in it is not measured."""
    known = tuple(
        Status.HELD if said == Status.REFINED and was != Status.REFINED else said
        for said, was in zip(decided, fit.status, strict=True)
    )
    return fit if known == fit.status else replace(fit, status=known)


def changed_cells(one: Statuses, other: Statuses) -> list[int]:
    """Scans in which other cells are refined: which of the held phases are there makes no difference to a fit."""
    return [
        index
        for index, states in one.items()
        if [state == Status.REFINED for state in states] != [state == Status.REFINED for state in other[index]]
    ]
