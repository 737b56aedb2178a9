"""``xrdfit calibrate``, and a recipe that reads what it wrote."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

import xrdfit as package
from tests import standards

RECIPE = """
[data]
files = "scans/*.xy"

[instrument]
file = "instrument.toml"

[[phase]]
name = "LFP"
space_group = "Pnma"
cell = [10.329, 6.0065, 4.6908]
"""


@pytest.fixture(scope="module")
def lab6(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standards.written(standards.lab6(11), tmp_path_factory.mktemp("lab6") / "lab6.xy")


@pytest.fixture(scope="module")
def calibrated(lab6: Path) -> Path:
    from typer.testing import CliRunner

    from xrdfit.cli.app import app

    output = lab6.parent / "instrument.toml"
    words = ["calibrate", str(lab6), "--standard", "LaB6-660c", "--divergence", "1.0", "--position", "offset"]
    result = CliRunner().invoke(app, [*words, "-o", str(output)])
    assert result.exit_code == 0, result.output
    return output


def job_of(cell: Path, instrument: Path, change: Callable[[str], str] = str) -> package.Job:
    (cell / "instrument.toml").write_text(change(instrument.read_text()))
    recipe = cell / "calibrated.toml"
    recipe.write_text(RECIPE)
    return package.build_job(package.load_recipe(recipe))


def test_file_tells_where_it_comes_from(calibrated: Path, lab6: Path) -> None:
    calibration = tomllib.loads(calibrated.read_text())["calibration"]
    assert calibration["file_sha256"] == hashlib.sha256(lab6.read_bytes()).hexdigest()
    assert calibration["standard"] == "LaB6-660c" and "660c" in calibration["cell_source"]
    assert calibration["xrdfit"] == package.__version__
    names, matrix = calibration["covariance"]["names"], np.array(calibration["covariance"]["matrix"])
    assert np.sqrt(matrix[0, 0]) == pytest.approx(calibration["parameters"][names[0]]["esd"])
    assert (calibrated.parent / "instrument_fit.png").exists()


def test_recipe_takes_the_instrument_from_the_file(cell: Path, calibrated: Path) -> None:
    instrument = job_of(cell, calibrated).instrument
    assert instrument.lines[0][0] == pytest.approx(1.5405929)
    assert instrument.profile is not None
    assert instrument.profile.axial_soller == pytest.approx(2.2, abs=0.2)
    assert instrument.equatorial_divergence == 1.0


def test_prior_is_the_covariance_without_what_belongs_to_the_sample(cell: Path, calibrated: Path) -> None:
    (cell / "instrument.toml").write_text(calibrated.read_text())
    (cell / "calibrated.toml").write_text(RECIPE.replace('toml"\n', 'toml"\nuse = "prior"\n', 1))
    settings = package.build_job(package.load_recipe(cell / "calibrated.toml")).settings
    prior = settings.joint_prior
    assert prior is not None
    assert "sample_displacement" not in prior.names and "axial_soller" in prior.names
    assert settings.scope["axial_soller"] == "series"
    calibration = tomllib.loads(calibrated.read_text())["calibration"]
    where = [calibration["covariance"]["names"].index(name) for name in prior.names]
    np.testing.assert_array_equal(prior.covariance, np.array(calibration["covariance"]["matrix"])[np.ix_(where, where)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "E157 recipe and instrument file differ · instrument.radiation · found 'Mo' against 'Cu'"),
        ('use = "prior"\n', "has no covariance"),
    ],
)
def test_file_that_contradicts_the_recipe_is_refused(
    cell: Path, calibrated: Path, words: str, said: str, xrdfit: Callable[..., Result]
) -> None:
    text = calibrated.read_text()
    (cell / "instrument.toml").write_text(text[: text.index("[calibration.covariance]")] if words else text)
    changed = RECIPE.replace('toml"\n', 'toml"\n' + (words or 'radiation = "Mo"\n'), 1)
    (cell / "calibrated.toml").write_text(changed)
    result = xrdfit("check", cell / "calibrated.toml")
    assert result.exit_code == 2 and said in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--standard", "LaB6"), "E195 unknown standard"),
        (("--standard", "Si-640f"), "E197 the pattern is not that of the standard"),
        (("--standard", "LaB6-660c", "--axial", "sollar"), "did you mean soller?"),
        (("--standard", "LaB6-660c", "--radius", "-3"), "E198 no such size · --radius"),
        (("--standard", "LaB6-660c", "--wavelength", "15.4"), "E156 implausible wavelength · --wavelength"),
        (("--standard", "LaB6-660c", "--temperature", "295"), "give °C, not K"),
        (("--standard", "LaB6-660c", "--range", "29:39"), "E196 too few lines for a calibration"),
        (("--standard", "LaB6-660c", "--divergence", "60"), "E198 no such size · --divergence"),
        (("--standard", "LaB6-660c", "--cell", "4.1,x"), "E198 not what the option takes · --cell"),
        (("--standard", "LaB6-660c", "--cell", "4.1,4.2"), "E12"),
        (("--standard", "LaB6-660c", "--range", "80:20"), "E198 not what the option takes · --range"),
        (("--standard", "LaB6-660c", "--wavelength", "0.7", "--radiation", "Cu"), "exclude each other"),
        (("--standard", "LaB6-660c", "--radiation", "Mo", "--emission", "hoelzer"), "E198 not one of the choices"),
    ],
)
def test_mistakes_on_the_line_end_with_exit_code_2_and_nothing_written(
    lab6: Path, tmp_path: Path, words: tuple[str, ...], said: str, xrdfit: Callable[..., Result]
) -> None:
    result = xrdfit("calibrate", lab6, *words, "-o", tmp_path / "out.toml")
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_existing_file_is_not_replaced_unless_asked(
    lab6: Path, calibrated: Path, xrdfit: Callable[..., Result]
) -> None:
    result = xrdfit("calibrate", lab6, "--standard", "LaB6-660c", "-o", calibrated)
    assert result.exit_code == 2 and "E180" in result.output


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_figure_that_is_there_is_not_replaced_unless_asked(
    lab6: Path, tmp_path: Path, suffix: str, xrdfit: Callable[..., Result]
) -> None:
    mine = tmp_path / f"out_fit.{suffix}"
    mine.write_text("mine")
    words = ("calibrate", lab6, "--standard", "LaB6-660c", "-o", tmp_path / "out.toml")
    result = xrdfit(*words)
    assert result.exit_code == 2 and f"E180 the output is there already · {mine}" in result.output
    assert mine.read_text() == "mine" and list(tmp_path.iterdir()) == [mine]


def test_a_standard_that_is_not_described_ends_with_exit_code_1_and_says_so(
    lab6: Path, tmp_path: Path, xrdfit: Callable[..., Result]
) -> None:
    words = ("--standard", "LaB6-660c", "--cell", "4.162", "--divergence", "0", "--axial", "none")
    result = xrdfit("calibrate", lab6, *words, "-o", tmp_path / "out.toml")
    assert result.exit_code == 1 and "the standard is not described" in result.output
    written = tomllib.loads((tmp_path / "out.toml").read_text())
    assert written["calibration"]["cell_source"] == "given by --cell"


def test_recipe_of_another_goniometer_is_refused(cell: Path, calibrated: Path, xrdfit: Callable[..., Result]) -> None:
    (cell / "instrument.toml").write_text(calibrated.read_text())
    (cell / "calibrated.toml").write_text(RECIPE.replace('toml"\n', 'toml"\ngoniometer_radius_mm = 150.0\n', 1))
    result = xrdfit("check", cell / "calibrated.toml")
    assert result.exit_code == 2 and "E157" in result.output and "goniometer_radius_mm · found 150.0" in result.output
