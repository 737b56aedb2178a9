"""What a user in a hurry types: each ends in words, in the right exit code, and without harm to files."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner, Result

from tests.recipes import sequential
from xrdfit.cli.app import app

MESSAGE = re.compile(r"E1\d\d [^·]+ · [^·]+ · [^·]+ · [^·]+")
Xrdfit = Callable[..., Result]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    assert CliRunner().invoke(app, ["simulate", "-o", str(folder / "stack.h5"), "--scans", "3"]).exit_code == 0
    return folder


@pytest.fixture
def series(simulated: Path, tmp_path: Path) -> Path:
    """A directory with three simulated scans in ``stack.h5`` and ``recipe.toml``, which refines them one by one."""
    (tmp_path / "stack.h5").write_bytes((simulated / "stack.h5").read_bytes())
    text = (simulated / "stack.toml").read_text(encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(sequential(text), encoding="utf-8")
    return tmp_path


def _say(series: Path, table: str, key: str, value: object) -> None:
    """Write one value into a table such as ``refine.parameters`` of the recipe."""
    recipe = tomllib.loads((series / "recipe.toml").read_text(encoding="utf-8"))
    place: dict[str, Any] = recipe
    for name in table.split("."):
        place = place.setdefault(name, {})
    place[key] = value
    (series / "recipe.toml").write_text(tomli_w.dumps(recipe), encoding="utf-8")


def _change(series: Path, rows: slice | list[int], value: float) -> None:
    """Replace the stack by one with this value in some scans; an earlier run of this process may hold the old one."""
    other = series / "other.h5"
    other.write_bytes((series / "stack.h5").read_bytes())
    with h5py.File(other, "r+") as file:
        file["/entry/data/intensity"][rows] = value
    other.replace(series / "stack.h5")


def _table(results: Path) -> list[dict[str, str]]:
    with (results / "trajectories.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _everything(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def _line(*words: str | Path) -> subprocess.Popen[str]:
    """The real command in a process of its own, which hears interrupts: what runs in the background does not."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from xrdfit.cli import main; main()"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], stdout=pipe, stderr=pipe, text=True)


WRONG_PARAMETERS: dict[str, tuple[str, object, str]] = {
    "unknown name": ("LFP_a", {"expr": "foo * 2"}, "foo"),
    "syntax": ("LFP_a", {"expr": "FP_a *"}, "FP_a *"),
    "division by zero": ("LFP_a", {"expr": "FP_a / 0"}, "ZeroDivisionError"),
    "not real": ("LFP_a", {"expr": "sqrt(-1)"}, "nan"),
    "a text": ("LFP_a", {"expr": "'abc'"}, "LFP_a.expr"),
    "of itself": ("LFP_a", {"expr": "LFP_a"}, "depends on itself"),
    "import": ("LFP_a", {"expr": "__import__('os').system('touch pwned')"}, "__import__"),
    "write": ("LFP_a", {"expr": "open('pwned', 'w')"}, "open"),
    "escape": ("LFP_a", {"expr": "().__class__.__bases__[0].__subclasses__()"}, "__class__"),
    "impossible cell": ("LFP_a", {"expr": "-FP_a"}, "refine.parameters.LFP_a"),
    "giant cell": ("LFP_a", {"expr": "1e6 * FP_a"}, "refine.parameters.LFP_a"),
    "limits reversed": ("LFP_a", {"min": 11.0, "max": 10.0}, "exchange min and max"),
    "no room": ("LFP_a", {"min": 100.0, "value": 101.0}, "LFP_a"),
    "value outside": ("LFP_a", {"value": 20.0}, "LFP_a.value"),
    "cell outside": ("LFP_a", {"min": 10.4, "max": 10.5}, "LFP_a"),
    "unknown parameter": ("LFP_aa", {"value": 10.3}, "did you mean LFP_a?"),
    "a number": ("LFP_a", 10.3, "a table"),
    "not finite": ("LFP_a", {"value": float("nan")}, "finite"),
}


