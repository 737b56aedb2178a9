"""Records out of tables: Arbin, Maccor, the Battery Data Format, and any table whose columns have names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import DateOrder
from xrdfit.echem.instants import parse_instant, settled_order, utc
from xrdfit.echem.plausible import check_sign, check_time_unit, check_values, settled_time
from xrdfit.echem.problems import Code, cycler_error
from xrdfit.echem.quantities import NAMES, Column, ColumnNames, find_columns, is_known, split_unit
from xrdfit.echem.record import CyclerRecord, long_intervals
from xrdfit.echem.text import TextTable, fields_of, numbers, read_rows, separator_of

PositiveCurrent = Literal["charge", "discharge"]
_HEADING_LINES = 200
_MACCOR_HEAD = re.compile(r"^(Rec#?|Rec Num|Record)\b.*\bCyc", re.IGNORECASE | re.MULTILINE)
_ARBIN_HEAD = re.compile(r"^[^\n]*Test[_ ]Time ?\(s\)[^\n]*Step[_ ]Index|^[^\n]*Step[_ ]Index[^\n]*Test[_ ]Time", re.M)
_DATE = re.compile(r"\d{1,2}[/.\-]\d{1,2}[/.\-]\d{4}")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}:\d{2}(\s*[AaPp][Mm])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is to be read: what the user says of its columns, the sign of its current and its dates."""

    columns: ColumnNames = field(default_factory=ColumnNames)
    positive_current: PositiveCurrent = "charge"
    dates: DateOrder | None = None


def is_maccor(text: str) -> bool:
    """Whether a text begins as Maccor's export does."""
    return _MACCOR_HEAD.search(text[:8192]) is not None


def is_arbin(text: str) -> bool:
    """Whether a text begins as Arbin's CSV does."""
    return _ARBIN_HEAD.search(text[:8192]) is not None


def is_bdf(text: str) -> bool:
    """Whether the first line holds the required columns of the Battery Data Format by either kind of name."""
    head = text[:8192].splitlines()[:1]
    names = [name for line in head for name in fields_of(line, separator_of(line))]
    labels = {"Test Time / s", "Voltage / V", "Current / A"}
    machine = {"test_time_second", "voltage_volt", "current_ampere"}
    return labels <= set(names) or machine <= {name.lower() for name in names}


def read_maccor(text: str, source: str, reading: Reading) -> CyclerRecord:
    """Maccor's text: unsigned currents with a state, the date in the first line, the time of day in ``DPt Time``."""
    lines = text.splitlines()
    heading = next(i for i, line in enumerate(lines) if _MACCOR_HEAD.match(line))
    table = read_rows(text, heading=heading, source=source, keep=partial(is_known, said=reading.columns))
    return record_of(table, reading, kind="Maccor", start=_maccor_start(lines[:heading], table, reading.dates))


def read_arbin(text: str, source: str, reading: Reading) -> CyclerRecord:
    """Arbin's CSV."""
    return _table_record(text, source, reading, kind="Arbin")


def read_bdf(text: str, source: str, reading: Reading) -> CyclerRecord:
    """The Battery Data Format of the Battery Data Alliance, as CSV."""
    return _table_record(text, source, reading, kind="BDF")


def read_columns(text: str, source: str, reading: Reading) -> CyclerRecord:
    """Any table with names above its columns, known ones or those that the recipe tells."""
    return _table_record(text, source, reading, kind="columns")


def _table_record(text: str, source: str, reading: Reading, *, kind: str) -> CyclerRecord:
    lines = text.splitlines()
    heading = _heading(lines, reading.columns)
    if heading is None:
        raise cycler_error(
            Code.COLUMNS,
            "no line with the names of time, voltage and current",
            where=source,
            found=f"{(lines[0] if lines else '')[:60]!r} and what follows, against names such as time/s, voltage/V",
            todo="name the columns in the recipe under [cycler.columns]",
        )
    table = read_rows(text, heading=heading, source=source, keep=partial(is_known, said=reading.columns))
    return record_of(table, reading, kind=kind)


