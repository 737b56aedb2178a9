"""What stands in the table and beside a fit: the numbers of ``trajectories.csv``, rounded to what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import with_esd
from xrdfit.data import PhaseLabel
from xrdfit.report.strips import is_fraction_known, is_measured

_ESD, _UPPER = "_esd", "_upper95"
# Where there is no esd: factor and decimals.
_PLAIN = {
    "time_s": (1.0 / 3600.0, 2),
    "voltage_V": (1.0, 4),
    "soc": (1.0, 4),
    "r_wp": (100.0, 2),
    "r_exp": (100.0, 2),
    "gof": (1.0, 3),
    "durbin_watson": (1.0, 2),
}
_ORDER = ("a", "b", "c", "alpha", "beta", "gamma", "volume")
_SYMBOLS = {"alpha": "α", "beta": "β", "gamma": "γ", "volume": "V"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """A column of the page's table: the column of the CSV it shows, its heading, unit and phase."""

    name: str
    heading: str
    unit: str
    phase: str | None


def shown_texts(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> dict[str, list[str]]:
    """What is shown of every column that is no esd and no limit: (n_scans,) texts, empty where nothing was measured.

    Values with an esd are in crystallographic notation. A phase that is absent has its upper limit instead of the
    fraction 0. R factors are in percent, times in hours.
    """
    texts: dict[str, list[str]] = {}
    for name, values in columns.items():
        if name.endswith((_ESD, _UPPER)):
            continue
        if values.dtype.kind in "OUS":
            texts[name] = [str(value) for value in values]
        elif (esd := columns.get(f"{name}{_ESD}")) is not None:
            texts[name] = [with_esd(float(value), float(s)) for value, s in zip(values, esd, strict=True)]
        else:
            texts[name] = [_plain(name, float(value)) for value in values]
    for phase in phases:
        for quantity in ("fraction", "scale"):
            _show_limits(columns, texts, phase.name, quantity)
    return texts


def table_columns(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> list[TableColumn]:
    """The columns of the page's table: when, in which state, cells and fractions, how well."""
    chosen = [TableColumn(name="scan", heading="Scan", unit="", phase=None)]
    state = (("time_s", "Time", "h"), ("voltage_V", "Voltage", "V"), ("soc", "State of charge", ""))
    chosen += [
        TableColumn(name=name, heading=heading, unit=unit, phase=None)
        for name, heading, unit in state
        if name in columns and np.isfinite(columns[name]).any()
    ]
    for phase in phases:
        for name in _ORDER:
            if is_measured(columns, phase, name):
                unit = "Å³" if name == "volume" else "Å" if name in "abc" else "°"
                heading = _SYMBOLS.get(name, name)
                chosen.append(TableColumn(name=f"{phase.name}_{name}", heading=heading, unit=unit, phase=phase.name))
        if is_fraction_known(columns, phase):
            column = f"{phase.name}_fraction"
            chosen.append(TableColumn(name=column, heading="mole fraction", unit="", phase=phase.name))
    return [
        *chosen,
        TableColumn(name="r_wp", heading="R_wp", unit="%", phase=None),
        TableColumn(name="gof", heading="GoF", unit="", phase=None),
        TableColumn(name="outcome", heading="Outcome", unit="", phase=None),
    ]


def _plain(name: str, value: float) -> str:
    if not np.isfinite(value):
        return ""
    factor, decimals = _PLAIN.get(name, (1.0, -1))
    return f"{value:.6g}" if decimals < 0 else f"{factor * value:.{decimals}f}"


def _show_limits(columns: Mapping[str, NDArray], texts: dict[str, list[str]], phase: str, quantity: str) -> None:
    limits, present = columns.get(f"{phase}_{quantity}{_UPPER}"), columns.get(f"{phase}_present")
    name = f"{phase}_{quantity}"
    if limits is None or present is None or name not in texts:
        return
    for row in np.flatnonzero((present == 0.0) & np.isfinite(limits)):
        texts[name][row] = f"< {limits[row]:.2g}"
