"""Apparent sizes and strains of the phases of each scan, where the patterns tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import AXES, Phase, UnitCell, axis_hkl, stephens_terms, width_axes
from xrdfit.data import RefineSettings
from xrdfit.model import CONVENTIONS, ParameterSpec, PatternModel, cell_of, size_of, stephens_strain_of, strain_of
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


def quantities(phase: Phase) -> dict[str, str]:
    """Ends of the columns of a phase, and what they are by `CONVENTIONS`; one a direction where widths depend on it."""
    axes = width_axes(phase.group) if phase.size == "anisotropic" else (("", 0),)
    found = {f"size_{axis}_nm".replace("__", "_"): "size_nm" for axis, _ in axes}
    pure = [axis for axis in AXES if _pure_term(phase, axis) is not None]
    return found | ({f"strain_{axis}": "strain" for axis in pure} if pure else {"strain": "strain"})


def _pure_term(phase: Phase, axis: str) -> str | None:
    """The term of anisotropic strain that alone broadens the lines in this direction."""
    if phase.strain != "stephens":
        return None
    name = "S" + "".join(str(4 * index) for index in axis_hkl(axis))
    return name if name in {term for term, _ in stephens_terms(phase.group)} else None


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
    """Widths (k,) of a phase, in the order of `sample_rows`, and their covariance: zero for what did not move.

    cell : of the phase.
    """

    cell: UnitCell
    values: NDArray[np.float64]
    covariance: NDArray[np.float64]


def widths_of(
    model: PatternModel, status: Sequence[Status], values: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[WidthFit | None, ...]:
    """Widths of the refined phases among values (n_parameters,) and covariance (n_parameters, n_parameters)."""
    found: list[WidthFit | None] = []
    for number, state in enumerate(status):
        rows = sample_rows(model, number)
        if state != Status.REFINED:
            found.append(None)
            continue
        phase = model.phases[number]
        cell = UnitCell(*cell_of(phase, dict(zip(model.table.names, values.tolist(), strict=True))).tolist())
        found.append(WidthFit(cell=cell, values=values[rows], covariance=covariance[np.ix_(rows, rows)]))
    return tuple(found)


def microstructure(model: PatternModel, number: int, widths: WidthFit | None) -> Microstructure:
    """Sizes and strains of a phase with esds by propagation."""
    phase = model.phases[number]
    if widths is None:
        return Microstructure(shown=dict.fromkeys(quantities(phase), _NOTHING), measured=False)
    names = [model.table.names[row].removeprefix(f"{phase.name}_") for row in sample_rows(model, number)]
    at = {name: i for i, name in enumerate(names)}
    shown, least = {}, np.nan
    for column, kind in quantities(phase).items():
        axis = column.removeprefix("size").removeprefix("strain").removesuffix("_nm")
        if kind == "size_nm":
            row = at[f"lorentz_size{axis}"]
            shown[column], exceeded = _size(float(widths.values[row]), _esd(widths, row), model)
            least = float(np.fmin(least, exceeded))
        else:
            shown[column] = _strain(widths, at, _pure_term(phase, axis[1:]) if axis else None, axis[1:])
    return Microstructure(shown=shown, least_size=least)


def _strain(widths: WidthFit, at: Mapping[str, int], term: str | None, axis: str) -> tuple[float, float]:
    """Strain and esd, of the lines in one direction where a term of anisotropic strain is given."""
    values, gradient = widths.values, np.zeros(widths.values.size)
    gauss = at["gauss_strain"]
    if term is None:
        row = at["lorentz_strain"]
        value, (by_lorentz, gradient[gauss]) = strain_of(float(values[row]), float(values[gauss]))
        gradient[row] = by_lorentz
        return _significant(value, _propagated(gradient, widths.covariance))
    row = at[term]
    # Strain goes with the root of the term: the term itself is what can be told from zero.
    if not np.isfinite(_significant(float(values[row]), _esd(widths, row))[0]):
        return _NOTHING
    inverse = float(widths.cell.d_spacing([axis_hkl(axis)])[0]) ** -2
    lorentz = stephens_strain_of(float(values[row]), inverse=inverse)
    value, (by_lorentz, gradient[gauss]) = strain_of(lorentz, float(values[gauss]))
    gradient[row] = by_lorentz * lorentz / (2.0 * values[row])
    return value, _propagated(gradient, widths.covariance)


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
    return {
        f"{phase.name}_{name}": CONVENTIONS[kind] for phase in model.phases for name, kind in quantities(phase).items()
    }


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
        for name, kind in quantities(phase).items():
            pairs = np.array([one.shown[name] for one in own if np.isfinite(one.shown[name][0])])
            if len(pairs):
                used.add(kind)
                notes.append(f"{phase.name}_{name} = {_in_words(pairs)}")
            else:
                notes.append(f"{phase.name}_{name}: not shown, {_not_shown(kind, own)}")
    return notes + [f"{name}: {text}" for name, text in CONVENTIONS.items() if name in used]


def _in_words(pairs: NDArray[np.float64]) -> str:
    values, esds = pairs.T
    if np.ptp(values) <= 1e-9 * values[0]:
        return f"{values[0]:.4g}, esd {esds[0]:.2g}"
    median = f"{np.median(values):.4g} in the median of {len(values)} scans"
    return f"{median}, {values.min():.4g} to {values.max():.4g}, median esd {np.median(esds):.2g}"


def _not_shown(kind: str, own: Sequence[Microstructure]) -> str:
    least = [one.least_size for one in own if np.isfinite(one.least_size)]
    text = f"the broadening is less than {LEAST_Z:g} esds above the instrument's"
    if kind == "size_nm" and least:
        return f"{text}: larger than {np.median(least):.0f} nm (95 %)"
    return text
