"""``xrdfit refine``: from a recipe to a results directory that appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from xrdfit.cli.check import make_plan
from xrdfit.cli.export import EXPORTS
from xrdfit.cli.figures import results_figures
from xrdfit.cli.problems import input_error
from xrdfit.cli.report import LOG, TRAJECTORIES, write_report
from xrdfit.cli.words import counted
from xrdfit.cli.workers import open_workers
from xrdfit.data import SeriesResult
from xrdfit.errors import Problem
from xrdfit.io import (
    SERIES_FILE,
    SeriesFile,
    StoredResults,
    atomic_write,
    read_results,
    write_origin_csv,
    write_trajectories_csv,
)
from xrdfit.recipe import LOCK, Job, build_job, load_recipe, lock_text, package_versions
from xrdfit.report import REPORT
from xrdfit.series import refine_series
from xrdfit.series.workers import Workers

EXIT_CLEAN, EXIT_FLAGGED = 0, 1
ORIGIN = "trajectories_origin.csv"
# What --fresh replaces; whatever else lies in the directory belongs to the user.
OWN = (SERIES_FILE, TRAJECTORIES, ORIGIN, LOCK, LOG, "figures", "curves", EXPORTS, REPORT)


def run_refine(
    recipe: Path,
    output: Path | None,
    *,
    fresh: bool,
    resume: bool,
    scans: str | None,
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
) -> int:
    """Check everything that can be wrong before anything is computed, refine, publish, report."""
    if fresh and resume:
        raise input_error(
            "E183", "two ways at once", where="--fresh --resume", found="both against one", todo="choose one of them"
        )
    target = default_output(recipe) if output is None else output
    job = build_job(load_recipe(recipe))
    plan = make_plan(job)
    chosen = parse_scans(scans, len(job.stack))
    result: SeriesResult | StoredResults | None = _finished(
        target, job, range(len(job.stack)) if chosen is None else chosen, fresh=fresh, resume=resume
    )
    if result is not None and not as_json:
        print("finished with this recipe already, nothing to resume")
    for warning in plan["warnings"]:
        print(warning, file=sys.stderr)
    if result is None:
        n_scans = len(job.stack if chosen is None else chosen)
        with closing(open_workers(workers, scheduler, stack=job.stack, n_scans=n_scans)) as those:
            result = refine_into(job, target, scans=chosen, workers=those, quiet=as_json)
    counts = Counter(str(outcome) for outcome in result.columns["outcome"])
    flagged = sum(count for outcome, count in counts.items() if outcome != "converged")
    if as_json:
        remarks = {"messages": list(result.messages), "warnings": list(result.warnings)}
        print(json.dumps({"results": str(target), "outcomes": dict(counts)} | remarks))
    else:
        print_verdict(result, target)
    return EXIT_FLAGGED if flagged or result.warnings else EXIT_CLEAN


def default_output(recipe: Path) -> Path:
    """``<recipe>-results`` beside the recipe."""
    return recipe.with_name(f"{recipe.stem}-results")


def parse_scans(text: str | None, n_scans: int) -> list[int] | None:
    """``A:B`` as scan numbers, B excluded; either may be left out.

    Raises
    ------
    InputError
        For anything else, and for scans outside the stack.
    """
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        start, stop = int(first) if first else 0, int(last) if last else n_scans
    except ValueError:
        colon = ""
        start = stop = 0
    if not colon or not 0 <= start < stop <= n_scans:
        raise input_error(
            "E181",
            "no such scans",
            where="--scans",
            found=f"found {text!r} against A:B with 0 <= A < B <= {n_scans}",
            todo="scans are numbered from 0 and B is not included",
        )
    return list(range(start, stop))


def _finished(target: Path, job: Job, scans: Sequence[int], *, fresh: bool, resume: bool) -> StoredResults | None:
    """The results that leave nothing to do, if ``--resume`` finds them; None if the job is to be run.

    Raises
    ------
    InputError
        If the directory holds something that must not be overwritten without a word.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if not (target.is_dir() and (target / SERIES_FILE).exists()):
        raise input_error(
            "E180",
            "the output is something else than results",
            where=target,
            found="files that xrdfit did not write against a new or empty directory",
            todo="give another directory with -o",
        )
    if fresh:
        return None
    if resume:
        stored = read_results(target)
        if stored.recipe_hash != job.recipe_hash:
            what, found = "recipe", f"recipe {stored.recipe_hash[:12]} against {job.recipe_hash[:12]}"
        elif _stored_inputs(target) != job.locked["lock"]["inputs"]:
            what, found = "version of the files", f"other checksums in {LOCK} against the files as they are now"
        elif missing := set(scans) - {int(scan) for scan in stored.columns["scan"]}:
            what, found = "choice of scans", f"{len(missing)} scans less against {len(scans)} wanted"
        else:
            return stored
        raise input_error(
            "E184",
            f"results of another {what}",
            where=target,
            found=found,
            todo="give another directory with -o, or replace them with --fresh",
        )
    raise input_error(
        "E180",
        "results are there already",
        where=target,
        found=f"{SERIES_FILE} against a new directory",
        todo="--fresh replaces them, --resume goes on with them, -o chooses another place",
    )


