"""The table ``[cycler]``: the record of the cell's voltage and current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from xrdfit.data import DateOrder, ScanStack
from xrdfit.echem import (
    ColumnNames,
    CyclerSettings,
    Reading,
    ScanElectrochemistry,
    align_scans,
    read_cycler,
)
from xrdfit.errors import Problem, RecipeError
from xrdfit.recipe.basics import Number, Table, Text
from xrdfit.recipe.mistakes import Code, mistake, refuse

Positive = Annotated[Number, Field(gt=0)]


class CyclerColumnsTable(Table):
    """``[cycler.columns]``: the headings of a table whose names are not known."""

    time: Text | None = None
    instant: Text | None = None
    voltage: Text | None = None
    current: Text | None = None
    net_charge: Text | None = None


class CyclerUnitsTable(Table):
    """``[cycler.units]``: units that the headings do not tell."""

    time: Literal["s", "ms", "min", "h"] | None = None
    voltage: Literal["V", "mV"] | None = None
    current: Literal["A", "mA", "uA"] | None = None
    net_charge: Literal["Ah", "mAh", "uAh"] | None = None


class CyclerTable(Table):
    """``[cycler]``."""

    file: Annotated[list[Text], Field(min_length=1), BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
    active_mass_mg: Positive | None = None
    clock_offset_s: Number = 0.0
    time_zone: Text | None = None
    full_capacity_mAh: Positive | None = None
    theoretical_capacity_mAh_g: Positive | None = None
    initial_x: Number = 1.0
    positive_current: Literal["charge", "discharge"] = "charge"
    dates: DateOrder | None = None
    columns: CyclerColumnsTable = CyclerColumnsTable()
    units: CyclerUnitsTable = CyclerUnitsTable()

    @model_validator(mode="after")
    def _composition_needs_mass(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.theoretical_capacity_mAh_g is not None and self.active_mass_mg is None:
            yield mistake(
                Code.MISSING_KEY,
                "the mass of active material is missing",
                where="active_mass_mg",
                found="a theoretical capacity alone against a mass with it",
                todo="add active_mass_mg, or leave theoretical_capacity_mAh_g out",
            )


def electrochemistry(table: CyclerTable, base: Path, stack: ScanStack) -> ScanElectrochemistry:
    """Read the record and put it beside the scans.

    Raises
    ------
    InputError
        Files that cannot be read, scans without times, clocks without overlap.
    """
    times = stack.times
    if times is None:
        raise RecipeError(
            mistake(
                Code.MISSING_KEY,
                "the scans have no times to be found in the cycler's record",
                where="data.times",
                found="no times in the scans against start and end of each",
                todo="give data.times: a CSV, or start and interval_s",
            )
        )
    names = {name: heading for name, heading in table.columns.model_dump().items() if heading is not None}
    units = {name: unit for name, unit in table.units.model_dump().items() if unit is not None}
    reading = Reading(
        columns=ColumnNames(names=names, units=units), positive_current=table.positive_current, dates=table.dates
    )
    settings = CyclerSettings(
        clock_offset_s=table.clock_offset_s if "clock_offset_s" in table.model_fields_set else None,
        time_zone=table.time_zone,
        active_mass_mg=table.active_mass_mg,
        full_capacity_mAh=table.full_capacity_mAh,
        theoretical_capacity_mAh_g=table.theoretical_capacity_mAh_g,
        initial_x=table.initial_x,
    )
    return align_scans(read_cycler(table.file, base=base, reading=reading), times, settings)
