"""A series in a notebook: loaded from recipe or scans, refined, and the same from disk."""

from __future__ import annotations

import gc
import re
import shutil
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

import xrdfit
from xrdfit.cli.demo import run_demo
from xrdfit.errors import InputError, NoResultError
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

DOCS = Path(__file__).parents[3] / "docs"
PHASES = [
    {"name": "LFP", "space_group": "Pnma", "cell": [10.329, 6.0065, 4.6908]},
    {"name": "FP", "space_group": "Pnma", "cell": [9.8142, 5.7893, 4.782]},
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated scans and the recipe that refines them."""
    folder = tmp_path_factory.mktemp("cell")
    simulated = simulate_stack(WELL_BEHAVED, seed=3, n_scans=6)
    write_simulated(folder / "stack.h5", simulated)
    (folder / "recipe.toml").write_text(simulated.recipe_text, encoding="utf-8")
    return folder / "recipe.toml"


def opened(source: Path | str | list[str], **tables: object) -> xrdfit.Series:
    series = xrdfit.load(source, **tables)
    assert isinstance(series, xrdfit.Series)
    return series


@pytest.fixture(scope="module")
def on_disk(recipe: Path) -> xrdfit.Results:
    """The series refined into a directory beside the recipe."""
    return opened(recipe).refine(recipe.parent / "recipe-results")


def test_a_run_just_made_and_one_from_disk_are_the_same_to_the_last_bit(recipe: Path, on_disk: xrdfit.Results) -> None:
    series = opened(recipe)
    assert len(series) == 6
    assert repr(series).startswith("6 scans · LFP, FP · 20 to 38° 2θ · mode series")
    here, there = series.refine(), xrdfit.Results.of(on_disk.directory)
    pd.testing.assert_frame_equal(here.to_dataframe(), there.to_dataframe(), check_exact=True)
    pd.testing.assert_frame_equal(on_disk.to_dataframe(), there.to_dataframe(), check_exact=True)
    np.testing.assert_array_equal(here.curves(2).calculated, there.curves(2).calculated)
    assert np.all(np.abs(here["LFP_a"] - 10.329) < 0.02)


def test_a_directory_is_that_of_the_command_line(recipe: Path, on_disk: xrdfit.Results, tmp_path: Path) -> None:
    written = {path.name for path in on_disk.directory.iterdir()}
    assert {"report.html", "trajectories.csv", "trajectories_origin.csv", "recipe.lock.toml", "figures"} <= written
    with pytest.raises(InputError, match="E180 results are there already"):
        opened(recipe).refine(on_disk.directory)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "series.h5").write_text("of an earlier run", encoding="utf-8")
    assert len(opened(recipe).refine(tmp_path / "results", scans=[1, 0], fresh=True)) == 2


def test_results_are_refined_again_from_the_recipe_that_they_hold(
    recipe: Path, on_disk: xrdfit.Results, tmp_path: Path
) -> None:
    again = xrdfit.Results.of(on_disk.directory).refine()
    pd.testing.assert_frame_equal(on_disk.to_dataframe(), again.to_dataframe(), check_exact=True)
    assert len(again.refine(scans=range(3))) == 3
    moved = shutil.copytree(on_disk.directory, tmp_path / "moved")
    with pytest.raises(InputError, match="E10"):
        xrdfit.load(moved).refine()


def test_results_that_nobody_holds_leave_nothing_behind(recipe: Path) -> None:
    results = opened(recipe).refine(scans=range(2))
    directory = results.directory
    assert directory.is_dir() and "not kept on disk" in repr(results)
    del results
    gc.collect()
    assert not directory.exists()


def test_tables_change_a_recipe_key_by_key(recipe: Path) -> None:
    series = opened(recipe, data={"range": [20.0, 30.0]}, background={"terms": 4}, refine={"esd_scaling": "none"})
    assert series.job.background.terms == 4 and series.job.settings.esd_scaling == "none"
    assert series.job.settings.two_theta_range == (20.0, 30.0)
    assert series.job.settings.scope["sample_displacement"] == "drift"  # stays from the file
    assert [phase.name for phase in opened(recipe, phase=PHASES[:1]).job.phases] == ["LFP"]


def test_scans_are_loaded_with_the_tables_of_a_recipe(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recipe.parent)
    for files in ("stack.h5", ["stack.h5"], recipe.with_name("stack.h5")):
        series = opened(files, instrument={"radiation": "Cu"}, phase=PHASES)
        assert len(series) == 6 and len(series.job.phases) == 2


def test_mistakes_are_told_as_on_the_command_line(recipe: Path, tmp_path: Path) -> None:
    stack = recipe.with_name("stack.h5")
    with pytest.raises(InputError, match="E153 scans alone say nothing"):
        xrdfit.load(stack)
    with pytest.raises(InputError, match=r"E152.*did you mean mode"):
        xrdfit.load(recipe, refine={"mod": "sequential"})
    with pytest.raises(InputError, match="E151 a value that a recipe cannot hold"):
        xrdfit.load(recipe, data={"range": np.array([20.0, 30.0])})
    with pytest.raises(InputError, match="E150"):
        xrdfit.load(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"E10[13]"):
        xrdfit.load(str(tmp_path / "*.xye"), instrument={"radiation": "Cu"}, phase=PHASES)
    series = opened(recipe)
    with pytest.raises(InputError, match="E181 no such scans · scans · found 6 against 0 to 5"):
        series.refine(scans=range(3, 7))
    with pytest.raises(InputError, match="E163"):
        series.refine(workers=0)
    (tmp_path / "thesis.tex").write_text("words", encoding="utf-8")
    with pytest.raises(InputError, match="E180 the output is something else"):
        series.refine(tmp_path, fresh=True)


@pytest.mark.parametrize(
    ("source", "tables", "words"),
    [
        (None, {}, "E183 nothing that can be opened"),
        ([], {}, "E183 nothing that can be opened"),
        ("cell-reslts", {}, "E101 the file does not exist"),
        ("scans/*.xye", {}, "E153 scans alone"),
        ("a.xye", {"phase": [], "data": "b.xye"}, "E183 the scans are given already"),
        ("a.xye", {"phase": [], "data": {"files": "b.xye"}}, "E183 the scans are given already"),
        (".", {"phase": [], "instrument": {"radiation": "Cu"}}, "E1(?!83)"),
    ],
)
def test_what_cannot_be_opened_is_told_for_what_it_is(
    source: object, tables: dict[str, object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        xrdfit.load(source, **tables)  # type: ignore[arg-type]


@pytest.mark.parametrize("scans", [3, "0:3", [0.5]])
def test_scans_that_are_no_numbers_are_refused(recipe: Path, scans: object) -> None:
    with pytest.raises(InputError, match="E181 no such scans"):
        opened(recipe).refine(scans=scans)  # type: ignore[arg-type]


def test_a_series_that_cannot_be_fitted_leaves_nothing_behind(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def nothing(*_: object, **__: object) -> None:
        raise NoResultError("not one of 6 scans could be fitted")

    monkeypatch.setattr("xrdfit.notebook.series.refine_series", nothing)
    with pytest.raises(NoResultError):
        opened(recipe).refine()
    assert list(tmp_path.iterdir()) == []


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("Agg")
    blocks = re.findall(
        r"```python\n(.*?)```", (DOCS / "how-to" / "notebook.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(blocks) == 2 and len(blocks[0].strip().splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    run_demo(Path("mycell"), refine=False)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "trajectories.png").stat().st_size > 10_000
    assert isinstance(names["table"], pd.DataFrame) and len(names["table"]) == 42
