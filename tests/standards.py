"""Patterns of a standard on an instrument that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests import scans
from xrdfit.calibration import Standard, find_standard
from xrdfit.data import Pattern
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.model import Background, Instrument, InstrumentProfile, PatternModel, noise_model

PROFILE = InstrumentProfile(u=0.001, v=-0.001, w=0.003, lorentz_size=0.02, lorentz_strain=0.015, axial_soller=2.2)


def measured(
    standard: Standard,
    instrument: Instrument,
    *,
    seed: int,
    displacement: float = 0.0,
    name: str = "sample_displacement",
) -> Pattern:
    """Counts of a standard between 20 and 120 deg, 5000 at the top of a strong line."""
    model = PatternModel.of(instrument, (standard.phase(standard.cell),), Background(terms=2))
    values = scans.parameters(model, standard_lorentz_size=0.0, background_c0=60.0, background_c1=-20.0)
    values[model.table.index(name)] = displacement
    x = np.arange(20.0, 120.0, 0.02)
    lines = model.choose_lines(values, x, (True,))
    problem = model.problem(scans.points(x), noise_model(np.ones(x.size), None, weights="poisson"), lines)
    work = make_workspace(problem, 0)
    rng = np.random.default_rng(seed)
    work.area[:] = rng.uniform(100.0, 600.0, lines.phase.size)
    calculate(problem, model.table.slots(values), work, False)
    return scans.pattern(rng.poisson(work.model).astype(np.float64), x)


def lab6(seed: int, *, displacement: float = -0.08, divergence: float = 1.0) -> Pattern:
    """LaB6 in a laboratory, two Soller slits and a divergence slit in the beam."""
    instrument = Instrument.k_alpha("Cu", profile=PROFILE, equatorial_divergence=divergence)
    return measured(find_standard("LaB6-660c"), instrument, seed=seed, displacement=displacement)


def written(pattern: Pattern, path: Path) -> Path:
    np.savetxt(path, np.column_stack((pattern.two_theta, pattern.intensity)), fmt=("%.3f", "%d"))
    return path
