"""One in-situ cell every fifteen minutes, as the diffractometer wrote it: a line that stands still, then drifts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xrdfit.fit import fit_scan, prepare_scan, start_values, with_seeded_background
from xrdfit.model import PatternModel
from xrdfit.recipe import Job


@pytest.fixture(scope="module")
def line_positions(real_job: Callable[[str], Job]) -> tuple[np.ndarray, np.ndarray]:
    """(2, 10): 2theta of the line in every scan and its esd, deg."""
    job = real_job("scan_c")
    settings = replace(job.settings, solver="compiled")
    model = PatternModel.of(job.instrument, job.phases, job.background)
    vary = np.isin(model.table.names, ("cell_a", "cell_lorentz_size", "caglioti_w"))
    vary |= model.table.where("background")
    positions = []
    for scan in range(len(job.stack)):
        prepared = prepare_scan(job.stack.read(scan), settings)
        start = with_seeded_background(model, prepared, start_values(model.table, {}))
        fit = fit_scan(model, prepared, settings, start=start, present=[True], vary=vary)
        assert fit.success
        at = model.table.index("cell_a")
        sine = job.instrument.lines[0][0] / (2.0 * fit.values[at])
        esd = 2.0 * np.degrees(sine / np.sqrt(1.0 - sine**2) * fit.esd[at] / fit.values[at])
        positions.append((2.0 * np.degrees(np.arcsin(sine)), esd))
    found = np.array(positions).T
    return found[0], found[1]


def test_times_are_those_of_the_files_fifteen_minutes_apart(real_job: Callable[[str], Job]) -> None:
    times = real_job("scan_c").stack.times
    assert times is not None and times.origin == "2020-11-06T18:09:37+00:00"
    np.testing.assert_allclose(np.diff(times.start_s), 900.0, atol=3.0)
    np.testing.assert_allclose(times.end_s - times.start_s, 881.0, atol=3.0)


def test_the_line_stands_still_in_five_scans_and_drifts_in_five(
    line_positions: tuple[np.ndarray, np.ndarray],
) -> None:
    position, esd = line_positions
    still, drifting = position[:5], position[5:]
    weight = esd[:5] ** -2.0
    mean = np.sum(weight * still) / np.sum(weight)
    chi2 = np.sum(weight * (still - mean) ** 2)
    assert mean == pytest.approx(17.633, abs=0.005)
    assert np.all(esd < 3e-3)
    # 4 degrees of freedom: 18.5 is met once in a thousand.
    assert chi2 < 18.5
    assert np.all(drifting < still.min())
    assert np.polyfit(np.arange(5), drifting, 1)[0] < -1e-3
    assert position[9] - mean == pytest.approx(-0.012, abs=0.003)
    assert mean - position[9] > 5.0 * esd[9]
