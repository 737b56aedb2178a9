"""``xrdfit refine``: from a recipe to a results directory that appears whole or not at all."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from xrdfit.cli.check import make_plan
from xrdfit.cli.earlier import finished_before
from xrdfit.cli.export import EXPORTS
from xrdfit.cli.figures import results_figures
from xrdfit.cli.problems import input_error, system_problem
from xrdfit.cli.report import LOG, TRAJECTORIES, write_report
from xrdfit.cli.words import counted
from xrdfit.cli.workers import open_workers
from xrdfit.data import SeriesResult
from xrdfit.errors import InputError, LostInputError, Problem
from xrdfit.io import (
    SERIES_FILE,
    Journal,
    ResultsPlace,
    SeriesFile,
    StoredResults,
    atomic_write,
    write_trajectories_csv,
)
from xrdfit.recipe import LOCK, Job, Recipe, build_job, lineage, load_recipe, lock_text, package_versions
from xrdfit.report import REPORT, run_verdict
from xrdfit.series import refine_series
from xrdfit.series.words import names_of_scans
from xrdfit.series.workers import LostWorkersError, Workers

EXIT_CLEAN, EXIT_FLAGGED = 0, 1
ORIGIN = "trajectories_origin.csv"
# What --fresh replaces; whatever else lies in the directory belongs to the user.
OWN = (SERIES_FILE, TRAJECTORIES, ORIGIN, LOCK, LOG, "figures", "curves", EXPORTS, REPORT)
# Ends of a run that say nothing against what it has done.
_NOBODYS_VERDICT = (KeyboardInterrupt, OSError, MemoryError, LostInputError, LostWorkersError)


def run_refine(
    recipe: Path | Recipe,
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
    source = load_recipe(recipe) if isinstance(recipe, Path) else recipe
    target = default_output(source.path) if output is None else output
    job = build_job(source)
    plan = make_plan(job)
    chosen = parse_scans(scans, len(job.stack))
    all_or_chosen = range(len(job.stack)) if chosen is None else chosen
    result: SeriesResult | StoredResults | None = finished_before(
        ResultsPlace(target, OWN), lineage(job, all_or_chosen), all_or_chosen, fresh=fresh, resume=resume
    )
    if result is not None and not as_json:
        print("finished with this recipe already, nothing to resume")
    for warning in plan["warnings"]:
        print(warning, file=sys.stderr)
    if result is None:
        with closing(open_workers(workers, scheduler, stack=job.stack, n_scans=len(all_or_chosen))) as those:
            result = refine_into(job, target, scans=chosen, workers=those, fresh=fresh, quiet=as_json)
    counts = Counter(str(outcome) for outcome in result.columns["outcome"])
    flagged = sum(count for outcome, count in counts.items() if outcome != "converged")
    if as_json:
        remarks = {"messages": list(result.messages), "warnings": list(result.warnings)}
        print(json.dumps({"results": str(target), "outcomes": dict(counts)} | remarks))
    else:
        print_verdict(result, target, job.warnings)
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


def refine_into(
    job: Job,
    target: Path,
    *,
    scans: list[int] | None = None,
    workers: Workers | None = None,
    fresh: bool = False,
    quiet: bool = False,
) -> SeriesResult:
    """Refine a job and publish its results directory, replacing the results that are there.

    What an interrupted run of the same lineage has done is not done again, unless it is to be `fresh`.
    """
    now = lineage(job, range(len(job.stack)) if scans is None else scans)
    place = ResultsPlace(target, OWN)
    with place.journal() as journal:
        try:
            if fresh or journal.lineage != now:
                journal.begin(now)
            elif done := journal.scans_of_stage(0):
                print(_going_on(done, journal.scans_of_stage(1), jointly=job.is_joint), file=sys.stderr)
            result = _refined(job, place, scans, workers, journal, quiet)
        except _NOBODYS_VERDICT as error:
            if not journal.scans_of_stage(0):
                journal.remove()
            if isinstance(error, OSError):
                raise InputError(system_problem(error, where=target, todo=place.way_on)) from error
            raise
        except BaseException:
            journal.remove()
            raise
        journal.remove()
    return result


def _refined(
    job: Job, place: ResultsPlace, scans: list[int] | None, workers: Workers | None, journal: Journal, quiet: bool
) -> SeriesResult:
    with place.writing() as work:
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

                result = refine_series(
                    job, scans=scans, writer=series_file, progress=step, workers=workers, records=journal
                )
            series_file.finish(result)
        write_trajectories_csv(work / TRAJECTORIES, result, origin=work / ORIGIN)
        atomic_write(work / LOCK, lock_text(job))
        results_figures(work)
        atomic_write(work / LOG, _log(result, time.monotonic() - began, job.warnings))
        write_report(work, place.target)
        place.publish()
    return result


def _going_on(first: int, second: int, *, jointly: bool) -> str:
    rest = "the joint fit begins anew" if jointly else f"{second} of the second"
    return f"going on with an interrupted run: {counted(first)} of the first pass are done, {rest}"


def _progress(quiet: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        # Drawing it costs a millisecond and a half, in a run of some seconds.
        refresh_per_second=4,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def _log(result: SeriesResult, seconds: float, of_input: Sequence[Problem]) -> str:
    lines = [f"refined {counted(len(result.columns['scan']))} in {seconds:.1f} s"]
    lines += [*result.notes, *map(str, of_input), *result.warnings, *result.messages]
    return "\n".join(lines) + "\n"


def print_verdict(result: SeriesResult | StoredResults, target: Path, of_input: Sequence[Problem] = ()) -> None:
    """How many scans ended how, which ones need a look, what to do next, and where things are."""
    verdict = run_verdict(result.columns, result.warnings, "\n".join(map(str, of_input)))
    print(f"{verdict.headline}. {' '.join(verdict.sentences)}")
    for outcome, scans in verdict.scans.items():
        print(f"  {outcome.replace('_', ' ')}: {names_of_scans(scans)}")
    for todo in verdict.todo if verdict.kind != "clean" else ():
        print(todo)
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
    print(f"results: {target}; {REPORT} shows them")
