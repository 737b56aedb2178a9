"""The patterns that speed is measured on, with known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.data import Pattern
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.kernels.problem import Problem
from xrdfit.model import Background, Instrument, InstrumentProfile, LineChoice, PatternModel, Points, noise_model
from xrdfit.simulate import DEFAULT_SCANS, WELL_BEHAVED, simulate_stack

Array = NDArray[np.float64]

# How far cells are apart in scans that follow each other at C/20, Å.
_NEIGHBOUR = {"LFP_a": 0.002, "FP_a": 0.002, "LFP_c": -0.001}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A pattern and what it was made from.

    Attributes
    ----------
    values : (n_parameters,) true, in the model's order. lines, areas : (m,) counts deg.
    two_theta, expected : (n,) deg, and the counts that there would be on average.
    """

    name: str
    model: PatternModel
    values: Array
    lines: LineChoice
    areas: Array
    two_theta: Array
    expected: Array

    @property
    def vary(self) -> NDArray[np.bool_]:
        """(n_parameters,) what is refined beside the line areas: cells, sizes, displacement, background."""
        table = self.model.table
        return table.where("cell", "width", "background") | np.array(
            [name == "sample_displacement" for name in table.names]
        )

    @property
    def neighbour(self) -> Array:
        """(n_parameters,) of a scan measured just before."""
        values = self.values.copy()
        for name, by in _NEIGHBOUR.items():
            values[self.model.table.index(name)] += by
        return values

    def counts(self, seed: int) -> Pattern:
        """One measurement."""
        counts = np.random.default_rng(seed).poisson(self.expected).astype(np.float64)
        return Pattern(
            two_theta=self.two_theta,
            intensity=counts,
            sigma=None,
            mask=np.ones(counts.size, dtype=np.bool_),
            source=self.name,
        )

    def problem(self) -> Problem:
        """The kernels' view of one measurement, Poisson weights."""
        counts = self.counts(0).intensity
        points = Points(
            two_theta=self.two_theta, intensity=counts, sigma=None, used=np.ones(counts.size, dtype=np.bool_)
        )
        noise = noise_model(counts, None, weights="poisson")
        return self.model.problem(points, noise, self.lines, may_spread=self.model.may_spread(self.values))


def laboratory() -> Case:
    """The reference case: LiFePO4 and FePO4 half and half, Cu K-alpha doublet, 607 points from 20 to 38 deg."""
    stack = simulate_stack(WELL_BEHAVED, seed=1)
    scan = int(np.argmin(np.abs(stack.truth["FP_fraction"][: DEFAULT_SCANS // 2] - 0.5)))
    model = stack.model
    values = np.array([float(stack.truth[name][scan]) for name in model.table.names])
    lines = model.choose_lines(values, stack.two_theta, (True, True))
    return Case(
        name="laboratory",
        model=model,
        values=values,
        lines=lines,
        areas=stack.areas(scan, lines),
        two_theta=stack.two_theta,
        expected=stack.expected[scan],
    )


def synchrotron() -> Case:
    """The same phases in a capillary, one wavelength, 4 000 points, 240 lines of random area."""
    instrument = Instrument(
        lines=((0.49392, 1.0),),
        geometry="debye-scherrer",
        polarization=0.99,
        detector="area",
        profile=InstrumentProfile(u=0.0, v=0.0, w=4e-4, lorentz_size=0.004),
    )
    cells = {"LFP": WELL_BEHAVED.lfp.cell, "FP": WELL_BEHAVED.fp.cell}
    group = SpaceGroup.from_name("Pnma")
    phases = [Phase(name=name, group=group, cell=UnitCell(*cell)) for name, cell in cells.items()]
    model = PatternModel.of(instrument, phases, Background())
    values = model.table.defaults()
    known = {"LFP_lorentz_size": 0.01, "FP_lorentz_size": 0.012, "background_c0": 200.0, "background_c1": -40.0}
    for name, value in known.items():
        values[model.table.index(name)] = value
    two_theta = np.linspace(4.0, 25.5, 4000)
    lines = model.choose_lines(values, two_theta, (True, True))
    areas = np.random.default_rng(0).uniform(0.02, 1.0, lines.phase.size) * 100.0
    dark = Points(
        two_theta=two_theta,
        intensity=np.zeros(two_theta.size),
        sigma=None,
        used=np.ones(two_theta.size, dtype=np.bool_),
    )
    noise = noise_model(dark.intensity, None, weights="unit")
    problem = model.problem(dark, noise, lines, may_spread=model.may_spread(values))
    work = make_workspace(problem, 0)
    work.area[:] = areas
    calculate(problem, model.table.slots(values), work, False)
    return Case(
        name="synchrotron",
        model=model,
        values=values,
        lines=lines,
        areas=areas,
        two_theta=two_theta,
        expected=work.model.copy(),
    )
