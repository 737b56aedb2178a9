"""What is wrong with a finished scan, in words; a scan with a complaint is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xrdfit.fit import Agreement, ScanFit
from xrdfit.model import ParameterSpec, PatternModel
from xrdfit.series.sequential.fitted import Fitted
from xrdfit.series.sequential.selection import gain_threshold
from xrdfit.series.state import ScanRecord, Status

# A fit this much worse (GoF and R_wp) than those around it is poor.
_POOR = 1.5
# A phase whose lines gain this many thresholds should have shown a cell.
_STRONG = 10.0


def is_poor(fit: Agreement | ScanRecord, gof: float, r_wp: float) -> bool:
    """Against usual values; both must be worse, because GoF follows the noise estimate and R_wp the counting time."""
    return fit.gof > _POOR * gof and fit.r_wp > _POOR * r_wp


def is_strong(record: ScanRecord, phase: int) -> bool:
    """Whether a phase's lines gain so much that its cell should be readable."""
    return record.significance[phase] > _STRONG * gain_threshold(len(record.lines[phase]))


def complaints(model: PatternModel, best: Fitted, other: Fitted, usual: tuple[float, float]) -> list[str]:
    """Everything that a reader of the scan's numbers must know.

    other : the same scan fitted from another start. usual : GoF and R_wp of the series.
    """
    messages = []
    fit = best.fit
    if not fit.success:
        messages.append(f"not converged: {fit.minimum.message}")
    if is_poor(fit.agreement, *usual):
        quality = f"GoF {fit.agreement.gof:.2f}, R_wp {fit.agreement.r_wp:.4f}"
        messages.append(f"{quality} against {usual[0]:.2f}, {usual[1]:.4f} in the series")
    if all(state == Status.ABSENT for state in best.status):
        messages.append("no phase found")
    for phase, state in enumerate(best.status):
        n_lines = int(np.count_nonzero(fit.objective.lines.phase == phase))
        if state == Status.HELD and best.significance[phase] > _STRONG * gain_threshold(n_lines):
            messages.append(f"{model.phases[phase].name} is there, but its cell cannot be read off")
    messages += [f"{spec.name} {word}{consequence(model, spec)}" for spec, word in _stopped(model, fit)]
    return messages + _depends_on_start(model, best, other)


def with_known_places(model: PatternModel, fit: ScanFit, status: Sequence[Status]) -> tuple[Status, ...]:
    """Status of each phase; none is refined whose lines are where a position parameter that was not found puts them."""
    return held_in_unknown_places(model, status, [spec for spec, _ in _stopped(model, fit)])


def held_in_unknown_places(
    model: PatternModel, status: Sequence[Status], not_found: Sequence[ParameterSpec]
) -> tuple[Status, ...]:
    """Status of each phase when these parameters stopped at a limit or are not determined."""
    places = [spec for spec in not_found if spec.kind == "position"]
    return tuple(
        min(state, Status.HELD) if any(_concerns(model, spec, phase) for spec in places) else state
        for phase, state in enumerate(status)
    )


def consequence(model: PatternModel, spec: ParameterSpec) -> str:
    """What it means for a scan that a parameter was not found."""
    if spec.kind != "position":
        return ""
    concerned = [phase.name for number, phase in enumerate(model.phases) if _concerns(model, spec, number)]
    return ": no cells are given" if len(concerned) == len(model.phases) else f": no cell of {', '.join(concerned)}"


def _concerns(model: PatternModel, spec: ParameterSpec, phase: int) -> bool:
    """Whether a position parameter moves the lines of a phase."""
    row = model.table.index(spec.name)
    owners = [number for number in range(len(model.phases)) if model.of_phase(number)[row]]
    if owners:
        return phase in owners
    # What says where the sample is says so of all phases without a place of their own.
    return not (model.phases[phase].own_displacement and len(spec.slots) > 1)


def is_nothing(spec: ParameterSpec, value: float) -> bool:
    """Whether a parameter stopped where what it stands for is not there, as a transparency does at 0."""
    return spec.lower == 0.0 and value == 0.0


def _stopped(model: PatternModel, fit: ScanFit) -> Iterator[tuple[ParameterSpec, str]]:
    """Cells and positions that ran to a limit, or that the data do not determine."""
    for name in fit.names:
        index = model.table.index(name)
        spec = model.table.specs[index]
        unknown = spec.kind in ("cell", "position") and not np.isfinite(fit.esd[index])
        if unknown and not is_nothing(spec, fit.values[index]):
            yield (
                spec,
                f"{'at its limit' if fit.minimum.at_limit[index] else 'not determined'} ({fit.values[index]:.5g})",
            )


def _depends_on_start(model: PatternModel, best: Fitted, other: Fitted) -> list[str]:
    fit, chi2 = best.fit, other.fit.agreement.chi2
    close = chi2 - fit.agreement.chi2 < max(fit.agreement.chi2_reduced, 1.0)
    if best.status != other.status or not close:
        return []
    apart = np.abs(fit.values - other.fit.values) / fit.esd
    apart[~model.table.where("cell") | ~np.isfinite(apart)] = 0.0
    worst = int(np.argmax(apart))
    if apart[worst] <= 1.0:
        return []
    return [f"depends on the start: {model.table.names[worst]} differs by {apart[worst]:.1f} esd at equal chi^2"]
