"""What cannot be used ends in one line a mistake, exit code 2, and nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

MESSAGE = re.compile(r"E1\d\d [^·]+ · [^·]+ · [^·]+ · .+")
Xrdfit = Callable[..., Result]


def _everything_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _replace(cell: Path, old: str, new: str) -> None:
    recipe = cell / "recipe.toml"
    text = recipe.read_text(encoding="utf-8")
    assert old in text
    recipe.write_text(text.replace(old, new), encoding="utf-8")


def _scan(cell: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = cell / "scans" / "scan_2.xy"
    np.savetxt(path, change(np.loadtxt(path)), fmt="%.4f")


def _with_nan(table: np.ndarray) -> np.ndarray:
    table[10, 0] = np.nan
    return table


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no recipe": (lambda cell: (cell / "recipe.toml").unlink(), "recipe.toml"),
    "no toml": (lambda cell: (cell / "recipe.toml").write_text("[data\n"), "recipe.toml"),
    "no scans": (lambda cell: _replace(cell, "scans/*.xy", "scans/*.xye"), "scans/*.xye"),
    "empty file": (lambda cell: (cell / "scans" / "scan_2.xy").write_text(""), "scan_2.xy"),
    "words": (lambda cell: (cell / "scans" / "scan_2.xy").write_text("one two\nthree four\n"), "scan_2.xy"),
    "one column": (lambda cell: _scan(cell, lambda table: table[:, :1]), "scan_2.xy"),
    "two halves": (lambda cell: _scan(cell, lambda table: np.roll(table, 50, axis=0)), "scan_2.xy"),
    "duplicated angle": (lambda cell: _scan(cell, lambda table: table.repeat(2, axis=0)), "scan_2.xy"),
    "NaN angle": (lambda cell: _scan(cell, _with_nan), "scan_2.xy"),
    "no line in range": (lambda cell: _replace(cell, '"scans/*.xy"', '"scans/*.xy"\nrange = [21.2, 22.0]'), "LFP"),
    "range off the data": (lambda cell: _replace(cell, '"scans/*.xy"', '"scans/*.xy"\nrange = [60.0, 80.0]'), "range"),
    "cell of another system": (lambda cell: _replace(cell, "4.6908]", "4.6908, 90, 95, 90]"), "phase[0].cell"),
    "negative length": (lambda cell: _replace(cell, "[10.329", "[-10.329"), "phase[0].cell[0]"),
    "unknown group": (lambda cell: _replace(cell, "Pnma", "Pnmaa"), "phase[0].space_group"),
    "unknown key": (lambda cell: _replace(cell, "cell =", "cel ="), "phase[0].cel"),
    "name lmfit cannot take": (lambda cell: _replace(cell, '"LFP"', '"L-FP"'), "phase[0].name"),
    "word of Python": (lambda cell: _replace(cell, '"LFP"', '"lambda"'), "phase[0].name"),
}


@pytest.mark.parametrize("verb", ["check", "refine"])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_in_words_and_leaves_nothing(cell: Path, xrdfit: Xrdfit, verb: str, name: str) -> None:
    spoil, place = WRONG[name]
    spoil(cell)
    before = _everything_below(cell)
    run = xrdfit(verb, cell / "recipe.toml")
    assert run.exit_code == 2, run.output
    lines = run.stderr.splitlines()
    assert lines
    assert [line for line in lines if not MESSAGE.fullmatch(line)] == []
    assert place in run.stderr
    assert run.stdout == ""
    assert _everything_below(cell) == before


def test_an_unknown_key_names_the_nearest_known_one(cell: Path, xrdfit: Xrdfit) -> None:
    _replace(cell, "space_group", "spacegroup")
    assert "space_group" in xrdfit("check", cell / "recipe.toml").stderr


def test_all_mistakes_of_a_recipe_come_at_once(cell: Path, xrdfit: Xrdfit) -> None:
    _replace(cell, "[10.329", "[-10.329")
    _replace(cell, '"Cu"', '"Xx"')
    _replace(cell, '"sequential"', '"sideways"')
    assert len(xrdfit("check", cell / "recipe.toml").stderr.splitlines()) == 3


def test_many_mistakes_of_one_kind_are_counted_not_listed(cell: Path, xrdfit: Xrdfit) -> None:
    for number in range(3, 30):
        (cell / "scans" / f"scan_{number}.xy").write_text("20.0 1.0 1.0\n19.0 1.0 1.0\n18.0 2.0 1.0\n")
    run = xrdfit("import", cell / "scans" / "*.xy", "-o", cell / "stack.h5")
    assert run.exit_code == 2
    lines = run.stderr.splitlines()
    assert len(lines) < 10
    assert re.search(r"\d+ more like this", lines[-1])
    assert not (cell / "stack.h5").exists()


@pytest.mark.parametrize("scans", ["0:3", "-1:1", "1:1", "2", "a:b", "1:0"])
def test_scans_outside_the_stack_are_bad_input(cell: Path, xrdfit: Xrdfit, scans: str) -> None:
    before = _everything_below(cell)
    run = xrdfit("refine", cell / "recipe.toml", f"--scans={scans}")
    assert run.exit_code == 2
    assert "--scans" in run.stderr
    assert _everything_below(cell) == before


def test_a_directory_of_somebody_else_is_never_replaced(cell: Path, xrdfit: Xrdfit) -> None:
    run = xrdfit("refine", cell / "recipe.toml", "-o", cell / "scans", "--fresh")
    assert run.exit_code == 2
    assert (cell / "scans" / "scan_1.xy").exists()


@pytest.mark.parametrize("words", [("plot", "fit"), ("plot", "map"), ("plot", "trajectory"), ("curves",)])
def test_figures_of_a_directory_without_results_are_bad_input(cell: Path, xrdfit: Xrdfit, words: tuple[str]) -> None:
    before = _everything_below(cell)
    run = xrdfit(*words, cell)
    assert run.exit_code == 2
    assert MESSAGE.fullmatch(run.stderr.strip())
    assert _everything_below(cell) == before


def test_existing_output_of_import_is_not_replaced_unasked(cell: Path, xrdfit: Xrdfit) -> None:
    stack = cell / "stack.h5"
    stack.write_text("mine")
    assert xrdfit("import", cell / "scans" / "*.xy", "-o", stack).exit_code == 2
    assert stack.read_text() == "mine"
    assert xrdfit("import", cell / "scans" / "*.xy", "-o", stack, "--fresh").exit_code == 0
    assert stack.stat().st_size > 1000


@pytest.mark.parametrize(
    "words", [(), ("refine",), ("refien", "x"), ("refine", "x", "--no-such-option"), ("plot", "pie", "x")]
)
def test_wrong_words_on_the_line_are_usage_errors(xrdfit: Xrdfit, words: tuple[str, ...]) -> None:
    assert xrdfit(*words).exit_code == 2
