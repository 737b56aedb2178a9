"""How strongly a mole of each phase scatters into each line: from the crystal structures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, ReflectionList, Structure, UnitCell, generate_reflections, line_intensities, read_cif
from xrdfit.io.bundled import bundled
from xrdfit.model import Instrument, lorentz_polarization
from xrdfit.simulate.scenario import InertCourse

# Deg 2theta beyond either end of the pattern from which the tails of lines still reach into it.
BEYOND = 12.0
REFERENCE_SOURCE = "Andersson et al. 2000"
# name, CIF, formula, colour, and the cell of the literature (Andersson et al. 2000, Solid State Ionics 130, 41).
_LFP = ("LFP", "cif/LiFePO4.cif", "LiFePO4", "red", UnitCell(10.3290, 6.0065, 4.6908))
_FP = ("FP", "cif/FePO4.cif", "FePO4", "blue", UnitCell(9.8142, 5.7893, 4.7820))


def lfp_and_fp() -> tuple[Phase, Phase]:
    """LFP and FP with their structures; the cells are the literature's, as a user would start from."""
    phases = []
    for name, cif, formula, color, cell in (_LFP, _FP):
        group, _, structure = read_cif(bundled(cif))
        phases.append(
            Phase(
                name=name,
                group=group,
                cell=cell,
                formula=formula,
                reference_cell=cell,
                reference_source=REFERENCE_SOURCE,
                color=color,
                structure=structure,
            )
        )
    return phases[0], phases[1]


def inert_phase(course: InertCourse) -> Phase:
    """Something else in the beam, with its structure."""
    group, cell, structure = read_cif(bundled(course.cif))
    return Phase(
        name=course.name,
        group=group,
        cell=cell,
        role="inert",
        structure=structure,
        fixed_cell=course.fixed_cell,
        own_displacement=course.displacement_mm is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatterer:
    """The lines of one phase that are felt in a pattern, in it or beside it."""

    structure: Structure
    reflections: ReflectionList
    instrument: Instrument

    @classmethod
    def of(cls, phase: Phase, instrument: Instrument, two_theta: NDArray[np.float64]) -> Scatterer:
        """All lines of a phase that has a structure, from `BEYOND` below the pattern to `BEYOND` above it."""
        assert phase.structure is not None
        low, high = np.radians([two_theta[0] - BEYOND, two_theta[-1] + BEYOND]) / 2.0
        wavelength = instrument.lines[0][0]
        reflections = generate_reflections(
            phase.group, phase.cell, d_min=wavelength / (2.0 * np.sin(high)), d_max=wavelength / (2.0 * np.sin(low))
        )
        return cls(structure=phase.structure, reflections=reflections, instrument=instrument)

    @property
    def hkl(self) -> NDArray[np.int32]:
        """(m, 3)."""
        return self.reflections.hkl

    def per_volume(self, cell: UnitCell) -> NDArray[np.float64]:
        """(m,) ``m |F|^2 LP / V^2`` at this cell: intensity of the lines of a unit of irradiated volume.

        All emission lines share the intensity that the strongest of them has.
        """
        wavelength = self.instrument.lines[0][0]
        placed = replace(self.reflections, d_spacing=cell.d_spacing(self.hkl))
        two_theta = np.degrees(2.0 * np.arcsin(wavelength / (2.0 * placed.d_spacing)))
        lp = lorentz_polarization(
            two_theta,
            monochromator_two_theta=self.instrument.monochromator_two_theta,
            polarization=self.instrument.polarization,
        )
        return line_intensities(self.structure, placed, wavelength=wavelength) * lp / cell.volume**2

    def volume_of(self, moles: float, cell: UnitCell) -> float:
        """Irradiated volume that `moles` formula units take: ``n V / Z``, in Å^3 a unit."""
        units = self.structure.formula_units
        assert units is not None
        return moles * cell.volume / units
