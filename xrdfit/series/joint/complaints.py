"""What is wrong with a scan of a joint fit, in words; a scan with a complaint is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    free, blind = series.solution.free_shared, series.errors.blind_shared
    states = list(zip(layout.local, fit.solution.free[fit.position], fit.errors.blind[fit.position], strict=False))
    states += list(zip(layout.series, free, blind, strict=False))
    for (row, _), where in zip(layout.drifts, layout.drift_slices, strict=True):
        states.append((row, free[where].all(), blind[where].any()))
    drifting = [row for row, _ in layout.drifts]
    for row, moves, unseen in states:
        spec, value = table.specs[row], fit.values[row]
        owner = [phase for phase in range(layout.n_phases) if layout.model.of_phase(phase)[row]]
        if owner and fit.status[owner[0]] != Status.REFINED:
            continue
        lower, upper = layout.room(row, series.settings.overrides)
        if row in drifting and not lower <= value <= upper:
            yield spec, f"drifts beyond its limits ({value:.5g})"
        elif spec.kind in ("cell", "position") and not moves and not is_nothing(spec, value):
            yield spec, f"at its limit ({value:.5g})"
        elif spec.kind in ("cell", "position") and unseen:
            yield spec, f"not determined ({value:.5g})"
