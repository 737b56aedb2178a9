"""The main job: a whole series, from a job to its trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import ScanResult, SeriesResult
from xrdfit.errors import InputError, NoResultError, Problem
from xrdfit.fit import start_values
from xrdfit.model import PatternModel
from xrdfit.series.columns import column_units, finished_scan, series_columns
from xrdfit.series.scanfit import ScanFitter
from xrdfit.series.scopes import settle_scopes
from xrdfit.series.sequential import FinalScan, Progress, SequentialSeries

if TYPE_CHECKING:
    from xrdfit.recipe import Job

# Median GoF above which the reader is told of misfit.
_MISFIT = 1.5


class ScanWriter(Protocol):
    """Where finished scans go."""

    def write_scan(self, index: int, result: ScanResult) -> None: ...


def refine_series(
    job: Job,
    *,
    scans: Sequence[int] | None = None,
    writer: ScanWriter | None = None,
    progress: Progress | None = None,
) -> SeriesResult:
    """Refine the scans of a job (all by default) one after the other.

    Parameters
    ----------
    scans : indices into the stack, ascending.
    writer : gets every finished scan at once, in no particular order.
    progress : called with (steps done, steps in all, a word on the last scan).

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
                found=f"found 0 of {len(job.stack)} scans against at least 1",
                todo="check the files and --scans",
            )
        )
    model = PatternModel.of(job.instrument, job.phases, job.background)
    start = start_values(model.table, job.settings.overrides)
    scopes = settle_scopes(model, job.settings, n_scans=len(chosen))
    rows: dict[int, dict[str, float | str]] = {}
    messages: dict[int, str] = {}

    def keep(index: int, final: FinalScan) -> None:
        rows[index], result = finished_scan(model, final)
        if final.record.message:
            messages[index] = final.record.message
        if writer is not None and result is not None:
            writer.write_scan(index, result)

    series = SequentialSeries(
        fitter=ScanFitter(model=model, settings=job.settings, scopes=scopes, yardstick=start),
        stack=job.stack,
        scans=chosen,
        start=start,
        on_final=keep,
        progress=progress,
    )
    if not series.run():
        reasons = sorted(set(messages.values()))
        raise NoResultError(f"not one of {len(chosen)} scans could be fitted: {'; '.join(reasons[:5])}")
    columns = series_columns(job.stack, chosen, rows)
    return SeriesResult(
        columns=columns,
        units=column_units(model, list(columns)),
        phases=tuple(phase.label() for phase in job.phases),
        messages=tuple(f"scan {index}: {messages[index]}" for index in sorted(messages)),
        notes=tuple(_notes(series, model, columns)),
    )


def _notes(series: SequentialSeries, model: PatternModel, columns: Mapping[str, NDArray]) -> list[str]:
    """What the run settled by itself and the reader must know."""
    notes = [
        f"esds: marginal covariance, intensities and background included; scaling: {series.settings.esd_scaling}",
        "fractions: not determined in sequential mode; apparent_share is a ratio of free Le Bail sums, not a fraction",
    ]
    assert series.seen is not None
    for spec, value, once in zip(model.table, series.seen.start, series.fitter.scopes.series, strict=True):
        if once:
            notes.append(f"{spec.name} = {value:.6g} {spec.unit}: refined once, on the best scans, and held")
    if series.fitter.scopes.series.any():
        notes.append("esds do not include the error of what was refined once; sizes feel it, cells hardly")
    for number in series.unproven:
        notes.append(f"{model.phases[number].name}: not established in any scan (see docs: Le Bail); taken as absent")
    quality = float(np.nanmedian(columns["gof"]))
    if quality > _MISFIT:
        notes.append(f"median GoF {quality:.1f}: the model does not describe the patterns to within their noise")
    free = [n for n in ("zero_shift", "sample_displacement", "transparency") if _moves(series, model, n)]
    if len(free) > 1:
        notes.append(f"{' and '.join(free)} are refined together: nearly collinear over a short range")
    if model.instrument.profile is None:
        notes.append("instrument resolution unknown: u, v, w refined; sizes and strains are not sample properties")
    return notes


def _moves(series: SequentialSeries, model: PatternModel, name: str) -> bool:
    scopes = series.fitter.scopes
    return name in model.table.names and bool((scopes.scan | scopes.series)[model.table.index(name)])
