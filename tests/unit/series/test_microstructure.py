"""Which sizes and strains are shown, and what is said of those that are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import scans
from xrdfit.data import JointPrior, ParameterOverride, RefineSettings
from xrdfit.model import Background, Instrument, PatternModel, size_of, strain_of
from xrdfit.model.parameter_rows import stephens_isotropic
from xrdfit.series.microstructure import (
    Microstructure,
    Reading,
    WidthFit,
    microstructure,
    microstructure_notes,
    sample_rows,
    withheld,
)
from xrdfit.series.scopes import settle_scopes

MODEL = scans.two_phase_model()
NAMES = [MODEL.table.names[row] for row in sample_rows(MODEL, 0)]
WAVELENGTH = MODEL.instrument.lines[0][0]


def fitted(*, size: float, size_esd: float, strain: float, strain_esd: float, correlation: float = 0.0) -> WidthFit:
    """Widths of LFP in deg; Gaussian strain fixed at zero."""
    values, esd = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    rows = [NAMES.index("LFP_lorentz_size"), NAMES.index("LFP_lorentz_strain")]
    values[rows], esd[rows] = (size, strain), (size_esd, strain_esd)
    covariance = np.diag(esd**2)
    covariance[rows[0], rows[1]] = covariance[rows[1], rows[0]] = correlation * size_esd * strain_esd
    return WidthFit(cell=scans.LFP.cell.lengths_angles, values=values, covariance=covariance)


def seen(**widths: float) -> Microstructure:
    return microstructure(MODEL, 0, fitted(**widths))


def pair(reading: Reading) -> tuple[float, float]:
    return reading.value, reading.esd


def settings(**given: Any) -> RefineSettings:
    return RefineSettings(**given)


def reasons(model: PatternModel, given: RefineSettings, *, n_scans: int = 5) -> dict[str, str]:
    jointly = given.mode == "series"
    scopes = settle_scopes(model, given, n_scans=n_scans)
    return withheld(model, given, held=np.zeros(len(model.table), dtype=bool) if jointly else scopes.series)


def test_size_and_strain_have_the_relative_errors_of_their_widths() -> None:
    found = seen(size=0.08, size_esd=0.004, strain=0.2, strain_esd=0.02)
    size = size_of(0.08, wavelength=WAVELENGTH)
    assert pair(found["size_nm"]) == pytest.approx((size, size * 0.05))
    assert pair(found["strain"]) == pytest.approx((strain_of(0.2)[0], strain_of(0.2)[0] * 0.1))


@pytest.mark.parametrize(("width", "shown"), [(0.0301, True), (0.0299, False)])
def test_a_size_is_shown_from_three_esds_of_broadening_on(width: float, shown: bool) -> None:
    found = seen(size=width, size_esd=0.01, strain=0.2, strain_esd=0.02)
    assert np.isfinite(pair(found["size_nm"])).all() == shown
    assert np.isfinite(pair(found["strain"])).all()
    assert np.isnan(found["size_nm"].exceeds) == shown


def test_a_size_that_is_not_shown_exceeds_that_of_the_broadest_line_that_is_likely() -> None:
    found = seen(size=0.01, size_esd=0.01, strain=0.2, strain_esd=0.02)
    assert found["size_nm"].exceeds == pytest.approx(size_of(0.01 + 1.645 * 0.01, wavelength=WAVELENGTH), rel=1e-3)


def test_a_strain_within_three_esds_of_zero_is_not_shown() -> None:
    found = seen(size=0.08, size_esd=0.004, strain=0.05, strain_esd=0.02)
    assert np.isnan(pair(found["strain"])).all()


def test_a_width_without_error_is_no_measurement() -> None:
    found = seen(size=0.08, size_esd=0.0, strain=0.0, strain_esd=0.0)
    assert all(np.isnan(pair(reading)).all() and not reading.moves for reading in found.values())
    assert np.isnan(found["size_nm"].exceeds)


def test_a_phase_that_is_not_refined_has_no_size() -> None:
    assert all(np.isnan(pair(reading)).all() for reading in microstructure(MODEL, 0, None).values())


def test_widths_of_an_instrument_that_nobody_measured_are_not_the_samples() -> None:
    model = PatternModel.of(Instrument.k_alpha("Cu"), (scans.LFP, scans.FP), Background())
    found = reasons(model, settings())
    assert set(found) == {"LFP", "FP"}
    assert "caglioti_u" in found["LFP"]


def test_a_resolution_refined_beside_the_sample_needs_a_prior() -> None:
    scope = {"caglioti_w": "series"}
    assert "caglioti_w" in reasons(MODEL, settings(scope=scope))["FP"]
    known = {"caglioti_w": ParameterOverride(prior=(0.0035, 1e-4))}
    assert not reasons(MODEL, settings(scope=scope, overrides=known))


def test_a_calibration_refined_with_its_covariance_is_known() -> None:
    prior = JointPrior(names=("caglioti_w",), mean=np.array([0.0035]), covariance=np.array([[1e-8]]))
    assert not reasons(MODEL, settings(scope={"caglioti_w": "series"}, joint_prior=prior))


def test_a_strain_held_in_every_scan_would_leave_the_size_an_error_too_small() -> None:
    assert "LFP_lorentz_strain" in reasons(MODEL, settings(mode="sequential"))["LFP"]
    assert not reasons(MODEL, settings())
    assert not reasons(MODEL, settings(mode="sequential"), n_scans=1)
    free = {"LFP_lorentz_strain": "scan", "FP_lorentz_strain": "fixed"}
    assert not reasons(MODEL, settings(mode="sequential", scope=free))


def test_notes_say_the_number_and_by_which_convention() -> None:
    one = seen(size=0.08, size_esd=0.004, strain=0.2, strain_esd=0.02)
    absent = microstructure(MODEL, 1, None)
    notes = microstructure_notes(MODEL, {}, [(one, absent), (one, absent)])
    assert notes[0].startswith("LFP_size_nm = 70.2")
    assert any("K = 1" in note and "volume-weighted" in note for note in notes)
    assert not any(note.startswith("FP") for note in notes)


def test_notes_say_what_a_size_exceeds_and_why_a_phase_has_none() -> None:
    large = seen(size=0.0, size_esd=0.01, strain=0.2, strain_esd=0.02)
    notes = microstructure_notes(MODEL, {"FP": "a reason"}, [(large, large)])
    assert "FP: no sizes and strains: a reason" in notes
    (size,) = (note for note in notes if note.startswith("LFP_size_nm"))
    assert f"larger than {large['size_nm'].exceeds:.0f} nm" in size
    assert not any(note.startswith("FP_") for note in notes)


DIRECTED = scans.two_phase_model(replace(scans.LFP, strain="stephens", size="anisotropic"), scans.FP)
DIRECTED_NAMES = [DIRECTED.table.names[row] for row in sample_rows(DIRECTED, 0)]


def by_direction(**given: tuple[float, float]) -> Microstructure:
    """Values and esds by name of the parameter without the phase's."""
    values, esd = np.zeros(len(DIRECTED_NAMES)), np.zeros(len(DIRECTED_NAMES))
    for name, (value, error) in given.items():
        row = DIRECTED_NAMES.index(f"LFP_{name}")
        values[row], esd[row] = value, error
    return microstructure(
        DIRECTED, 0, WidthFit(cell=scans.LFP.cell.lengths_angles, values=values, covariance=np.diag(esd**2))
    )


