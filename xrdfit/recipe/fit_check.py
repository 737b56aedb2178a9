"""Do data, instrument and phases belong together? What can be told before anything is fitted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, generate_reflections
from xrdfit.data import Pattern, RefineSettings, ScanStack
from xrdfit.errors import CrystalError, DataError, Problem
from xrdfit.model import Background, Instrument, MeasuredBackground, parameter_table, select_points
from xrdfit.recipe.abscissa_check import abscissa_warnings
from xrdfit.recipe.background_check import noise_warnings, sample_line_warnings
from xrdfit.recipe.mistakes import Code, mistake
from xrdfit.recipe.parameter_check import parameter_problems

_T = TypeVar("_T")

MINIMUM_POINTS = 10
# FWHM, deg.
_WIDEST = 5.0
# By how much a measured background may fall short at either end, deg.
_SLACK = 0.5


def fit_problems(
    stack: ScanStack,
    instrument: Instrument,
    phases: tuple[Phase, ...],
    background: Background,
    settings: RefineSettings,
) -> list[Problem]:
    """All contradictions between the first scan, the instrument, the phases and what is said of parameters."""
    first = stack.read(0)
    problems = [
        *_range_problems(first, settings),
        *parameter_problems(parameter_table(instrument, phases, background), phases, settings, n_scans=len(stack)),
        *_anchor_problems(settings, len(stack)),
    ]
    if settings.weights == "file" and first.sigma is None:
        problems.append(
            mistake(
                Code.CONFLICT,
                "the files give no sigma",
                where="data.weights",
                found='found "file" without sigma',
                todo='write "auto", "poisson" or "estimated"',
            )
        )
    used = _grid(first, settings)
    if used.size and background.measured is not None:
        problems += _cover_problems(background.measured, used)
    if used.size >= MINIMUM_POINTS:
        problems += _resolution_problems(instrument, used)
        all_inert = all(phase.role == "inert" for phase in phases)
        problems += [
            problem
            for index, phase in enumerate(phases)
            for problem in _line_problems(phase, index, instrument, used)
            if all_inert or phase.role == "active" or problem.code != Code.NOTHING_IN_RANGE
        ]
    return problems


def peak_warnings(
    stack: ScanStack,
    instrument: Instrument,
    phases: tuple[Phase, ...],
    background: Background,
    settings: RefineSettings,
) -> list[Problem]:
    """What peaks in the first, middle and last scan and in a measured background make suspect."""
    scans = sorted({0, len(stack) // 2, len(stack) - 1})
    patterns = []
    for scan in scans:
        with suppress(DataError):
            patterns.append(stack.read(scan))
    problems = list(abscissa_warnings(patterns, instrument, phases))
    used = _grid(stack.read(0), settings)
    if background.measured is None or used.size < MINIMUM_POINTS:
        return problems
    return [
        *problems,
        *sample_line_warnings(background.measured, instrument, phases, used),
        *noise_warnings(background.measured, background.terms, used),
    ]


def unseen_inert_phases(
    stack: ScanStack, instrument: Instrument, phases: tuple[Phase, ...], settings: RefineSettings
) -> dict[str, Problem]:
    """Inert phases without a line in the range, by name, each with what is told of it: they can be left out."""
    used = _grid(stack.read(0), settings)
    if used.size < MINIMUM_POINTS:
        return {}
    return {
        phase.name: replace(
            problem,
            code="W110",
            what="an inert phase without a line in the range is left out",
            todo="remove it from the recipe, or check its cell and the range",
        )
        for index, phase in enumerate(phases)
        if phase.role == "inert"
        for problem in _line_problems(phase, index, instrument, used)
        if problem.code == Code.NOTHING_IN_RANGE
    }


def left_out_problems(
    settings: RefineSettings, left_out: Mapping[str, Problem], gone: Collection[str]
) -> Iterator[Problem]:
    """Constraints on parameters of phases that are left out, each with the reason.

    Parameters
    ----------
    left_out : what is told of these phases, by name. gone : the parameters that left with them.
    """
    for name, said in settings.overrides.items():
        for other in dict.fromkeys(re.findall(r"\w+", said.expr or "")):
            if name not in gone and other in gone:
                phase = max((phase for phase in left_out if other.startswith(f"{phase}_")), key=len)
                yield mistake(
                    Code.UNKNOWN_PARAMETER,
                    "the constraint needs a phase that is left out",
                    where=f"refine.parameters.{name}.expr",
                    found=f"{other}, but {left_out[phase].found}, so that {phase} has no parameters",
                    todo=f"remove expr and the phase, or check the cell of {phase} and the range",
                )


def without_parameters(settings: RefineSettings, names: Collection[str]) -> RefineSettings:
    """Settings that say nothing of these parameters."""

    def kept(said: Mapping[str, _T]) -> dict[str, _T]:
        return {name: value for name, value in said.items() if name not in names}

    return replace(settings, scope=kept(settings.scope), drift=kept(settings.drift), overrides=kept(settings.overrides))


def _grid(pattern: Pattern, settings: RefineSettings) -> NDArray[np.float64]:
    """2theta of the points that range and exclusions leave, masked ones included."""
    points = select_points(
        Pattern(
            two_theta=pattern.two_theta,
            intensity=np.zeros_like(pattern.two_theta),
            sigma=None,
            mask=pattern.two_theta > 0.0,
            source=pattern.source,
        ),
        two_theta_range=settings.two_theta_range,
        exclude=settings.exclude,
    )
    return points.two_theta


def _range_problems(pattern: Pattern, settings: RefineSettings) -> Iterator[Problem]:
    low, high = pattern.two_theta[0], pattern.two_theta[-1]
    n_used = _grid(pattern, settings).size
    if n_used < MINIMUM_POINTS:
        yield mistake(
            Code.NOTHING_IN_RANGE,
            "too few points are left",
            where="data.range",
            found=f"{n_used} points of {pattern.source} ({low:g} to {high:g} deg) against at least {MINIMUM_POINTS}",
            todo="correct range and exclude",
        )
    for index, (start, end) in enumerate(settings.exclude):
        if end < low or start > high:
            yield mistake(
                Code.OUT_OF_RANGE,
                "excluded part lies outside the data",
                where=f"data.exclude[{index}]",
                found=f"[{start:g}, {end:g}] against {low:g} to {high:g} deg",
                todo="remove or correct it",
            )


def _line_problems(phase: Phase, index: int, instrument: Instrument, used: NDArray[np.float64]) -> Iterator[Problem]:
    """A phase needs a reflection at a point that is used."""
    wavelength = instrument.lines[0][0]
    d_min, d_max = (wavelength / (2.0 * np.sin(np.radians(angle) / 2.0)) for angle in (used[-1], used[0]))
    try:
        lines = generate_reflections(phase.group, phase.cell, d_min=float(d_min), d_max=float(d_max))
    except CrystalError as error:
        yield from (replace(problem, where=f"phase[{index}].cell") for problem in error.problems)
        return
    if len(lines) > used.size:
        yield mistake(
            Code.TOO_MANY_LINES,
            "more reflections than points",
            where=f"phase[{index}].cell",
            found=f"{len(lines)} lines of {phase.name} against {used.size} points",
            todo="check that wavelength and cell are in Å",
        )
        return
    positions = np.degrees(2.0 * np.arcsin(np.minimum(wavelength / (2.0 * lines.d_spacing), 1.0)))
    step = np.median(np.diff(used))
    after = np.clip(np.searchsorted(used, positions), 1, used.size - 1)
    distance = np.minimum(np.abs(used[after] - positions), np.abs(positions - used[after - 1]))
    if not np.any(distance <= step):
        yield mistake(
            Code.NOTHING_IN_RANGE,
            "no reflection in the range",
            where=f"phase[{index}]",
            found=f"no line of {phase.name} with {wavelength:g} Å against {used[0]:g} to {used[-1]:g} deg",
            todo="check cell, wavelength and range, and that the data are over 2theta, not Q",
        )


def _cover_problems(measured: MeasuredBackground, used: NDArray[np.float64]) -> Iterator[Problem]:
    """A measured background must reach as far as the patterns do, but for half a degree."""
    low, high = measured.two_theta[0], measured.two_theta[-1]
    if not measured.intensity.max() > 0.0:
        yield mistake(
            Code.OUT_OF_RANGE,
            "the measured background has no intensity",
            where="background.file",
            found=f"at most {measured.intensity.max():g} against > 0",
            todo="give the pattern of the empty cell as it was measured",
        )
    if low > used[0] + _SLACK or high < used[-1] - _SLACK:
        yield mistake(
            Code.OUT_OF_RANGE,
            "the measured background does not cover the patterns",
            where="background.file",
            found=f"{low:g} to {high:g} deg against {used[0]:g} to {used[-1]:g} deg",
            todo="measure it over the same range, or narrow data.range",
        )


def _resolution_problems(instrument: Instrument, used: NDArray[np.float64]) -> Iterator[Problem]:
    """A width squared must be positive wherever there are points."""
    profile = instrument.profile
    if profile is None:
        return
    tangent = np.tan(np.radians(used) / 2.0)
    variance = profile.u * tangent**2 + profile.v * tangent + profile.w
    if np.any(variance < 0.0) or (np.any(variance == 0.0) and profile.lorentz_size + profile.lorentz_strain == 0.0):
        worst = int(np.argmin(variance))
        yield mistake(
            Code.OUT_OF_RANGE,
            "the resolution is no width",
            where="instrument.profile",
            found=f"u tan^2 + v tan + w = {variance[worst]:.3g} deg^2 at {used[worst]:g} deg against > 0",
            todo="check the signs and units of u, v, w (deg^2)",
        )
    elif variance.max() > _WIDEST**2:
        yield mistake(
            Code.OUT_OF_RANGE,
            "the resolution is wider than that of any diffractometer",
            where="instrument.profile",
            found=f"a FWHM of {np.sqrt(variance.max()):.3g} deg against at most {_WIDEST:g}",
            todo="check the units of u, v, w (deg^2)",
        )


def _anchor_problems(settings: RefineSettings, n_scans: int) -> Iterator[Problem]:
    for name, scan in settings.anchors.items():
        if scan >= n_scans:
            yield mistake(
                Code.OUT_OF_RANGE,
                "no such scan",
                where=f"fractions.anchor.{name}",
                found=f"found {scan} against 0 to {n_scans - 1}",
                todo="give the number of a scan of the stack, from 0",
            )
