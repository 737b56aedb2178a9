"""The house stays liveable: short files, and kernels that know arrays alone. Who may import whom: ``lint-imports``."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "xrdfit"
SOURCES = sorted(PACKAGE.rglob("*.py"))
KERNELS = sorted((PACKAGE / "kernels").glob("*.py"))
MOST_LINES = 400
KERNEL_IMPORTS = {"__future__", "collections", "contextlib", "typing", "math", "numpy", "numba"}


def _imports(path: Path, *, running: bool = False) -> set[str]:
    """Modules that a file imports anywhere, in full; when `running`, without those that only type checkers read."""
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if running:
        tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_kernels_import_numpy_numba_and_math_alone(path: Path) -> None:
    outside = {name for name in _imports(path) if not name.startswith("xrdfit.kernels")}
    assert {name.partition(".")[0] for name in outside} <= KERNEL_IMPORTS


def test_every_import_beyond_the_standard_library_is_a_declared_dependency() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["biologic"] + extras["dask"] + extras["neware"]
    lines += extras["notebook"] + extras["peers"]
    declared = {re.split(r"\[|>=", line)[0].replace("-", "_") for line in lines}
    declared.add("pydantic_core")  # pydantic pins it and keeps its error types there
    declared.add("llvmlite")  # numba pins it
    used = {name.partition(".")[0] for path in SOURCES for name in _imports(path)}
    assert used - set(sys.stdlib_module_names) - {"xrdfit"} <= declared


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("galvani", "biologic.py"),
        ("fastnda", "neware.py"),
        ("rietx", "rietx.py"),
        ("dask", "cluster.py"),
        ("pandas", "tables.py"),
        ("xarray", "tables.py"),
    ],
)
def test_an_optional_library_is_imported_within_one_function_only(library: str, home: str) -> None:
    users = [path for path in SOURCES if library in {name.partition(".")[0] for name in _imports(path, running=True)}]
    assert [path.name for path in users] == [home]
    tree = ast.parse(users[0].read_text(encoding="utf-8"))
    outside = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any(library in ast.unparse(node) for node in outside)
