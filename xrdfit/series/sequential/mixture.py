"""Scans that are mixtures of two fitted ones, so that what is known of these tells what they are.

Between two fitted scans most often nothing happens but that there is more of one phase and less of another, and that
lines move a little. A scan is taken for such a mixture if that describes it to within what noise does: the background
and the lines of each phase, on the way from those of the one fit to those of the other where the scan stands between
them, each in an amount of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Outcome
from xrdfit.fit import PreparedScan, ScanObjective
from xrdfit.model import PatternModel
from xrdfit.series.sequential.scanfit import ScanFitter
from xrdfit.series.sequential.selection import gain_threshold
from xrdfit.series.state import Hkl, ScanRecord, Status

# Standard deviations by which chi^2 may exceed what noise makes it.
_MOST_EXCESS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A fitted scan as its fit has it.

    Attributes
    ----------
    two_theta : (n,) deg, of its points. background : (n,). pattern : (P, n) of the lines of each phase.
    lines, areas, width : of each phase, as in the record; `values` (n_parameters,) likewise.
    """

    record: ScanRecord
    two_theta: NDArray[np.float64]
    background: NDArray[np.float64]
    pattern: NDArray[np.float64]
    lines: tuple[tuple[Hkl, ...], ...]
    areas: tuple[NDArray[np.float64], ...]
    width: NDArray[np.float64]
    values: NDArray[np.float64]

    def beside(self, other: Shown, model: PatternModel) -> Shown | None:
        """The same, phases that are not there being as in the other; None if what is in both has other lines there."""
        if not np.array_equal(self.two_theta, other.two_theta):
            return None
        lines, areas = list(self.lines), list(self.areas)
        pattern, width, values = self.pattern.copy(), self.width.copy(), self.values.copy()
        for phase, its in enumerate(other.lines):
            if not lines[phase] and its:
                lines[phase], areas[phase] = its, other.areas[phase]
                pattern[phase], width[phase] = other.pattern[phase], other.width[phase]
                own = model.of_phase(phase)
                values[own] = other.values[own]
            elif its and lines[phase] != its:
                return None
        return replace(self, lines=tuple(lines), areas=tuple(areas), pattern=pattern, width=width, values=values)


def shown(fitter: ScanFitter, scan: PreparedScan, record: ScanRecord) -> Shown | None:
    """A scan as its record has it; None if the record has not the lines that its values bring into range."""
    model = fitter.model
    objective = ScanObjective(
        model,
        scan.points,
        scan.noise,
        values=record.values,
        present=[state != Status.ABSENT for state in record.status],
        wanted=np.zeros(len(model.table), dtype=np.bool_),
    )
    by_phase = [np.flatnonzero(objective.lines.phase == phase) for phase in range(len(record.status))]
    for own, known in zip(by_phase, record.lines, strict=True):
        if tuple(map(tuple, objective.lines.hkl[own].tolist())) != known:
            return None
    profiles = objective.at_points(objective.profiles(record.values))
    areas = np.split(record.line_area, np.cumsum([len(known) for known in record.lines])[:-1])
    return Shown(
        record=record,
        two_theta=scan.points.two_theta,
        background=objective.at_points(objective.work.background).copy(),
        pattern=np.array([area @ profiles[own] for area, own in zip(areas, by_phase, strict=True)]),
        lines=record.lines,
        areas=tuple(areas),
        width=np.array(record.width),
        values=record.values,
    )


def mixtures(
    model: PatternModel, scans: Sequence[PreparedScan], one: Shown, two: Shown, *, parts: Sequence[float]
) -> list[ScanRecord | None]:
    """The records of scans that stand at `parts` (0 to 1) of the way from one fitted scan to another.

    A phase that only one of them shows is there if what it brings is more than noise.

    Parameters
    ----------
    one, two : each with all phases that are in any of them.

    Returns
    -------
    None for a scan that is no mixture of the two.
    """
    found: list[ScanRecord | None] = [None] * len(scans)
    alike = [i for i, scan in enumerate(scans) if np.array_equal(scan.points.two_theta, one.two_theta)]
    if not alike:
        return found
    first, last = (np.vstack([end.background, end.pattern]) for end in (one, two))
    rows = _on_the_way(first, last, np.array([parts[i] for i in alike])[:, None, None])
    noises = [scans[i].noise for i in alike]
    constant = np.array([noise.constant for noise in noises])
    slope, floor = np.array([(noise.slope, noise.floor) for noise in noises]).T[:, :, None]
    weight = 1.0 / (constant + slope * np.maximum(rows.sum(axis=1), floor))
    y = np.array([scans[i].points.intensity for i in alike])
    somewhere = np.append(True, _states(one, two).any(axis=0))
    try:
        amounts, gains = _amounts(rows, somewhere, weight, y)
    except np.linalg.LinAlgError:
        # A row that is a mixture of the others in one scan hardly tells more in those beside it.
        return found
    for s, i in enumerate(alike):
        shares = rows[s], weight[s], amounts[s], gains[s]
        found[i] = _mixture(model, scans[i], one, two, *shares, part=parts[i])
    return found


