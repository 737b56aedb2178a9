"""What a simulated cell shows the diffractometer at any time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import UnitCell
from xrdfit.kernels.least_squares import calculate, make_workspace
from xrdfit.model import Background, Instrument, LineChoice, NoiseModel, PatternModel, Points
from xrdfit.simulate.crystals import Scatterer, lfp_and_fp
from xrdfit.simulate.scenario import Scenario

# Intervals a scan is divided into, over which the pattern changes linearly in time.
_SWEEP_INTERVALS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The cell at one time.

    Attributes
    ----------
    values : (n_parameters,) of the model.
    fraction, scale : (n_phases,) mole fraction, and irradiated volume in the unit that gives counts.
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
    lines : all lines that are felt in the pattern. counts : factor on all counts.
    counts_per_volume : intensity of a unit of irradiated volume (n V / Z, one formula unit being irradiated in all).
    """

    scenario: Scenario
    model: PatternModel
    scatterers: tuple[Scatterer, ...]
    lines: LineChoice
    two_theta: NDArray[np.float64]
    counts: float
    counts_per_volume: float

    @classmethod
    def of(cls, scenario: Scenario, instrument: Instrument, *, counts: float) -> CellInTime:
        two_theta = scenario.two_theta
        phases = lfp_and_fp()
        scatterers = tuple(Scatterer.of(phase, instrument, two_theta) for phase in phases)
        lines = LineChoice(
            hkl=np.concatenate([scatterer.hkl for scatterer in scatterers]),
            phase=np.repeat(np.arange(len(phases)), [len(scatterer.hkl) for scatterer in scatterers]),
        )
        unit = cls(
            scenario=scenario,
            model=PatternModel.of(instrument, phases, Background(terms=len(scenario.background))),
            scatterers=scatterers,
            lines=lines,
            two_theta=two_theta,
            counts=1.0,
            counts_per_volume=1.0,
        )
        begin = unit.state(0.0)
        net = unit.expected(begin) - unit.expected(replace(begin, area=np.zeros_like(begin.area)))
        return replace(unit, counts=counts, counts_per_volume=scenario.peak_counts / float(net.max()))

    def state(self, time_s: float) -> State:
        """Parameters, fractions and line areas at this time."""
        scenario = self.scenario
        depth = scenario.depth(time_s)
        charged = float(scenario.fp_fraction(time_s))
        fraction = np.array([1.0 - charged, charged])
        named = {"sample_displacement": float(scenario.displacement(time_s))}
        scales, areas = [], []
        for phase, course, moles, scatterer in zip(
            self.model.phases, (scenario.lfp, scenario.fp), fraction, self.scatterers, strict=True
        ):
            lengths = course.cell_at(depth)
            cell = UnitCell(*lengths.tolist())
            named |= {f"{phase.name}_{axis}": float(length) for axis, length in zip("abc", lengths, strict=True)}
            named[f"{phase.name}_lorentz_size"] = course.lorentz_size
            named[f"{phase.name}_lorentz_strain"] = course.lorentz_strain
            scale = self.counts * self.counts_per_volume * scatterer.volume_of(float(moles), cell)
            scales.append(scale)
            areas.append(scale * scatterer.per_volume(cell))
        named |= {f"background_c{term}": self.counts * value for term, value in enumerate(scenario.background)}
        values = self.model.table.defaults()
        for name, value in named.items():
            values[self.model.table.index(name)] = value
        return State(values=values, fraction=fraction, scale=np.array(scales), area=np.concatenate(areas))

    def pattern(self, time_s: float) -> NDArray[np.float64]:
        """(n_points,) expected counts if all points were measured at this time."""
        return self.expected(self.state(time_s))

    def swept(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """(n_points,) expected counts of a scan whose points, from low to high angle, follow each other in time."""
        knots = self.scenario.knots_s
        inside = knots[(knots > start_s) & (knots < end_s)]
        node = np.union1d(np.linspace(start_s, end_s, _SWEEP_INTERVALS + 1), inside)
        patterns = np.array([self.pattern(time) for time in node])
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
        problem = self.model.problem(points, noise, self.lines)
        work = make_workspace(problem, 0)
        work.area[:] = state.area
        calculate(problem, self.model.table.slots(state.values), work, False)
        return work.model
