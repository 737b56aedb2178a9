"""The cycler's record of a simulated cell, as EC-Lab exports it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xrdfit.io import atomic_write
from xrdfit.simulate.scenario import Scenario
from xrdfit.simulate.stack import ORIGIN, SimulatedStack

CYCLER_FILE = "cell.mpt"
# The cell: mass of LiFePO4, and what its whole conversion takes.
ACTIVE_MASS_MG = 1.39
THEORETICAL_MAH_G = 170.0
_INTERVAL_S = 60.0
# Open-circuit voltage: the plateau of the two-phase reaction, and how steep its ends are.
_PLATEAU_V, _END_V, _END_WIDTH = 3.425, 0.014, 0.004
# Overpotential under current, how it grows where a half cycle ends, and how it decays at rest.
_OVERPOTENTIAL_V, _LAST_V, _LAST_WIDTH, _DECAY_S = 0.030, 0.35, 0.006, 900.0

_COLUMNS = "mode\tox/red\terror\tcontrol changes\tNs changes\tcounter inc.\tNs\ttime/s\tEwe/V\tI/mA\t(Q-Qo)/mA.h\t"


def write_cycler(path: Path, simulated: SimulatedStack) -> None:
    """Write the record that belongs to a stack, in EC-Lab's text format."""
    atomic_write(path, cycler_text(simulated.scenario))


def cycler_table(file: str = CYCLER_FILE) -> str:
    """The table ``[cycler]`` of the recipe."""
    return f"""
[cycler]
file = "{file}"
active_mass_mg = {ACTIVE_MASS_MG}
full_capacity_mAh = {full_capacity_mAh():.6g}     # {THEORETICAL_MAH_G:g} mA h/g
"""


def full_capacity_mAh() -> float:
    """mA h that the conversion of all LiFePO4 takes."""
    return 1e-3 * ACTIVE_MASS_MG * THEORETICAL_MAH_G


def cycler_text(scenario: Scenario) -> str:
    """An ``.mpt`` of the scenario: constant current while phases convert, and none at rest.

    The charge is that of the conversion, so that the mole fraction of FP follows from it.
    """
    started = datetime.fromisoformat(ORIGIN).strftime("%m/%d/%Y %H:%M:%S.000")
    header = [
        "EC-Lab ASCII FILE",
        "",
        "",
        "Galvanostatic Cycling with Potential Limitation",
        "",
        f"Acquisition started on : {started}",
        f"Comments : simulated by xrdfit, scenario {scenario.name}; not a measurement",
        f"Mass of active material : {ACTIVE_MASS_MG:.3f} mg",
        "",
    ]
    header[1] = f"Nb header lines : {len(header) + 1}"
    return "\r\n".join([*header, _COLUMNS.rstrip("\t"), *_rows(scenario)]) + "\r\n"


def _rows(scenario: Scenario) -> Iterator[str]:
    """Rows at regular intervals, and at the beginning and the end of every step."""
    full = full_capacity_mAh()
    overpotential = 0.0
    for step, (begin, end) in enumerate(pairwise(scenario.knots_s)):
        if end <= begin:
            continue
        time = np.append(np.arange(begin, end, _INTERVAL_S), end)
        fraction = scenario.fp_fraction(time)
        way = float(np.sign(fraction[-1] - fraction[0]))
        current = full * float(fraction[-1] - fraction[0]) / ((end - begin) / 3600.0)
        if way:
            over = way * (_OVERPOTENTIAL_V + _LAST_V * np.exp(-np.abs(fraction[-1] - fraction) / _LAST_WIDTH))
            overpotential = float(over[-1])
        else:
            over = overpotential * np.exp(-(time - begin) / _DECAY_S)
        charge = full * (fraction - scenario.begin)
        mode = 1 if way else 3
        for values in zip(time, open_circuit(fraction) + over, charge, strict=True):
            yield _row(mode, way, step, values[0], values[1], current, values[2])


def _row(mode: int, way: float, step: int, time: float, voltage: float, current: float, charge: float) -> str:
    flags = f"{mode}\t{int(way > 0)}\t0\t0\t0\t0\t{step}"
    return f"{flags}\t{time:.15E}\t{voltage:.7E}\t{current:.7E}\t{charge:.15E}"


def open_circuit(fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) V against lithium, at these mole fractions of FP (n,)."""
    return _PLATEAU_V + _END_V * np.log((fraction + _END_WIDTH) / (1.0 - fraction + _END_WIDTH))
