"""What is to be exported: results with the space groups, formulae and wavelengths of their recipe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrdfit.crystal import SpaceGroup
from xrdfit.data import Outcome, PhaseLabel
from xrdfit.errors import DataError, InputError, Problem
from xrdfit.io import SERIES_FILE, StoredResults

_NAN = (float("nan"), float("nan"))
_NEEDED = frozenset(("scan", "outcome", "r_wp"))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPhase:
    """A phase as the recipe has it."""

    label: PhaseLabel
    group: SpaceGroup
    formula: str | None

    @property
    def name(self) -> str:
        """As in the recipe."""
        return self.label.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """Results, and what their recipe with all its defaults says of them.

    Attributes
    ----------
    lines : wavelength in Å and weight of every emission line.
    refine, background : those tables of the recipe.
    rows : of the table, the scans that have a fit.
    """

    stored: StoredResults
    radiation: str | None
    refine: Mapping[str, Any]
    background: Mapping[str, Any]
    phases: tuple[ExportedPhase, ...]
    lines: tuple[tuple[float, float], ...]
    rows: tuple[int, ...]

    @classmethod
    def of(cls, stored: StoredResults, locked: Mapping[str, Any]) -> ExportSource:
        """What can be said of results to other programs; ``locked`` are the tables of ``recipe.lock.toml``.

        Raises
        ------
        DataError
            Not one scan converged; or the recipe is not that of these results.
        """
        require_converged(stored)
        try:
            tables = {str(table["name"]): table for table in locked["phase"]}
            phases = tuple(_phase(label, tables[label.name]) for label in stored.phases)
            instrument = locked["instrument"]
            lines = tuple((float(line[0]), float(line[1])) for line in instrument["lines"])
            radiation = instrument.get("radiation")
            refine, background = dict(locked["refine"]), dict(locked["background"])
        except (AttributeError, InputError, LookupError, TypeError, ValueError) as error:
            found = "no space groups or wavelengths against those of the recipe with its defaults"
            raise _damaged(stored, "recipe.lock.toml", found) from error
        rows = np.flatnonzero(np.isfinite(stored.columns["r_wp"])).tolist()
        return cls(
            stored=stored,
            radiation=None if radiation is None else str(radiation),
            refine=refine,
            background=background,
            phases=phases,
            lines=lines,
            rows=tuple(rows),
        )

    def scan(self, row: int) -> int:
        """The number of a scan in its stack."""
        return int(self.stored.columns["scan"][row])

    def block_name(self, row: int) -> str:
        """Such as ``scan_0017``, in an order that sorts."""
        digits = max(4, len(str(int(np.max(self.stored.columns["scan"])))))
        return f"scan_{self.scan(row):0{digits}d}"

    def value(self, name: str, row: int) -> tuple[float, float]:
        """A number of the table with its esd; NaN where there is none."""
        found = (self.stored.columns.get(column) for column in (name, f"{name}_esd"))
        value, esd = (float("nan") if column is None else float(column[row]) for column in found)
        return value, esd

    def present(self, row: int) -> tuple[ExportedPhase, ...]:
        """The phases whose lines were found in a scan."""
        return tuple(phase for phase in self.phases if self.value(f"{phase.name}_present", row)[0] == 1.0)

    def cell(self, phase: ExportedPhase, row: int) -> dict[str, tuple[float, float]] | None:
        """Free cell parameters with their esds as they were refined in a scan; None if not one of them was."""
        found = {name: self.value(f"{phase.name}_{name}", row) for name in phase.group.free_parameters}
        # An esd of 0 is that of a number which was given.
        measured = {name: pair if np.isfinite(pair).all() and pair[1] > 0.0 else _NAN for name, pair in found.items()}
        return measured if np.isfinite(list(measured.values())).any() else None

    def outcome(self, row: int) -> str:
        """In words: ``converged``, or ``flagged`` with the reason."""
        scan, outcome = self.scan(row), str(self.stored.columns["outcome"][row])
        start = f"scan {scan}: "
        reasons = [message.removeprefix(start) for message in self.stored.messages if message.startswith(start)]
        return ": ".join([outcome, *reasons])


def require_converged(stored: StoredResults) -> None:
    """Refuse results without a converged scan.

    Raises
    ------
    DataError
        Not one scan converged; or the table lacks what tells it.
    """
    if missing := _NEEDED - stored.columns.keys():
        raise _damaged(stored, SERIES_FILE, f"no column {', '.join(sorted(missing))} in the table")
    if not np.isfinite(stored.columns["scan"]).all():
        raise _damaged(stored, SERIES_FILE, "scans without a number")
    outcomes = [str(outcome) for outcome in stored.columns["outcome"]]
    if str(Outcome.CONVERGED) in outcomes:
        return
    counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))
    raise DataError(
        Problem(
            code="E190",
            what="no scan converged",
            where=str(stored.directory),
            found=f"{counts or 'no scan'} against at least one converged",
            todo="settle the reasons in run.log first: such numbers are not to be passed on",
        )
    )


def _phase(label: PhaseLabel, table: Mapping[str, Any]) -> ExportedPhase:
    group = SpaceGroup.from_name(table["space_group"])
    # A name becomes that of a block.
    if set(group.free_parameters) != set(label.cell_names) or not _NAME.fullmatch(label.name):
        raise ValueError(group.name)
    return ExportedPhase(label=label, group=group, formula=table.get("formula"))


def _damaged(stored: StoredResults, name: str, found: str) -> DataError:
    return DataError(
        Problem(
            code="E116",
            what="the results are damaged",
            where=str(stored.directory / name),
            found=found,
            todo="copy the results again, or refine again with --fresh",
        )
    )