def _heading(lines: Sequence[str], said: ColumnNames) -> int | None:
    """The line that names time and voltage."""
    for number, line in enumerate(lines[:_HEADING_LINES]):
        names = fields_of(line, separator_of(line))
        if len(names) < 2:
            continue
        folded = {name.lower() for name in names}
        if said.names and all(name.strip().lower() in folded for name in said.names.values()):
            return number
        found = find_names(names)
        if "voltage" in found and found & {"time", "unix_time", "instant"} and found & {"current", "net_charge"}:
            return number
    return None


def find_names(headings: Sequence[str]) -> set[str]:
    """Quantities that headings name, whatever their units."""
    plain = {split_unit(heading)[0] for heading in headings}
    return {quantity for quantity, names in NAMES.items() if plain & set(names)}


def record_of(
    table: TextTable, reading: Reading, *, kind: str, start: datetime | None = None, technique: str = ""
) -> CyclerRecord:
    """The record in a table.

    Parameters
    ----------
    start : instant of zero seconds, if it is known; else it is sought in the table.

    Raises
    ------
    DataError
        Columns or units that are missing, values that are no numbers or not plausible, times that go back.
    """
    source = table.source
    columns = find_columns(table.names, said=reading.columns, source=source)
    resting = "current" not in columns and technique.lower().startswith(("open circuit", "ocv", "rest"))
    _check_needed(columns, table, resting=resting)
    numeric = [q for q in columns if q not in ("instant", "state")]
    values = numbers(table, [columns[q].index for q in numeric])
    of = {q: values[columns[q].index] * columns[q].factor for q in numeric}
    instants = _instants(table, columns, reading.dates)
    if start is None and "unix_time" in of:
        start = utc(float(of["unix_time"][0]))
        start = start and start - timedelta(seconds=float(of["time"][0]) if "time" in of else 0.0)
    if start is None and instants:
        start = instants[0] - timedelta(seconds=float(of["time"][0]) if "time" in of else 0.0)
    time_s = settled_time(_time(of, instants), source=source)
    turn = -1.0 if reading.positive_current == "discharge" else 1.0
    states = table.texts(columns["state"].index) if "state" in columns else None
    own = own_charge(of, states, turn)
    derived = "current" not in of and not resting
    if "current" in of:
        current_A = turn * _signed(of["current"], states)
    elif resting:
        current_A = np.zeros(time_s.size)
    else:
        assert own is not None
        current_A = current_from_charge(time_s, own)
    check_values(of["voltage"], current_A, source=source, trusted="voltage" in reading.columns.units)
    if "time" in of:
        clock = of.get("unix_time", _time({}, instants) if instants else None)
        charge = None if derived else own
        check_time_unit(time_s, current_A, clock_s=clock, own_charge_mAh=charge, source=source)
    check_sign(of["voltage"], current_A, source=source)
    notes = table.notes
    if derived:
        notes += ("the file holds no current; it follows from the cycler's charge",)
    return CyclerRecord(
        time_s=time_s,
        voltage_V=of["voltage"],
        current_A=current_A,
        own_charge_mAh=own,
        derived_current=derived,
        start=start,
        pause_after=long_intervals(time_s),
        source=source,
        format=kind,
        technique=technique,
        notes=notes,
    )


def current_from_charge(time_s: NDArray[np.float64], charge_mAh: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) A: mean current of the interval before each row (n,); none where no time passes."""
    step = np.diff(time_s)
    flow = np.divide(3.6 * np.diff(charge_mAh), step, out=np.zeros(step.size), where=step > 0.0)
    return np.concatenate([flow[:1], flow])


def counted_up(counter: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) what a counter that may start again at zero (n,) has counted since its first row."""
    step = np.diff(counter)
    return np.concatenate([[0.0], np.cumsum(np.where(step >= 0.0, step, counter[1:]))])


