import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xrdfit.cli.app import app
from xrdfit.io import read_truth


def test_broken_assumptions_are_simulated_told_and_written(tmp_path: Path) -> None:
    stack = tmp_path / "stack.h5"
    words = ["simulate", "-o", str(stack), "--scans", "2", "--with", "foreign=0.1", "--with", "texture=0.3"]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0
    assert "texture=0.3, foreign=0.1, seed 1" in run.stdout
    truth = read_truth(stack)
    assert truth.attributes["departures"] == "texture=0.3 foreign=0.1"
    assert "foreign_a" in truth.columns


def test_without_broken_assumptions_the_truth_says_so(tmp_path: Path) -> None:
    stack = tmp_path / "stack.h5"
    assert CliRunner().invoke(app, ["simulate", "-o", str(stack), "--scans", "2"]).exit_code == 0
    assert read_truth(stack).attributes["departures"] == "none"


def test_a_planned_measurement_is_told_its_smallest_errors_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, ["simulate", "--bound", "--scans", "6"])
    assert run.exit_code == 0
    assert "LFP_a" in run.stdout
    assert "amount of FP" in run.stdout
    assert not list(tmp_path.iterdir())


def test_bounds_as_json_fall_with_the_counts_and_with_the_whole_series(tmp_path: Path) -> None:
    stack = tmp_path / "stack.h5"
    words = ["simulate", "--bound", "--json", "--scans", "6"]
    once = json.loads(CliRunner().invoke(app, words).stdout)
    longer = json.loads(CliRunner().invoke(app, [*words, "--counts", "4", "-o", str(stack)]).stdout)
    assert longer["stack"] == str(stack)
    assert stack.exists()
    assert set(once) == {"bound"}
    b, b_longer = once["bound"]["FP_b"], longer["bound"]["FP_b"]
    assert b["joint"] < 0.8 * b["scan_by_scan"]
    assert b_longer["joint"] == pytest.approx(0.5 * b["joint"], rel=1e-6)
    assert b["unit"] == "Å"


def test_neither_a_stack_nor_a_bound_is_nothing_to_do() -> None:
    run = CliRunner().invoke(app, ["simulate"])
    assert run.exit_code == 2
    assert "E189" in run.output
