"""The rows of the parameter table: what there is to refine, with units, limits and default scopes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, UnitCell, isotropic_terms, stephens_terms, width_axes
from xrdfit.data import ScopeName
from xrdfit.kernels import problem as slot
from xrdfit.model.background import Background
from xrdfit.model.instrument import Instrument, InstrumentProfile

# How far a cell may leave its start value: lengths relative, angles in deg.
CELL_LENGTH_REACH = 0.05
CELL_ANGLE_REACH = 3.0
# deg^2; a Gaussian FWHM of 0.003 deg is none, but still has a derivative.
LEAST_W = 1e-5
# Isotropic strain, deg, from which anisotropic strain starts: none has no direction to grow in.
FIRST_STEPHENS_STRAIN = 0.05
STEPHENS_UNIT = "1e-8 Å^-4"
_CONTAMINANTS = {"k_beta": "K-beta", "w_l_alpha": "W L-alpha"}
_CELL_NAMES = ("a", "b", "c", "alpha", "beta", "gamma")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """One row of the table.

    ``slots`` are the (slot of the kernels, factor) pairs that the parameter feeds: one, or several where symmetry
    ties cell parameters together. ``kind`` groups rows that stages of a fit free together. ``squared``: the pattern
    depends on the square, so that its slope vanishes at zero. ``scope`` is the default in sequential mode.
    """

    name: str
    unit: str
    default: float
    lower: float
    upper: float
    scope: ScopeName
    kind: str
    description: str
    slots: tuple[tuple[int, float], ...]
    squared: bool = False


def _row(
    name: str, unit: str, value: float, limits: tuple[float, float], scope: ScopeName, kind: str, text: str, where: int
) -> ParameterSpec:
    return ParameterSpec(
        name=name,
        unit=unit,
        default=value,
        lower=limits[0],
        upper=limits[1],
        scope=scope,
        kind=kind,
        description=text,
        slots=((where, 1.0),),
    )


def instrument_rows(instrument: Instrument) -> Iterable[ParameterSpec]:
    """Positions, resolution, divergence and weights of contaminating lines."""
    zero = instrument.zero_shift
    yield _row("zero_shift", "deg", zero, (-1.0, 1.0), "fixed", "position", "zero error of 2theta", slot.ZERO_SHIFT)
    if instrument.geometry == "bragg-brentano":
        yield _row(
            "sample_displacement",
            "mm",
            0.0,
            (-2.0, 2.0),
            "scan",
            "position",
            "how far the sample lies below the goniometer axis (away from source and detector), Bragg-Brentano",
            slot.SAMPLE_DISPLACEMENT,
        )
        yield _row(
            "transparency",
            "deg",
            0.0,
            (0.0, 1.0),
            "fixed",
            "position",
            "1/(2 mu R) as an angle: shift of -transparency sin(2theta)",
            slot.TRANSPARENCY,
        )
    else:
        yield _row(
            "capillary_parallel",
            "mm",
            0.0,
            (-5.0, 5.0),
            "fixed",
            "position",
            "offset of the capillary along the beam",
            slot.CAPILLARY_PARALLEL,
        )
        yield _row(
            "capillary_perpendicular",
            "mm",
            0.0,
            (-5.0, 5.0),
            "fixed",
            "position",
            "offset of the capillary across the beam, towards the detector",
            slot.CAPILLARY_PERPENDICULAR,
        )
    profile = instrument.profile
    # Without a known resolution u, v, w are refined once for the series; w starts from the widths seen in the data.
    free: ScopeName = "fixed" if profile else "series"
    given = profile or InstrumentProfile(u=0.0, v=0.0, w=0.01)
    u, v, w = given.u, given.v, given.w
    yield _row("caglioti_u", "deg^2", u, (min(u, 0.0), 10.0), free, "resolution", "U of fwhm_G^2", slot.CAGLIOTI_U)
    yield _row("caglioti_v", "deg^2", v, (-10.0, max(v, 0.0)), free, "resolution", "V of fwhm_G^2", slot.CAGLIOTI_V)
    yield _row("caglioti_w", "deg^2", w, (min(w, LEAST_W), 10.0), free, "resolution", "W of fwhm_G^2", slot.CAGLIOTI_W)
    yield _row(
        "instrument_lorentz_size",
        "deg",
        given.lorentz_size,
        (0.0, 5.0),
        "fixed",
        "resolution",
        "instrument's Lorentzian FWHM that goes with 1/cos(theta)",
        slot.INSTRUMENT_LORENTZ_SIZE,
    )
    yield _row(
        "instrument_lorentz_strain",
        "deg",
        given.lorentz_strain,
        (0.0, 5.0),
        "fixed",
        "resolution",
        "instrument's Lorentzian FWHM that goes with tan(theta)",
        slot.INSTRUMENT_LORENTZ_STRAIN,
    )
    yield from _divergence_rows(instrument, given)
    for other in instrument.contaminants:
        text = f"weight of the {_CONTAMINANTS[other.name]} line beside K-alpha, which is 1"
        yield _row(f"{other.name}_weight", "1", 0.0, (0.0, 0.5), "fixed", "emission", text, other.slot)


def _divergence_rows(instrument: Instrument, profile: InstrumentProfile) -> Iterable[ParameterSpec]:
    """Openings of the beam: the pattern answers to their squares, so that they have no slope at zero."""
    for name, value, text, where in (
        (
            "axial_sample",
            profile.axial_sample,
            "S/L, axial half-height of the sample over the radius",
            slot.AXIAL_SAMPLE,
        ),
        (
            "axial_detector",
            profile.axial_detector,
            "H/L, axial half-height of the receiving slit over the radius",
            slot.AXIAL_DETECTOR,
        ),
    ):
        yield replace(_row(name, "1", value, (0.0, 0.2), "fixed", "divergence", text, where), squared=True)
    text = "axial divergence that each of two Soller slits lets through, FWHM"
    soller = _row(
        "axial_soller", "deg", profile.axial_soller, (0.0, 10.0), "fixed", "divergence", text, slot.AXIAL_SOLLER
    )
    yield replace(soller, squared=True)
    if instrument.geometry == "bragg-brentano":
        row = _row(
            "equatorial_divergence",
            "deg",
            instrument.equatorial_divergence,
            (0.0, 5.0),
            "fixed",
            "divergence",
            "divergence of the beam on a flat specimen, full angle",
            slot.EQUATORIAL_DIVERGENCE,
        )
        yield replace(row, squared=True)


def phase_rows(phase: Phase, base: int, instrument: Instrument) -> Iterable[ParameterSpec]:
    """Cell, widths and place of a phase whose slots begin at `base`."""
    tie, _ = phase.group.cell_tie
    for column, (name, value) in enumerate(zip(phase.group.free_parameters, phase.free_values, strict=True)):
        length = name in _CELL_NAMES[:3]
        reach = CELL_LENGTH_REACH * value if length else CELL_ANGLE_REACH
        yield ParameterSpec(
            name=f"{phase.name}_{name}",
            unit="Å" if length else "deg",
            default=float(value),
            lower=float(value - reach),
            upper=float(value + reach),
            scope="fixed" if phase.fixed_cell else "scan",
            kind="cell",
            description=f"cell parameter {name} of {phase.name}",
            slots=tuple(
                (base + slot.CELL + int(row), float(tie[row, column])) for row in np.flatnonzero(tie[:, column])
            ),
        )
    yield from _size_rows(phase, base)
    yield from _strain_rows(phase, base)
    gauss_strain = _row(
        f"{phase.name}_gauss_strain",
        "deg",
        0.0,
        (0.0, 10.0),
        "fixed",
        "strain",
        f"Gaussian FWHM of {phase.name} that goes with tan(theta)",
        base + slot.GAUSS_STRAIN,
    )
    yield replace(gauss_strain, squared=True)
    if phase.own_displacement:
        flat = instrument.geometry == "bragg-brentano"
        text = f"how far {phase.name} lies " + (
            "below the goniometer axis" if flat else "from the centre, along the beam"
        )
        where = base + slot.DISPLACEMENT
        yield _row(f"{phase.name}_displacement", "mm", 0.0, (-5.0, 5.0), "scan", "position", text, where)


def _size_rows(phase: Phase, base: int) -> Iterable[ParameterSpec]:
    name, text = f"{phase.name}_lorentz_size", f"Lorentzian FWHM of {phase.name} that goes with 1/cos(theta)"
    if phase.size == "isotropic":
        yield _row(name, "deg", 0.05, (0.0, 5.0), "scan", "width", text, base + slot.LORENTZ_SIZE)
        return
    for axis, column in width_axes(phase.group):
        where = base + slot.AXIS_SIZE + column
        yield _row(f"{name}_{axis}", "deg", 0.05, (0.0, 5.0), "scan", "width", f"{text}, of its {axis} lines", where)


def _strain_rows(phase: Phase, base: int) -> Iterable[ParameterSpec]:
    if phase.strain == "isotropic":
        name, text = f"{phase.name}_lorentz_strain", f"Lorentzian FWHM of {phase.name} that goes with tan(theta)"
        yield _row(name, "deg", 0.0, (0.0, 10.0), "series", "strain", text, base + slot.LORENTZ_STRAIN)
        return
    start = stephens_isotropic(phase.cell, FIRST_STEPHENS_STRAIN)
    for name, tied in stephens_terms(phase.group):
        pure = name.count("0") == 2
        yield ParameterSpec(
            name=f"{phase.name}_{name}",
            unit=STEPHENS_UNIT,
            default=float(start[tied[0][0]]),
            lower=0.0 if pure else -np.inf,
            upper=np.inf,
            scope="series",
            kind="strain",
            description=f"anisotropic strain of {phase.name}, Stephens (1999)",
            slots=tuple((base + slot.STEPHENS + column, factor) for column, factor in tied),
        )


def stephens_isotropic(cell: UnitCell, lorentz_strain: float) -> NDArray[np.float64]:
    """(15,) terms, in `STEPHENS_UNIT`, that make the lines as wide as this isotropic strain (FWHM in deg) does."""
    return 1e8 * np.radians(lorentz_strain) ** 2 * isotropic_terms(cell)


def background_rows(background: Background, base: int) -> Iterable[ParameterSpec]:
    """What the background is a sum of, its slots beginning at `base`."""
    endless = (-np.inf, np.inf)
    for term in range(background.terms):
        text = f"coefficient of Chebyshev polynomial T{term}"
        yield _row(f"background_c{term}", "intensity", 0.0, endless, "scan", "background", text, base + term)
    if background.measured is not None:
        text, where = "amount of the measured background", base + background.terms
        yield _row("background_measured", "1", 0.0, (0.0, np.inf), "scan", "background", text, where)
    for number, hump in enumerate(background.humps):
        first = base + background.n_curves + slot.N_HUMP * number
        near = (hump.position - 0.5 * hump.fwhm, hump.position + 0.5 * hump.fwhm)
        wide = (0.3 * hump.fwhm, 3.0 * hump.fwhm)
        name, text = f"hump{number}", f"of hump {number}"
        yield _row(f"{name}_position", "deg", hump.position, near, "scan", "hump", f"centre {text}", first)
        yield _row(f"{name}_fwhm", "deg", hump.fwhm, wide, "scan", "hump", f"FWHM {text}", first + 1)
        yield _row(f"{name}_area", "intensity deg", 0.0, (0.0, np.inf), "scan", "background", f"area {text}", first + 2)
