"""What a calibration is asked for, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xrdfit.calibration.standards import Standard
from xrdfit.data import Curves, Pattern, PhaseLines
from xrdfit.fit import ScanFit, area_covariance
from xrdfit.model import Instrument, InstrumentProfile, PatternModel

Axial = Literal["soller", "fcj", "none"]
Position = Literal["auto", "offset", "zero", "both"]

# Goodness of fit beyond which the lines of a standard are not where, or not as, the model has them.
POOR_GOF = 3.0
# Steps of the usual width that make a gap.
_GAP = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """What is refined.

    Attributes
    ----------
    cell : free cell parameters of the standard, angstrom. free_cell : refine them, too.
    axial : the model of the axial divergence. ``fcj`` ties H/L to S/L.
    free_divergence : refine the equatorial divergence (Bragg-Brentano); else it is that of the instrument.
    position : what moves the lines. ``offset`` is the sample's displacement, parallel to the beam in Debye-Scherrer
        geometry; ``auto`` takes both it and the zero shift if the pattern can tell them apart.
    background : Chebyshev terms. two_theta_range : deg.
    """

    cell: tuple[float, ...]
    free_cell: bool = False
    axial: Axial = "soller"
    free_divergence: bool = False
    position: Position = "auto"
    background: int = 10
    two_theta_range: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibrated instrument.

    Attributes
    ----------
    instrument : with everything that was found put in.
    values : of all parameters but the background. esd : of those that were refined and determined.
    names, covariance : of the refined and determined parameters, (k,) and (k, k), marginal.
    notes : what was settled, and what the user should know.
    """

    standard: Standard
    settings: CalibrationSettings
    instrument: Instrument
    values: dict[str, float]
    esd: dict[str, float]
    units: dict[str, str]
    names: tuple[str, ...]
    covariance: NDArray[np.float64]
    r_wp: float
    gof: float
    n_points: int
    converged: bool
    notes: tuple[str, ...]
    curves: Curves
    lines: PhaseLines


def calibration_of(
    pattern: Pattern,
    standard: Standard,
    model: PatternModel,
    fit: ScanFit,
    settings: CalibrationSettings,
    notes: list[str],
) -> Calibration:
    """What a fit says of the instrument; `notes` gets more of them."""
    table = model.table
    values = {spec.name: float(v) for spec, v in zip(table, fit.values, strict=True) if spec.kind != "background"}
    esd = {name: float(e) for name, e in zip(table.names, fit.esd, strict=True) if name in values and np.isfinite(e)}
    names = tuple(name for name in esd if name in fit.names)
    rows = [fit.names.index(name) for name in names]
    for name in fit.names:
        if name in values and name not in esd:
            notes.append(f"{name} ended at its limit ({values[name]:g} {table.specs[table.index(name)].unit})")
    if fit.agreement.gof > POOR_GOF:
        notes.append(
            f"GoF {fit.agreement.gof:.1f}: the standard is not described; look at the figure before you use this"
        )
    if not fit.success:
        notes.append(f"the fit did not come to rest: {fit.minimum.message}; look at the figure")
    profile = InstrumentProfile(
        u=values["caglioti_u"],
        v=values["caglioti_v"],
        w=values["caglioti_w"],
        lorentz_size=values["instrument_lorentz_size"],
        lorentz_strain=values["instrument_lorentz_strain"],
        axial_sample=values["axial_sample"],
        axial_detector=values["axial_detector"],
        axial_soller=values["axial_soller"],
    )
    return Calibration(
        standard=standard,
        settings=settings,
        instrument=replace(
            model.instrument,
            profile=profile,
            zero_shift=values["zero_shift"],
            equatorial_divergence=values.get("equatorial_divergence", 0.0),
        ),
        values=values,
        esd=esd,
        units={spec.name: spec.unit for spec in table},
        names=names,
        covariance=fit.covariance[np.ix_(rows, rows)],
        r_wp=fit.agreement.r_wp,
        gof=fit.agreement.gof,
        n_points=fit.agreement.n_points,
        converged=fit.success,
        notes=tuple(notes),
        curves=_curves(pattern, fit),
        lines=_lines(fit, standard.name),
    )


def _curves(pattern: Pattern, fit: ScanFit) -> Curves:
    used, work = fit.prepared.points.used, fit.objective.work
    # Standards are often measured line by line: a gap is shown as one, and not bridged.
    step = np.diff(pattern.two_theta)
    gap = np.repeat(np.flatnonzero(step > _GAP * np.median(step)), 2)
    edge = pattern.two_theta[gap] + np.tile([0.05, 0.95], gap.size // 2) * step[gap]

    def with_gaps(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.insert(values, gap + 1, np.nan)

    def on_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
        full = np.full(used.size, np.nan)
        full[used] = fit.objective.at_points(values)
        return with_gaps(full)

    return Curves(
        two_theta=np.insert(pattern.two_theta, gap + 1, edge),
        observed=with_gaps(pattern.intensity),
        sigma=on_grid(1.0 / np.sqrt(work.weight)),
        calculated=on_grid(work.model),
        background=on_grid(work.background),
        used=np.insert(used, gap + 1, False),
    )


def _lines(fit: ScanFit, name: str) -> PhaseLines:
    variance = np.diag(area_covariance(fit))
    return PhaseLines(
        phase=name,
        hkl=fit.objective.lines.hkl,
        two_theta=fit.objective.work.position[:, 0].copy(),
        area=fit.objective.work.area.copy(),
        area_esd=np.where(variance > 0.0, np.sqrt(variance), np.nan),
    )
