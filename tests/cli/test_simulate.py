from pathlib import Path

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