def _mixture(
    model: PatternModel,
    scan: PreparedScan,
    one: Shown,
    two: Shown,
    rows: NDArray[np.float64],
    weight: NDArray[np.float64],
    amount: NDArray[np.float64],
    gain: NDArray[np.float64],
    *,
    part: float,
) -> ScanRecord | None:
    """One of them: rows (k, n) of background and phases, their amounts, and what chi^2 would rise by without each."""
    states = _states(one, two)
    y, ends = scan.points.intensity, (one.record, two.record)
    misfit = max(max(record.gof for record in ends), 1.0 if scan.noise.regime != "unit" else 0.0) ** 2
    enough = gain[1:] / misfit > [gain_threshold(len(own)) for own in one.lines]
    status = np.where(enough, states.max(axis=0), states.min(axis=0))
    there = np.append(True, status != Status.ABSENT)
    if (there[1:] != states.any(axis=0)).any():
        try:
            amount, gain = (each[0] for each in _amounts(rows[None], there, weight[None], y[None]))
        except np.linalg.LinAlgError:
            return None
    chi2 = float(weight @ (y - amount @ rows) ** 2)
    n_areas = sum(len(own) for own in one.lines)
    most = y.size + n_areas + _MOST_EXCESS * np.sqrt(2.0 * y.size)
    if not chi2 <= most * max(record.gof for record in ends) ** 2 or amount.min() < 0.0:
        return None
    values = _on_the_way(one.values, two.values, part)
    values[model.table.where("background")] *= amount[0]
    areas = [by * _on_the_way(a, b, part) for by, a, b in zip(amount[1:], one.areas, two.areas, strict=True)]
    return ScanRecord(
        outcome=Outcome.CONVERGED,
        message="",
        values=values,
        status=tuple(map(Status, status.tolist())),
        significance=tuple((gain[1:] / misfit).tolist()),
        stands_out=tuple(a and b for a, b in zip(*(record.stands_out for record in ends), strict=True)),
        lines=tuple(own if shows else () for own, shows in zip(one.lines, there[1:], strict=True)),
        line_area=np.concatenate([own for own, shows in zip(areas, there[1:], strict=True) if shows] or [np.empty(0)]),
        width=tuple(np.where(there[1:], _on_the_way(one.width, two.width, part), np.nan).tolist()),
        chi2=chi2,
        gof=float(np.sqrt(chi2 / (y.size - np.count_nonzero(there)))),
        r_wp=float(np.sqrt(chi2 / (weight @ y**2))),
    )


def _states(one: Shown, two: Shown) -> NDArray[np.int64]:
    """(2, P) status of the phases at either end."""
    return np.array([one.record.status, two.record.status])


def _amounts(
    rows: NDArray[np.float64], there: NDArray[np.bool_], weight: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(S, k) amounts of the rows (S, k, n) that are there, and by how much chi^2 would rise without each.

    there : (k,), in all scans alike. weight, y : (S, n).

    Raises
    ------
    LinAlgError
        If one of them is a mixture of the others.
    """
    amount, gain = np.zeros((2, len(rows), there.size))
    own = rows[:, there]
    weighted = own * weight[:, None]
    inverse = np.linalg.inv(weighted @ own.transpose(0, 2, 1))
    found = (inverse @ (weighted @ y[:, :, None]))[:, :, 0]
    amount[:, there] = found
    gain[:, there] = found**2 / np.maximum(inverse.diagonal(axis1=1, axis2=2), 1e-300)
    return amount, gain


def _on_the_way(
    one: NDArray[np.float64], two: NDArray[np.float64], part: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return (1.0 - part) * one + part * two
