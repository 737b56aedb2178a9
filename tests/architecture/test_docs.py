"""What the documentation names exists, and what exists is named."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import xrdfit
from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.data import MemoryStack, Outcome, Pattern
from xrdfit.model import Background, Instrument, PatternModel
from xrdfit.recipe import load_recipe
from xrdfit.recipe.schema import TABLES
from xrdfit.series.columns import column_units, scan_row, series_columns
from xrdfit.series.microstructure import microstructure
from xrdfit.series.summary import nothing_fitted

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# What a fragment of a recipe needs to be one.
DATA = 'data = { files = "x.xy" }\n'
REST = """
instrument = { radiation = "Cu" }
phase = [
  { name = "LFP", space_group = "Pnma", cell = [10.3, 6.0, 4.7] },
  { name = "FP", space_group = "Pnma", cell = [9.8, 5.8, 4.8] },
]
"""
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def table_rows(page: str) -> list[list[str]]:
    """Cells of every table row, without header and ruler."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def code_blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def columns_of_a_scan_without_fit() -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Every column of ``trajectories.csv`` for one phase called P with the free cell parameter a."""
    phase = Phase(name="P", group=SpaceGroup.from_name("Fm-3m"), cell=UnitCell(4.05, 4.05, 4.05))
    model = PatternModel.of(Instrument.k_alpha("Cu"), (phase,), Background())
    row = scan_row(model, nothing_fitted(Outcome.NO_DATA, "", 1), [microstructure(model, 0, None)])
    grid = np.linspace(20.0, 30.0, 5)
    pattern = Pattern(two_theta=grid, intensity=grid, sigma=None, mask=grid > 0.0, source="one")
    columns = series_columns(MemoryStack.of([pattern]), [0], {name: np.array([value]) for name, value in row.items()})
    return columns, column_units(model, list(columns))


def test_every_column_is_documented_in_order_with_its_unit() -> None:
    columns, units = columns_of_a_scan_without_fit()
    named = {"P_a": "<P>_<cell>", "P_a_esd": "<P>_<cell>_esd", "P_x_a": "<P>_x_<axis>", "P_x_a_esd": "<P>_x_<axis>_esd"}
    real = [named.get(name, re.sub("^P_", "<P>_", name)) for name in columns]
    rows = [row for row in table_rows("reference/files.md") if len(row) == 3 and not row[0].startswith("`/entry")]
    documented = {row[0].strip("`"): row[1] for row in rows}
    assert list(documented) == real
    for name, column in zip(real, columns, strict=True):
        expected = "Å, deg" if "<cell>" in name else units[column]
        assert documented[name] == expected, name


def test_parameter_table_of_the_docs_is_that_of_the_program() -> None:
    rows = runpy.run_path(str(DOCS / "reference" / "parameter_rows.py"))["rows"]()
    page = (DOCS / "reference" / "parameters.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in page if line.startswith("| `")] == rows


def test_every_public_name_has_its_place_in_the_reference_and_no_other() -> None:
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto\w+:: xrdfit\.(\w+)", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(xrdfit.__all__) - {"__version__"})
    for name, members in re.findall(r"xrdfit\.(\w+)\(\)\n   :members: (.+)", text):
        assert all(hasattr(getattr(xrdfit, name), member) for member in members.split(", "))


def test_every_recipe_key_is_documented_with_its_default() -> None:
    text = (DOCS / "reference" / "recipe.md").read_text(encoding="utf-8")
    keys = {key for table in TABLES.values() for key in table.model_fields}
    missing = {key for key in keys if f"`{key}`" not in text and f"[{key}]" not in text}
    assert not missing
    documented = {row[0].strip("`"): row[1] for row in table_rows("reference/recipe.md")}
    for place in ("data", "instrument", "background", "refine", "fractions"):
        for key, field in TABLES[place].model_fields.items():
            if isinstance(field.default, str):
                assert documented[key] == f'`"{field.default}"`'
            elif isinstance(field.default, float | int):
                assert float(documented[key]) == field.default


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_recipes_in_the_docs_are_accepted(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(code_blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        if "phase" not in text:
            text = REST + text
        if "files" not in text:
            text = DATA + text
        path.write_text(text, encoding="utf-8")
        load_recipe(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)\s]*\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "tutorials" / "first-series.md"], ids=lambda page: page.name
)
def test_python_of_the_docs_uses_public_names(page: Path) -> None:
    (block,) = code_blocks(page, "python")
    for name in re.findall(r"xrdfit\.(\w+)\(", block):
        assert name in xrdfit.__all__
