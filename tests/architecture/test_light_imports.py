"""Asking for help is quick because nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import xrdfit

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = {"numba", "lmfit", "scipy", "numpy", "matplotlib", "plotly", "h5py", "gemmi", "pydantic"}


def _imported_by(program: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `program`."""
    code = f"import sys\n{program}\nprint('MODULES', *{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    return set(run.stdout.rpartition("MODULES ")[2].split())


def _command_line(*words: str) -> str:
    return f"""
from xrdfit.cli import main
sys.argv = ["xrdfit", *{words!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_asking_for_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    modules = _imported_by(_command_line(*words))
    assert "typer" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "words", [("refine", "--help"), ("plot", "--help"), ("simulate", "--help"), ("explain", "W401")], ids=" ".join
)
def test_asking_of_a_verb_imports_nothing_heavy_but_what_typer_itself_needs(words: tuple[str, ...]) -> None:
    modules = _imported_by(_command_line(*words))
    assert "typer" in modules
    assert modules & (HEAVY - {"pydantic"}) == set()  # newer typer converts parameters with pydantic


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _imported_by("import xrdfit") & HEAVY == set()


def test_every_public_name_is_there_and_listed() -> None:
    assert [name for name in xrdfit.__all__ if not hasattr(xrdfit, name)] == []
    assert set(xrdfit.__all__) <= set(dir(xrdfit))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        xrdfit.no_such_name  # noqa: B018
