"""Recipes from strangers: told, and neither followed nor waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xrdfit.crystal import read_cif
from xrdfit.errors import CrystalError, DataError, RecipeError
from xrdfit.io import open_stack, small_file
from xrdfit.recipe import load_recipe
from xrdfit.recipe.instrument import choose_instrument
from xrdfit.recipe.measurement import InstrumentTable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 20_000 + "]" * 20_000, "too deep within each other"),
        ("a." * 20_000 + "b = 1", "too many keys in a row"),
        ("[" + "a." * 20_000 + "b]", "too many keys in a row"),
    ],
)
def test_tables_within_each_other_without_end_are_no_recipe(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(tmp_path / "recipe.toml")
    with pytest.raises(RecipeError, match=said):
        choose_instrument(InstrumentTable(file="recipe.toml"), tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(RecipeError, match="a folder or device"):
            load_recipe(path)
        with pytest.raises(RecipeError, match="a folder or device"):
            choose_instrument(InstrumentTable(file=str(path)), tmp_path)
        with pytest.raises(CrystalError, match="a folder or device"):
            read_cif(path)
        with pytest.raises(DataError, match="does not exist"):
            open_stack([str(path)], base=tmp_path)


def test_a_small_file_is_small(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(100 * 1024**2)
    with pytest.raises(OSError, match="100 MB against at most 64"):
        small_file(large)
    with pytest.raises(CrystalError, match="a file of 100 MB"):
        read_cif(large)
    with pytest.raises(RecipeError, match="100 MB"):
        load_recipe(large)