def own_charge(
    of: Mapping[str, NDArray[np.float64]], states: Sequence[str] | None, turn: float = 1.0
) -> NDArray[np.float64] | None:
    """(n,) net charge in mA h by the cycler's own counters, whichever it has; None if it has none."""
    if "net_charge" in of:
        return turn * of["net_charge"]
    if "charge_capacity" in of and "discharge_capacity" in of:
        return counted_up(of["charge_capacity"]) - counted_up(np.abs(of["discharge_capacity"]))
    if "capacity" in of and "current" in of:
        signed = turn * np.sign(_signed(of["current"], states))
        steps = np.diff(counted_up(np.abs(of["capacity"])), prepend=0.0)
        return np.cumsum(steps * signed)
    return None


def _signed(current: NDArray[np.float64], states: Sequence[str] | None) -> NDArray[np.float64]:
    """Currents with the sign of their state, where they have none themselves."""
    if states is None or np.any(current < 0.0):
        return current
    return current * np.array([_state_sign(state) for state in states])


def _state_sign(state: str) -> float:
    word = state.strip().lower()
    if word.startswith("d") or "dchg" in word or "disch" in word:
        return -1.0
    return 1.0 if word.startswith("c") or "chg" in word or "charge" in word else 0.0


def _check_needed(columns: Mapping[str, Column], table: TextTable, *, resting: bool) -> None:
    lacking = []
    if not {"time", "unix_time", "instant"} & set(columns):
        lacking.append("time")
    if "voltage" not in columns:
        lacking.append("voltage")
    if not resting and not {"current", "net_charge"} & set(columns):
        lacking.append("current")
    if lacking:
        raise cycler_error(
            Code.COLUMNS,
            f"no column of {' and '.join(lacking)}",
            where=table.source,
            found=f"columns {', '.join(table.names)[:200]} against time, voltage and current",
            todo="export them, too, or name the columns in the recipe under [cycler.columns]",
        )


def _instants(table: TextTable, columns: Mapping[str, Column], dates: DateOrder | None) -> list[datetime]:
    """Instants of all rows; empty if the table has none that can be read."""
    if "instant" not in columns:
        return []
    texts = table.texts(columns["instant"].index)
    order = settled_order(texts, dates, source=table.source)
    parsed = [parse_instant(text, order) for text in texts]
    instants = [instant for instant in parsed if instant is not None]
    zones = {instant.tzinfo is None for instant in instants}
    return instants if len(instants) == len(parsed) and len(zones) == 1 else []


def _time(of: Mapping[str, NDArray[np.float64]], instants: Sequence[datetime]) -> NDArray[np.float64]:
    if "time" in of:
        return of["time"]
    if "unix_time" in of:
        return of["unix_time"] - of["unix_time"][0]
    return np.array([(instant - instants[0]).total_seconds() for instant in instants])


def _maccor_start(head: Sequence[str], table: TextTable, said: DateOrder | None) -> datetime | None:
    """The date of the test with the time of day of the first row, less what had passed by then."""
    columns = find_columns(table.names, said=ColumnNames(), source=table.source)
    if "instant" not in columns or "time" not in columns:
        return None
    texts = table.texts(columns["instant"].index)
    first = texts[0]
    dates = re.findall(r"Date( of Test)?:?\s*\"?(" + _DATE.pattern + ")", "\n".join(head))
    tested = [date for of_test, date in dates if of_test]
    if _TIME_OF_DAY.fullmatch(first) and tested:
        texts = [f"{date} {first}" for _, date in dates]
        first = f"{tested[0]} {first}"
    instant = parse_instant(first, settled_order(texts, said, source=table.source))
    if instant is None:
        return None
    time = numbers(table, [columns["time"].index])[columns["time"].index][0] * columns["time"].factor
    return instant - timedelta(seconds=float(time))
