"""From a recipe with the cycler's record to cells against state of charge."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from xrdfit.cli.app import app
from xrdfit.io import read_results
from xrdfit.recipe import build_job, load_recipe


def xrdfit(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight scans of a simulated cycle with the cell's record, refined."""
    folder = tmp_path_factory.mktemp("cycler")
    assert xrdfit("simulate", "-o", folder / "stack.h5", "--scans", 8).exit_code == 0
    assert xrdfit("refine", folder / "stack.toml", "-o", folder / "results").exit_code in (0, 1)
    return folder


def table(path: Path) -> dict[str, np.ndarray]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([float(row[name] or "nan") for row in rows])
        for name in rows[0]
        if name.endswith(("soc", "fraction", "_V", "_mAh", "ion", "half_cycle", "_low", "_high"))
    }


def test_every_scan_has_its_voltage_capacity_and_state_of_charge(refined: Path) -> None:
    columns = table(refined / "results" / "trajectories.csv")
    assert np.isfinite(columns["voltage_V"]).all()
    np.testing.assert_allclose(columns["soc"], columns["FP_fraction"], atol=0.02)
    np.testing.assert_array_equal(columns["direction"], [0, 1, 1, 1, -1, -1, -1, -1])
    assert (columns["soc_low"] <= columns["soc"]).all()
    assert (columns["soc"] <= columns["soc_high"]).all()
    assert columns["capacity_mAh"][3] > columns["capacity_mAh"][4] < columns["capacity_mAh"][7]


def test_the_results_file_holds_the_same_columns_with_units(refined: Path) -> None:
    stored = read_results(refined / "results")
    assert stored.units["voltage_V"] == "V"
    assert stored.units["capacity_high_mAh"] == "mA h"
    assert any("clock offset 0 s" in note for note in stored.notes)


def test_curves_are_drawn_against_the_state_of_charge_by_default(refined: Path, tmp_path: Path) -> None:
    assert xrdfit("curves", refined / "results", "-o", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"curves_soc.csv", "curves_soc.png", "curves_soc.svg"}
    np.testing.assert_allclose(
        table(tmp_path / "curves_soc.csv")["soc"], table(refined / "results" / "trajectories.csv")["soc"]
    )


@pytest.mark.parametrize("axis", ["capacity", "voltage", "time", "scan"])
def test_curves_have_every_axis(refined: Path, tmp_path: Path, axis: str) -> None:
    assert xrdfit("curves", refined / "results", "--x", axis, "-o", tmp_path).exit_code == 0
    assert (tmp_path / f"curves_{axis}.png").exists()


def test_an_unknown_axis_is_refused_and_nothing_written(refined: Path, tmp_path: Path) -> None:
    refused = xrdfit("curves", refined / "results", "--x", "charge", "-o", tmp_path / "new")
    assert refused.exit_code == 2
    assert "E192" in refused.stderr
    assert not (tmp_path / "new").exists()


def test_check_says_what_the_record_holds(refined: Path) -> None:
    plan = json.loads(xrdfit("check", refined / "stack.toml", "--json").stdout)["cycler"]
    assert plan["hours"] == pytest.approx(42.0)
    assert plan["scans_covered"] == 8
    assert plan["half_cycles_mAh"] == pytest.approx([0.2245, -0.2127], rel=1e-3)
    told = xrdfit("check", refined / "stack.toml").stdout
    assert "8 of 8 scans lie within the record" in told
    assert "discharge 0.2127" in told


def test_results_are_of_another_record_when_the_record_has_changed(refined: Path, tmp_path: Path) -> None:
    record = refined / "stack.mpt"
    kept = record.read_bytes()
    try:
        record.write_bytes(kept.replace(b"not a measurement", b"another"))
        resumed = xrdfit("refine", refined / "stack.toml", "-o", refined / "results", "--resume")
    finally:
        record.write_bytes(kept)
    assert resumed.exit_code == 2
    assert "E184" in resumed.stderr


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ('file = "stack.mpt"', 'file = "stack.mpr"', "E142", "does not exist"),
        ('file = "stack.mpt"', 'file = "stack.h5"', "E143", "HDF5"),
        ("[cycler]", "[cycler]\nclock_offset_s = 1e9", "E149", "clock_offset_s = 0 would"),
        ("[cycler]", '[cycler]\ntime_zone = "Mars/Olympus"', "E149", "Europe/Berlin"),
        ("[cycler]", '[cycler]\ndates = "day-first"', "E149", "cycler 2026-02-05"),
        ("[cycler]", "[cycler]\ncurrent = 1.0", "E152", "cycler.current"),
        ("[cycler]", '[cycler]\npositive_current = "discharge"', "E147", "the other way round"),
    ],
)
def test_mistakes_about_the_record_are_told_before_anything_is_refined(
    refined: Path, tmp_path: Path, old: str, new: str, code: str, says: str
) -> None:
    text = (refined / "stack.toml").read_text(encoding="utf-8")
    assert old in text
    recipe = refined / f"wrong_{tmp_path.name}.toml"
    recipe.write_text(text.replace(old, new), encoding="utf-8")
    refused = xrdfit("refine", recipe, "-o", tmp_path / "results")
    assert refused.exit_code == 2
    assert code in refused.stderr
    assert says in refused.stderr
    assert not (tmp_path / "results").exists()


def test_scans_without_times_cannot_be_found_in_a_record(cell: Path) -> None:
    (cell / "cell.csv").write_text("time/s,voltage/V,current/A\n0,3.0,0.001\n60,3.1,0.001\n", encoding="utf-8")
    recipe = cell / "recipe.toml"
    recipe.write_text(recipe.read_text(encoding="utf-8") + '[cycler]\nfile = "cell.csv"\n', encoding="utf-8")
    refused = xrdfit("check", recipe)
    assert refused.exit_code == 2
    assert "E153 the scans have no times" in refused.stderr
    timed = recipe.read_text(encoding="utf-8").replace(
        "[instrument]", 'times = { start = "2026-05-02T09:00:00", interval_s = 30 }\n[instrument]', 1
    )
    recipe.write_text(timed, encoding="utf-8")
    refused = xrdfit("check", recipe)
    assert "E149 scans and cycler have no clock in common" in refused.stderr
    recipe.write_text(f"{timed}clock_offset_s = 0.0\n", encoding="utf-8")
    assert "2 of 2 scans lie within the record" in xrdfit("check", recipe).stdout


def test_checksums_of_a_record_are_kept_wherever_it_lies(refined: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "cell.mpt").write_bytes((refined / "stack.mpt").read_bytes())
    text = (refined / "stack.toml").read_text(encoding="utf-8")
    text = text.replace('file = "stack.mpt"', f'file = "{(tmp_path / "far").as_posix()}/*.mpt"')
    recipe = refined / "far.toml"
    recipe.write_text(text, encoding="utf-8")
    inputs = build_job(load_recipe(recipe)).locked["lock"]["inputs"]
    assert {Path(name).name for name in inputs} == {"stack.h5", "cell.mpt"}


def test_the_demo_brings_the_record_of_its_cell(tmp_path: Path) -> None:
    demo = xrdfit("demo", tmp_path / "mycell")
    assert demo.exit_code == 0
    assert "stack.h5, cell.mpt, recipe.toml" in demo.stdout
    told = xrdfit("check", tmp_path / "mycell" / "recipe.toml").stdout
    assert "42 of 42 scans lie within the record" in told
