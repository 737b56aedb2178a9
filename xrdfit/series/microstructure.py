"""Apparent sizes and strains of the phases of each scan, where the patterns tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.model import CONVENTIONS, ParameterSpec, PatternModel, size_of, strain_of
from xrdfit.series.presence import Z_UPPER
from xrdfit.series.scopes import scope_of
from xrdfit.series.state import Status

# A width is the sample's, and a number is shown, from this many esds above zero.
LEAST_Z = 3.0
_NOTHING = (np.nan, np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Microstructure:
    """What the widths of a phase say of its crystallites in one scan.

    Attributes
    ----------
    shown : by the end of the column's name (``size_nm``, ``strain``), value and esd; NaN where it is not significant.
    least_size : nm, which a size that is not shown exceeds with 95 % confidence; NaN where it is shown or not known.
    measured : whether the phase's widths are refined in the scan, or for it.
    """

    shown: Mapping[str, tuple[float, float]]
    least_size: float = np.nan
    measured: bool = True


def quantities() -> tuple[str, ...]:
    """Ends of the columns of a phase."""
    return tuple(CONVENTIONS)


def withheld(model: PatternModel, settings: RefineSettings, *, held: NDArray[np.bool_]) -> dict[str, str]:
    """By name of the phase, why its widths say nothing of its crystallites; phases without a reason are left out.

    held : (n_parameters,) what was refined once, and is held where the scans are refined.
    """
    free = [spec.name for spec in model.table if spec.kind in ("resolution", "divergence") and _unknown(spec, settings)]
    if model.instrument.profile is None or free:
        names = ", ".join(free) or "u, v, w"
        why = f"{names} of the instrument are not known from a standard"
        return {phase.name: why for phase in model.phases}
    reasons = {}
    for number, phase in enumerate(model.phases):
        names = ", ".join(model.table.names[row] for row in sample_rows(model, number) if held[row])
        if names:
            reasons[phase.name] = f"{names} refined once and held: its error would be missing"
    return reasons


def _unknown(spec: ParameterSpec, settings: RefineSettings) -> bool:
    said = settings.overrides.get(spec.name)
    return scope_of(spec, settings, spec.scope) != "fixed" and (said is None or said.prior is None)


def sample_rows(model: PatternModel, phase: int) -> NDArray[np.int64]:
    """Rows of the parameter table that are widths of a phase."""
    return np.flatnonzero(model.table.where("width", "strain") & model.of_phase(phase))


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthFit:
    """Widths (k,) of a phase, deg, in the order of `sample_rows`, and their covariance: zero for what did not move."""

    values: NDArray[np.float64]
    covariance: NDArray[np.float64]


def widths_of(
    model: PatternModel, status: Sequence[Status], values: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[WidthFit | None, ...]:
    """Widths of the refined phases among values (n_parameters,) and covariance (n_parameters, n_parameters)."""
    found: list[WidthFit | None] = []
    for number, state in enumerate(status):
        rows = sample_rows(model, number)
        fit = WidthFit(values=values[rows], covariance=covariance[np.ix_(rows, rows)])
        found.append(fit if state == Status.REFINED else None)
    return tuple(found)


def microstructure(model: PatternModel, phase: int, widths: WidthFit | None) -> Microstructure:
    """Size and strain of a phase with esds by propagation."""
    if widths is None:
        return Microstructure(shown=dict.fromkeys(quantities(), _NOTHING), measured=False)
    names = [model.table.names[row].removeprefix(f"{model.phases[phase].name}_") for row in sample_rows(model, phase)]
    at = {name: i for i, name in enumerate(names)}
    size, least = _size(float(widths.values[at["lorentz_size"]]), _esd(widths, at["lorentz_size"]), model)
    both = [at["lorentz_strain"], at["gauss_strain"]]
    value, slope = strain_of(*(float(widths.values[i]) for i in both))
    gradient = np.zeros(len(names))
    gradient[both] = slope
    return Microstructure(
        shown={"size_nm": size, "strain": _significant(value, _propagated(gradient, widths.covariance))},
        least_size=least,
    )


def _size(width: float, esd: float, model: PatternModel) -> tuple[tuple[float, float], float]:
    """Size and esd (nm), or the size that is exceeded."""
    wavelength = model.instrument.lines[0][0]
    width, esd = _significant(width, esd, keep=True)
    if not np.isfinite(esd):
        return _NOTHING, np.nan
    if width < LEAST_Z * esd:
        return _NOTHING, size_of(max(width, 0.0) + Z_UPPER * esd, wavelength=wavelength)
    size = size_of(width, wavelength=wavelength)
    return (size, size * esd / width), np.nan


def _significant(value: float, esd: float, *, keep: bool = False) -> tuple[float, float]:
    """Value and esd, or nothing where there is no esd or the value is within its error of zero."""
    if not esd > 0.0 or not (keep or value >= LEAST_Z * esd):
        return _NOTHING
    return value, esd


def _esd(widths: WidthFit, row: int) -> float:
    return _propagated(np.eye(widths.values.size)[row], widths.covariance)


def _propagated(gradient: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    used = gradient != 0.0
    variance = float(gradient[used] @ covariance[np.ix_(used, used)] @ gradient[used])
    return float(np.sqrt(variance)) if variance > 0.0 else np.nan


def conventions(model: PatternModel) -> dict[str, str]:
    """By column, how its numbers are defined."""
    return {f"{phase.name}_{name}": text for phase in model.phases for name, text in CONVENTIONS.items()}


def microstructure_notes(
    model: PatternModel, reasons: Mapping[str, str], found: Iterable[Sequence[Microstructure]]
) -> list[str]:
    """What is shown of each phase, by which convention, and why something is not; `found` in each scan."""
    notes, scans, used = [], list(found), set()
    for why in dict.fromkeys(reasons.values()):
        names = ", ".join(name for name, reason in reasons.items() if reason == why)
        notes.append(f"{names}: no sizes and strains: {why}")
    for number, phase in enumerate(model.phases):
        own = [scan[number] for scan in scans]
        if phase.name in reasons or not any(one.measured for one in own):
            continue
        for name in quantities():
            pairs = np.array([one.shown[name] for one in own if np.isfinite(one.shown[name][0])])
            if len(pairs):
                used.add(name)
                notes.append(f"{phase.name}_{name} = {_in_words(pairs)}")
            else:
                notes.append(f"{phase.name}_{name}: not shown, {_not_shown(name, own)}")
    return notes + [f"{name}: {text}" for name, text in CONVENTIONS.items() if name in used]


def _in_words(pairs: NDArray[np.float64]) -> str:
    values, esds = pairs.T
    if np.ptp(values) <= 1e-9 * values[0]:
        return f"{values[0]:.4g}, esd {esds[0]:.2g}"
    median = f"{np.median(values):.4g} in the median of {len(values)} scans"
    return f"{median}, {values.min():.4g} to {values.max():.4g}, median esd {np.median(esds):.2g}"


def _not_shown(name: str, own: Sequence[Microstructure]) -> str:
    least = [one.least_size for one in own if np.isfinite(one.least_size)]
    text = f"the broadening is less than {LEAST_Z:g} esds above the instrument's"
    if name == "size_nm" and least:
        return f"{text}: larger than {np.median(least):.0f} nm (95 %)"
    return text
