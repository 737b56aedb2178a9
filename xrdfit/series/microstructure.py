"""Apparent sizes and strains of the phases of each scan, where the patterns tell them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import AXES, Phase, axis_hkl, d_spacings, stephens_terms, width_axes
from xrdfit.data import RefineSettings
from xrdfit.model import CONVENTIONS, ParameterSpec, PatternModel, size_of, stephens_strain_of, strain_of
from xrdfit.series.presence import Z_UPPER
from xrdfit.series.scopes import scope_of
from xrdfit.series.state import Status
from xrdfit.series.words import count_of_scans

# A width is the sample's, and a number is shown, from this many esds above zero.
LEAST_Z = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A size (nm) or a strain, and its esd; NaN where it is not significant.

    moves : whether its width has an error, being neither fixed nor at a limit. exceeds : nm, what a size that is not
        significant exceeds with 95 % confidence, else NaN.
    """

    value: float = np.nan
    esd: float = np.nan
    moves: bool = False
    exceeds: float = np.nan


# What the widths of a phase say of its crystallites in one scan, by the end of the column's name.
Microstructure = Mapping[str, Reading]


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
    """Whether a parameter is refined without what is known of it beforehand."""
    said, calibrated = settings.overrides.get(spec.name), settings.joint_prior
    if calibrated is not None and spec.name in calibrated.names:
        return False
    return scope_of(spec, settings, spec.scope) != "fixed" and (said is None or said.prior is None)


def sample_rows(model: PatternModel, phase: int) -> NDArray[np.int64]:
    """Rows of the parameter table that are widths of a phase."""
    return model.table.rows_of_phase(phase, "width", "strain")


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthFit:
    """Widths (k,) of a phase, in the order of `sample_rows`, and their covariance: zero for what did not move.

    cell : (6,) of the phase, Å and deg.
    """

    cell: NDArray[np.float64]
    values: NDArray[np.float64]
    covariance: NDArray[np.float64]


