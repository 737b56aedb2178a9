"""From what the user wrote to a list of files in the order they were measured."""

from __future__ import annotations

import difflib
import glob
import re
from collections.abc import Sequence
from pathlib import Path

from xrdfit.errors import DataError, Problem
from xrdfit.io.problems import Code


def natural_key(name: object) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``scan2`` before ``scan10``.

    >>> sorted(["scan10.xy", "scan2.xy"], key=natural_key)
    ['scan2.xy', 'scan10.xy']
    """
    parts = re.split(r"(\d+)", str(name))
    numbers_and_words = ((0, int(part), part) if part.isdecimal() else (1, 0, part.casefold()) for part in parts)
    return (*numbers_and_words, (2, 0, str(name)))


def expand_files(files: str | Path | Sequence[str | Path], *, base: Path) -> tuple[Path, ...]:
    """Files named or matched by patterns such as ``scans/*.xye``, relative to ``base``.

    Entries keep the order they were given in; what one pattern matches is in natural order.

    Raises
    ------
    DataError
        For every entry that is missing, matches nothing or is empty, all at once.
    """
    entries = [files] if isinstance(files, str | Path) else list(files)
    found: list[Path] = []
    problems: list[Problem] = []
    for entry in entries:
        path = base / entry
        if path.is_file():
            matches = [path]
        elif path.is_dir():
            problems.append(_folder_problem(entry, path))
            continue
        else:
            matches = sorted((Path(match) for match in glob.glob(str(path), recursive=True)), key=natural_key)
            matches = [match for match in matches if match.is_file()]
            if not matches:
                problems.append(_nothing_found(entry, path))
        problems += [_empty_problem(match) for match in matches if match.stat().st_size == 0]
        found += matches
    if not entries:
        problems.append(
            Problem(
                code=Code.NO_MATCH,
                what="no files",
                where="files",
                found="an empty list against at least one file",
                todo='name the scans, for instance files = "scans/*.xye"',
            )
        )
    if problems:
        raise DataError(*problems)
    return tuple(found)


def files_there(files: Sequence[str | Path], *, base: Path) -> tuple[Path, ...]:
    """The same files without a word on what is not there, or not yet."""
    found: list[Path] = []
    for entry in files:
        path = base / entry
        matches = [path] if path.is_file() else sorted(map(Path, glob.glob(str(path), recursive=True)), key=natural_key)
        found += [match for match in matches if match.is_file()]
    return tuple(dict.fromkeys(found))


def refuse_hopeless(files: Sequence[str | Path], *, base: Path) -> None:
    """See that files may still come: that there are the folders in which they are looked for.

    Raises
    ------
    DataError
        For every entry that is a folder itself, or whose folder is missing.
    """
    problems: list[Problem] = []
    for entry in files:
        path = base / entry
        folder = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        if path.is_dir():
            problems.append(_folder_problem(entry, path))
        elif not folder.is_dir() and not files_there([entry], base=base):
            problems.append(_nothing_found(entry, path))
    if problems:
        raise DataError(*problems)


def _folder_problem(entry: str | Path, folder: Path) -> Problem:
    return Problem(
        code=Code.NO_MATCH,
        what="a folder is not a scan",
        where=str(entry),
        found=f"a folder with {_contents(folder)} against files",
        todo=f'write for instance "{entry}/*.xye"',
    )


def _empty_problem(path: Path) -> Problem:
    return Problem(
        code=Code.EMPTY,
        what="the file is empty",
        where=str(path),
        found="0 bytes against a pattern",
        todo="measure or export it again, or leave it out",
    )


def _nothing_found(entry: str | Path, path: Path) -> Problem:
    """Say how far the path leads and what is there instead."""
    missing, folder = path, path.parent
    while not folder.is_dir() and folder != folder.parent:
        missing, folder = folder, folder.parent
    names = [child.name for child in folder.iterdir()] if folder.is_dir() else []
    near = difflib.get_close_matches(missing.name, names, n=1)
    is_pattern = glob.has_magic(str(entry))
    if missing != path:
        found = f"no folder {missing.name} in {folder}"
    else:
        found = f"no match in {folder}, which holds {_contents(folder)}" if is_pattern else f"no such file in {folder}"
    todo = f"did you mean {near[0]}?" if near else "correct the path"
    return Problem(
        code=Code.NO_MATCH if is_pattern else Code.MISSING,
        what="the pattern matches no file" if is_pattern else "the file does not exist",
        where=str(entry),
        found=found,
        todo=todo,
    )


def _contents(folder: Path) -> str:
    counts: dict[str, int] = {}
    for child in folder.iterdir():
        if child.is_file() and not child.name.startswith("."):
            counts[child.suffix or "no suffix"] = counts.get(child.suffix or "no suffix", 0) + 1
    most = sorted(counts.items(), key=lambda item: -item[1])[:4]
    return ", ".join(f"{count} × {suffix}" for suffix, count in most) or "no files"
