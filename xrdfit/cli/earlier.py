"""What an earlier run has left in the place of the results, and whether this one may go on with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xrdfit.cli.problems import input_error
from xrdfit.errors import InputError
from xrdfit.io import SERIES_FILE, ResultsPlace, StoredResults, read_results
from xrdfit.recipe import LOCK, differences


def finished_before(
    place: ResultsPlace, now: Mapping[str, Any], scans: Sequence[int], *, fresh: bool, resume: bool
) -> StoredResults | None:
    """The results that leave nothing to do, if ``--resume`` finds them; None if the job is to be run.

    Parameters
    ----------
    now : lineage of the job.

    Raises
    ------
    InputError
        If there is something that must not be overwritten without a word, or gone on with.
    """
    interrupted = _interrupted(place)
    target = place.target
    is_empty = _is_empty(target)
    if fresh:
        return None
    differs = None if interrupted is None else differences(interrupted, now)
    if is_empty:
        if resume and differs:
            raise _of_something_else("an interrupted run", target, differs)
        return None
    if not resume:
        raise _taken(target, "--fresh replaces them, --resume goes on with them, -o chooses another place")
    stored = read_results(target)
    if not (old := differences(_stored_lineage(target, stored, now, scans), now)):
        return stored
    if differs == []:  # a run with --fresh was interrupted
        return None
    raise _of_something_else("results", target, old)


def require_room(target: Path, *, fresh: bool) -> None:
    """See that results can be written there at the end of a long run.

    Raises
    ------
    InputError
        There is something that must not be overwritten without a word.
    """
    if not _is_empty(target) and not fresh:
        raise _taken(target, "--fresh replaces them, -o chooses another place")


def _is_empty(target: Path) -> bool:
    """Whether nothing is there; if not, it is results."""
    is_empty = not target.exists() or (target.is_dir() and not any(target.iterdir()))
    if not is_empty and not (target.is_dir() and (target / SERIES_FILE).exists()):
        raise input_error(
            "E180",
            "the output is something else than results",
            where=target,
            found="files that xrdfit did not write against a new or empty directory",
            todo="give another directory with -o",
        )
    return is_empty


def _taken(target: Path, todo: str) -> InputError:
    found = f"{SERIES_FILE} against a new directory"
    return input_error("E180", "results are there already", where=target, found=found, todo=todo)


def _interrupted(place: ResultsPlace) -> Mapping[str, Any] | None:
    """Lineage of a run that was interrupted; one that had only to bring its results to their place is finished now."""
    if not place.is_begun:
        return None
    with place.journal() as journal:
        return journal.lineage


def _of_something_else(what: str, target: Path, differs: Sequence[str]) -> InputError:
    return input_error(
        "E184",
        f"{what} of something else",
        where=target,
        found=f"{'; '.join(differs)} against one lineage",
        todo="begin anew with --fresh, give another directory with -o, or bring back what was changed",
    )


def _stored_lineage(
    target: Path, stored: StoredResults, now: Mapping[str, Any], scans: Sequence[int]
) -> Mapping[str, Any]:
    """What finished results were made from; more scans than are wanted are no difference."""
    there = [int(scan) for scan in stored.columns["scan"]]
    choice = now["scans"] if set(scans) <= set(there) else [there[0], there[-1] + 1, len(there)]
    try:
        lock = tomllib.loads((target / LOCK).read_text(encoding="utf-8"))["lock"]
        inputs, versions = dict(lock["inputs"]), dict(lock["versions"])
    except (OSError, LookupError, TypeError, ValueError):  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        inputs, versions = {LOCK: "not to be read"}, now["versions"]
    return {"recipe": stored.recipe_hash, "inputs": inputs, "versions": versions, "scans": choice}
