"""The main job: a whole series, from a job to its trajectories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, SeriesResult
from xrdfit.errors import InputError, Problem
from xrdfit.fit import start_values
from xrdfit.model import PatternModel
from xrdfit.series.columns import column_units, series_columns
from xrdfit.series.criticism.assumptions import warnings_of
from xrdfit.series.finished import FinishedScans, ScanWriter
from xrdfit.series.joint.fitted_runs import FittedRuns
from xrdfit.series.joint.fraction_remarks import amounts_off, fraction_notes, fraction_warnings
from xrdfit.series.joint.fractions import fill_fractions, joint_fractions
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.joint.summary import joint_summary
from xrdfit.series.joint.unseen import tests_of_unseen
from xrdfit.series.kept import KeptScans
from xrdfit.series.microstructure import conventions, withheld
from xrdfit.series.notes import joint_notes, sequential_notes
from xrdfit.series.remarks import composition_notes, correlation_notes, intensity_notes
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.screening import Fault, fault_warnings, faults, look_at
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.second_pass import Finished, refine_second
from xrdfit.series.sequential.series import Progress, SequentialSeries
from xrdfit.series.sequential.walk import refine_first
from xrdfit.series.state import ScanRecord
from xrdfit.series.summary import ScanSummary, nothing_fitted, sequential_summary
from xrdfit.series.words import count_of_scans
from xrdfit.series.workers import Here, Journaled, Records, Workers
from xrdfit.series.workers.one_thread import one_thread

if TYPE_CHECKING:
    from xrdfit.recipe import Job

# Notes and warnings.
_Remarks = tuple[list[str], list[str]]

# What is remembered of a run, in this order: its first pass and, in sequential mode, its second.
STAGES: Mapping[Callable[..., Any], Any] = {refine_first: tuple[int, ScanRecord], refine_second: Finished[ScanSummary]}
# Median GoF above which the reader is told of misfit, and above which it is not the noise that decides.
_MISFIT, _MUCH_MISFIT = 1.5, 2.0


def refine_series(
    job: Job,
    *,
    scans: Sequence[int] | None = None,
    writer: ScanWriter | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
    records: Records | None = None,
) -> SeriesResult:
    """Refine the scans of a job (all by default), together or one after the other as its settings say.

    Parameters
    ----------
    scans : indices into the stack, ascending.
    writer : gets every finished scan at once, in no particular order.
    progress : called with (steps done, steps in all, a word on the last scan).
    workers : do the work, here by default; the numbers do not depend on it.
    records : keep what has been done, and have what an interrupted run of the same job has done; see
        `xrdfit.io.Journal`. The numbers are those of a run that was not interrupted.

    Raises
    ------
    InputError
        If the recipe's parameters do not fit the model, or there is no scan to refine.
    NoResultError
        If not one scan could be fitted.
    """
    chosen = list(range(len(job.stack))) if scans is None else list(scans)
    if not chosen:
        raise InputError(
            Problem(
                code="E140",
                what="no scan to refine",
                where="data.files",
                found=f"found 0 of {count_of_scans(len(job.stack))} against at least 1",
                todo="check the files and --scans",
            )
        )
    model = PatternModel.of(job.instrument, job.phases, job.background)
    jointly = job.is_joint
    refined = _refine_jointly if jointly else _refine_one_by_one
    at_hand = KeptScans()
    those = workers or Here()
    left_out = _left_out(job, model, chosen, those, at_hand if jointly else None)
    sound = [index for index in chosen if index not in left_out]
    for index in left_out:
        at_hand.pop(index, None)
    scopes = settle_scopes(model, job.settings, n_scans=len(sound))
    held = np.zeros(len(model.table), dtype=np.bool_) if jointly else scopes.series
    finished = FinishedScans(
        model=model,
        scans=chosen,
        writer=writer,
        withheld=withheld(model, job.settings, held=held),
    )
    if records is not None:
        those = Journaled(those, records, kinds=STAGES)
    for index, fault in left_out.items():
        finished.add(index, nothing_fitted(Outcome.NO_DATA, str(fault), len(model.phases)))
    if not sound:
        raise finished.nothing_fitted()
    series = _sequential(job, model, sound, finished, progress, those, at_hand)
    with one_thread():
        notes, warnings = refined(series, finished)
    cycler = job.electrochemistry
    finished.settle()
    columns = series_columns(job.stack, chosen, finished.columns, cycler=None if cycler is None else cycler.columns)
    misfit, much_misfit = _misfit(columns)
    return SeriesResult(
        columns=columns,
        comments=conventions(model),
        units=column_units(model, list(columns)) | ({} if cycler is None else dict(cycler.units)),
        phases=tuple(phase.label() for phase in job.phases),
        messages=tuple(f"scan {index}: {finished.messages[index]}" for index in sorted(finished.messages)),
        notes=(*notes, *_measured_background(columns), *misfit, *(() if cycler is None else cycler.notes)),
        warnings=(*much_misfit, *warnings, *fault_warnings(left_out), *(() if cycler is None else cycler.warnings)),
    )


def _left_out(
    job: Job, model: PatternModel, scans: Sequence[int], workers: Workers, at_hand: KeptScans | None
) -> dict[int, Fault]:
    """Scans that must have no say in what the others are taken to be; `at_hand` gets those that can be read."""
    scopes = settle_scopes(model, job.settings, n_scans=len(scans))
    start = start_values(model.table, job.settings.overrides)
    fitter = ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start)
    seen = look_at(fitter, job.stack, scans, workers, at_hand)
    return faults(seen, keep=job.settings.bad_scans == "keep")


def _sequential(
    job: Job,
    model: PatternModel,
    scans: list[int],
    finished: FinishedScans,
    progress: Progress | None,
    workers: Workers,
    at_hand: KeptScans,
) -> SequentialSeries:
    start = start_values(model.table, job.settings.overrides)
    scopes = settle_scopes(model, job.settings, n_scans=len(scans))
    return SequentialSeries(
        fitter=ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start),
        stack=job.stack,
        scans=scans,
        start=start,
        summarise=partial(sequential_summary, model),
        on_final=finished.add,
        progress=progress,
        workers=workers,
        at_hand=at_hand,
    )


def _refine_one_by_one(series: SequentialSeries, finished: FinishedScans) -> _Remarks:
    if not series.run():
        raise finished.nothing_fitted()
    return [*sequential_notes(series), *finished.microstructure_notes()], []


def _refine_jointly(sequential: SequentialSeries, finished: FinishedScans) -> _Remarks:
    series = JointSeries(sequential=sequential, settings=sequential.settings)
    model, scans = finished.model, sequential.scans
    if not series.run():
        for index in (i for i in scans if i not in finished.messages):
            finished.add(index, joint_summary(model, series, index, {}, FittedRuns()))
        raise finished.nothing_fitted()
    unseen = tests_of_unseen(series)
    in_time = series.in_time(scans)
    fractions = joint_fractions(series, in_time, unseen)
    off = amounts_off(fractions, in_time)
    fitted = FittedRuns()
    for index in scans:
        finished.add(index, joint_summary(model, series, index, unseen, fitted, off.get(index)))
    # Those of a run take as much memory as all that is kept of twenty scans.
    del fitted
    finished.settle()
    if fractions is not None:
        fill_fractions(finished.columns, series, in_time, finished.places(in_time), fractions)
    notes = [*joint_notes(series), *intensity_notes(series), *fraction_notes(fractions, series, off)]
    notes += [*composition_notes(series, finished.columns), *correlation_notes(series)]
    notes += finished.microstructure_notes()
    # What is left over of all scans together is as large as what is known of them.
    series.errors.forget_covariances()
    sequential.forget_scans()
    return notes, warnings_of(series) + fraction_warnings(fractions, series, off)


def _measured_background(columns: Mapping[str, NDArray]) -> list[str]:
    """How much of the measured background was found, over the scans in which it was."""
    if "background_measured" not in columns:
        return []
    amount, esd = columns["background_measured"], columns["background_measured_esd"]
    there = np.flatnonzero(np.isfinite(amount))
    lost = len(amount) - there.size
    without = f"; none to be measured in {count_of_scans(lost)}" if lost else ""
    if not there.size:
        return ["background_measured: in no scan an amount that could be measured"]
    least, most = (there[pick(amount[there])] for pick in (np.argmin, np.argmax))
    ends = " to ".join(f"{amount[i]:.4g} (esd {esd[i]:.2g}, scan {columns['scan'][i]:.0f})" for i in (least, most))
    return [f"background_measured: {ends}, median {np.median(amount[there]):.4g} (1: as measured){without}"]


def _misfit(columns: Mapping[str, NDArray]) -> _Remarks:
    """A note, and a warning, if any."""
    gof, r_wp = (float(np.nanmedian(columns[name])) for name in ("gof", "r_wp"))
    note = f"median GoF {gof:.1f}: the model does not describe the patterns to within their noise"
    found = f"found a median GoF of {gof:.1f} (R_wp {r_wp:.3f}) against 1"
    todo = "look at a fit (xrdfit plot fit): phases and cells first, then intensities, widths, background"
    warning = f"W406 the model does not describe the patterns · all scans · {found} · {todo}"
    return [note] if gof > _MISFIT else [], [warning] if gof > _MUCH_MISFIT else []
