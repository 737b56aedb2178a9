"""``xrdfit report``: the page of a results directory, from what lies in it."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from xrdfit.cli.problems import input_error
from xrdfit.io import atomic_write, read_results, trajectories_blocks
from xrdfit.recipe import LOCK, parse_lock
from xrdfit.report import REPORT, report_page

TRAJECTORIES, LOG = "trajectories.csv", "run.log"


def run_report(results: Path, *, open_it: bool) -> int:
    """Write the page and, if asked, show it in the browser."""
    path = results / REPORT
    atomic_write(path, page_of(results, title=_title(results)))
    print(path)
    if open_it and not webbrowser.open(path.resolve().as_uri()):
        print("no browser to open it with")
    return 0


def write_report(work: Path, target: Path) -> None:
    """The page of results that will lie in another place when they are complete."""
    atomic_write(work / REPORT, page_of(work, title=_title(target)))


def page_of(results: Path, *, title: str) -> str:
    """The page as text.

    Raises
    ------
    InputError
        No results there, damaged ones, or those of another version.
    """
    stored = read_results(results)
    lock_text = _text(results / LOCK)
    return report_page(
        stored,
        title=title,
        log=_text(results / LOG),
        lock_text=lock_text,
        locked=parse_lock(lock_text, path=results / LOCK),
        doubts=_doubts(results, stored.columns),
    )


def _title(results: Path) -> str:
    """The directory with the one that it lies in, since most are called ``results``."""
    return "/".join(results.resolve().parts[-2:])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _doubts(results: Path, columns: Mapping[str, NDArray]) -> tuple[str, ...]:
    """What is amiss with the files beside ``series.h5``, which has all the numbers.

    Raises
    ------
    InputError
        The table was cut short.
    """
    missing = [name for name in (TRAJECTORIES, LOCK, LOG) if not (results / name).is_file()]
    told = (f"Not in the results directory: {', '.join(missing)}.",) if missing else ()
    if TRAJECTORIES in missing or _is_table(results / TRAJECTORIES, columns):
        return told
    return (*told, f"{TRAJECTORIES} has been changed since it was written; this page shows what the run found.")


def _is_table(path: Path, columns: Mapping[str, NDArray]) -> bool:
    """Whether a file says what the columns say, read a part at a time."""
    n_lines = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for block in trajectories_blocks(columns):
            found = file.read(len(block))
            n_lines += found.count("\n")
            if found != block and block.startswith(found):
                raise input_error(
                    "E116",
                    "the results are damaged",
                    where=path,
                    found=f"{n_lines} whole lines against {1 + len(next(iter(columns.values()), ()))}",
                    todo="copy the results again, or refine again with --fresh",
                )
            if found != block:
                return False
        return not file.read(1)
