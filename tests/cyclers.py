"""Records of cells whose charge is known, as the programs of cyclers write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEADER = """\
EC-Lab ASCII FILE
Nb header lines : {count}

{technique}

Acquisition started on : {start}
{comments}"""


@dataclass(frozen=True)
class Cell:
    """A cell at constant current: rest, charge, rest, discharge, rest; s, V, mA, mA h."""

    time: NDArray[np.float64]
    voltage: NDArray[np.float64]
    current: NDArray[np.float64]
    charge: NDArray[np.float64]


def cell(*, current_mA: float = 0.6, hours: float = 2.0, interval_s: float = 60.0) -> Cell:
    """A row every interval and at both ends of every step."""
    columns: list[list[NDArray[np.float64]]] = [[], [], [], []]
    begin, level, volts = 0.0, 0.0, 3.0
    for duration, current, slope in (
        (0.5, 0.0, 0.0),
        (hours, current_mA, 0.25),
        (0.5, 0.0, 0.0),
        (hours, -current_mA, -0.25),
        (0.5, 0.0, 0.0),
    ):
        passed = np.append(np.arange(0.0, 3600.0 * duration, interval_s), 3600.0 * duration)
        step = (
            begin + passed,
            volts + slope * passed / 3600.0,
            np.full(passed.size, current),
            level + current * passed / 3600.0,
        )
        for column, values in zip(columns, step, strict=True):
            column.append(values)
        begin, volts, level = float(step[0][-1]), float(step[1][-1]), float(step[3][-1])
    return Cell(*(np.concatenate(column) for column in columns))


def table(names: list[str], columns: list[NDArray[np.float64]], *, separator: str, form: str = ".7E") -> str:
    """Rows under their names."""
    rows = [separator.join(f"{value:{form}}" for value in row) for row in zip(*columns, strict=True)]
    return "\n".join([separator.join(names), *rows]) + "\n"


def mpt(
    of: Cell,
    *,
    start: str = "05/26/2022 15:59:30.758",
    technique: str = "Galvanostatic Cycling with Potential Limitation",
    decimal: str = ".",
    comments: str = "Comments : none",
) -> str:
    """The cell as EC-Lab exports it."""
    header = HEADER.format(count=0, technique=technique, start=start, comments=comments)
    header = header.replace("lines : 0", f"lines : {len(header.splitlines()) + 1}")
    names = ["mode", "time/s", "Ewe/V", "I/mA", "(Q-Qo)/mA.h", "P/W"]
    power = 1e-3 * of.voltage * of.current
    rows = table(
        names, [np.ones(of.time.size), of.time, of.voltage, of.current, of.charge, power], separator="\t", form=".9E"
    )
    return header + "\n" + rows.replace(".", decimal)
