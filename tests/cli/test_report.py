"""``xrdfit report``: the page from the results alone, or one message and nothing written."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from typer.testing import Result

from tests.results import write_results

Xrdfit = Callable[..., Result]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(
        tmp_path / "cell" / "results", log="refined 12 scans\nW105 another anode · scan 1 · Co · look\n"
    )


def refused(run: Result, results: Path, *words: str) -> None:
    assert run.exit_code == 2
    assert run.stderr.count("\n") == 1
    assert all(word in run.stderr for word in words), run.stderr
    assert not (results / "report.html").exists()


def test_the_page_is_written_into_the_results_and_is_the_same_every_time(results: Path, xrdfit: Xrdfit) -> None:
    run = xrdfit("report", results)
    assert run.exit_code == 0 and run.stdout.split() == [str(results / "report.html")]
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "<h1>cell/results</h1>" in page and "another anode" in page and "30ffeadf" in page
    assert xrdfit("report", results).exit_code == 0
    assert (results / "report.html").read_text(encoding="utf-8") == page
    assert not [path for path in results.iterdir() if path.name.startswith(".")]


def test_the_browser_is_opened_on_demand_only(results: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: opened.append(uri) or True)
    xrdfit("report", results)
    assert opened == []
    xrdfit("report", results, "--open")
    assert opened == [(results / "report.html").resolve().as_uri()]


def test_a_directory_without_results_is_refused(tmp_path: Path, xrdfit: Xrdfit) -> None:
    refused(xrdfit("report", tmp_path), tmp_path, "E116", "no results here")
    refused(xrdfit("report", tmp_path / "none"), tmp_path / "none", "E116")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
def test_a_results_file_cut_short_is_refused(results: Path, xrdfit: Xrdfit, part: float) -> None:
    whole = (results / "series.h5").read_bytes()
    (results / "series.h5").write_bytes(whole[: int(part * len(whole))])
    refused(xrdfit("report", results), results, "series.h5")


def test_a_table_cut_short_is_refused_and_an_edited_one_is_told(results: Path, xrdfit: Xrdfit) -> None:
    table = results / "trajectories.csv"
    whole = table.read_text(encoding="utf-8")
    table.write_text(whole[:700], encoding="utf-8")
    refused(xrdfit("report", results), results, "E116", "trajectories.csv")
    table.write_text(whole.replace("converged", "splendid"), encoding="utf-8")
    assert xrdfit("report", results).exit_code == 0
    assert "has been changed since it was written" in (results / "report.html").read_text(encoding="utf-8")


def test_a_recipe_cut_short_is_refused_and_a_missing_one_is_told(results: Path, xrdfit: Xrdfit) -> None:
    (results / "recipe.lock.toml").write_text('[data]\nweights = "au', encoding="utf-8")
    refused(xrdfit("report", results), results, "E116", "recipe.lock.toml")
    (results / "recipe.lock.toml").unlink()
    assert xrdfit("report", results).exit_code == 0
    assert "Not in the results directory: recipe.lock.toml." in (results / "report.html").read_text(encoding="utf-8")


def test_results_of_another_version_are_refused(results: Path, xrdfit: Xrdfit) -> None:
    with h5py.File(results / "series.h5", "r+") as file:
        file.attrs["xrdfit_format"] = 99
    refused(xrdfit("report", results), results, "another version", "99")


def test_fits_that_are_missing_in_the_file_are_damage(results: Path, xrdfit: Xrdfit) -> None:
    with h5py.File(results / "series.h5", "r+") as file:
        del file["/entry/patterns/calculated"]
    refused(xrdfit("report", results), results, "E116")


def test_a_column_that_is_missing_in_the_file_is_damage(results: Path, xrdfit: Xrdfit) -> None:
    with h5py.File(results / "series.h5", "r+") as file:
        del file["/entry/trajectories/r_wp"]
    refused(xrdfit("report", results), results, "E116", "r_wp")
