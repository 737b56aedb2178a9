"""What a record must be before anything is computed from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.echem.problems import Code, cycler_error

MOST_VOLTS = 60.0
MOST_AMPERES = 1000.0
# Between what one cell has; a median above is that of a stack, or of another unit.
LEAST_CELL_V, MOST_CELL_V = 0.5, 6.0
# Factors between what is counted and what is told, by the units that are confused.
_CONFUSED = {3600.0: "hours", 60.0: "minutes", 1000.0: ""}
_NEAR = 0.03
_LONGEST_S = 20.0 * 365.0 * 86400.0
# Rows may step back in time by so much: the last digits of a clock.
_CLOCK_NOISE_S = 1e-3
# Share of the voltage's range by which it must fall under a current without sign to betray a discharge.
_FALL = 0.3
# Net share of the voltage's ways that must go against the current to call its sign wrong.
_AGAINST = 0.5


def settled_time(time_s: NDArray[np.float64], *, source: str) -> NDArray[np.float64]:
    """Times (n,) that never descend.

    Raises
    ------
    DataError
        Fewer than two rows, times that go back, or a record longer than a cycler lives.
    """
    if time_s.size < 2:
        raise cycler_error(
            Code.COLUMNS,
            "the record is too short",
            where=source,
            found=f"{time_s.size} rows against at least 2",
            todo="export the record again",
        )
    step = np.diff(time_s)
    if np.any(step < -_CLOCK_NOISE_S):
        row = int(np.argmax(step < -_CLOCK_NOISE_S))
        raise cycler_error(
            Code.TIMES,
            "the time of the record goes back",
            where=source,
            found=f"{time_s[row + 1]:g} s after {time_s[row]:g} s in row {row + 2} against ascending times",
            todo="keep one record a file; separators of thousands may be the cause",
        )
    if time_s[-1] - time_s[0] > _LONGEST_S:
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "the record is implausibly long",
            where=source,
            found=f"{(time_s[-1] - time_s[0]) / 86400.0:.3g} days against less than 20 years",
            todo="check decimal marks and the unit of the time",
        )
    return np.maximum.accumulate(time_s)


def check_values(
    voltage_V: NDArray[np.float64], current_A: NDArray[np.float64], *, source: str, trusted: bool = False
) -> None:
    """Refuse voltages and currents that no cell has: mostly a decimal mark or a unit read wrongly.

    ``trusted`` says that the user gave the unit of the voltage: then it may be that of a stack or a symmetric cell.

    Raises
    ------
    DataError
        Naming the largest value.
    """
    for what, values, most, unit in (
        ("voltage", voltage_V, MOST_VOLTS, "V"),
        ("current", current_A, MOST_AMPERES, "A"),
    ):
        row = int(np.argmax(np.abs(values)))
        if not abs(values[row]) <= most:
            raise cycler_error(
                Code.IMPLAUSIBLE,
                f"implausible {what}",
                where=source,
                found=f"{values[row]:.10g} {unit} in row {row + 1} against at most {most:g} {unit}",
                todo="check decimal marks, separators of thousands and the unit",
            )

    if trusted:
        return
    highest, usual = float(np.abs(voltage_V).max()), float(np.median(np.abs(voltage_V)))
    if highest < LEAST_CELL_V or usual > MOST_CELL_V:
        low = highest < LEAST_CELL_V
        found = f"at most {highest:.4g}" if low else f"a median of {usual:.4g}"
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "implausible voltage of a cell",
            where=source,
            found=f"{found} V against {LEAST_CELL_V:g} to {MOST_CELL_V:g} V",
            todo="if the values are in another unit than their heading says, write "
            f'voltage = "{"V" if low else "mV"}" under [cycler.units]; what stands there is believed',
        )


def check_time_unit(
    time_s: NDArray[np.float64],
    current_A: NDArray[np.float64],
    *,
    clock_s: NDArray[np.float64] | None,
    own_charge_mAh: NDArray[np.float64] | None,
    source: str,
) -> None:
    """Refuse times that the dates of the record, or its charge, contradict by the factor of a unit.

    clock_s : (n,) seconds by the dates of the rows. own_charge_mAh : (n,) by the cycler's own counter.

    Raises
    ------
    DataError
        Naming the unit that would be right.
    """
    said = float(time_s[-1] - time_s[0])
    if clock_s is not None and said > 0.0:
        _refuse_factor(float(clock_s[-1] - clock_s[0]) / said, "the dates of its rows", source)
    if own_charge_mAh is not None:
        counted = float(np.sum(0.5 * np.abs(current_A[1:] + current_A[:-1]) * np.diff(time_s))) / 3.6
        told = float(np.abs(np.diff(own_charge_mAh)).sum())
        if counted > 0.0:
            _refuse_factor(told / counted, "the cycler's own charge", source)


def _refuse_factor(ratio: float, witness: str, source: str) -> None:
    for factor, unit in _CONFUSED.items():
        for known, word in ((factor, unit), (1.0 / factor, "seconds" if unit else "")):
            if abs(ratio / known - 1.0) < _NEAR:
                units = "time" if word else "current and charge (mA, A), or of time (ms)"
                key = {"hours": 'time = "h"', "minutes": 'time = "min"', "seconds": 'time = "s"'}.get(word)
                right = f", as of {word}" if word else ""
                raise cycler_error(
                    Code.IMPLAUSIBLE,
                    f"the unit of {units} is another than the heading says",
                    where=source,
                    found=f"{witness}: {ratio:.4g} times what the times give{right}, against 1",
                    todo=f"write {key or 'the units'} under [cycler.units]",
                )


def check_sign(voltage_V: NDArray[np.float64], current_A: NDArray[np.float64], *, source: str) -> None:
    """Refuse currents whose sign the voltage contradicts: it rises while a positive current flows.

    Raises
    ------
    DataError
        A sign that is the wrong way round, or currents of a charge and a discharge without sign.
    """
    sign = np.sign(current_A)
    turns = np.flatnonzero(np.diff(sign)) + 1
    along = ways = fall = 0.0
    for first, last in zip([0, *turns], [*turns, sign.size], strict=True):
        if sign[first] == 0.0 or last - first < 3:
            continue
        run = voltage_V[first:last]
        along += sign[first] * float(run[-1] - run[0])
        ways += abs(float(run[-1] - run[0]))
        if sign[first] > 0.0:
            fall = max(fall, float(np.max(np.maximum.accumulate(run) - run)))
    span = float(np.ptp(voltage_V))
    if not np.any(sign < 0.0) and fall > _FALL * span > 0.1:
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "the current has no sign",
            where=source,
            found=f"never negative although the voltage falls by {fall:.2f} V, against negative on discharge",
            todo="export the current with its sign, or with the column that tells charge from discharge",
        )
    if ways > 0.1 and along < -_AGAINST * ways:
        raise cycler_error(
            Code.IMPLAUSIBLE,
            "the sign of the current is the other way round",
            where=source,
            found="the voltage falls while the current is positive against rising",
            todo='write positive_current = "discharge" under [cycler]',
        )
