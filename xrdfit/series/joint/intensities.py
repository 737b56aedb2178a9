"""Relative intensities that the scans of a series have in common: extracted from the stack, or from a structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import (
    Phase,
    UnitCell,
    equivalent_reflections,
    generate_reflections,
    line_intensities,
    spacings_and_volumes,
    structure_factors_squared,
)
from xrdfit.kernels import problem as slot
from xrdfit.model import Instrument, LineChoice, PatternModel, lorentz_polarization

# March's parameter: 1 is a random powder.
_MARCH_LIMITS = (0.1, 10.0)
# Step of the difference quotient with respect to it.
_STEP = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedIntensities:
    """Every line's intensity is a variable of its own, non-negative; those of a phase that are well seen sum to 1.

    Attributes
    ----------
    names, start, lower, upper : (n,) of the variables.
    gauge : (n_gauges, n) sums of variables that are 1 by convention, because a phase's scale would take up any other
        value.
    """

    names: tuple[str, ...]
    start: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    gauge: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        lines: LineChoice,
        phases: Sequence[Phase],
        first: NDArray[np.float64],
        whole: NDArray[np.bool_] | None = None,
    ) -> ExtractedIntensities:
        """Intensities that begin at `first` (m,), in any unit.

        whole : (m,) lines that lie wholly in the patterns; by default all. A line cut off by the end of the range is
        known badly, and in the unit of the scale its error would be everyone's.
        """
        m = lines.phase.size
        start = np.array(first, dtype=np.float64)
        gauge = np.zeros((len(phases), m))
        for phase, row in enumerate(gauge):
            own = lines.phase == phase
            unit = own if whole is None or not (own & whole).any() else own & whole
            row[unit] = 1.0
            total = float(start[unit].sum())
            start[own] = start[own] / total if total > 0.0 else 1.0 / max(int(unit.sum()), 1)
        labels = tuple(
            f"{phases[phase].name} intensity ({hkl[0]} {hkl[1]} {hkl[2]})"
            for phase, hkl in zip(lines.phase.tolist(), lines.hkl.tolist(), strict=True)
        )
        return cls(names=labels, start=start, lower=np.zeros(m), upper=np.full(m, np.inf), gauge=gauge)

    def relative(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m,) relative intensities of all lines."""
        return variables

    def derivative(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, n) of `relative` with respect to the variables."""
        return np.eye(variables.size)

    @property
    def unit(self) -> NDArray[np.bool_]:
        """(m,) lines whose sum is the unit of their phase's scale."""
        return np.asarray(self.gauge.sum(axis=0) > 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureIntensities:
    """Intensities of each phase's structure; an axis of preferred orientation adds March's r as a variable.

    ``base`` (m,) without orientation, those of a phase summing to 1; ``oriented`` per variable: the lines it acts on
    and for each of them, over its reflections, the squared cosine between reflection and axis and the reflection's
    part in the line.
    """

    names: tuple[str, ...]
    start: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    gauge: NDArray[np.float64]
    base: NDArray[np.float64]
    oriented: tuple[tuple[tuple[int, NDArray[np.float64], NDArray[np.float64]], ...], ...]

    @classmethod
    def of(cls, lines: LineChoice, phases: Sequence[Phase], instrument: Instrument) -> StructureIntensities:
        base = np.zeros(lines.phase.size)
        names, oriented = [], []
        for number, phase in enumerate(phases):
            own = np.flatnonzero(lines.phase == number)
            if own.size:
                calculated = calculated_intensities(phase, lines.hkl[own], instrument)
                base[own] = calculated / calculated.sum()
            if own.size and phase.march_dollase is not None:
                names.append(f"{phase.name}_march_dollase")
                oriented.append(tuple((int(line), *_poles(phase, lines.hkl[line], instrument)) for line in own))
        n = len(names)
        return cls(
            names=tuple(names),
            start=np.ones(n),
            lower=np.full(n, _MARCH_LIMITS[0]),
            upper=np.full(n, _MARCH_LIMITS[1]),
            gauge=np.zeros((0, n)),
            base=base,
            oriented=tuple(oriented),
        )

    def relative(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        result = self.base.copy()
        for r, lines in zip(variables, self.oriented, strict=True):
            for line, squared, part in lines:
                # Dollase (1986), J. Appl. Cryst. 19, 267, doi:10.1107/S0021889886089458.
                result[line] *= float(part @ (r * r * squared + (1.0 - squared) / r) ** -1.5)
        return result

    def derivative(self, variables: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = np.zeros((self.base.size, variables.size))
        for j in range(variables.size):
            step = np.zeros(variables.size)
            step[j] = _STEP
            columns[:, j] = (self.relative(variables + step) - self.relative(variables - step)) / (2.0 * _STEP)
        return columns

    @property
    def unit(self) -> NDArray[np.bool_]:
        """(m,) lines whose sum, without orientation, is the unit of their phase's scale."""
        return np.ones(self.base.size, dtype=np.bool_)


IntensityModel = ExtractedIntensities | StructureIntensities


def calculated_intensities(phase: Phase, wanted: NDArray[np.int32], instrument: Instrument) -> NDArray[np.float64]:
    """(m,) ``m |F|^2 LP / V^2`` of these lines at the cell that the phase starts from."""
    assert phase.structure is not None
    d = phase.cell.d_spacing(wanted)
    listed = generate_reflections(phase.group, phase.cell, d_min=0.999 * d.min(), d_max=1.001 * d.max())
    place = {tuple(hkl): i for i, hkl in enumerate(listed.hkl.tolist())}
    rows = [place[tuple(hkl)] for hkl in wanted.tolist()]
    intensity = line_intensities(phase.structure, listed, wavelength=instrument.lines[0][0])
    return intensity[rows] * _lp(instrument, listed.d_spacing[rows]) / phase.cell.volume**2


def _poles(
    phase: Phase, hkl: NDArray[np.int32], instrument: Instrument
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of every reflection of a line: the squared cosine to the phase's axis, and its part in the line's intensity."""
    assert phase.structure is not None
    reciprocal = phase.cell.reciprocal_metric
    axis = np.array(phase.march_dollase, dtype=np.float64)
    d = float(phase.cell.d_spacing(hkl[None])[0])
    listed = generate_reflections(phase.group, phase.cell, d_min=0.999 * d, d_max=1.001 * d)
    members = listed.member_line == np.flatnonzero((listed.hkl == hkl).all(axis=1))[0]
    strength = listed.member_multiplicity[members] * structure_factors_squared(
        phase.structure, listed.member_hkl[members], np.full(members.sum(), d), wavelength=instrument.lines[0][0]
    )
    squared, part = [], []
    for member, total in zip(listed.member_hkl[members], strength, strict=True):
        h = equivalent_reflections(phase.group, member).astype(np.float64)
        squared.append((h @ reciprocal @ axis) ** 2 * d**2 / float(axis @ reciprocal @ axis))
        part.append(np.full(len(h), total / len(h)))
    whole = np.concatenate(part)
    return np.concatenate(squared), whole / max(float(whole.sum()), 1e-300)


def _lp(instrument: Instrument, d_spacing: NDArray[np.float64]) -> NDArray[np.float64]:
    sine = np.minimum(instrument.lines[0][0] / (2.0 * d_spacing), 0.999999)
    return lorentz_polarization(
        np.degrees(2.0 * np.arcsin(sine)),
        monochromator_two_theta=instrument.monochromator_two_theta,
        polarization=instrument.polarization,
    )


def geometry_factors(model: PatternModel, lines: LineChoice, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) ``LP / V^2`` of each line at the cells in `values` (n, n_parameters) of n scans, relative to start cells.

    A cell that breathes takes its lines along the Lorentz-polarisation factor and dilutes its scatterers: with this
    factor taken out, the scale of a phase is the irradiated volume, whatever its cell does. NaN for what is no cell.
    """
    slots = model.table.slot_base + values @ model.table.slot_mapping.T
    factor = np.ones((len(values), lines.phase.size))
    for number, phase in enumerate(model.phases):
        own = lines.phase == number
        if own.any():
            first = slot.N_GLOBAL + slot.N_PHASE * number
            cells, hkl = slots[:, first : first + 6], np.ascontiguousarray(lines.hkl[own], dtype=np.int32)
            lp_there, volume_there = _at_start(phase.cell, model.instrument, hkl.tobytes())
            d_spacing, volume = spacings_and_volumes(cells, hkl)
            factor[:, own] = _lp(model.instrument, d_spacing) / lp_there * (volume_there / volume[:, None]) ** 2
    return factor


@lru_cache(maxsize=64)
def _at_start(cell: UnitCell, instrument: Instrument, hkl: bytes) -> tuple[NDArray[np.float64], float]:
    """(m,) Lorentz-polarisation factors of lines (m, 3) of int32 at the cell they start from, and its volume."""
    return _lp(instrument, cell.d_spacing(np.frombuffer(hkl, dtype=np.int32).reshape(-1, 3))), cell.volume