def widths_of(
    model: PatternModel, status: Sequence[Status], values: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[WidthFit | None, ...]:
    """Widths of the refined phases among values (n_parameters,) and covariance (n_parameters, n_parameters)."""
    found: list[WidthFit | None] = []
    for number, state in enumerate(status):
        if state != Status.REFINED:
            found.append(None)
            continue
        rows, cell = sample_rows(model, number), model.table.cells(values, number)
        found.append(WidthFit(cell=cell, values=values[rows], covariance=covariance[rows[:, None], rows]))
    return tuple(found)


def microstructure(model: PatternModel, number: int, widths: WidthFit | None) -> Microstructure:
    """Sizes and strains of a phase with esds by propagation."""
    phase = model.phases[number]
    if widths is None:
        return {column: Reading() for column in quantities(phase)}
    names = [model.table.names[row].removeprefix(f"{phase.name}_") for row in sample_rows(model, number)]
    at = {name: i for i, name in enumerate(names)}
    found = {}
    for column, kind in quantities(phase).items():
        axis = column.removeprefix("size").removeprefix("strain").removesuffix("_nm")
        if kind == "size_nm":
            row = at[f"lorentz_size{axis}"]
            found[column] = _size(float(widths.values[row]), _esd(widths, row), model.instrument.lines[0][0])
        elif axis:
            found[column] = _strain_along(axis[1:], at[_pure_term(phase, axis[1:]) or ""], at["gauss_strain"], widths)
        else:
            found[column] = _strain(at["lorentz_strain"], at["gauss_strain"], widths)
    return found


def _size(width: float, esd: float, wavelength: float) -> Reading:
    if not esd > 0.0:
        return Reading()
    if width < LEAST_Z * esd:
        return Reading(moves=True, exceeds=size_of(max(width, 0.0) + Z_UPPER * esd, wavelength=wavelength))
    size = size_of(width, wavelength=wavelength)
    return Reading(value=size, esd=size * esd / width, moves=True)


def _strain(lorentz: int, gauss: int, widths: WidthFit) -> Reading:
    """Of both parts; rows of `widths`."""
    value, slope = strain_of(float(widths.values[lorentz]), float(widths.values[gauss]))
    esd = _propagated((lorentz, gauss), slope, widths)
    if not value >= LEAST_Z * esd:
        return Reading(moves=esd > 0.0)
    return Reading(value=value, esd=esd, moves=True)


def _strain_along(axis: str, term: int, gauss: int, widths: WidthFit) -> Reading:
    """Of the lines in one direction, by their term of anisotropic strain; rows of `widths`."""
    variance, esd = float(widths.values[term]), _esd(widths, term)
    # Strain goes with the root of the term: the term itself is what can be told from zero.
    if not variance >= LEAST_Z * esd:
        return Reading(moves=esd > 0.0)
    inverse = float(d_spacings(widths.cell[None], [axis_hkl(axis)])[0, 0]) ** -2
    lorentz = stephens_strain_of(variance, inverse=inverse)
    value, slope = strain_of(lorentz, float(widths.values[gauss]))
    slope[0] *= lorentz / (2.0 * variance)
    return Reading(value=value, esd=_propagated((term, gauss), slope, widths), moves=True)


def _esd(widths: WidthFit, row: int) -> float:
    return _root(float(widths.covariance[row, row]))


def _propagated(rows: Sequence[int], slope: NDArray[np.float64], widths: WidthFit) -> float:
    """Esd of what answers to these rows by `slope`; an error of what it does not answer to need not be known."""
    by = [(row, by) for row, by in zip(rows, slope.tolist(), strict=True) if by != 0.0]
    return _root(math.fsum(p * q * float(widths.covariance[i, j]) for i, p in by for j, q in by))


def _root(variance: float) -> float:
    return math.sqrt(variance) if variance > 0.0 else math.nan


def conventions(model: PatternModel) -> dict[str, str]:
    """By column, how its numbers are defined."""
    return {
        f"{phase.name}_{name}": CONVENTIONS[kind] for phase in model.phases for name, kind in quantities(phase).items()
    }


def microstructure_notes(
    model: PatternModel, reasons: Mapping[str, str], found: Iterable[Sequence[Microstructure]]
) -> list[str]:
    """What is shown of each phase, by which convention, and why something is not; `found` in each scan."""
    notes: list[str] = []
    scans, used = list(found), set()
    for why in dict.fromkeys(reasons.values()):
        names = ", ".join(name for name, reason in reasons.items() if reason == why)
        notes.append(f"{names}: no sizes and strains: {why}")
    for number, phase in enumerate(model.phases):
        own = [scan[number] for scan in scans]
        moving = {kind: _move(own, phase, kind) for kind in CONVENTIONS}
        if phase.name in reasons or not any(moving.values()):
            continue
        held = [word for kind, word in (("size_nm", "size"), ("strain", "strain")) if not moving[kind]]
        beside = f", at a {held[0]} that is held or at its limit" if held else ""
        for name, kind in quantities(phase).items():
            readings = [one[name] for one in own if one[name].moves]
            shown = np.array([(reading.value, reading.esd) for reading in readings if np.isfinite(reading.value)])
            if len(shown):
                used.add(kind)
                notes.append(f"{phase.name}_{name} = {_in_words(shown)}{beside}")
            else:
                notes.append(f"{phase.name}_{name}: not shown, {_not_shown(readings)}")
    return notes + [f"{name}: {text}" for name, text in CONVENTIONS.items() if name in used]


def _in_words(pairs: NDArray[np.float64]) -> str:
    values, esds = pairs.T
    if np.ptp(values) <= 1e-9 * values[0]:
        return f"{values[0]:.4g}, esd {esds[0]:.2g}"
    median = f"{np.median(values):.4g} in the median of {count_of_scans(len(values))}"
    return f"{median}, {values.min():.4g} to {values.max():.4g}, median esd {np.median(esds):.2g}"


def _not_shown(readings: Sequence[Reading]) -> str:
    if not readings:
        return "its width is fixed, at a limit or not determined"
    text = f"the broadening is less than {LEAST_Z:g} esds above the instrument's"
    least = [reading.exceeds for reading in readings if np.isfinite(reading.exceeds)]
    return f"{text}: larger than {np.median(least):.0f} nm (95 %)" if least else text


def _move(own: Sequence[Microstructure], phase: Phase, kind: str) -> bool:
    """Whether any width of this kind does, in any scan."""
    columns = [column for column, of in quantities(phase).items() if of == kind]
    return any(one[column].moves for one in own for column in columns)
