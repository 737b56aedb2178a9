"""A recipe as a whole, and the map of its tables."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, field_validator

from xrdfit.recipe.basics import Table
from xrdfit.recipe.fractions import FractionsTable
from xrdfit.recipe.measurement import ClockTable, DataTable, InstrumentTable, ProfileTable
from xrdfit.recipe.mistakes import Code, mistake, refuse
from xrdfit.recipe.phase import PhaseTable, ReferenceTable
from xrdfit.recipe.refinement import (
    BackgroundTable,
    HumpTable,
    OverrideTable,
    RefineTable,
    ScopeTable,
)


class RecipeTables(Table):
    """A whole recipe."""

    data: DataTable
    instrument: InstrumentTable
    phase: list[PhaseTable] = Field(min_length=1)
    background: BackgroundTable = BackgroundTable()
    cycler: Any = None
    refine: RefineTable = RefineTable()
    fractions: FractionsTable = FractionsTable()

    @field_validator("cycler", mode="before")
    @classmethod
    def _no_cycler_yet(cls, value: object) -> None:
        refuse(
            [
                mistake(
                    Code.NOT_AVAILABLE,
                    "[cycler] is not available in this version",
                    found="found a cycler table",
                    todo="remove it; scans are told by number and time",
                )
            ]
        )


# Model by place, for the nearest known key.
TABLES: dict[str, type[BaseModel]] = {
    "": RecipeTables,
    "data": DataTable,
    "data.times": ClockTable,
    "instrument": InstrumentTable,
    "instrument.profile": ProfileTable,
    "phase[]": PhaseTable,
    "phase[].reference": ReferenceTable,
    "background": BackgroundTable,
    "background.humps[]": HumpTable,
    "refine": RefineTable,
    "fractions": FractionsTable,
    "refine.scope.*": ScopeTable,
    "refine.parameters.*": OverrideTable,
}
