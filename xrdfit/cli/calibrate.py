"""``xrdfit calibrate``: the instrument from the pattern of a standard."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from xrdfit.calibration import Calibration, CalibrationSettings, calibrate, find_standard, instrument_text
from xrdfit.calibration.outcome import POOR_GOF, Axial, Position
from xrdfit.cli.import_files import refuse_existing
from xrdfit.cli.problems import input_error
from xrdfit.cli.words import one_of
from xrdfit.io import atomic_write, read_pattern
from xrdfit.model import HOELZER_ELEMENTS, K_ALPHA, Contaminant, Instrument
from xrdfit.recipe.instrument_check import instrument_warnings
from xrdfit.report import figure_paths, fit_figure, save_figure

AXIAL = ("soller", "fcj", "none")
POSITION = ("auto", "offset", "zero", "both")
EMISSION = ("doublet", "hoelzer")
CONTAMINANTS = ("k_beta", "w_l_alpha")
GEOMETRY = ("bragg-brentano", "debye-scherrer")
# Where one coefficient of expansion does.
_COLDEST_C, _HOTTEST_C = -20.0, 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateOptions:
    """The words of the command line, as they stand."""

    standard: str
    radiation: str | None
    wavelength: float | None
    geometry: str | None
    emission: str
    contaminants: list[str]
    radius: float | None
    divergence: float | None
    axial: str | None
    position: str
    temperature: float | None
    cell: str | None
    free_cell: bool
    background: int
    two_theta_range: str | None


def run_calibrate(file: Path, output: Path, options: CalibrateOptions, *, fresh: bool) -> int:
    """Fit the standard, write the instrument file and the figure beside it; returns the exit code."""
    stem = output.with_name(f"{output.stem}_fit")
    for path in (output, *figure_paths(stem)):
        refuse_existing(path, fresh=fresh)
    standard = find_standard(options.standard)
    if options.cell is not None:
        standard = replace(standard, source="given by --cell")
    pattern = read_pattern(file)
    header_radius = None if pattern.header is None else pattern.header.goniometer_radius_mm
    source, instrument = _instrument(options, header_radius)
    settings = _settings(options, standard.cell_at(options.temperature), instrument)
    for problem in () if pattern.header is None else instrument_warnings([(file.name, pattern.header)], instrument):
        print(problem, file=sys.stderr)
    found = calibrate(pattern, standard, instrument, settings)
    atomic_write(output, instrument_text(found, source=source, measured=file))
    title = f"{standard.name}, R$_\\mathrm{{wp}}$ = {100.0 * found.r_wp:.2f} %"
    figure = fit_figure(found.curves, [found.lines], title=title, colors={standard.name: "red"})
    _print(found)
    for path in (output, *save_figure(figure, stem)):
        print(path)
    return 0 if found.converged and found.gof <= POOR_GOF else 1


def _instrument(options: CalibrateOptions, header_radius: float | None) -> tuple[dict[str, Any], Instrument]:
    """The radiation as a recipe gives it, and the instrument as far as it is known."""
    radiation = options.radiation or ("Cu" if options.wavelength is None else None)
    geometry = options.geometry or ("debye-scherrer" if radiation is None else "bragg-brentano")
    one_of("--geometry", geometry, GEOMETRY)
    one_of("--emission", options.emission, EMISSION)
    for name in options.contaminants:
        one_of("--contaminant", name, CONTAMINANTS)
    if options.radius is not None and not 0.0 < options.radius < math.inf:
        found = f"{options.radius:g} against > 0"
        raise input_error("E198", "no such size", where="--radius", found=found, todo="give it in mm")
    if options.wavelength is not None and not 0.05 <= options.wavelength <= 3.0:
        raise input_error(
            "E156",
            "implausible wavelength",
            where="--wavelength",
            found=f"found {options.wavelength:g} against 0.05 to 3 Å",
            todo="give it in Å (12.398 / energy in keV)",
        )
    if options.temperature is not None and not _COLDEST_C <= options.temperature <= _HOTTEST_C:
        raise input_error(
            "E198",
            "the cell of the standard is not known there",
            where="--temperature",
            found=f"{options.temperature:g} against {_COLDEST_C:g} to {_HOTTEST_C:g} °C",
            todo="give °C, not K; give the cell itself with --cell",
        )
    if options.divergence is not None and not 0.0 <= options.divergence <= 5.0:
        raise input_error(
            "E198",
            "no such size",
            where="--divergence",
            found=f"{options.divergence:g} against 0 to 5 deg",
            todo="give the full angle of the divergence slit in deg; leave it out to refine it",
        )
    rest: dict[str, Any] = {
        "geometry": geometry,
        "goniometer_radius_mm": options.radius or header_radius or 217.5,
        "equatorial_divergence": options.divergence or 0.0,
    }
    if radiation is None:
        if options.contaminants or options.emission != "doublet":
            raise _conflict("--wavelength", "one wavelength has no emission profile and no lines beside it")
        return {"wavelength": options.wavelength}, Instrument(lines=((cast(float, options.wavelength), 1.0),), **rest)
    if options.wavelength is not None:
        raise _conflict("--wavelength", "radiation and wavelength exclude each other")
    one_of("--radiation", radiation, tuple(K_ALPHA))
    if options.emission == "hoelzer":
        one_of("--radiation", radiation, HOELZER_ELEMENTS)
    others = tuple(Contaminant.of(name, radiation) for name in options.contaminants)  # type: ignore[arg-type]
    instrument = Instrument.k_alpha(radiation, emission=options.emission, contaminants=others, **rest)  # type: ignore[arg-type]
    return {"radiation": radiation, "emission": options.emission}, instrument


def _settings(options: CalibrateOptions, cell: tuple[float, ...], instrument: Instrument) -> CalibrationSettings:
    axial = options.axial or ("soller" if instrument.geometry == "bragg-brentano" else "fcj")
    one_of("--axial", axial, AXIAL)
    one_of("--position", options.position, POSITION)
    if options.cell is not None:
        cell = _numbers("--cell", options.cell, ",")
    span = None if options.two_theta_range is None else _numbers("--range", options.two_theta_range, ":")
    if span is not None and (len(span) != 2 or not span[0] < span[1]):
        raise _not_numbers("--range", cast(str, options.two_theta_range), "A:B, deg")
    return CalibrationSettings(
        cell=cell,
        free_cell=options.free_cell,
        free_divergence=options.divergence is None,
        axial=cast(Axial, axial),
        position=cast(Position, options.position),
        background=options.background,
        two_theta_range=None if span is None else (span[0], span[1]),
    )


def _numbers(option: str, text: str, separator: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in text.split(separator))
    except ValueError:
        raise _not_numbers(option, text, f"numbers with {separator!r} between") from None


def _not_numbers(option: str, text: str, expected: str) -> Exception:
    return input_error(
        "E198", "not what the option takes", where=option, found=f"{text!r} against {expected}", todo="correct it"
    )


def _conflict(option: str, what: str) -> Exception:
    return input_error("E198", what, where=option, found="both against one", todo="leave one of them out")


def _print(found: Calibration) -> None:
    table = Table("parameter", "value", "esd", "unit")
    for name in found.values:
        if name in found.esd:
            value, esd = found.values[name], found.esd[name]
            decimals = max(1 - math.floor(math.log10(esd)), 0) if esd > 0.0 else 6
            table.add_row(name, f"{value:.{decimals}f}", f"{esd:.{decimals}f}", found.units[name])
    console = Console()
    console.print(table)
    for note in found.notes:
        print(f"note: {note}")
    cell = " ".join(f"{length:.6f}" for length in found.settings.cell)
    start = "start " if found.settings.free_cell else ""
    print(f"{found.standard.name}, {start}cell {cell} Å: {found.standard.source}")
    print(f"R_wp {found.r_wp:.2%}, GoF {found.gof:.2f}, {found.n_points} points")
