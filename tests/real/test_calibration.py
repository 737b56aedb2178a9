"""NIST SRM 660c, the pattern of its certification: LaB6 on a divergent-beam laboratory diffractometer.

Its file states what the fundamental-parameters fit of NIST gave: a = 4.156780 angstrom at 20.85 deg C and a height of
-0.07877 mm, whose sign is that of `sample_displacement`; zero shift none; radius 217.5 mm; divergence slit 1.05 deg.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xrdfit.cli.app import app

A, HEIGHT_MM = 4.156780, -0.07877


@pytest.fixture(scope="module")
def calibrate(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    def run(*words: str) -> dict[str, Any]:
        output = tmp_path_factory.mktemp("nist") / "instrument.toml"
        pattern = real_data / "lab6-srm660c" / "nist_srm660c_100a.cif"
        line = ["calibrate", str(pattern), "--standard", "LaB6-660c", "--temperature", "20.85", "--divergence", "1.05"]
        result = CliRunner().invoke(app, [*line, *words, "-o", str(output)])
        # A model that does not describe the standard is said to be one that does not.
        assert result.exit_code == (1 if "none" in words else 0), result.output
        return tomllib.loads(output.read_text())

    return run


def test_displacement_of_nist_is_reproduced_with_the_certified_cell(calibrate: Any) -> None:
    found = calibrate()
    assert found["instrument"]["goniometer_radius_mm"] == 217.5
    displacement = found["calibration"]["parameters"]["sample_displacement"]
    assert displacement["value"] == pytest.approx(HEIGHT_MM, abs=0.005)
    # The divergence of the beam was refined, not left out.
    assert found["calibration"]["parameters"]["axial_soller"]["esd"] < 0.1
    assert displacement["esd"] < 1e-3
    # The fit of NIST with its many more terms reaches 1.30.
    assert found["calibration"]["gof"] < 1.7


def test_free_cell_is_that_of_nist(calibrate: Any) -> None:
    cell = calibrate("--free-cell")["calibration"]["parameters"]["standard_a"]
    assert cell["value"] == pytest.approx(A, abs=1e-4)
    assert cell["esd"] < 2e-5


def test_without_axial_divergence_the_low_lines_do_not_fit(calibrate: Any) -> None:
    assert calibrate("--axial", "none")["calibration"]["gof"] > 2.0