def _stored_inputs(target: Path) -> dict[str, str] | None:
    """Checksums of the files that the results in a directory were made from; None if they are not told."""
    try:
        return dict(tomllib.loads((target / LOCK).read_text(encoding="utf-8"))["lock"]["inputs"])
    except (OSError, LookupError, TypeError, ValueError):  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
        return None


def refine_into(
    job: Job, target: Path, *, scans: list[int] | None = None, workers: Workers | None = None, quiet: bool = False
) -> SeriesResult:
    """Refine a job and publish its results directory, replacing the results that are there."""
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        began = time.monotonic()
        with SeriesFile(
            work,
            recipe_text=job.recipe_text,
            recipe_hash=job.recipe_hash,
            versions=package_versions(),
            stack=job.stack,
        ) as series_file:
            with _progress(quiet) as progress:
                task = progress.add_task("refining", total=None)

                def step(done: int, total: int, word: str) -> None:
                    progress.update(task, completed=done, total=total, description=word)

                result = refine_series(job, scans=scans, writer=series_file, progress=step, workers=workers)
            series_file.finish(result)
        write_trajectories_csv(work / TRAJECTORIES, result)
        write_origin_csv(work / ORIGIN, result)
        atomic_write(work / LOCK, lock_text(job))
        results_figures(read_results(work), work / "figures")
        atomic_write(work / LOG, _log(result, time.monotonic() - began, job.warnings))
        write_report(work, target)
        work.chmod(0o755)
        _publish(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return result


def _publish(work: Path, target: Path) -> None:
    """Move finished results to their place. Of what is there only xrdfit's own is replaced, and only as a whole."""
    if not target.exists():
        work.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    moves = [(target / name, old / name) for name in OWN if (target / name).exists()]
    moves += [(made, target / made.name) for made in sorted(work.iterdir())]
    try:
        for source, destination in moves:
            shutil.move(source, destination)
    except BaseException:
        for source, destination in reversed(moves):
            if destination.exists() and not source.exists():
                shutil.move(destination, source)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)
    work.rmdir()


def _progress(quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _log(result: SeriesResult, seconds: float, of_input: Sequence[Problem]) -> str:
    lines = [f"refined {counted(len(result.columns['scan']))} in {seconds:.1f} s"]
    lines += [*result.notes, *map(str, of_input), *result.warnings, *result.messages]
    return "\n".join(lines) + "\n"


def print_verdict(result: SeriesResult | StoredResults, target: Path) -> None:
    """How many scans ended how, which ones need a look, and where things are."""
    counts = Counter(str(outcome) for outcome in result.columns["outcome"])
    print(f"{counted(len(result.columns['scan']))}: " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    for phase in result.phases:
        present = result.columns[f"{phase.name}_present"]
        print(f"  {phase.name}: present in {counted(int((present == 1).sum()))}")
    for note in result.notes:
        print(f"  {note}")
    for warning in result.warnings:
        print(f"  {warning}", file=sys.stderr)
    for message in result.messages[:20]:
        print(f"  {message}", file=sys.stderr)
    if len(result.messages) > 20:
        print(f"  … {len(result.messages) - 20} more in run.log", file=sys.stderr)
    print(f"results: {target}")
