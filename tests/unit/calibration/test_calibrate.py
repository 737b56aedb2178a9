"""The instrument from a standard, on patterns whose instrument is known."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from tests import standards
from xrdfit.calibration import Calibration, CalibrationSettings, calibrate, find_standard, read_standards
from xrdfit.errors import CrystalError, InputError
from xrdfit.io.bundled import bundled
from xrdfit.model import Instrument, InstrumentProfile

LAB6 = find_standard("LaB6-660c")
LABORATORY = Instrument.k_alpha("Cu", equatorial_divergence=1.0)
KNOWN = {
    "sample_displacement": -0.08,
    "caglioti_u": standards.PROFILE.u,
    "caglioti_v": standards.PROFILE.v,
    "caglioti_w": standards.PROFILE.w,
    "instrument_lorentz_size": standards.PROFILE.lorentz_size,
    "instrument_lorentz_strain": standards.PROFILE.lorentz_strain,
    "axial_soller": standards.PROFILE.axial_soller,
}


def z_scores(found: Calibration, known: dict[str, float]) -> dict[str, float]:
    return {name: (found.values[name] - value) / found.esd[name] for name, value in known.items()}


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(standards.lab6(1), LAB6, LABORATORY, CalibrationSettings(cell=LAB6.cell, position="offset"))


def test_instrument_comes_out_within_its_errors(found: Calibration) -> None:
    assert found.converged
    scores = z_scores(found, KNOWN)
    assert np.abs(list(scores.values())).max() < 3.5, scores
    # Not by errors so large that anything agrees.
    assert found.esd["sample_displacement"] < 1e-3 and found.esd["axial_soller"] < 0.1
    assert found.gof == pytest.approx(1.0, abs=0.05)


def test_instrument_that_was_found_is_the_one_that_is_handed_on(found: Calibration) -> None:
    profile = found.instrument.profile
    assert profile is not None
    assert (profile.w, profile.axial_soller) == (found.values["caglioti_w"], found.values["axial_soller"])
    assert found.instrument.equatorial_divergence == 1.0


def test_covariance_belongs_to_the_esds(found: Calibration) -> None:
    esd = [found.esd[name] for name in found.names]
    np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), esd)
    assert set(found.names) == set(KNOWN)


def test_free_cell_comes_out_as_certified() -> None:
    wrong = (LAB6.cell[0] + 0.002,)
    settings = CalibrationSettings(cell=wrong, free_cell=True, position="offset")
    found = calibrate(standards.lab6(2), LAB6, LABORATORY, settings)
    scores = z_scores(found, {"standard_a": LAB6.cell[0], "sample_displacement": -0.08})
    assert np.abs(list(scores.values())).max() < 3.5, scores
    assert found.esd["standard_a"] < 1e-4


def test_wrong_cell_gives_a_wrong_displacement() -> None:
    settings = CalibrationSettings(cell=(LAB6.cell[0] + 0.002,), position="offset")
    found = calibrate(standards.lab6(2), LAB6, LABORATORY, settings)
    assert abs(found.values["sample_displacement"] + 0.08) > 0.01


def test_unknown_divergence_slit_is_refined() -> None:
    settings = CalibrationSettings(cell=LAB6.cell, position="offset", free_divergence=True)
    found = calibrate(standards.lab6(3), LAB6, replace(LABORATORY, equatorial_divergence=0.0), settings)
    scores = z_scores(found, {"equatorial_divergence": 1.0, "sample_displacement": -0.08})
    assert np.abs(list(scores.values())).max() < 3.5, scores


def test_zero_and_displacement_are_told_apart_only_where_the_pattern_can() -> None:
    settings = CalibrationSettings(cell=LAB6.cell)
    wide = calibrate(standards.lab6(4), LAB6, LABORATORY, settings)
    narrow = calibrate(standards.lab6(4), LAB6, LABORATORY, replace(settings, two_theta_range=(20.0, 80.0)))
    both = calibrate(standards.lab6(4), LAB6, LABORATORY, replace(settings, position="both"))
    assert "zero_shift" not in narrow.esd and any("cannot be told apart" in note for note in narrow.notes)
    assert ("zero_shift" in wide.esd) == any("are told apart" in note for note in wide.notes)
    assert abs(both.values["zero_shift"]) < 3.5 * both.esd["zero_shift"]


def test_synchrotron_gives_its_zero_and_its_axial_divergence() -> None:
    profile = InstrumentProfile(u=2e-4, v=-1e-4, w=4e-4, lorentz_size=0.004, axial_sample=0.02, axial_detector=0.02)
    true = Instrument(lines=((0.8, 1.0),), geometry="debye-scherrer", profile=profile, zero_shift=0.013)
    pattern = standards.measured(LAB6, true, seed=5, displacement=0.0, name="capillary_parallel")
    known = Instrument(lines=((0.8, 1.0),), geometry="debye-scherrer")
    found = calibrate(pattern, LAB6, known, CalibrationSettings(cell=LAB6.cell, axial="fcj", position="zero"))
    scores = z_scores(found, {"zero_shift": 0.013, "axial_sample": 0.02, "instrument_lorentz_size": 0.004})
    assert np.abs(list(scores.values())).max() < 3.5, scores
    assert found.values["axial_detector"] == found.values["axial_sample"]


def test_pattern_of_another_substance_is_refused() -> None:
    silicon = find_standard("Si-640f")
    pattern = standards.measured(silicon, Instrument.k_alpha("Cu", profile=standards.PROFILE), seed=6)
    with pytest.raises(InputError, match=r"E197 the pattern is not that of the standard · simulated · LaB6-660c"):
        calibrate(pattern, LAB6, LABORATORY, CalibrationSettings(cell=LAB6.cell))


def test_noise_is_refused() -> None:
    pattern = standards.lab6(7)
    flat = replace(pattern, intensity=np.random.default_rng(0).poisson(50.0, pattern.two_theta.size).astype(float))
    with pytest.raises(InputError, match="E197"):
        calibrate(flat, LAB6, LABORATORY, CalibrationSettings(cell=LAB6.cell))


def test_range_without_points_is_refused() -> None:
    settings = CalibrationSettings(cell=LAB6.cell, two_theta_range=(130.0, 140.0))
    with pytest.raises(InputError, match="E196 too few points"):
        calibrate(standards.lab6(7), LAB6, LABORATORY, settings)


def test_unknown_standard_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"E195 .*did you mean LaB6-660c\?"):
        find_standard("LaB6-660d")
    assert find_standard("lab6-660C") is not None


def test_every_standard_has_a_cell_of_its_group_and_a_source() -> None:
    for name, standard in read_standards().items():
        phase = standard.phase(standard.cell)
        assert len(phase.free_values) == len(standard.expansion) == len(standard.cell), name
        assert standard.source and standard.temperature_c == 22.5
        with pytest.raises(CrystalError):
            standard.phase((*standard.cell, 5.0, 6.0))


def test_lab6_at_the_temperature_of_its_certification_pattern_has_the_cell_stated_there() -> None:
    # NIST's pattern of SRM 660c was measured at 20.85 deg C and states 4.156780 angstrom.
    assert LAB6.cell_at(20.85)[0] == pytest.approx(4.156780, abs=5e-6)
    assert LAB6.cell_at(None) == LAB6.cell


def test_bundled_standards_are_those_of_the_registry() -> None:
    registry = tomllib.loads(bundled("REGISTRY.toml").read_text(encoding="utf-8"))
    entry = registry["standards.toml"]
    assert entry["sha256"] == hashlib.sha256(bundled("standards.toml").read_bytes()).hexdigest()
