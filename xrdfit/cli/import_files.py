"""``xrdfit import``: pattern files into one stack."""

from __future__ import annotations

from pathlib import Path

from xrdfit.cli.problems import input_error
from xrdfit.io import check_files, expand_files, open_stack, write_stack


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
    stack = open_stack(files, base=Path.cwd(), times=times, time_zone=time_zone, wavelength=wavelength, dataset=dataset)
    if output.resolve() in {path.resolve() for path in expand_files(files, base=Path.cwd())}:
        raise input_error(
            "E180",
            "the output is one of the files to import",
            where=output,
            found="a measured file against another name",
            todo="give another name with -o",
        )
    check_files(stack)
    write_stack(output, (stack.read(scan) for scan in range(len(stack))), times=stack.times)
    known = "with times" if stack.times is not None else "without times: not all of the files tell them"
    print(f"{output}: {len(stack)} scans {known}")
    return 0