def test_strain_along_an_axis_is_that_of_its_term() -> None:
    # Isotropic strain of 0.2 deg in all directions, of which S400 is known to 10 %, and its root to 5 %.
    term = float(stephens_isotropic(scans.LFP.cell, 0.2)[0])
    found = by_direction(S400=(term, 0.1 * term))
    assert pair(found["strain_h00"]) == pytest.approx((strain_of(0.2)[0], 0.05 * strain_of(0.2)[0]), rel=1e-6)
    assert np.isnan(pair(found["strain_0k0"])).all()
    assert "strain" not in found


def test_a_term_within_three_esds_of_zero_shows_no_strain() -> None:
    assert np.isnan(pair(by_direction(S400=(1.0, 0.4))["strain_h00"])).all()


def test_sizes_along_the_axes_are_those_of_their_widths() -> None:
    found = by_direction(lorentz_size_h00=(0.05, 0.005), lorentz_size_00l=(0.02, 0.01))
    size = size_of(0.05, wavelength=WAVELENGTH)
    assert pair(found["size_h00_nm"]) == pytest.approx((size, 0.1 * size))
    assert np.isnan(pair(found["size_00l_nm"])).all()
    assert found["size_00l_nm"].exceeds > size


def test_a_size_beside_a_strain_that_is_held_says_so() -> None:
    alone = seen(size=0.08, size_esd=0.004, strain=0.2, strain_esd=0.0)
    notes = microstructure_notes(MODEL, {}, [(alone, microstructure(MODEL, 1, None))])
    assert "at a strain that is held" in notes[0]
    assert notes[1] == "LFP_strain: not shown, its width is fixed, at a limit or not determined"
