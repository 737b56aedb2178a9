"""``xrdfit import``: pattern files into one stack."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from xrdfit.cli.problems import input_error
from xrdfit.cli.words import counted, one_of
from xrdfit.data import DateOrder
from xrdfit.errors import InputError
from xrdfit.io import ColumnName, check_files, expand_files, open_stack, write_stack
from xrdfit.recipe.measurement import column_problems
from xrdfit.recipe.survey import Survey


def refuse_existing(path: Path, *, fresh: bool) -> None:
    """Raise unless `path` is free or may be replaced, in a directory that is there."""
    if not path.parent.is_dir():
        raise input_error(
            "E182",
            "cannot write",
            where=path,
            found=f"no directory {path.parent} against an existing one",
            todo="make it, or correct the path after -o",
        )
    if path.is_dir() or (path.exists() and not fresh):
        raise input_error(
            "E180",
            "the output is there already",
            where=path,
            found="an existing file or directory against none",
            todo="give another name with -o, or replace a file with --fresh",
        )


def run_import(
    files: list[str],
    output: Path,
    *,
    fresh: bool,
    times: str = "header",
    time_zone: str | None = None,
    dates: str | None = None,
    columns: str | None = None,
    wavelength: float | None = None,
    dataset: str | None = None,
) -> int:
    """Read all files once to find every mistake, then write the stack."""
    refuse_existing(output, fresh=fresh)
    if wavelength is not None and not 0.05 <= wavelength <= 3.0:
        raise input_error(
            "E156",
            "implausible wavelength",
            where="--wavelength",
            found=f"found {wavelength:g} against 0.05 to 3 Å",
            todo="give it in Å (12.398 / energy in keV)",
        )
    if dates is not None:
        one_of("--dates", dates, get_args(DateOrder))
    stack = open_stack(
        files,
        base=Path.cwd(),
        times=times,
        time_zone=time_zone,
        dates=cast(DateOrder | None, dates),
        wavelength=wavelength,
        columns=_columns(columns),
        dataset=dataset,
    )
    if output.resolve() in {path.resolve() for path in expand_files(files, base=Path.cwd())}:
        raise input_error(
            "E180",
            "the output is one of the files to import",
            where=output,
            found="a measured file against another name",
            todo="give another name with -o",
        )
    survey = Survey()
    check_files(stack, look=survey.look)
    for problem in survey.unlike(stack):
        print(problem, file=sys.stderr)
    write_stack(output, (stack.read(scan) for scan in range(len(stack))), times=stack.times)
    known = "with times" if stack.times is not None else "without times: not all of the files tell them"
    print(f"{output}: {counted(len(stack))} {known}")
    return 0


def _columns(text: str | None) -> tuple[ColumnName, ...] | None:
    """``two_theta,intensity,-`` as names of columns."""
    if text is None:
        return None
    words = tuple(word.strip() for word in text.split(","))
    for word in words:
        one_of("--columns", word, get_args(ColumnName))
    if problems := list(column_problems(words)):
        raise InputError(*(replace(problem, where="--columns") for problem in problems))
    return cast(tuple[ColumnName, ...], words)
