"""Phase fractions of a jointly refined series, and the columns they fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, cell_volumes
from xrdfit.series.fractions.mole_fractions import phase_fractions
from xrdfit.series.fractions.result import PhaseFractions
from xrdfit.series.fractions.scale_covariance import ScaleCovariance
from xrdfit.series.joint.chain import mid_times
from xrdfit.series.joint.intensities import calculated_intensities
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.joint.unseen import UnseenTests
from xrdfit.series.state import Status

# Error of a scale in a sweeping scan, as a part of how far it stands off the straight line between its neighbours:
# where the current is switched on or off in the middle of a scan, simulated cycles show 0.1 and a little more.
_OF_BEND = 0.1


def joint_fractions(series: JointSeries, scans: Sequence[int], unseen: UnseenTests) -> PhaseFractions | None:
    """Fractions of the active phases in these scans; None where intensities are free: scales then mean nothing.

    unseen : what the tests of phases that are nowhere found.
    """
    settings, chain, errors = series.settings, series.chain, series.errors
    model = chain.layout.model
    active = [number for number, phase in enumerate(model.phases) if phase.role == "active"]
    if settings.intensities == "lebail" or not active:
        return None
    n, n_phases, n_shared = len(scans), len(active), chain.layout.n_shared
    scale, volume = np.full((n, n_phases), np.nan), np.full((n, n_phases), np.nan)
    local, response = np.full((n, n_phases, n_phases), np.nan), np.full((n, n_phases, n_shared), np.nan)
    neighbour = np.zeros((max(n - 1, 0), n_phases, n_phases))
    usable = np.zeros(n, dtype=np.bool_)
    row_of = {index: row for row, index in enumerate(scans)}
    which = np.array(active) + chain.layout.local.size
    for index, fit in series.fits.items():
        row = row_of[index]
        scale[row] = fit.scales[active]
        local[row] = fit.errors.local[fit.position][np.ix_(which, which)]
        response[row] = -fit.errors.response[fit.position][which]
        usable[row] = not fit.alone
        for phase, test in unseen[index].items():
            if phase in active and np.isfinite(test.esd):
                column = active.index(phase)
                scale[row, column], local[row, column, column] = test.amplitude, test.esd**2
    rows = [row_of[index] for index in series.fits]
    values = np.array([fit.values for fit in series.fits.values()])
    for column, phase in enumerate(active):
        volume[rows, column] = cell_volumes(model.table.cells(values, phase))[0]
    if chain.scans[0].share.shape[0] == 3:
        _add_bends(series, row_of, scale, local)
    for position in range(len(errors.neighbour)):
        row, following = row_of[chain.indices[position]], row_of[chain.indices[position + 1]]
        if following == row + 1:
            neighbour[row] = errors.neighbour[position][np.ix_(which, which)]
    times = mid_times(series.sequential.stack.times, len(series.sequential.stack))
    names = [model.phases[number].name for number in active]
    return phase_fractions(
        scale=scale,
        volume=volume,
        time_s=times[list(scans)],
        covariance=ScaleCovariance(
            local=local,
            response=response,
            shared=errors.shared,
            neighbour=neighbour if len(errors.neighbour) else None,
        ),
        usable=usable,
        names=names,
        method=settings.fractions,
        amount=settings.amount,
        alpha=_from_structures(series, active),
        anchors={names.index(name): row_of[scan] for name, scan in settings.anchors.items() if scan in row_of},
        scans=scans,
    )


def _add_bends(
    series: JointSeries, row_of: Mapping[int, int], scale: NDArray[np.float64], local: NDArray[np.float64]
) -> None:
    """Widen the variance of scales (n, P) where their course bends: between mid-times it is taken to be straight."""
    times, rows = series.chain.times, [row_of[index] for index in series.chain.indices]
    amount = np.ones((len(scale), 1))
    for index, row in row_of.items():
        amount[row] = series.amounts.get(index, 1.0)
    steady, variance = scale / amount, np.diagonal(local, axis1=1, axis2=2) / amount**2
    for before, here, after, (t0, t1, t2) in zip(
        rows[:-2], rows[1:-1], rows[2:], zip(times[:-2], times[1:-1], times[2:], strict=True), strict=True
    ):
        if not t2 > t0:
            continue
        part = (t1 - t0) / (t2 - t0)
        bend = steady[here] - (1.0 - part) * steady[before] - part * steady[after]
        noise = variance[here] + (1.0 - part) ** 2 * variance[before] + part**2 * variance[after]
        beyond = amount[here] ** 2 * np.maximum(bend**2 - noise, 0.0)
        local[here][np.diag_indices(len(bend))] += _OF_BEND**2 * beyond


def _from_structures(series: JointSeries, active: Sequence[int]) -> NDArray[np.float64] | None:
    """Formula units in the cell over the calculated intensity of a unit of volume, where all active phases have atoms.

    A scale is the area of the lines of its unit together: over their calculated sum it is the irradiated volume.
    """
    layout = series.chain.layout
    factors = []
    for number in active:
        phase: Phase = layout.model.phases[number]
        units = None if phase.structure is None else phase.structure.formula_units
        hkl = layout.lines.hkl[(layout.lines.phase == number) & layout.intensities.unit]
        if not len(hkl):
            only = [other == number for other in range(layout.n_phases)]
            two_theta = series.chain.scans[0].kept.grid.chosen
            hkl = layout.model.choose_lines(series.sequential.start, two_theta, only).hkl
        if units is None or not len(hkl):
            return None
        factors.append(units / calculated_intensities(phase, hkl, layout.model.instrument).sum())
    return np.array(factors) / np.max(factors)


def fill_fractions(
    columns: Mapping[str, NDArray[Any]],
    series: JointSeries,
    scans: Sequence[int],
    places: Sequence[int],
    found: PhaseFractions,
) -> None:
    """Put fractions into the columns of the table; a phase called absent has none, and its limit.

    places : where the `scans` of the fractions stand in the columns.
    """
    active = [phase for phase in series.model.phases if phase.role == "active"]
    numbers = [number for number, phase in enumerate(series.model.phases) if phase.role == "active"]
    for row, (index, place) in enumerate(zip(scans, places, strict=True)):
        if index not in series.fits or not np.isfinite(found.fraction[row]).any():
            continue
        there = np.array([series.fits[index].status[number] != Status.ABSENT for number in numbers])
        fraction = np.where(there, np.maximum(found.fraction[row], 0.0), 0.0)
        total = float(fraction.sum())
        for column, phase in enumerate(active):
            share = float(fraction[column] / total) if total > 0.0 else np.nan
            columns[f"{phase.name}_fraction"][place] = share
            columns[f"{phase.name}_fraction_esd"][place] = found.esd[row, column] if there[column] else np.nan
            upper = min(max(float(found.upper95[row, column]), share), 1.0)
            known = np.isfinite(found.upper95[row, column])
            columns[f"{phase.name}_fraction_upper95"][place] = upper if known else np.nan
        columns["amount"][place] = found.amount[row]
        columns["amount_esd"][place] = found.amount_esd[row]
