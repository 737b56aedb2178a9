"""Co2SiO4 olivine over temperature, neutrons: what the engine makes of a smooth expansion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

import xrdfit
from xrdfit.io import FileStack, header_lines
from xrdfit.recipe import Job


def test_cell_is_smooth_in_temperature(real_job: Callable[[str], Job]) -> None:
    job = real_job("co2sio4")
    assert isinstance(job.stack, FileStack)
    scans = list(range(0, len(job.stack), 3))
    # Most lines lie beyond; they cost time, and say no more of smoothness.
    settings = replace(job.settings, two_theta_range=(12.0, 90.0))
    columns = xrdfit.refine_series(replace(job, settings=settings), scans=scans).columns
    assert set(columns["outcome"]) == {"converged"}
    heads = [header_lines(job.stack.paths[scan]) for scan in scans]
    temperature = np.array([float(next(line for line in h if line.startswith("TEMP")).split()[1]) for h in heads])
    scaled = np.interp(temperature, (temperature.min(), temperature.max()), (-1.0, 1.0))
    for name in ("a", "b", "c"):
        value, esd = columns[f"CSO_{name}"], columns[f"CSO_{name}_esd"]
        degree = 5
        coefficients = np.polynomial.chebyshev.chebfit(scaled, value, degree)
        rest = value - np.polynomial.chebyshev.chebval(scaled, coefficients)
        scatter = np.sqrt(np.sum(rest**2) / (value.size - degree - 1))
        assert scatter < 2.0 * np.median(esd)
        # Every axis of an olivine grows from 50 to 500 K.
        assert value[np.argmax(temperature)] - value[np.argmin(temperature)] > 5e-3