@pytest.mark.parametrize("name", WRONG_PARAMETERS)
def test_wrong_parameters_are_told_before_anything_is_refined(
    series: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    parameter, said, words = WRONG_PARAMETERS[name]
    _say(series, "refine.parameters", parameter, said)
    monkeypatch.chdir(series)
    before = _everything(series)
    for verb in ("check", "refine"):
        run = xrdfit(verb, "recipe.toml")
        assert run.exit_code == 2, run.output
        assert [line for line in run.stderr.splitlines() if not MESSAGE.fullmatch(line)] == []
        assert words in run.stderr
    assert _everything(series) == before


WRONG_VALUES: dict[str, tuple[str, str, object, str]] = {
    "solver": ("refine", "solver", "lestsq", "did you mean leastsq?"),
    "radiation": ("instrument", "radiation", "cu", "did you mean Cu?"),
    "text for a number": ("instrument", "goniometer_radius_mm", "217", "a number"),
    "negative terms": ("background", "terms", -1, "background.terms"),
    "everything excluded": ("data", "exclude", [[19.0, 39.0]], "too few points"),
    "weights of no file": ("data", "weights", "file", "data.weights"),
    "drift": ("refine.scope", "sample_displacement", "drift", "sequential"),
    "solver of the joint fit": ("", "refine", {"solver": "leastsq"}, "against compiled"),
    "shared intensities of single scans": ("refine", "intensities", "shared", 'write mode = "series"'),
    "cell of the series": ("refine.scope", "LFP_a", "series", "against scan or fixed"),
    "anchor in no scan": ("fractions", "anchor", {"LFP": 3}, "against 0 to 2"),
    "anchor of no phase": ("fractions", "anchor", {"LPF": 0}, "did you mean LFP?"),
    "structure without atoms": ("refine", "intensities", "structure", "LFP, FP without cif"),
    "no such dataset": ("data", "dataset", "/entry/nope", "/entry/data"),
    "unknown table": ("", "instument", {"radiation": "Cu"}, "did you mean instrument?"),
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_wrong_values_name_their_place_and_what_would_be_right(series: Path, xrdfit: Xrdfit, name: str) -> None:
    table, key, value, words = WRONG_VALUES[name]
    if table:
        _say(series, table, key, value)
    else:
        recipe = tomllib.loads((series / "recipe.toml").read_text(encoding="utf-8")) | {key: value}
        (series / "recipe.toml").write_text(tomli_w.dumps(recipe), encoding="utf-8")
    before = _everything(series)
    run = xrdfit("refine", series / "recipe.toml")
    assert run.exit_code == 2
    (line,) = run.stderr.splitlines()
    assert MESSAGE.fullmatch(line)
    assert words in line
    assert _everything(series) == before


@pytest.mark.parametrize("length", [100.0, 1000.0])
def test_a_cell_in_the_wrong_unit_is_told_at_once_and_not_by_hours_of_computing(
    series: Path, xrdfit: Xrdfit, length: float
) -> None:
    text = (series / "recipe.toml").read_text(encoding="utf-8")
    wrong = re.sub(r"^cell = .*$", f"cell = [{length}, {length}, {length}]", text, count=1, flags=re.MULTILINE)
    (series / "recipe.toml").write_text(wrong, encoding="utf-8")
    run = xrdfit("check", series / "recipe.toml")
    assert run.exit_code == 2
    assert "phase[0].cell" in run.stderr
    assert "wavelength and cell are in Å" in run.stderr


@pytest.mark.parametrize("value", [np.nan, 0.0, 300.0])
def test_a_dead_scan_stops_no_other_and_is_told_by_the_exit_code(series: Path, xrdfit: Xrdfit, value: float) -> None:
    _change(series, [0], value)
    run = xrdfit("refine", series / "recipe.toml")
    assert run.exit_code == 1, run.output
    rows = _table(series / "recipe-results")
    assert [row["outcome"] for row in rows] == ["no_data", "converged", "converged"]
    assert rows[0]["LFP_a"] == rows[0]["LFP_present"] == rows[0]["r_wp"] == ""
    assert "scan 0" in run.stderr


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_series_without_one_scan_of_use_is_exit_code_3_and_leaves_nothing(
    series: Path, xrdfit: Xrdfit, value: float
) -> None:
    _change(series, slice(None), value)
    before = _everything(series)
    run = xrdfit("refine", series / "recipe.toml")
    assert run.exit_code == 3
    *warnings, error = run.stderr.splitlines()
    assert error.startswith("E400 ")
    assert all(line.startswith("W108 ") for line in warnings) and len(warnings) <= 1
    assert _everything(series) == before


def test_fresh_replaces_results_with_the_same_bytes_and_keeps_what_is_not_ours(series: Path, xrdfit: Xrdfit) -> None:
    assert xrdfit("refine", series / "recipe.toml").exit_code == 0
    results = series / "recipe-results"
    first = (results / "trajectories.csv").read_bytes()
    (results / "notes.txt").write_text("precious")
    (results / "figures" / "old.png").write_text("of the last run")
    assert xrdfit("refine", series / "recipe.toml", "--fresh").exit_code == 0
    assert (results / "trajectories.csv").read_bytes() == first
    assert (results / "notes.txt").read_text() == "precious"
    assert not (results / "figures" / "old.png").exists()
    assert [path for path in series.iterdir() if path.name.startswith(".")] == []

    beside = series / "series.h5"  # results and recipe in one directory: --fresh must not take the recipe along
    beside.write_bytes((results / "series.h5").read_bytes())
    assert xrdfit("refine", series / "recipe.toml", "-o", series, "--fresh").exit_code == 0
    assert (series / "recipe.toml").exists()
    assert (series / "stack.h5").exists()
    assert (series / "trajectories.csv").read_bytes() == first


def test_the_classical_scheme_sees_the_phases_that_the_joint_one_sees(series: Path, xrdfit: Xrdfit) -> None:
    _say(series, "refine", "extraction", "partition")
    assert xrdfit("refine", series / "recipe.toml", "--scans", "1:2").exit_code in (0, 1)
    (row,) = _table(series / "recipe-results")
    assert (row["LFP_present"], row["FP_present"]) == ("1", "1")
    assert float(row["r_wp"]) < 0.06
    assert abs(float(row["FP_a"]) - 9.8165) < 4.0 * float(row["FP_a_esd"])


def test_results_are_not_resumed_once_the_patterns_have_changed(series: Path, xrdfit: Xrdfit) -> None:
    assert xrdfit("refine", series / "recipe.toml").exit_code == 0
    _change(series, [1], 300.0)
    run = xrdfit("refine", series / "recipe.toml", "--resume")
    assert run.exit_code == 2
    assert run.stderr.startswith("E184 ")


def test_the_columns_are_those_of_the_contract_in_its_order(series: Path, xrdfit: Xrdfit) -> None:
    assert xrdfit("refine", series / "recipe.toml", "--scans", "1:2").exit_code == 0
    (row,) = _table(series / "recipe-results")
    expected = ["scan", "source", "time_s", "voltage_V", "capacity_mAh", "soc"]
    for phase in ("LFP", "FP"):
        expected.append(f"{phase}_present")
        for name in ("a", "b", "c", "volume", "scale", "fraction"):
            expected += [f"{phase}_{name}", f"{phase}_{name}_esd"]
        expected.append(f"{phase}_fraction_upper95")
    expected += ["sample_displacement", "r_wp", "r_exp", "gof", "durbin_watson", "nfev", "outcome"]
    assert [name for name in row if name in expected] == expected
    assert row["scan"] == "1"
    assert row["voltage_V"] == row["soc"] == row["LFP_fraction"] == ""
    lock = tomllib.loads((series / "recipe-results" / "recipe.lock.toml").read_text(encoding="utf-8"))
    assert lock["lock"]["n_scans"] == 3
    assert set(lock["lock"]["inputs"]) == {"stack.h5"}
    with h5py.File(series / "recipe-results" / "series.h5") as file:
        shown = file[file.attrs["default"]]
        shown = shown[shown.attrs["default"]]
        assert shown.attrs["NX_class"] == "NXdata"
        assert shown.attrs["signal"] in shown
        assert file["/entry/raw/intensity"].shape == (3, 607)


def test_import_never_replaces_a_file_that_it_reads(cell: Path, xrdfit: Xrdfit) -> None:
    before = _everything(cell)
    for name in ("scan_1.xy", "../scans/scan_2.xy"):
        run = xrdfit("import", cell / "scans" / "*.xy", "-o", cell / "scans" / name, "--fresh")
        assert run.exit_code == 2
    assert _everything(cell) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--scenario", "distort"),
        ("--scans", "0"),
        ("--counts", "-1"),
        ("--counts", "nan"),
        ("--counts", "1e300"),
        ("--seed", "-1"),
        ("--with", "txture=0.3"),
        ("--with", "texture=much"),
        ("--with", "texture"),
        ("--with", "texture=nan"),
        ("--with", "foreign=-0.1"),
        ("--with", "foreign=0.1", "--with", "foreign=0.2"),
        ("-o", "stack.toml"),
        ("-o", "nowhere/stack.h5"),
    ],
)
def test_what_cannot_be_simulated_is_bad_input(
    tmp_path: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = xrdfit("simulate", "-o", "stack.h5", *words)
    assert run.exit_code == 2
    assert MESSAGE.fullmatch(run.stderr.strip())
    assert list(tmp_path.iterdir()) == []


def test_usage_mistakes_have_the_form_of_all_messages_and_debug_shows_tracebacks() -> None:
    for words in (("refien",), ("refine",), ("refine", "x", "--frsh"), ("plot", "fit", "x", "--scan", "a")):
        run = _line(*words)
        out, told = run.communicate(timeout=60)
        assert (run.returncode, out) == (2, "")
        assert MESSAGE.fullmatch(told.strip())
    run = _line("check", "no_recipe.toml", "--debug")
    assert "Traceback" in run.communicate(timeout=60)[1]
    assert run.returncode == 2


def test_a_run_that_is_interrupted_leaves_nothing_half_written(series: Path, xrdfit: Xrdfit) -> None:
    before = _everything(series)
    run = _line("refine", series / "recipe.toml")
    for _ in range(3000):
        if [path for path in series.iterdir() if path.name.startswith(".recipe-results")]:
            break
        time.sleep(0.02)
    else:
        pytest.fail("the run has not begun to write")
    os.kill(run.pid, signal.SIGINT)
    out, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    assert "Traceback" not in out + told
    assert _everything(series) == before
