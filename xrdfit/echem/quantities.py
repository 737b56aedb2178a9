"""Which column is which quantity, in which unit: the names that cyclers and people use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xrdfit.echem.problems import Code, cycler_error

# The first name that is found wins. Names are written as `plain` writes them, without unit.
NAMES: Mapping[str, tuple[str, ...]] = {
    "time": ("test_time", "total_time", "elapsed_time", "run_time", "time", "test", "t"),
    "voltage": ("ewe", "ecell", "voltage", "cell_voltage", "volts", "volt", "potential", "u", "e", "v"),
    "current": ("i", "current", "cell_current", "amps", "amperes"),
    "net_charge": ("q_qo", "net_capacity", "net_charge"),
    "charge_capacity": ("charge_capacity", "charging_capacity", "chg_capacity", "capacitance_chg", "chg_cap"),
    "discharge_capacity": (
        "discharge_capacity",
        "discharging_capacity",
        "dchg_capacity",
        "capacitance_dchg",
        "dchg_cap",
    ),
    "capacity": ("amp_hr", "amp_hrs", "capacity", "cap"),
    "unix_time": ("unix_time",),
    "instant": ("date_time", "datetime", "timestamp", "absolute_time", "realtime", "date", "dpt_time"),
    "state": ("state", "md"),
}

# Unit to factor, per kind of quantity: s, V, A, mA h.
_TIME = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0, "minute": 60.0, "minutes": 60.0}
_TIME |= {"h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0, "d": 86400.0, "days": 86400.0}
_VOLTAGE = {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3, "uv": 1e-6}
_CURRENT = {"a": 1.0, "amp": 1.0, "amps": 1.0, "ampere": 1.0, "ma": 1e-3, "milliampere": 1e-3, "ua": 1e-6, "na": 1e-9}
_CHARGE = {"ah": 1e3, "a_h": 1e3, "amp_hr": 1e3, "ampere_hour": 1e3, "mah": 1.0, "ma_h": 1.0, "uah": 1e-3, "ua_h": 1e-3}
UNITS: Mapping[str, Mapping[str, float]] = {
    "time": _TIME,
    "unix_time": _TIME,
    "voltage": _VOLTAGE,
    "current": _CURRENT,
    "net_charge": _CHARGE,
    "charge_capacity": _CHARGE,
    "discharge_capacity": _CHARGE,
    "capacity": _CHARGE,
}
# Names that are units.
_UNIT_OF_NAME = {"volts": "v", "volt": "v", "amps": "a", "amperes": "a", "amp_hr": "ah", "amp_hrs": "ah"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNames:
    """What the user says of a table: the heading of a quantity, and its unit; both by the names in `NAMES`."""

    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where a quantity stands, and the factor to s, V, A or mA h (1 for what has no unit)."""

    index: int
    factor: float


def plain(name: str) -> str:
    """Small letters and digits with ``_`` between them.

    >>> plain("(Q-Qo)"), plain("Test Time")
    ('q_qo', 'test_time')
    """
    name = name.lower().replace("µ", "u").replace("μ", "u")
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def split_unit(heading: str) -> tuple[str, str]:
    """The plain name and the plain unit of a heading; the unit is empty if none is told.

    >>> split_unit("Test_Time(s)"), split_unit("I/mA"), split_unit("voltage_volt"), split_unit("Amp-hr")
    (('test_time', 's'), ('i', 'ma'), ('voltage', 'volt'), ('amp_hr', 'ah'))
    """
    heading = heading.strip().strip("\"'")
    match = re.fullmatch(r"(.*?)\s*[(\[]([^()\[\]]*)[)\]]", heading)
    if match and match[1]:
        return plain(match[1]), plain(match[2])
    if "/" in heading:
        name, unit = heading.rsplit("/", 1)
        return plain(name), plain(unit)
    name = plain(heading)
    if name in _UNIT_OF_NAME:
        return name, _UNIT_OF_NAME[name]
    for units in UNITS.values():
        for unit in sorted(units, key=len, reverse=True):
            if name.endswith(f"_{unit}"):
                return name.removesuffix(f"_{unit}"), unit
    return name, ""


def is_known(heading: str, said: ColumnNames) -> bool:
    """Whether a heading names a quantity, by itself or because the user says so."""
    name = split_unit(heading)[0]
    folded = heading.strip().lower()
    return any(name in names for names in NAMES.values()) or folded in {n.strip().lower() for n in said.names.values()}


def find_columns(headings: Sequence[str], *, said: ColumnNames, source: str) -> dict[str, Column]:
    """Columns by quantity, by what the user says and else by the names in use.

    Raises
    ------
    DataError
        A heading of the user that is not there, or a unit that is missing or unknown.
    """
    split = [split_unit(heading) for heading in headings]
    found: dict[str, Column] = {}
    for quantity, names in NAMES.items():
        index: int | None
        if quantity in said.names:
            index = _said_column(headings, said.names[quantity], quantity, source)
        else:
            places = {name: place for place, (name, _) in reversed(list(enumerate(split)))}
            index = next((places[name] for name in names if name in places), None)
        if index is not None:
            unit = plain(said.units.get(quantity, "")) or split[index][1]
            found[quantity] = Column(index=index, factor=_factor(quantity, unit, headings[index], source))
    return found


def _said_column(headings: Sequence[str], heading: str, quantity: str, source: str) -> int:
    folded = [name.strip().lower() for name in headings]
    if heading.strip().lower() in folded:
        return folded.index(heading.strip().lower())
    raise cycler_error(
        Code.COLUMNS,
        f"no column of this name for the {quantity}",
        where=source,
        found=f"found {', '.join(headings)[:200]} against {heading}",
        todo=f"correct cycler.columns.{quantity}",
    )


def _factor(quantity: str, unit: str, heading: str, source: str) -> float:
    units = UNITS.get(quantity)
    if units is None:
        return 1.0
    if unit in units:
        return units[unit]
    raise cycler_error(
        Code.COLUMNS,
        f"the unit of the {quantity} is not known",
        where=source,
        found=f"found {unit or 'none'} in {heading!r} against {', '.join(units)}",
        todo=f'write it in the recipe, such as cycler.units.{quantity} = "{next(iter(units))}"',
    )
