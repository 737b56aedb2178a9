"""What a simulated cell shows the diffractometer at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import UnitCell
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.model import Background, Instrument, LineChoice, NoiseModel, PatternModel, Points
from xrdfit.simulate.beside import FOREIGN_AREA, FOREIGN_CELL, FOREIGN_HKL, cells_between, divided, phases_beside
from xrdfit.simulate.crystals import Scatterer, inert_phase, lfp_and_fp
from xrdfit.simulate.departures import AS_MODELLED, Departures
from xrdfit.simulate.scenario import PhaseCourse, Scenario

# Intervals a scan is divided into, over which the pattern changes linearly in time.
_SWEEP_INTERVALS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The cell at one time.

    Attributes
    ----------
    values : (n_parameters,) of the model.
    fraction, scale : mole fraction, and irradiated volume in the unit that gives counts; of all phases but inert and
        foreign ones.
    area : (m,) counts deg of all lines, in the pattern and beside it.
    """

    values: NDArray[np.float64]
    fraction: NDArray[np.float64]
    scale: NDArray[np.float64]
    area: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellInTime:
    """A scenario in front of an instrument.

    Attributes
    ----------
    model : LFP, FP, what else is in the beam, and the phases that the departures put beside them. scatterers : of LFP
        and FP.
    lines : all lines that are felt in the pattern. counts : factor on all counts.
    counts_per_volume : intensity of a unit of irradiated volume (n V / Z, one formula unit being irradiated in all).
    foreign_area : counts deg with which a foreign phase's strongest line is as high as that of pure LFP.
    inert_area : (m',) counts deg of the lines of what else is in the beam.
    """

    scenario: Scenario
    departures: Departures
    model: PatternModel
    scatterers: tuple[Scatterer, ...]
    lines: LineChoice
    two_theta: NDArray[np.float64]
    counts: float
    counts_per_volume: float
    foreign_area: float = 0.0
    inert_area: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(
        cls, scenario: Scenario, instrument: Instrument, *, counts: float, departures: Departures = AS_MODELLED
    ) -> CellInTime:
        """The cell whose counts follow from the height of the strongest line of pure LFP.

        Raises
        ------
        InputError
            If the departures change a line that is not there.
        """
        phases = [
            replace(
                phase,
                strain="isotropic" if course.stephens is None else "stephens",
                size="isotropic" if course.sizes is None else "anisotropic",
            )
            for phase, course in zip(lfp_and_fp(), (scenario.lfp, scenario.fp), strict=True)
        ]
        scatterers = tuple(Scatterer.of(phase, instrument, scenario.two_theta) for phase in phases)
        hkl = [scatterer.hkl for scatterer in scatterers]
        background = Background(terms=len(scenario.background))
        pure = cls(
            scenario=replace(scenario, begin=0.0, inert=()),
            departures=AS_MODELLED,
            model=PatternModel.of(instrument, phases, background),
            scatterers=scatterers,
            lines=_all_lines(hkl),
            two_theta=scenario.two_theta,
            counts=1.0,
            counts_per_volume=1.0,
        )
        height = pure.height(pure.state(0.0))
        departures.check_line(phases, hkl)
        inert = tuple(inert_phase(course) for course in scenario.inert)
        known = [Scatterer.of(phase, instrument, scenario.two_theta) for phase in inert]
        hkl += [scatterer.hkl for scatterer in known]
        beside = phases_beside(departures, phases[0])
        hkl += [FOREIGN_HKL if phase.name == "foreign" else hkl[0] for phase in beside]
        relative = [scatterer.per_volume(phase.cell) for scatterer, phase in zip(known, inert, strict=True)]
        cell = replace(
            pure,
            scenario=scenario,
            departures=departures,
            model=PatternModel.of(instrument, (*phases, *inert, *beside), background),
            lines=_all_lines(hkl),
            counts=counts,
            counts_per_volume=scenario.peak_counts / height,
            inert_area=np.concatenate([np.zeros(0), *(np.zeros_like(one) for one in relative)]),
        )
        first = cell.n_grains
        heights = []
        for course, areas in zip(scenario.inert, relative, strict=True):
            state = cell.state(0.0)
            alone = np.zeros_like(state.area)
            alone[first : first + areas.size] = areas
            per_height = counts * scenario.peak_counts / cell.height(replace(state, area=alone))
            heights.append(course.height * per_height * areas)
            first += areas.size
        cell = replace(cell, inert_area=np.concatenate([np.zeros(0), *heights]))
        if not departures.foreign:
            return cell
        state = cell.state(float(scenario.knots_s[-1]))
        alone = np.zeros_like(state.area)
        alone[-FOREIGN_AREA.size :] = FOREIGN_AREA
        return replace(cell, foreign_area=counts * scenario.peak_counts / cell.height(replace(state, area=alone)))

    @property
    def n_grains(self) -> int:
        """Lines of LFP and FP."""
        return sum(len(scatterer.hkl) for scatterer in self.scatterers)

    def state(self, time_s: float, grains: NDArray[np.float64] | float = 1.0, place_mm: float = 0.0) -> State:
        """Parameters, fractions and line areas at this time.

        grains : (m,) factors on the intensities of the lines of LFP and FP. place_mm : added to the displacement.
        """
        scenario, departures = self.scenario, self.departures
        progress = time_s / float(scenario.knots_s[-1])
        depth = scenario.depth(time_s)
        charged = float(scenario.fp_fraction(time_s))
        beam = departures.beam(progress)
        amount = departures.amount(progress) * beam
        unit = self.counts * self.counts_per_volume * amount
        displacement = float(scenario.displacement(time_s)) + departures.jump_mm(progress) + place_mm
        named = {"sample_displacement": displacement}
        fractions, scales, areas, cells = [1.0 - charged, charged], [], [], []
        for phase, course, moles, scatterer in zip(
            self.model.phases[:2], (scenario.lfp, scenario.fp), fractions, self.scatterers, strict=True
        ):
            lengths = course.cell_at(depth)
            cell = UnitCell(*lengths.tolist())
            scale = unit * scatterer.volume_of(moles, cell)
            named |= _named(phase.name, lengths, course)
            cells.append(lengths)
            scales.append(scale)
            areas.append(scale * scatterer.per_volume(cell) * departures.intensity(phase, scatterer.hkl, progress))
        if scenario.fp.stephens is None:
            named["FP_lorentz_strain"] *= departures.fp_strain(progress)
        areas = np.split(np.concatenate(areas) * grains, [areas[0].size])
        n_known = 2 + len(scenario.inert)
        for phase, inert in zip(self.model.phases[2:n_known], scenario.inert, strict=True):
            named |= {f"{phase.name}_lorentz_size": inert.lorentz_size}
            if inert.displacement_mm is not None:
                named |= {f"{phase.name}_displacement": inert.displacement_mm}
        share = departures.solid_solution
        if share:
            fractions, scales = divided(*fractions, share=share), divided(*scales, share=share)
            areas = divided(*areas, share=share)
            for phase, lengths in zip(self.model.phases[n_known:], cells_between(*cells), strict=False):
                named |= _named(phase.name, lengths, scenario.lfp)
        areas.insert(2, self.inert_area * amount)
        if departures.foreign:
            named |= _named("foreign", FOREIGN_CELL.lengths_angles[:3], scenario.lfp)
            height = departures.foreign_height(progress) * amount
            areas.append(height * self.foreign_area * FOREIGN_AREA)
        named |= {f"background_c{term}": self.counts * beam * value for term, value in enumerate(scenario.background)}
        values = self.model.table.defaults()
        for name, value in named.items():
            values[self.model.table.index(name)] = value
        return State(values=values, fraction=np.array(fractions), scale=np.array(scales), area=np.concatenate(areas))

    def pattern(
        self, time_s: float, grains: NDArray[np.float64] | float = 1.0, place_mm: float = 0.0
    ) -> NDArray[np.float64]:
        """(n_points,) expected counts if all points were measured at this time."""
        return self.expected(self.state(time_s, grains, place_mm))

    def swept(
        self, start_s: float, end_s: float, grains: NDArray[np.float64] | float = 1.0, place_mm: float = 0.0
    ) -> NDArray[np.float64]:
        """(n_points,) expected counts of a scan whose points, from low to high angle, follow each other in time."""
        knots = self.scenario.knots_s
        knots = np.append(knots, np.array(self.departures.kinks) * knots[-1])
        inside = knots[(knots > start_s) & (knots < end_s)]
        node = np.union1d(np.linspace(start_s, end_s, _SWEEP_INTERVALS + 1), inside)
        patterns = np.array([self.pattern(time, grains, place_mm) for time in node])
        n = self.two_theta.size
        time = start_s + (end_s - start_s) * (np.arange(n) + 0.5) / n
        below = np.clip(np.searchsorted(node, time, side="right") - 1, 0, node.size - 2)
        share = (time - node[below]) / (node[below + 1] - node[below])
        point = np.arange(n)
        return (1.0 - share) * patterns[below, point] + share * patterns[below + 1, point]

    def expected(self, state: State) -> NDArray[np.float64]:
        """(n_points,) expected counts in this state."""
        n = self.two_theta.size
        points = Points(two_theta=self.two_theta, intensity=np.zeros(n), sigma=None, used=np.ones(n, dtype=np.bool_))
        noise = NoiseModel(constant=np.ones(n), slope=0.0, floor=0.0, regime="unit")
        problem = self.model.problem(points, noise, self.lines, may_spread=self.model.may_spread(state.values))
        work = make_workspace(problem, 0)
        work.area[:] = state.area
        calculate(problem, self.model.table.slots(state.values), work, False)
        return work.model

    def height(self, state: State) -> float:
        """Of the strongest line above the background, counts."""
        return float((self.expected(state) - self.expected(replace(state, area=np.zeros_like(state.area)))).max())


def _all_lines(hkl: Sequence[NDArray[np.int32]]) -> LineChoice:
    """Lines hkl (m, 3) of each phase as one list."""
    return LineChoice(hkl=np.concatenate(hkl), phase=np.repeat(np.arange(len(hkl)), [len(lines) for lines in hkl]))


def _named(phase: str, lengths: NDArray[np.float64], course: PhaseCourse) -> dict[str, float]:
    """Parameters of a phase by name: a, b, c in Å and the widths of this course."""
    named = {f"{phase}_{axis}": float(length) for axis, length in zip("abc", lengths, strict=True)}
    return named | {f"{phase}_{name}": value for name, value in course.widths.items()}
