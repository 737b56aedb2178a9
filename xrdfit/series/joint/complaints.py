"""What is wrong with a scan of a joint fit, in words; a scan with a complaint is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xrdfit.model import ParameterSpec
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.sequential.complaints import consequence, held_in_unknown_places, is_nothing, is_strong
from xrdfit.series.state import Status

# Parameters that were not found, and what became of each.
Stopped = Sequence[tuple[ParameterSpec, str]]


def joint_complaints(
    series: JointSeries, fit: JointScanFit, not_found: Stopped, amount_off: float | None = None
) -> list[str]:
    """Everything that a reader of the scan's numbers must know.

    not_found : as `stopped` lists them. amount_off : part by which the scan's amount is outlying, if it is.
    """
    messages = []
    if not fit.solution.converged:
        messages.append("not converged")
    if fit.alone:
        gof, r_wp = series.usual_quality
        messages.append(
            f"set aside: GoF {fit.agreement.gof:.2f}, R_wp {fit.agreement.r_wp:.4f} against {gof:.2f}, {r_wp:.4f} "
            "in the series; refined with what the other scans share"
        )
    if fit.displaced:
        messages.append("its lines are not where the series has them: no cells are given")
    if all(state == Status.ABSENT for state in fit.status):
        messages.append("no phase found")
    if amount_off is not None:
        messages.append(f"amount {abs(amount_off):.0%} {'below' if amount_off < 0.0 else 'above'} the series")
    record = series.sequential.records[fit.chain.indices[fit.position]]
    for phase, state in enumerate(fit.status):
        strong = record.usable and record.status[phase] == Status.REFINED and is_strong(record, phase)
        if state != Status.REFINED and strong:
            name = series.model.phases[phase].name
            messages.append(
                f"{name} is strong when the scan is refined alone, but its cell is held: mistrust the others"
            )
    model = series.model
    return messages + [f"{spec.name} {word}{consequence(model, spec)}" for spec, word in not_found]


def with_known_places(series: JointSeries, fit: JointScanFit, not_found: Stopped) -> tuple[Status, ...]:
    """Status of each phase; none is refined whose lines are where a position parameter that was not found puts them."""
    return held_in_unknown_places(series.model, fit.status, [spec for spec, _ in not_found])


def stopped(series: JointSeries, fit: JointScanFit) -> Iterator[tuple[ParameterSpec, str]]:
    """Cells and positions, shared ones too, that ran to a limit or that the data do not determine."""
    layout, table = fit.chain.layout, fit.chain.layout.model.table
    place = table.where("cell", "position")
    shared = series.solution.free_shared, series.errors.blind_shared
    own = fit.solution.free[fit.position], fit.errors.blind[fit.position]
    for rows, (free, blind) in ((layout.local, own), (layout.series, shared)):
        for i in np.flatnonzero(place[rows] & (~free | blind)[: rows.size]):
            yield from _not_found(fit, int(rows[i]), moves=bool(free[i]), unseen=bool(blind[i]))
    for (row, _), where in zip(layout.drifts, layout.drift_slices, strict=True):
        lower, upper = layout.room(row, series.settings.overrides)
        value = fit.values[row]
        if not lower <= value <= upper and _concerned(fit, row):
            yield table.specs[row], f"drifts beyond its limits ({value:.5g})"
        elif place[row]:
            yield from _not_found(fit, row, moves=bool(shared[0][where].all()), unseen=bool(shared[1][where].any()))


def _not_found(fit: JointScanFit, row: int, *, moves: bool, unseen: bool) -> Iterator[tuple[ParameterSpec, str]]:
    spec, value = fit.chain.layout.model.table.specs[row], fit.values[row]
    if not _concerned(fit, row):
        return
    if not moves and not is_nothing(spec, value):
        yield spec, f"at its limit ({value:.5g})"
    elif unseen:
        yield spec, f"not determined ({value:.5g})"


def _concerned(fit: JointScanFit, row: int) -> bool:
    """Whether a parameter is of no phase, or of one that is refined."""
    model = fit.chain.layout.model
    return all(state == Status.REFINED for p, state in enumerate(fit.status) if model.of_phase(p)[row])
