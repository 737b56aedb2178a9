"""Whatever a series is kept in, opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from glob import has_magic
from os import fspath
from pathlib import Path
from typing import Any

from xrdfit.errors import InputError, Problem
from xrdfit.io import SERIES_FILE
from xrdfit.notebook.results import Results
from xrdfit.notebook.series import Series
from xrdfit.recipe import build_job, load_recipe, recipe_of


def load(source: str | Path | Iterable[str | Path], **tables: Any) -> Series | Results:
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
        # A directory that is given with tables may be one of scans.
        if directory != path or (path / SERIES_FILE).exists() or (path.is_dir() and not tables):
            _no_tables(tables, path)
            return Results.of(directory)
        if path.suffix.lower() == ".toml":
            return Series(job=build_job(load_recipe(path, changes=tables)))
        if not (tables or path.exists() or has_magic(str(path))):
            raise _nothing_there(path)
    files = _files(source)
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
    data = tables.get("data", {})
    if not isinstance(data, Mapping) or "files" in data:
        raise InputError(
            Problem(
                code="E183",
                what="the scans are given already",
                where="data",
                found=f"found {data!r} beside {', '.join(files[:3])}",
                todo='give data a dictionary of what else is said of them, such as {"range": [20.0, 38.0]}',
            )
        )
    data = {**data, "files": files}
    return Series(job=build_job(recipe_of({**tables, "data": data}, directory=Path.cwd())))


def _files(source: str | Path | Iterable[str | Path]) -> list[str]:
    if isinstance(source, str | Path):
        return [str(source)]
    try:
        files = [fspath(one) for one in source]
    except TypeError:
        files = []
    if not files:
        raise InputError(
            Problem(
                code="E183",
                what="nothing that can be opened",
                where="xrdfit.load",
                found=f"found {source!r} against a path or a list of paths",
                todo="give a recipe, a results directory, or scans",
            )
        )
    return files


def _nothing_there(path: Path) -> InputError:
    return InputError(
        Problem(
            code="E101",
            what="the file does not exist",
            where=str(path),
            found=f"no such file or directory in {Path.cwd()}",
            todo="correct the path; of scans give the tables instrument and phase, too",
        )
    )


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
