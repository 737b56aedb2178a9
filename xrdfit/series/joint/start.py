"""Where a joint fit begins: what the sequential pass has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome, RefineSettings
from xrdfit.fit import PreparedScan, TiedParameters
from xrdfit.model import LineChoice
from xrdfit.series.fractions.balance import scaled_time
from xrdfit.series.fractions.outlying import outlying_amounts
from xrdfit.series.joint.chain import SeriesModel, list_lines, mid_times
from xrdfit.series.joint.decisions import Statuses
from xrdfit.series.joint.drift import fitting_drift
from xrdfit.series.joint.intensities import ExtractedIntensities, IntensityModel, StructureIntensities
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.kept import KeptScan, KeptScans
from xrdfit.series.scopes import settle_joint_scopes
from xrdfit.series.sequential.series import SequentialSeries
from xrdfit.series.state import Status
from xrdfit.series.threads import Threads

# Least error of the sum of a phase's lines, as a part of it, while intensities are still those of single scans.
_OF_AREA = 0.01
# Distance from the ends of the range, in FWHM, from which on a line is whole.
_WHOLE = 2.0


def readable_scans(series: SequentialSeries) -> dict[int, KeptScan]:
    """Every scan that has points to fit."""
    with_points = sorted(index for index, record in series.records.items() if record.outcome != Outcome.NO_DATA)
    if list(series.at_hand) == with_points:
        return series.at_hand
    found = KeptScans()
    for index in with_points:
        if index in series.at_hand:
            found[index] = series.at_hand[index]
        elif isinstance(scan := series.prepare(index), PreparedScan):
            found.keep(index, scan)
    return found


def scan_values(series: SequentialSeries, index: int) -> NDArray[np.float64]:
    """(n_parameters,) a scan as the first pass left it; what it could not say, as its neighbours have it."""
    record = series.records[index]
    assert series.seen is not None
    begin = record.values if record.usable else series.seen.start
    values = begin.copy()
    predicted = series.evidence.predicted(index, begin)
    for phase, state in enumerate(record.status):
        if state != Status.REFINED:
            own = series.fitter.model.of_phase(phase)
            values[own] = predicted[own]
    return values


def series_values(
    series: SequentialSeries, usable: Sequence[int], values: Mapping[int, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """(n_parameters,) for what belongs to the series: the median over the scans in which a phase stands out."""
    assert series.seen is not None
    model, records = series.fitter.model, series.records
    result = series.seen.start.copy()
    for row in np.flatnonzero(series.fitter.scopes.scan):
        owner = [phase for phase in range(len(model.phases)) if model.of_phase(phase)[row]]
        good = [i for i in usable if not owner or series.is_seen(records[i], owner[0])]
        if good:
            weight = np.array([records[i].significance[owner[0]] if owner else 1.0 for i in good])
            result[row] = _weighted_median(np.array([values[i][row] for i in good]), weight)
    return result


def series_model(
    series: SequentialSeries,
    settings: RefineSettings,
    prepared: Mapping[int, KeptScan],
    values: Mapping[int, NDArray[np.float64]],
) -> SeriesModel:
    """The model of a joint fit: lines of the phases that are somewhere, scopes, and first intensities."""
    model, stack = series.fitter.model, series.stack
    absent = np.zeros(len(model.table), dtype=np.bool_)
    for phase in series.unproven:
        absent |= model.of_phase(phase)
    present = [phase not in series.unproven for phase in range(len(model.phases))]
    usable = [i for i in prepared if series.records[i].usable]
    lines = list_lines(model, [values[i] for i in usable], [prepared[i] for i in usable], present)
    middle = mid_times(stack.times, len(stack))
    scopes = settle_joint_scopes(model, settings, absent=absent)
    n_times = np.unique(middle[usable]).size
    scopes = replace(scopes, drifts=tuple((row, fitting_drift(drift, n_times)) for row, drift in scopes.drifts))
    moving = scopes.moving(len(model.table))
    return SeriesModel(
        model=model,
        scopes=scopes,
        lines=lines,
        intensities=_first_intensities(series, settings, lines, prepared[usable[0]]),
        prepared=prepared,
        times=stack.times,
        middle=middle,
        span=(float(middle[series.scans[0]]), float(middle[series.scans[-1]])),
        tied=TiedParameters.of(model.table, settings.overrides, moving),
        amount=_amounts(series, sorted(usable, key=lambda i: middle[i]), middle),
        may_spread=any(model.may_spread(own, moving) for own in values.values()),
        threads=Threads(series.workers.threads),
    )


def take_back(series: SequentialSeries, fits: Mapping[int, JointScanFit], start: SeriesState, status: Statuses) -> None:
    """A cell that becomes free begins where the sequential pass left it, if it had one there.

    start : of the scans of `status`, in its order; changed in place. fits : the last ones of these scans.
    """
    for position, (index, states) in enumerate(status.items()):
        record, fit = series.records[index], fits[index]
        local = fit.chain.layout.local
        for phase, state in enumerate(states):
            was_held = fit.status[phase] != Status.REFINED
            if state == Status.REFINED and was_held and record.usable and record.status[phase] == Status.REFINED:
                own = np.flatnonzero(series.fitter.model.of_phase(phase)[local])
                start.local[position, own] = record.values[local[own]]


def _amounts(series: SequentialSeries, scans: Sequence[int], middle: NDArray[np.float64]) -> dict[int, float]:
    """How many times as much there is in scans in which everything is more or less than in the others."""
    active = [number for number, phase in enumerate(series.fitter.model.phases) if phase.role == "active"]
    areas = np.array([[sum(series.records[i].areas[number].values()) for number in active] for i in scans])
    areas = areas[:, (areas > 0.0).any(axis=0)]
    every, times = np.ones(len(scans), dtype=np.bool_), middle[list(scans)]
    if not areas.size:
        return {}
    off = outlying_amounts(
        areas,
        np.einsum("sp,pq->spq", (_OF_AREA * areas) ** 2, np.eye(areas.shape[1])),
        scaled_time(times, every),
        every,
        ~every,
        drifting=True,
    )
    return {i: 1.0 + float(by) for i, by in zip(scans, off, strict=True) if np.isfinite(by)}


def _first_intensities(
    series: SequentialSeries,
    settings: RefineSettings,
    lines: LineChoice,
    scan: KeptScan,
) -> IntensityModel:
    phases = series.fitter.model.phases
    if settings.intensities == "structure":
        return StructureIntensities.of(lines, phases, series.fitter.model.instrument)
    first = np.zeros(lines.phase.size)
    for phase in range(len(phases)):
        reference = series.evidence.reference(-1, phase)
        for line in np.flatnonzero(lines.phase == phase):
            h, k, m = (int(index) for index in lines.hkl[line])
            first[line] = reference.get((h, k, m), 0.0)
    # Which lines make up the unit of a scale must not depend on what was fitted first.
    placed = series.fitter.model.place(series.start, lines)
    margin = _WHOLE * (placed.gauss + placed.lorentz)
    two_theta = scan.grid.chosen
    whole = (placed.position - margin > two_theta[0]) & (placed.position + margin < two_theta[-1])
    return ExtractedIntensities.of(lines, phases, first, whole.all(axis=1))


def _weighted_median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
