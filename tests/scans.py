"""Models and scans with a known answer, calculated by `tests.twins` and not by the code under test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests import twins
from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.data import Pattern, RefineSettings
from xrdfit.fit import ScanFit, fit_scan, prepare_scan, with_seeded_background
from xrdfit.kernels.evaluation import Workspace, calculate, make_workspace
from xrdfit.kernels.problem import Problem
from xrdfit.model import Background, Instrument, InstrumentProfile, LineChoice, PatternModel, Points, noise_model

Array = NDArray[np.float64]
TWO_THETA = np.linspace(20.0, 38.0, 607)
PROFILE = InstrumentProfile(u=0.004, v=-0.002, w=0.0035, lorentz_size=0.015)
TRUE = {
    "sample_displacement": 0.035,
    "LFP_lorentz_size": 0.10,
    "FP_lorentz_size": 0.12,
    "background_c0": 250.0,
    "background_c1": -30.0,
}


def phase(name: str, group: str, *cell: float) -> Phase:
    return Phase(name=name, group=SpaceGroup.from_name(group), cell=UnitCell(*cell))


LFP = phase("LFP", "Pnma", 10.3290, 6.0065, 4.6908)
FP = phase("FP", "Pnma", 9.8142, 5.7893, 4.7820)


def two_phase_model(*phases: Phase, background: Background | None = None) -> PatternModel:
    """LiFePO4 and FePO4 on a laboratory diffractometer, Cu K-alpha."""
    instrument = Instrument.k_alpha("Cu", profile=PROFILE)
    return PatternModel.of(instrument, phases or (LFP, FP), background or Background())


def parameters(model: PatternModel, **named: float) -> Array:
    """(n_parameters,) the table's defaults with some values put in."""
    values = model.table.defaults()
    for name, value in named.items():
        values[model.table.index(name)] = value
    return values


def by_name(model: PatternModel, values: Array) -> dict[str, float]:
    return dict(zip(model.table.names, values.tolist(), strict=True))


def usual(model: PatternModel) -> NDArray[np.bool_]:
    """(n_parameters,) cells, sizes, background and displacement vary."""
    return model.table.where("cell", "width", "background") | np.array(
        [name == "sample_displacement" for name in model.table.names]
    )


def pattern(intensity: Array, two_theta: Array = TWO_THETA, sigma: Array | None = None) -> Pattern:
    return Pattern(
        two_theta=two_theta,
        intensity=np.asarray(intensity, dtype=np.float64),
        sigma=sigma,
        mask=np.ones(two_theta.size, dtype=bool),
        source="simulated",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownScan:
    """A scan and what it was made from."""

    model: PatternModel
    values: Array
    lines: LineChoice
    areas: Array
    expected: Array
    two_theta: Array

    def counts(self, seed: int) -> Array:
        return np.random.default_rng(seed).poisson(self.expected).astype(np.float64)


def known_scan(
    model: PatternModel,
    values: Array,
    *,
    seed: int = 0,
    strongest: float = 500.0,
    present: tuple[bool, ...] | None = None,
    two_theta: Array = TWO_THETA,
) -> KnownScan:
    """Random areas, calculated by the plain-numpy twin."""
    there = present or (True,) * len(model.phases)
    lines = model.choose_lines(values, two_theta, there)
    areas = np.random.default_rng(seed).uniform(0.02, 1.0, lines.phase.size) * strongest
    expected = twins.pattern(model, by_name(model, values), lines, areas, two_theta)
    return KnownScan(model=model, values=values, lines=lines, areas=areas, expected=expected, two_theta=two_theta)


def reference_scan(seed: int = 0) -> KnownScan:
    """The reference case: both phases present, peaks of about 3000 counts on 250."""
    model = two_phase_model()
    return known_scan(model, parameters(model, **TRUE), seed=seed)


def refine(
    scan: KnownScan,
    intensity: Array,
    settings: RefineSettings | None = None,
    *,
    start: Array | None = None,
    vary: NDArray[np.bool_] | None = None,
    present: tuple[bool, ...] | None = None,
    sigma: Array | None = None,
) -> ScanFit:
    """Seed the background and fit; the defaults start at the truth, where the background is not known."""
    settings = settings or RefineSettings(esd_scaling="none")
    prepared = prepare_scan(pattern(intensity, scan.two_theta, sigma), settings)
    return fit_scan(
        scan.model,
        prepared,
        settings,
        start=with_seeded_background(scan.model, prepared, scan.values if start is None else start),
        present=present or (True,) * len(scan.model.phases),
        vary=usual(scan.model) if vary is None else vary,
    )


def points(two_theta: Array, intensity: Array | None = None) -> Points:
    n = two_theta.size
    return Points(
        two_theta=two_theta,
        intensity=np.full(n, 300.0) if intensity is None else intensity,
        sigma=None,
        used=np.ones(n, dtype=bool),
    )


def problem(scan: KnownScan, intensity: Array | None = None) -> Problem:
    """The kernels' view of a known scan with Poisson weights."""
    chosen = points(scan.two_theta, scan.expected if intensity is None else intensity)
    return scan.model.problem(chosen, noise_model(chosen.intensity, None, weights="poisson"), scan.lines)


def filled_workspace(scan: KnownScan, given: Problem, n_rows: int = 0) -> Workspace:
    """A workspace calculated at the truth with the true areas."""
    work = make_workspace(given, n_rows)
    work.area[:] = scan.areas
    calculate(given, scan.model.table.slots(scan.values), work, False)
    return work
