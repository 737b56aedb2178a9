"""A recipe as a whole, and the map of its tables."""

from __future__ import annotations

from pydantic import BaseModel, Field

from xrdfit.recipe.basics import Table
from xrdfit.recipe.cycler import CyclerColumnsTable, CyclerTable, CyclerUnitsTable
from xrdfit.recipe.fractions import FractionsTable
from xrdfit.recipe.measurement import DataTable, InstrumentTable, ProfileTable, TimesTable
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
    cycler: CyclerTable | None = None
    refine: RefineTable = RefineTable()
    fractions: FractionsTable = FractionsTable()


# Model by place, for the nearest known key.
TABLES: dict[str, type[BaseModel]] = {
    "": RecipeTables,
    "data": DataTable,
    "data.times": TimesTable,
    "instrument": InstrumentTable,
    "instrument.profile": ProfileTable,
    "phase[]": PhaseTable,
    "phase[].reference": ReferenceTable,
    "background": BackgroundTable,
    "background.humps[]": HumpTable,
    "cycler": CyclerTable,
    "cycler.columns": CyclerColumnsTable,
    "cycler.units": CyclerUnitsTable,
    "refine": RefineTable,
    "fractions": FractionsTable,
    "refine.scope.*": ScopeTable,
    "refine.parameters.*": OverrideTable,
}
