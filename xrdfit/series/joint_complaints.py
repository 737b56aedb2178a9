"""What is wrong with a scan of a joint fit, in words; a scan with a complaint is flagged."""

from __future__ import annotations

from xrdfit.series.complaints import is_strong
from xrdfit.series.joint_scan_fit import JointScanFit
from xrdfit.series.joint_series import JointSeries
from xrdfit.series.state import Status


def joint_complaints(series: JointSeries, fit: JointScanFit) -> list[str]:
    """Everything that a reader of the scan's numbers must know."""
    messages = []
    if not fit.solution.converged:
        messages.append("not converged")
    gof, r_wp = series.usual_quality
    if fit.alone:
        messages.append(
            f"set aside: GoF {fit.agreement.gof:.2f}, R_wp {fit.agreement.r_wp:.4f} against {gof:.2f}, {r_wp:.4f} "
            "in the series; refined with what the other scans share"
        )
    if all(state == Status.ABSENT for state in fit.status):
        messages.append("no phase found")
    record = series.sequential.records[fit.chain.indices[fit.position]]
    for phase, state in enumerate(fit.status):
        strong = record.usable and record.status[phase] == Status.REFINED and is_strong(record, phase)
        if state != Status.REFINED and strong:
            name = series.model.phases[phase].name
            messages.append(
                f"{name} is strong when the scan is refined alone, but its cell is held: mistrust the others"
            )
    layout, table = fit.chain.layout, fit.chain.layout.model.table
    free = fit.solution.free[fit.position]
    for i, row in enumerate(layout.local):
        spec = table.specs[row]
        owner = [phase for phase in range(layout.n_phases) if layout.model.of_phase(phase)[row]]
        if spec.kind not in ("cell", "position") or (owner and fit.status[owner[0]] != Status.REFINED):
            continue
        value = fit.values[row]
        if not free[i]:
            messages.append(f"{spec.name} at its limit ({value:.5g})")
        elif fit.errors.blind[fit.position, i]:
            messages.append(f"{spec.name} not determined ({value:.5g})")
    for row, _ in layout.drifts:
        lower, upper = layout.room(row, series.settings.overrides)
        if not lower <= fit.values[row] <= upper:
            messages.append(f"{table.names[row]} drifts beyond its limits ({fit.values[row]:.5g})")
    return messages
