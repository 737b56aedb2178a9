"""What results descend from: recipe, files, choice of scans, versions. Only results of one lineage go together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import xrdfit
from xrdfit.recipe.job import Job

# Differences of one kind that are named.
_NAMED = 3


def lineage(job: Job, scans: Sequence[int]) -> dict[str, Any]:
    """All that the numbers of a run depend on, as JSON has it.

    Beyond what ``recipe.lock.toml`` says these are the scans and the program itself, which may change without a new
    version where it is developed.
    """
    lock = job.locked["lock"]
    return {
        "recipe": job.recipe_hash,
        "inputs": dict(lock["inputs"]),
        "scans": [scans[0], scans[-1] + 1, len(scans)],
        "versions": dict(lock["versions"]),
        "program": _program(),
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In words, what is not as it was; what `before` does not tell is not compared."""
    return list(_differences(before, now))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("recipe", now["recipe"]) != now["recipe"]:
        yield f"another recipe ({before['recipe'][:8]} against {now['recipe'][:8]})"
    if files := _changed(before.get("inputs", now["inputs"]), now["inputs"]):
        yield f"other files ({_listed(files)})"
    if (scans := before.get("scans", now["scans"])) != now["scans"]:
        first, second = (f"{start}:{stop}" for start, stop, _ in (scans, now["scans"]))
        yield f"another choice of scans ({first} against {second})"
    then, today = before.get("versions", now["versions"]), now["versions"]
    if versions := _changed(then, today):
        told = [f"{name} {then.get(name, 'none')} against {today.get(name, 'none')}" for name in versions]
        yield f"other versions ({_listed(told)})"
    elif before.get("program", now["program"]) != now["program"]:
        yield "a changed program of the same version"


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _program() -> str:
    """Checksum of the source of the package."""
    package = Path(xrdfit.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
