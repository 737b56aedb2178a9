"""The parameter table: declared once, and everything else follows from it.

lmfit Parameters, the Jacobian's columns, the columns of HDF5 and CSV and the documentation's table are read off these
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.data import Mode, ScopeName
from xrdfit.kernels import problem as slot
from xrdfit.model.background import Background
from xrdfit.model.instrument import Instrument
from xrdfit.model.parameter_rows import ParameterSpec, background_rows, instrument_rows, phase_rows

# Slots that say where the sample is.
_PLACE = (slot.SAMPLE_DISPLACEMENT, slot.CAPILLARY_PARALLEL)


@dataclass(frozen=True)
class ParameterTable:
    """The rows in order; parameter vectors are float64 arrays in that order.

    What is asked of the table again and again is found once: masks are not to be written to.
    """

    specs: tuple[ParameterSpec, ...]
    n_slots: int
    slot_base: NDArray[np.float64]
    slot_mapping: NDArray[np.float64]

    def __iter__(self) -> Iterator[ParameterSpec]:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.specs)

    def index(self, name: str) -> int:
        return self.names.index(name)

    def defaults(self) -> NDArray[np.float64]:
        return np.array([spec.default for spec in self.specs])

    def limits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper limits (n_parameters,) of the rows."""
        return self._limits[0].copy(), self._limits[1].copy()

    @cached_property
    def squared(self) -> NDArray[np.bool_]:
        """(n_parameters,) True where the pattern depends on the square."""
        return _mask(spec.squared for spec in self.specs)

    def where(self, *kinds: str) -> NDArray[np.bool_]:
        """(n_parameters,) True for the rows of these kinds."""
        if kinds not in self._masks:
            self._masks[kinds] = _mask(spec.kind in kinds for spec in self.specs)
        return self._masks[kinds]

    def of_phase(self, phase: int) -> NDArray[np.bool_]:
        """(n_parameters,) True for the parameters of a phase."""
        if phase not in self._masks:
            first = slot.N_GLOBAL + slot.N_PHASE * phase
            self._masks[phase] = _mask(first <= spec.slots[0][0] < first + slot.N_PHASE for spec in self.specs)
        return self._masks[phase]

    def rows_of_phase(self, phase: int, *kinds: str) -> NDArray[np.int64]:
        """(k,) rows of these kinds that belong to a phase."""
        if (phase, kinds) not in self._rows:
            self._rows[phase, kinds] = np.flatnonzero(self.where(*kinds) & self.of_phase(phase))
        return self._rows[phase, kinds]

    def cell_rows(self, phase: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(k,) rows of a phase's cell, and (6, k) derivative of a, b, c, alpha, beta, gamma with respect to them."""
        if phase not in self._cell_rows:
            first = slot.N_GLOBAL + slot.N_PHASE * phase + slot.CELL
            rows = self.rows_of_phase(phase, "cell")
            self._cell_rows[phase] = rows, np.ascontiguousarray(self.slot_mapping[first : first + 6, rows])
        return self._cell_rows[phase]

    @cached_property
    def _cell_rows(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        return {}

    @cached_property
    def _rows(self) -> dict[tuple[int, tuple[str, ...]], NDArray[np.int64]]:
        return {}

    @cached_property
    def _limits(self) -> NDArray[np.float64]:
        return np.array([[spec.lower for spec in self.specs], [spec.upper for spec in self.specs]])

    @cached_property
    def _masks(self) -> dict[tuple[str, ...] | int, NDArray[np.bool_]]:
        return {}

    def slots(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The kernels' parameter vector."""
        return self.slot_base + self.slot_mapping @ values

    def cells(self, values: NDArray[np.float64], phase: int) -> NDArray[np.float64]:
        """(..., 6) cells (Å, deg) of a phase, from values (..., n_parameters)."""
        first = slot.N_GLOBAL + slot.N_PHASE * phase
        own = slice(first, first + 6)
        return np.asarray(self.slot_base[own] + values @ self.slot_mapping[own].T)


def _mask(chosen: Iterable[bool]) -> NDArray[np.bool_]:
    mask = np.array(list(chosen), dtype=np.bool_)
    mask.flags.writeable = False
    return mask


def parameter_table(instrument: Instrument, phases: tuple[Phase, ...], background: Background) -> ParameterTable:
    """The table of a model; scopes are the defaults of sequential mode."""
    specs = list(instrument_rows(instrument))
    start = slot.N_GLOBAL + slot.N_PHASE * len(phases)
    n_slots = start + background.n_curves + slot.N_HUMP * len(background.humps)
    base = np.zeros(n_slots)
    for number, phase in enumerate(phases):
        first = slot.N_GLOBAL + slot.N_PHASE * number
        specs.extend(phase_rows(phase, first, instrument))
        base[first : first + 6] = phase.group.cell_tie[1]
    specs.extend(background_rows(background, start))
    # What has a place of its own does not move with the sample.
    own = [number for number, phase in enumerate(phases) if phase.own_displacement]
    against = tuple((slot.N_GLOBAL + slot.N_PHASE * number + slot.DISPLACEMENT, -1.0) for number in own)
    specs = [replace(spec, slots=(*spec.slots, *against)) if spec.slots[0][0] in _PLACE else spec for spec in specs]
    mapping = np.zeros((n_slots, len(specs)))
    for column, spec in enumerate(specs):
        for row, factor in spec.slots:
            mapping[row, column] = factor
    return ParameterTable(specs=tuple(specs), n_slots=n_slots, slot_base=base, slot_mapping=mapping)


def default_scope(spec: ParameterSpec, mode: Mode) -> ScopeName:
    """Where a parameter lives unless the recipe says otherwise.

    The joint fit shares sizes and the places of windows; the sample's displacement drifts.
    """
    if mode == "sequential" or spec.scope != "scan" or spec.kind not in ("width", "position"):
        return spec.scope
    return "drift" if spec.name == "sample_displacement" else "series"
