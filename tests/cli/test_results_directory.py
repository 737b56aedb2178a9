"""Results appear whole or not at all, and are replaced only when that is said."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.recipes import sequential
from xrdfit.cli import refine as refine_verb
from xrdfit.cli.app import app
from xrdfit.errors import NoResultError

Xrdfit = Callable[..., Result]


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a simulated ``cell.h5``, ``cell.toml`` and the results of a run over its four scans."""
    folder = tmp_path_factory.mktemp("refined")
    assert CliRunner().invoke(app, ["simulate", "-o", str(folder / "cell.h5"), "--scans", "4"]).exit_code == 0
    recipe = folder / "cell.toml"
    recipe.write_text(sequential(recipe.read_text(encoding="utf-8")), encoding="utf-8")
    run = CliRunner().invoke(app, ["refine", str(recipe)])
    assert run.exit_code == 0, run.output
    return folder


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_leaves_what_the_reference_lists_and_nothing_else(refined: Path) -> None:
    results = refined / "cell-results"
    names = {path.name for path in results.iterdir()}
    assert names == {
        "series.h5",
        "trajectories.csv",
        "trajectories_origin.csv",
        "figures",
        "report.html",
        "recipe.lock.toml",
        "run.log",
    }
    suffixes = {path.stem: set() for path in (results / "figures").iterdir()}
    for path in (results / "figures").iterdir():
        suffixes[path.stem].add(path.suffix)
    assert {"trajectory", "map", "residuals", "patterns"} < set(suffixes)
    assert all(all_three == {".png", ".svg", ".csv"} for all_three in suffixes.values())
    assert [path.name for path in refined.iterdir() if path.name.startswith(".")] == []


def test_the_table_has_one_row_a_scan_and_the_cells_of_both_phases(refined: Path) -> None:
    with (refined / "cell-results" / "trajectories.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["scan"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["outcome"] for row in rows} == {"converged"}
    for row in rows:
        for phase, a in (("LFP", 10.329), ("FP", 9.8142)):
            if row[f"{phase}_present"] == "1":
                assert float(row[f"{phase}_a"]) == pytest.approx(a, rel=3e-3)
                assert float(row[f"{phase}_a_esd"]) > 0.0
            else:
                assert row[f"{phase}_a"] == row[f"{phase}_a_esd"] == row[f"{phase}_volume"] == ""


def test_results_that_are_there_stop_a_run_and_stay_as_they_are(refined: Path, xrdfit: Xrdfit) -> None:
    before = _contents(refined)
    run = xrdfit("refine", refined / "cell.toml")
    assert run.exit_code == 2
    assert "--fresh" in run.stderr
    assert "--resume" in run.stderr
    assert _contents(refined) == before


def test_resuming_a_finished_run_changes_nothing_and_says_so(refined: Path, xrdfit: Xrdfit) -> None:
    before = _contents(refined)
    run = xrdfit("refine", refined / "cell.toml", "--resume")
    assert run.exit_code == 0
    assert "nothing to resume" in run.stdout
    assert json.loads(xrdfit("refine", refined / "cell.toml", "--resume", "--json").stdout)["outcomes"] == {
        "converged": 4
    }
    assert _contents(refined) == before


def test_results_of_another_recipe_or_other_scans_are_not_resumed(
    refined: Path, tmp_path: Path, xrdfit: Xrdfit
) -> None:
    part = tmp_path / "part"
    assert xrdfit("refine", refined / "cell.toml", "-o", part, "--resume", "--scans", "0:2").exit_code == 0
    before = _contents(part)
    assert xrdfit("refine", refined / "cell.toml", "-o", part, "--resume").exit_code == 2
    other = refined / "other.toml"
    other.write_text((refined / "cell.toml").read_text(encoding="utf-8").replace("terms = 6", "terms = 5"))
    assert xrdfit("refine", other, "-o", part, "--resume", "--scans", "0:2").exit_code == 2
    other.unlink()
    assert _contents(part) == before


@pytest.mark.parametrize(
    ("end", "code"), [(KeyboardInterrupt(), 130), (NoResultError("no scan"), 3), (ValueError(), 1)]
)
def test_a_run_that_ends_badly_leaves_the_old_results_and_no_debris(
    refined: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch, end: BaseException, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise end

    monkeypatch.setattr(refine_verb, "refine_series", fail)
    before = _contents(refined)
    run = xrdfit("refine", refined / "cell.toml", "--fresh")
    assert run.exit_code == code
    assert "Traceback" not in run.output
    assert _contents(refined) == before
    assert xrdfit("refine", refined / "cell.toml", "-o", refined / "new").exit_code == code
    assert _contents(refined) == before
    assert not (refined / "new").exists()


def test_curves_and_plots_are_drawn_from_the_results_alone(refined: Path, tmp_path: Path, xrdfit: Xrdfit) -> None:
    results = refined / "cell-results"
    assert xrdfit("curves", results, "--x", "time", "-o", tmp_path).exit_code == 0
    for kind in ("trajectory", "fit", "map", "residuals", "patterns"):
        assert xrdfit("plot", kind, results, "-o", tmp_path / kind).exit_code == 0
    stems = {"curves_time", "trajectory", "fit", "map", "residuals", "patterns"}
    expected = {f"{stem}{suffix}" for stem in stems for suffix in (".png", ".svg", ".csv")}
    assert {path.name for path in tmp_path.iterdir()} == expected
    refused = xrdfit("curves", results, "--x", "soc", "-o", tmp_path / "soc")
    assert refused.exit_code == 2
    assert "cycler" in refused.stderr
    assert not (tmp_path / "soc").exists()
