"""A series refined as one experiment, by the recipe that `xrdfit simulate` writes: fractions and warnings."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner, Result

from xrdfit.cli.app import app

Xrdfit = Callable[..., Result]
N_SCANS = 8


def _refined(folder: Path, *departures: str) -> Result:
    words = ["simulate", "-o", str(folder / "cell.h5"), "--scans", str(N_SCANS), "--seed", "632", *departures]
    assert CliRunner().invoke(app, words).exit_code == 0
    return CliRunner().invoke(app, ["refine", str(folder / "cell.toml"), "--json"])


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("clean")
    return folder, _refined(folder)


@pytest.fixture(scope="module")
def contaminated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A phase that the recipe does not name grows in."""
    folder = tmp_path_factory.mktemp("contaminated")
    return folder, _refined(folder, "--with", "foreign=0.3")


def test_a_series_that_is_as_expected_ends_clean(clean: tuple[Path, Result]) -> None:
    folder, run = clean
    assert run.exit_code == 0
    told = json.loads(run.stdout)
    assert told["outcomes"] == {"converged": N_SCANS}
    assert told["warnings"] == told["messages"] == []
    told_else = [line for line in run.stderr.splitlines() if not line.startswith("compiling the numerical kernels")]
    assert told_else == []
    assert "mole fractions of the active phases by conservation" in (folder / "cell-results" / "run.log").read_text()


def test_the_table_has_fractions_with_esds_and_limits(clean: tuple[Path, Result]) -> None:
    with (clean[0] / "cell-results" / "trajectories.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N_SCANS
    for row in rows:
        fractions = {phase: float(row[f"{phase}_fraction"]) for phase in ("LFP", "FP")}
        assert sum(fractions.values()) == pytest.approx(1.0, abs=1e-6)
        for phase, fraction in fractions.items():
            assert float(row[f"{phase}_fraction_upper95"]) >= fraction
            if row[f"{phase}_present"] == "0":
                assert fraction == 0.0
                assert row[f"{phase}_fraction_esd"] == row[f"{phase}_a"] == ""
            else:
                assert 0.0 < float(row[f"{phase}_fraction_esd"]) < 0.02
    assert any(row["FP_present"] == "0" for row in rows)


def test_a_broken_assumption_is_told_wherever_one_looks(contaminated: tuple[Path, Result], xrdfit: Xrdfit) -> None:
    folder, run = contaminated
    results = folder / "cell-results"
    assert run.exit_code == 1
    warnings = json.loads(run.stdout)["warnings"]
    assert warnings
    assert {warning.split()[0] for warning in warnings} <= {"W403", "W407"}
    assert any(warning.startswith("W403 ") for warning in warnings)
    log = (results / "run.log").read_text(encoding="utf-8").splitlines()
    assert set(warnings) <= set(log)
    with h5py.File(results / "series.h5") as file:
        assert [text.decode() for text in file["entry/warnings"][()]] == warnings
    # What a later look at the finished results says, in words: all the same.
    again = xrdfit("refine", folder / "cell.toml", "--resume")
    assert again.exit_code == 1
    assert "nothing to resume" in again.stdout
    told = [line.strip() for line in again.stderr.splitlines()]
    assert [line for line in told if line.startswith("W")] == warnings
