"""What is said of the fractions of a series: where they come from, and what stands against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from xrdfit.series.fractions.result import PhaseFractions
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.words import count_of_scans, names_of_scans

# Standard deviations by which a fraction cannot leave 0 to 1, and the part of the scans that may by accident.
_IMPOSSIBLE = 3.0
_ACCIDENTS = 0.02
# Standard deviations from which another phase is there in a scan that was declared to be without.
_IMPURE = 4.0


def amounts_off(found: PhaseFractions | None, scans: Sequence[int]) -> dict[int, float]:
    """Of scans whose amount is outlying: by what part of the usual one; `scans` are those of the fractions."""
    if found is None:
        return {}
    return {scan: float(off) for scan, off in zip(scans, found.amount_off, strict=True) if np.isfinite(off)}


def fraction_warnings(found: PhaseFractions | None, series: JointSeries, off: Mapping[int, float]) -> list[str]:
    """Fractions that no mixture has, amounts that jump, anchors that are not pure."""
    if found is None:
        return []
    return [*_impossible(found), *_jumping(_left_out(off, series)), *_anchors_in_doubt(found, series, off)]


def _left_out(off: Mapping[int, float], series: JointSeries) -> dict[int, float]:
    """Scans that only their amount keeps from deciding on the factors."""
    return {scan: by for scan, by in off.items() if not series.fits[scan].alone}


def _impossible(found: PhaseFractions) -> Iterator[str]:
    beyond = np.maximum(-found.fraction, found.fraction - 1.0) > _IMPOSSIBLE * found.esd
    count = int(beyond.any(axis=1).sum())
    if count > _ACCIDENTS * len(found.fraction):
        yield (
            f"W408 fractions below 0 or above 1 · {count_of_scans(count)} · found by {found.method}, beyond "
            f"{_IMPOSSIBLE:g} esds, against 0 to 1 · mistrust all fractions: check anchors, structures and intensities"
        )


def _jumping(off: Mapping[int, float]) -> Iterator[str]:
    if len(off) > 1:
        least, most = 1.0 + min(off.values()), 1.0 + max(off.values())
        yield (
            f"W409 the amount jumps · {names_of_scans(sorted(off))} · found {least:.2f} to {most:.2f} of the usual "
            "amount against 1 · check beam, counting times and what stands in the beam; these scans have no say in the "
            "conversion factors"
        )


def _anchors_in_doubt(found: PhaseFractions, series: JointSeries, off: Mapping[int, float]) -> Iterator[str]:
    if found.method != "anchored":
        return
    active = [phase.name for phase in series.model.phases if phase.role == "active"]
    for name, scan in series.settings.anchors.items():
        part, esd = found.impurity[active.index(name)], found.impurity_esd[active.index(name)]
        others = " and ".join(other for other in active if other != name)
        doubts = [f"{part:.1%}({esd:.1%}) of {others} there against none"] if part > _IMPURE * esd else []
        doubts += [f"{1.0 + off[scan]:.2f} of the usual amount against 1"] if scan in off else []
        if doubts:
            yield (
                f"W410 a scan declared pure is in doubt · {name} in scan {scan} · found {' and '.join(doubts)} · "
                "choose another scan; errors of the fractions are widened by what the factor may be off"
            )


def fraction_notes(found: PhaseFractions | None, series: JointSeries, off: Mapping[int, float]) -> list[str]:
    """Where the fractions come from, or why there are none."""
    if all(phase.role != "active" for phase in series.model.phases):
        return ["fractions: not determined, no phase is active"]
    if found is None:
        return ["fractions: not determined, line intensities are free in every scan; apparent_share is no fraction"]
    said = [f"fractions: {note}" for note in found.notes]
    if not found.determined or found.method == "single phase":
        return [*said, *_off_notes(off, series)]
    notes = [f"fractions: mole fractions of the active phases by {found.method}"]
    if np.isfinite(found.amount_drift):
        notes.append(
            f"irradiated amount: changes by {found.amount_drift:+.3f} ({found.amount_drift_esd:.3f}) of its mean from "
            f"the first scan to the last; conservation holds to {found.residual_rms:.4f}"
        )
    return [*notes, *_off_notes(off, series), *said]


def _off_notes(off: Mapping[int, float], series: JointSeries) -> Iterator[str]:
    left_out = sorted(_left_out(off, series))
    if left_out:
        have, their = ("have", "their") if len(left_out) > 1 else ("has", "its")
        yield (
            f"irradiated amount: off the series' in {names_of_scans(left_out)}, which {have} no say in the conversion "
            f"factors; {their} fractions are shares of what is there"
        )
