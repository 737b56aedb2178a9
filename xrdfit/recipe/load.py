"""Reading a recipe."""

from __future__ import annotations

import copy
import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from xrdfit.errors import RecipeError
from xrdfit.io import small_file
from xrdfit.recipe.agreement import disagreements
from xrdfit.recipe.mistakes import Code, mend, mistake, problems_of
from xrdfit.recipe.schema import TABLES, RecipeTables
from xrdfit.recipe.toml_text import parse_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe that makes sense by itself; its files have not been looked at yet.

    Attributes
    ----------
    directory : where the recipe lies; its paths are relative to it.
    text, hash : as read, and the SHA-256 of it.
    tables : checked values, defaults filled in.
    """

    path: Path
    directory: Path
    text: str
    hash: str
    tables: RecipeTables


def load_recipe(path: str | Path, *, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read and check a recipe.

    Parameters
    ----------
    changes : tables that go into those of the file, key by key; lists replace what is there. The recipe's text is then
        the changed one, without its comments.

    Raises
    ------
    RecipeError
        With one problem for every mistake.
    """
    path = Path(path)
    text = _text(path)
    try:
        raw = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(
            mistake(
                Code.NOT_TOML,
                "the recipe is not valid TOML",
                where=str(path),
                found=str(error),
                todo="correct the line",
            )
        ) from None
    if changes:
        return recipe_of(_changed(raw, changes), directory=path.resolve().parent, path=path)
    return _recipe(path, path.resolve().parent, text, raw)


def recipe_of(tables: Mapping[str, Any], *, directory: Path, path: Path | None = None) -> Recipe:
    """A recipe from tables at hand, in the words of the file.

    Parameters
    ----------
    directory : what its paths are relative to.
    path : the file it came from, if any.

    Raises
    ------
    RecipeError
        With one problem for every mistake.
    """
    try:
        text = tomli_w.dumps(tables)
    except (AttributeError, TypeError, ValueError) as error:
        raise RecipeError(
            mistake(
                Code.NOT_TOML,
                "a value that a recipe cannot hold",
                where="tables",
                found=f"{error} against texts, numbers, booleans, lists and dictionaries",
                todo="convert it, or leave out what is None",
            )
        ) from None
    return _recipe(path or directory / "recipe.toml", directory, text, tomllib.loads(text))


def _recipe(path: Path, directory: Path, text: str, raw: dict[str, Any]) -> Recipe:
    return Recipe(
        path=path,
        directory=directory,
        text=text,
        hash=hashlib.sha256(text.encode()).hexdigest(),
        tables=_checked(raw),
    )


def _changed(tables: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(tables)
    for key, value in changes.items():
        old = new.get(key)
        new[key] = _changed(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return new


def _checked(raw: dict[str, Any]) -> RecipeTables:
    tables, first = _validate(raw)
    # A table with one wrong value is not checked as a whole, so what is wrong is mended or left out and all is read
    # again: what is said then for the first time is a mistake too, but for the gaps that leaving out has made.
    mended = copy.deepcopy(raw)
    touched = {place for details in first for place in [mend(details, mended, TABLES)] if place}
    between = list(disagreements(mended))
    if tables is not None and not between:
        return tables
    _, second = _validate(mended)
    said = [problem for details in first for problem in problems_of(details, raw, TABLES)]
    new = [problem for details in second for problem in problems_of(details, mended, TABLES)]
    said = [problem for problem in said if problem.code != Code.MISSING_KEY or problem in new]
    said += [problem for problem in new if problem not in said and problem.where not in touched]
    raise RecipeError(*said, *between)


def _validate(raw: dict[str, Any]) -> tuple[RecipeTables | None, list[ErrorDetails]]:
    try:
        return RecipeTables.model_validate(raw), []
    except ValidationError as error:
        return None, error.errors()


def _text(path: Path) -> str:
    try:
        raw = small_file(path)
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        found, todo = "another encoding against UTF-8", "save it as UTF-8"
        if b"\0" in raw:
            found, todo = "a binary file against TOML", "give the recipe, which names the data"
    except OSError as error:
        names = [child.name for child in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.4) or names[:1]
        found, todo = str(error.strerror), f"did you mean {near[0]}?" if near else "correct the path"
    raise RecipeError(mistake(Code.NO_RECIPE, "the recipe cannot be read", where=str(path), found=found, todo=todo))
