"""What diffracts beside LFP and FP when a series departs from two phases: a solid solution and a foreign phase."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.simulate.departures import Departures

# Compositions of the solid solution.
COMPOSITIONS = 7
# The three axes are the d-spacings of three lines, at 21.7, 27.3 and 31.5 deg with Cu K-alpha: more than 0.6 deg from
# any line of LFP or FP.
FOREIGN_CELL = UnitCell(4.092, 3.264, 2.835)
FOREIGN_HKL = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1)], dtype=np.int32)
FOREIGN_AREA = np.array([0.4, 1.0, 0.6])

Amount = TypeVar("Amount", float, NDArray[np.float64])


def phases_beside(departures: Departures, lfp: Phase) -> tuple[Phase, ...]:
    """The phases that these departures need: ``SS1`` to ``SS7`` from FP's side to LFP's, ``foreign``."""
    beside = []
    if departures.solid_solution:
        beside += [replace(lfp, name=f"SS{number}", color=None) for number in range(1, COMPOSITIONS + 1)]
    if departures.foreign:
        beside.append(Phase(name="foreign", group=SpaceGroup.from_name("Pmmm"), cell=FOREIGN_CELL, role="inert"))
    return tuple(beside)


def cells_between(lfp: NDArray[np.float64], fp: NDArray[np.float64]) -> NDArray[np.float64]:
    """a, b, c (7, 3) of the solid solution by Vegard's rule, from FP's side to LFP's, neither end included."""
    x = np.arange(1, COMPOSITIONS + 1)[:, np.newaxis] / (COMPOSITIONS + 1)
    return x * lfp + (1.0 - x) * fp


def divided(lfp: Amount, fp: Amount, *, share: float) -> list[Amount]:
    """What LFP, FP and each composition have of an amount, when the solid solution takes this share of LFP's."""
    return [(1.0 - share) * lfp, fp] + [share / COMPOSITIONS * lfp] * COMPOSITIONS
