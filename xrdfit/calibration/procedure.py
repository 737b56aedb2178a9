"""The fit of a standard: a cell that is known, intensities that are free, and the instrument between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.calibration.outcome import Calibration, CalibrationSettings, calibration_of
from xrdfit.calibration.standards import Standard
from xrdfit.calibration.start import first_values
from xrdfit.data import ParameterOverride, Pattern, RefineSettings
from xrdfit.errors import InputError, NoResultError, Problem
from xrdfit.fit import PreparedScan, ScanFit, fit_scan, prepare_scan
from xrdfit.model import Background, Instrument, PatternModel

# Correlation beyond which zero and displacement are one thing that the pattern sees.
MOST_CORRELATED = 0.9
# Part of the peaks, as chi^2, that a standard explains before anything is fitted; another substance explains little.
_LEAST_EXPLAINED = 0.5
_LEAST_POINTS = 100
# Three Caglioti terms, a position and what else moves with the angle: fewer lines leave them at any value.
_LEAST_LINES = 5
_RESOLUTION = ("caglioti_u", "caglioti_v", "caglioti_w", "instrument_lorentz_size", "instrument_lorentz_strain")
# Where the divergences start: half a usual Soller slit's, a usual slit over a usual radius, deg and 1.
_FIRST_DIVERGENCE = {"axial_soller": 2.0, "axial_sample": 0.02, "axial_detector": 0.02, "equatorial_divergence": 0.8}


def calibrate(
    pattern: Pattern, standard: Standard, instrument: Instrument, settings: CalibrationSettings
) -> Calibration:
    """Refine the instrument against the pattern of a standard.

    instrument : what is known of it: emission, geometry, radius, divergence.

    Raises
    ------
    InputError
        If the lines of the standard are not in the pattern, or the pattern is too short.
    NoResultError
        If the fit fails.
    """
    phase = standard.phase(settings.cell)
    model = PatternModel.of(instrument, (phase,), Background(terms=settings.background))
    refine = RefineSettings(
        mode="sequential",
        intensities="lebail",
        two_theta_range=settings.two_theta_range,
        overrides={"axial_detector": ParameterOverride(expr="axial_sample")} if settings.axial == "fcj" else {},
    )
    prepared = prepare_scan(pattern, refine)
    _refuse_few_points(prepared, pattern)
    start = model.table.defaults()
    start[model.table.index("standard_lorentz_size")] = 0.0
    start, explained, seen, lines = first_values(model, prepared, start)
    if explained < _LEAST_EXPLAINED:
        raise InputError(_not_there(pattern, standard, explained, seen, lines))
    if seen < _LEAST_LINES:
        raise InputError(_few_lines(pattern, standard, seen))
    fitter = _Fitter(model=model, prepared=prepared, refine=refine, settings=settings)
    fit, notes = fitter.run(start)
    return calibration_of(pattern, standard, model, fit, settings, notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitter:
    model: PatternModel
    prepared: PreparedScan
    refine: RefineSettings
    settings: CalibrationSettings

    @property
    def offset(self) -> str:
        return "sample_displacement" if self._reflects else "capillary_parallel"

    @property
    def _reflects(self) -> bool:
        return self.model.instrument.geometry == "bragg-brentano"

    def _divergence(self) -> list[str]:
        axial = {"soller": ["axial_soller"], "fcj": ["axial_sample"], "none": []}[self.settings.axial]
        return [*axial, "equatorial_divergence"] if self.settings.free_divergence and self._reflects else axial

    def run(self, start: NDArray[np.float64]) -> tuple[ScanFit, list[str]]:
        """Widths and one position first, then the divergences, then what else is asked for."""
        table, asked = self.model.table, self.settings.position
        zero = table.index("zero_shift")
        one = "zero_shift" if asked == "zero" or (asked == "auto" and not self._reflects) else self.offset
        first = start
        if one != "zero_shift":
            # The offset that was found stands for the displacement which makes it near 2theta = 60 deg.
            first = start.copy()
            moved = np.radians(first[zero]) * self.model.instrument.goniometer_radius_mm
            first[zero] = self.model.instrument.zero_shift
            first[table.index(self.offset)] = -moved / (2.0 * np.cos(np.radians(30.0))) if self._reflects else -moved
        fit = self._fit(first, [one])
        divergence = self._divergence()
        first = fit.values.copy()
        for name in divergence:
            first[table.index(name)] = _FIRST_DIVERGENCE[name]
        if "axial_sample" in divergence:
            first[table.index("axial_detector")] = _FIRST_DIVERGENCE["axial_detector"]
        cell = [spec.name for spec in table if spec.kind == "cell"] if self.settings.free_cell else []
        weights = [spec.name for spec in table if spec.kind == "emission"]
        free = [one, *divergence, *cell, *weights]
        fit = self._fit(first, free)
        if asked not in ("auto", "both"):
            return fit, []
        other = self.offset if one == "zero_shift" else "zero_shift"
        both = self._fit(fit.values, [*free, other])
        told = _correlation(both, one, other)
        if asked == "both":
            return both, [f"{one} and {other} correlate by {told:+.3f}"]
        if abs(told) <= MOST_CORRELATED:
            return both, [f"{one} and {other} are told apart: they correlate by {told:+.3f}"]
        apart = ", ".join(f"{name} {_written(both, name)}" for name in (one, other))
        return fit, [
            f"{one} and {other} cannot be told apart: they correlate by {told:+.3f} (both free: {apart}); "
            f"{other} is held at {fit.values[table.index(other)]:g}"
        ]

    def _fit(self, start: NDArray[np.float64], names: list[str]) -> ScanFit:
        vary = self.model.table.where("background").copy()
        for name in (*_RESOLUTION, *names):
            vary[self.model.table.index(name)] = True
        fit = fit_scan(self.model, self.prepared, self.refine, start=start, present=[True], vary=vary)
        if not np.isfinite(fit.agreement.chi2):
            raise NoResultError("the pattern of the standard could not be fitted")
        return fit


def _refuse_few_points(prepared: PreparedScan, pattern: Pattern) -> None:
    if prepared.points.two_theta.size < _LEAST_POINTS:
        raise InputError(
            Problem(
                code="E196",
                what="too few points for a calibration",
                where=pattern.source,
                found=f"{prepared.points.two_theta.size} points in the range against at least {_LEAST_POINTS}",
                todo="measure the standard over many lines, or widen --range",
            )
        )


def _few_lines(pattern: Pattern, standard: Standard, seen: int) -> Problem:
    return Problem(
        code="E196",
        what="too few lines for a calibration",
        where=pattern.source,
        found=f"{seen} lines of {standard.name} against at least {_LEAST_LINES}",
        todo="measure the standard over many lines, or widen --range",
    )


def _not_there(pattern: Pattern, standard: Standard, explained: float, seen: int, lines: int) -> Problem:
    return Problem(
        code="E197",
        what="the pattern is not that of the standard",
        where=pattern.source,
        found=f"{standard.name} explains {max(explained, 0.0):.0%} of the peaks, with {seen} of its {lines} lines",
        todo="check file, standard, radiation and wavelength",
    )


def _written(fit: ScanFit, name: str) -> str:
    i = fit.objective.model.table.index(name)
    return f"{fit.values[i]:.4f} ± {fit.esd[i]:.4f} {fit.objective.model.table.specs[i].unit}"


def _correlation(fit: ScanFit, one: str, other: str) -> float:
    i, j = (fit.names.index(name) for name in (one, other))
    covariance = fit.covariance
    with np.errstate(invalid="ignore"):
        told = covariance[i, j] / np.sqrt(covariance[i, i] * covariance[j, j])
    return float(told) if np.isfinite(told) else 1.0
