"""Whatever a series is kept in, opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xrdfit.errors import InputError, Problem
from xrdfit.io import SERIES_FILE
from xrdfit.notebook.results import Results
from xrdfit.notebook.series import Series
from xrdfit.recipe import build_job, load_recipe, recipe_of


def load(source: str | Path | Sequence[str | Path], **tables: Any) -> Series | Results:
    """Open a recipe, the scans themselves, or the results of a run.

    Parameters
    ----------
    source : a recipe (``.toml``), whose series is read and checked; scans (a stack, a file, a glob or a list of them),
        with the recipe's tables as keywords; or a results directory.
    tables : tables of a recipe, such as ``refine={"mode": "sequential"}``. They go into those of a recipe that is
        given, key by key; lists, as of the phases, replace what is there.

    Returns
    -------
    Series or Results
        A series is refined by `Series.refine`; results are there already, and `Results.refine` makes them anew. Where
        types are checked, `Results.of` says which of the two it is.

    Raises
    ------
    InputError
        With one problem for every mistake in recipe and files.

    Examples
    --------
    >>> series = xrdfit.load("recipe.toml")                                        # doctest: +SKIP
    >>> series = xrdfit.load(                                                      # doctest: +SKIP
    ...     "scans/*.xye",
    ...     instrument={"radiation": "Cu"},
    ...     phase=[{"name": "LFP", "space_group": "Pnma", "cell": [10.33, 6.01, 4.69]}],
    ... )
    >>> results = xrdfit.load("recipe-results")                                    # doctest: +SKIP
    """
    if isinstance(source, str | Path):
        path = Path(source)
        directory = path.parent if path.name == SERIES_FILE else path
        if path.is_dir() or directory != path:
            _no_tables(tables, path)
            return Results.of(directory)
        if path.suffix.lower() == ".toml":
            return Series(job=build_job(load_recipe(path, changes=tables)))
    files = [str(source)] if isinstance(source, str | Path) else [str(one) for one in source]
    if "phase" not in tables:
        raise InputError(
            Problem(
                code="E153",
                what="scans alone say nothing of phases and radiation",
                where=", ".join(files[:3]),
                found=f"found {', '.join(sorted(tables)) or 'no tables'} against instrument and phase",
                todo='load(files, instrument={"radiation": "Cu"}, phase=[{"name": …, "space_group": …, "cell": […]}]), '
                "or load a recipe",
            )
        )
    data = {**tables.get("data", {}), "files": files}
    return Series(job=build_job(recipe_of({**tables, "data": data}, directory=Path.cwd())))


def _no_tables(tables: dict[str, Any], path: Path) -> None:
    if tables:
        raise InputError(
            Problem(
                code="E183",
                what="results are what their recipe made them",
                where=str(path),
                found=f"found {', '.join(sorted(tables))} beside a results directory",
                todo="load the recipe with those tables, and refine",
            )
        )
