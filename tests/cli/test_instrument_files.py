"""From the files of a diffractometer to a plan and a stack, by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from tests import vendor_files as files
from xrdfit.io import Hdf5Stack

Xrdfit = Callable[..., Result]
RECIPE = """
data = {{ files = "{files}" }}
instrument = {{ {instrument} }}
phase = [{{ name = "P", space_group = "Fm-3m", cell = [5.4] }}]
"""


def recipe(folder: Path, instrument: str, *, name: str = "a.xrdml") -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(files=name, instrument=instrument))
    return path


def plan(xrdfit: Xrdfit, path: Path) -> dict[str, Any]:
    ended = xrdfit("check", path, "--json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def test_check_says_what_the_file_says_and_where_the_recipe_disagrees(tmp_path: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "a.xrdml").write_bytes(files.xrdml())
    good = plan(xrdfit, recipe(tmp_path, 'radiation = "Cu", goniometer_radius_mm = 240'))
    assert good["warnings"] == [] and good["weights"] == "poisson"
    assert good["file"]["start_time"] == "2026-05-02T08:00:00+02:00" and good["file"]["step_time_s"] == 4.0
    default_radius = plan(xrdfit, recipe(tmp_path, 'radiation = "Cu"'))["warnings"]
    assert len(default_radius) == 1 and default_radius[0].startswith("W102") and "240 mm" in default_radius[0]
    other_tube = plan(xrdfit, recipe(tmp_path, 'wavelength = 1.5418, geometry = "debye-scherrer"'))["warnings"]
    assert len(other_tube) == 1 and other_tube[0].startswith("W101") and "1.5406 Å" in other_tube[0]
    printed = xrdfit("check", recipe(tmp_path, 'radiation = "Cu"')).stdout
    assert "PANalytical xrdml" in printed and "W102" in printed


def test_a_file_of_impossible_wavelength_is_disagreed_with(tmp_path: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "a.xrdml").write_bytes(files.xrdml().replace(b"<kAlpha1>1.5406", b"<kAlpha1>15.406"))
    (warning,) = plan(xrdfit, recipe(tmp_path, 'radiation = "Cu", goniometer_radius_mm = 240'))["warnings"]
    assert "found 15.406 Å" in warning


def test_q_without_a_heading_is_suspected_where_no_line_is(tmp_path: Path, xrdfit: Xrdfit) -> None:
    rows = "\n".join(f"{0.5 + 0.1 * i:.3f} {count}" for i, count in enumerate(files.COUNTS))
    (tmp_path / "a.xy").write_text(rows)
    ended = xrdfit("check", recipe(tmp_path, 'radiation = "Cu"', name="a.xy"))
    assert ended.exit_code == 2 and "E160" in ended.stderr and "not Q" in ended.stderr


def test_import_takes_every_format_with_its_times(
    tmp_path: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.rasx").write_bytes(files.rasx())
    (tmp_path / "3.ras").write_bytes(files.ras().replace(b"05/02/2026 08", b"05/03/2026 08"))
    refused = xrdfit("import", "1.rasx", "3.ras", "-o", "s.h5")
    assert refused.exit_code == 2 and "E115 only some" in refused.stderr and not (tmp_path / "s.h5").exists()
    done = xrdfit("import", "1.rasx", "3.ras", "-o", "s.h5", "--time-zone", "Europe/Berlin")
    assert done.exit_code == 0 and "2 scans with times" in done.stdout
    stack = Hdf5Stack(tmp_path / "s.h5")
    assert stack.times is not None and stack.times.start_s.tolist() == [0.0, 86400.0]
    np.testing.assert_array_equal(stack.read(1).intensity, files.COUNTS)


def test_import_makes_two_theta_of_q_and_remembers_with_which_wavelength(
    tmp_path: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    q = 4.0 * np.pi * np.sin(np.radians(files.TWO_THETA / 2.0)) / 0.5
    rows = "\n".join(f"{x:.10f} {count}" for x, count in zip(q, files.COUNTS, strict=True))
    (tmp_path / "a.dat").write_text(f"# q_A^-1 I\n{rows}")
    assert "E114" in xrdfit("import", "a.dat", "-o", "s.h5").stderr
    assert "E156" in xrdfit("import", "a.dat", "-o", "s.h5", "--wavelength", "15.4").stderr
    assert xrdfit("import", "a.dat", "-o", "s.h5", "--wavelength", "0.5").exit_code == 0
    pattern = Hdf5Stack(tmp_path / "s.h5").read(0)
    np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA, atol=1e-7)
    assert pattern.header is not None and pattern.header.wavelengths == (0.5,)
    (warning,) = plan(xrdfit, recipe(tmp_path, 'wavelength = 0.51, geometry = "debye-scherrer"', name="s.h5"))[
        "warnings"
    ]
    assert warning.startswith("W101")


@pytest.mark.parametrize(
    ("said", "suspected"), [("wavelength = 1.5406", True), ("wavelength = 1.5418", True), ('radiation = "Cu"', False)]
)
def test_a_tube_without_its_second_line_is_suspected(
    tmp_path: Path, xrdfit: Xrdfit, said: str, suspected: bool
) -> None:
    (tmp_path / "a.xy").write_text("\n".join(f"{20.0 + 0.5 * i:.3f} {count}" for i, count in enumerate(files.COUNTS)))
    warnings = plan(xrdfit, recipe(tmp_path, said, name="a.xy"))["warnings"]
    assert any(warning.startswith("W103") and 'radiation = "Cu"' in warning for warning in warnings) is suspected


def test_scans_of_two_tubes_make_no_series(tmp_path: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "a1.xrdml").write_bytes(files.xrdml())
    later = files.xrdml().replace(b"2026-05-02", b"2026-05-03")
    (tmp_path / "a2.xrdml").write_bytes(later.replace(b"<kAlpha1>1.5406", b"<kAlpha1>0.7093"))
    ended = xrdfit("import", tmp_path / "a1.xrdml", tmp_path / "a2.xrdml", "-o", tmp_path / "s.h5")
    assert ended.exit_code == 2 and "E114 scans of two wavelengths" in ended.stderr
    assert "a2.xrdml" in ended.stderr and not (tmp_path / "s.h5").exists()
    (tmp_path / "a2.xrdml").write_bytes(later.replace(b"<kAlpha1>1.5406", b"<kAlpha1>1.5418"))
    assert xrdfit("import", tmp_path / "a1.xrdml", tmp_path / "a2.xrdml", "-o", tmp_path / "s.h5").exit_code == 0


def test_refine_says_where_the_recipe_disagrees_with_the_file_too(tmp_path: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "a.xrdml").write_bytes(files.xrdml())
    assert "W102" in xrdfit("refine", recipe(tmp_path, 'radiation = "Cu"'), "-o", tmp_path / "results").stderr


def test_import_takes_columns_and_dates_as_a_recipe_does(
    tmp_path: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        rows = (f"{x:.3f} {y:.0f} {y + 1:.0f} 80" for x, y in zip(files.TWO_THETA, files.COUNTS, strict=True))
        (tmp_path / f"{number}.dat").write_text("\n".join(rows) + "\n")
    (tmp_path / "t.csv").write_text("start_time\n02/05/2026 09:14\n02/06/2026 09:14\n")
    words = ("import", "1.dat", "2.dat", "-o", "s.h5", "--times", "t.csv")
    assert "--dates" in xrdfit(*words).stderr
    words += ("--dates", "day-first")
    assert "--columns" in xrdfit(*words).stderr
    for wrong in ("two_theta,intensty", "two_theta,sigma", "intensity"):
        ended = xrdfit(*words, "--columns", wrong)
        assert ended.exit_code == 2 and "--columns" in ended.stderr
    assert xrdfit(*words, "--columns", "two_theta,intensity").exit_code == 0
    stack = Hdf5Stack(tmp_path / "s.h5")
    assert stack.times is not None and stack.times.start_s[1] == 31 * 86400.0
    np.testing.assert_array_equal(stack.read(1).intensity, files.COUNTS)


def test_check_looks_at_all_scans_and_import_and_the_log_of_a_run_tell_it_too(tmp_path: Path, xrdfit: Xrdfit) -> None:
    for number in range(3):
        raw = files.xrdml().replace(b"2026-05-02", f"2026-0{5 + 2 * (number // 2)}-0{2 + number}".encode())
        (tmp_path / f"a{number}.xrdml").write_bytes(raw.replace(b">240.0<", b">141.0<") if number == 2 else raw)
    path = recipe(tmp_path, 'radiation = "Cu", goniometer_radius_mm = 240', name="a*.xrdml")
    warnings = plan(xrdfit, path)["warnings"]
    assert [warning[:4] for warning in warnings] == ["W102", "W106", "W115"]
    assert "141 mm in 1 scan (a2.xrdml)" in warnings[0] and "after a1.xrdml: 62 days" in warnings[1]
    imported = xrdfit("import", tmp_path / "a*.xrdml", "-o", tmp_path / "s.h5")
    assert imported.exit_code == 0 and "W102 scans of several goniometer radii" in imported.stderr
    assert "240 mm in 2 scans (a0.xrdml, a1.xrdml), 141 mm in 1 scan" in imported.stderr
    assert xrdfit("refine", path, "-o", tmp_path / "results").exit_code in (0, 1)
    assert all(warning in (tmp_path / "results" / "run.log").read_text(encoding="utf-8") for warning in warnings)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_check_names_scans_without_intensity(tmp_path: Path, xrdfit: Xrdfit, value: float) -> None:
    for number in range(3):
        counts = np.full(files.N_POINTS, value) if number == 1 else files.COUNTS + number
        rows = (f"{x:.3f} {y:.0f}" for x, y in zip(files.TWO_THETA, counts, strict=True))
        (tmp_path / f"a{number}.xy").write_text("\n".join(rows) + "\n")
    (warning,) = plan(xrdfit, recipe(tmp_path, 'radiation = "Cu"', name="a*.xy"))["warnings"]
    assert warning.startswith("W108") and "1 scan (a1.xy)" in warning
    assert xrdfit("import", tmp_path / "a*.xy", "-o", tmp_path / "s.h5").exit_code == 0
    (warning,) = plan(xrdfit, recipe(tmp_path, 'radiation = "Cu"', name="s.h5"))["warnings"]
    assert "1 scan (s.h5[1])" in warning
