"""Sizes and strains of simulated series, against what they were made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from xrdfit.data import SeriesResult
from xrdfit.model import size_of
from xrdfit.simulate import WELL_BEHAVED, SimulatedStack, simulate_stack
from xrdfit.simulate.scenario import LAB_INSTRUMENT

Refine = Callable[..., SeriesResult]
SIZES = {"LFP": 125.0, "FP": 77.0}
STRAINS = {"LFP": 16e-4, "FP": 18e-4}
WAVELENGTH = LAB_INSTRUMENT.lines[0][0]


def broadened(**widths: object) -> SimulatedStack:
    """A cycle in eight scans, of phases with these sizes and strains."""
    lfp, fp = (
        replace(course, lorentz_size=size_of(SIZES[name], wavelength=WAVELENGTH), strain=STRAINS[name], **widths)  # type: ignore[arg-type]
        for name, course in (("LFP", WELL_BEHAVED.lfp), ("FP", WELL_BEHAVED.fp))
    )
    return simulate_stack(replace(WELL_BEHAVED, lfp=lfp, fp=fp), seed=640, n_scans=8)


@pytest.fixture(scope="module")
def refined(refine_jointly: Refine) -> SeriesResult:
    return refine_jointly(broadened())


@pytest.mark.parametrize("phase", SIZES)
def test_size_and_strain_come_out_within_their_errors(refined: SeriesResult, phase: str) -> None:
    columns = refined.columns
    for name, true in ((f"{phase}_size_nm", SIZES[phase]), (f"{phase}_strain", STRAINS[phase])):
        shown = np.isfinite(columns[name])
        assert shown.any()
        # One value for the series, and none where the phase has no cell.
        assert np.ptp(columns[name][shown]) == 0.0
        assert np.array_equal(shown, np.isfinite(columns[f"{phase}_a"]))
        z = (columns[name] - true)[shown] / columns[f"{name}_esd"][shown]
        assert np.abs(z).max() < 4.0
        assert (columns[f"{name}_esd"][shown] < 0.25 * true).all()


def test_convention_stands_beside_the_numbers(refined: SeriesResult) -> None:
    assert refined.units["LFP_size_nm"] == "nm"
    assert "K = 1" in refined.comments["LFP_size_nm"]
    assert any(note.startswith("LFP_size_nm = ") for note in refined.notes)
    assert any("beta / (4 tan theta)" in note for note in refined.notes)


def test_no_size_where_the_resolution_is_refined_from_the_same_patterns(refine_jointly: Refine) -> None:
    result = refine_jointly(broadened(), scope={"caglioti_w": "series"})
    for phase in SIZES:
        assert not np.isfinite(result.columns[f"{phase}_size_nm"]).any()
        assert not np.isfinite(result.columns[f"{phase}_strain"]).any()
    assert any("no sizes and strains: caglioti_w" in note for note in result.notes)


def test_sizes_by_direction_come_out_within_their_errors(refine_jointly: Refine) -> None:
    widths = (0.06, 0.09, 0.04)
    simulated = broadened(sizes=widths)
    assert all(phase.size == "anisotropic" for phase in simulated.phases)
    columns = refine_jointly(simulated, phases=simulated.phases).columns
    for phase in SIZES:
        for axis, width in zip(("h00", "0k0", "00l"), widths, strict=True):
            name, true = f"{phase}_size_{axis}_nm", size_of(width, wavelength=WAVELENGTH)
            shown = np.isfinite(columns[name])
            # The error is that of the width, not of its inverse.
            relative = columns[f"{name}_esd"][shown] / columns[name][shown]
            assert (np.abs(true / columns[name][shown] - 1.0) < 4.0 * relative * true / columns[name][shown]).all()
    assert np.isfinite(columns["LFP_size_h00_nm"]).any()
    assert "LFP_size_nm" not in columns
