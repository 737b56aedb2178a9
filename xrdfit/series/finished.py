"""What is kept of the scans of a series that are finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanResult
from xrdfit.errors import NoResultError
from xrdfit.model import PatternModel
from xrdfit.series.columns import fill_cells, scan_row
from xrdfit.series.microstructure import Microstructure, microstructure, microstructure_notes
from xrdfit.series.summary import CellFit, ScanSummary
from xrdfit.series.words import count_of_scans

# Rows of the table that are kept as such before they become numbers in columns.
_ROWS_AT_ONCE = 512


class ScanWriter(Protocol):
    """Where finished scans go."""

    def write_scan(self, index: int, result: ScanResult) -> None: ...


@dataclass(slots=True)
class FinishedScans:
    """What is kept of finished scans: numbers and a message each; the rest goes to the writer at once.

    Attributes
    ----------
    rows, cells : of scans that are not in the columns yet.
    columns : of the table, (n_scans,) in the order of `scans`.
    crystallites : of scans in which the widths of some phase are known.
    """

    model: PatternModel
    scans: Sequence[int]
    writer: ScanWriter | None
    withheld: Mapping[str, str]
    crystallites: dict[int, tuple[Microstructure, ...]] = field(default_factory=dict)
    cells: dict[int, tuple[CellFit | None, ...]] = field(default_factory=dict)
    rows: dict[int, dict[str, float | str]] = field(default_factory=dict)
    columns: dict[str, NDArray] = field(default_factory=dict)
    messages: dict[int, str] = field(default_factory=dict)

    def add(self, index: int, summary: ScanSummary) -> None:
        if len(self.rows) == _ROWS_AT_ONCE:
            self.settle()
        known = [
            None if phase.name in self.withheld else widths
            for phase, widths in zip(self.model.phases, summary.widths, strict=True)
        ]
        crystallites = tuple(microstructure(self.model, i, widths) for i, widths in enumerate(known))
        if any(widths is not None for widths in known):
            self.crystallites[index] = crystallites
        self.rows[index] = scan_row(self.model, summary, crystallites)
        self.cells[index] = summary.cell
        if summary.message:
            self.messages[index] = summary.message
        if self.writer is not None and summary.result is not None:
            self.writer.write_scan(index, summary.result)

    def places(self, scans: Iterable[int]) -> list[int]:
        """Where scans stand in the columns."""
        return np.searchsorted(self.scans, list(scans)).tolist()

    def settle(self) -> None:
        """Put the rows into the columns, and what follows from their cells."""
        fill_cells(self.model, self.rows, self.cells)
        self.cells.clear()
        places = self.places(self.rows)
        for name in next(iter(self.rows.values()), ()):
            if name not in self.columns:
                text = name == "outcome"
                self.columns[name] = np.full(len(self.scans), "" if text else np.nan, dtype=object if text else float)
            self.columns[name][places] = [row[name] for row in self.rows.values()]
        self.rows.clear()

    def microstructure_notes(self) -> list[str]:
        """Of the sizes and strains in all scans, which are let go of."""
        notes = microstructure_notes(self.model, self.withheld, self.crystallites.values())
        self.crystallites.clear()
        return notes

    def nothing_fitted(self) -> NoResultError:
        reasons = sorted(set(self.messages.values()))
        count = count_of_scans(len(self.scans))
        return NoResultError(f"not one of {count} could be fitted: {'; '.join(reasons[:5])}")
