"""``xrdfit gitt``: diffusion coefficient, IR drop and overpotential of every pulse."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import cast, get_args

import numpy as np

from xrdfit.cli.problems import input_error
from xrdfit.cli.words import one_of
from xrdfit.data import DateOrder
from xrdfit.echem import MOST_TAU, GittPulse, GittSettings, Reading, find_pulses, read_cycler
from xrdfit.io import atomic_write
from xrdfit.report import gitt_figure, save_figure


def run_gitt(
    file: Path,
    output: Path | None,
    *,
    mass_mg: float | None,
    molar_mass: float | None,
    molar_volume: float | None,
    area_cm2: float | None,
    length_um: float | None,
    sphere: bool,
    capacity_mah: float | None,
    dates: str | None,
) -> int:
    """Find the pulses of a record, print what they tell and whether it holds, write CSV and figure."""
    settings = gitt_settings(
        mass_mg=mass_mg,
        molar_mass=molar_mass,
        molar_volume=molar_volume,
        area_cm2=area_cm2,
        length_um=length_um,
        sphere=sphere,
        capacity_mah=capacity_mah,
    )
    if dates is not None:
        one_of("--dates", dates, get_args(DateOrder))
    record = read_cycler(file, reading=Reading(dates=cast(DateOrder | None, dates)))
    pulses = find_pulses(record, settings)
    factor, unit, heading = _reference(settings)
    resistance = factor * np.array([pulse.resistance_ohm for pulse in pulses])
    folder = file.with_name(f"{file.stem}-gitt") if output is None else output
    figure = gitt_figure(pulses, resistance=resistance, resistance_unit=unit, mass_mg=settings.mass_mg)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(folder / "gitt.csv", _csv_text(pulses, heading, resistance))
    written = [folder / "gitt.csv", *save_figure(figure, folder / "gitt")]
    for line in (f"{record.source} ({record.format})", *record.notes, *summary(pulses, resistance, unit)):
        print(line)
    print("\n".join(str(path) for path in written))
    return 0


def gitt_settings(
    *,
    mass_mg: float | None,
    molar_mass: float | None,
    molar_volume: float | None,
    area_cm2: float | None,
    length_um: float | None,
    sphere: bool,
    capacity_mah: float | None,
) -> GittSettings:
    """Dimensions from ``m V_m / (M S)`` if all four are given, else from the diffusion length.

    Raises
    ------
    InputError
        A number that is not positive, or a part of the four without a length.
    """
    given = {
        "--mass-mg": mass_mg,
        "--molar-mass": molar_mass,
        "--molar-volume": molar_volume,
        "--area-cm2": area_cm2,
        "--length-um": length_um,
        "--capacity-mah": capacity_mah,
    }
    for name, value in given.items():
        if value is not None and not (np.isfinite(value) and value > 0.0):
            raise input_error(
                "E194", "no such dimension", where=name, found=f"found {value:g} against > 0", todo="correct the number"
            )
    length = None if length_um is None else 1e-4 * length_um / (3.0 if sphere else 1.0)
    over = length
    if mass_mg is not None and molar_mass is not None and molar_volume is not None and area_cm2 is not None:
        over = 1e-3 * mass_mg * molar_volume / (molar_mass * area_cm2)
    elif length is None and (molar_mass is not None or molar_volume is not None):
        four = [name for name in list(given)[:4] if given[name] is None]
        raise input_error(
            "E194",
            "the electrode's dimensions are incomplete",
            where="xrdfit gitt",
            found=f"no {', '.join(four)} against mass, molar mass, molar volume and area, or a length",
            todo="give all four, or --length-um",
        )
    return GittSettings(
        volume_over_area_cm=over,
        diffusion_length_cm=length,
        area_cm2=area_cm2,
        mass_mg=mass_mg,
        full_capacity_mAh=capacity_mah,
    )


def _reference(settings: GittSettings) -> tuple[float, str, str]:
    """Factor from ohm to the effective resistivity, its unit, and its heading: per area, else per mass."""
    if settings.area_cm2 is not None:
        return settings.area_cm2, "Ω cm$^2$", "resistivity_ohm_cm2"
    if settings.mass_mg is not None:
        return 1e-3 * settings.mass_mg, "Ω g", "resistivity_ohm_g"
    return 1.0, "Ω", "resistivity_ohm"


def summary(pulses: Sequence[GittPulse], resistance: np.ndarray, unit: str) -> list[str]:
    """Medians a direction, and which conditions hold in how many pulses."""
    lines = []
    for way, word in ((1, "charge"), (-1, "discharge")):
        rows = [row for row, pulse in enumerate(pulses) if pulse.direction == way]
        if not rows:
            continue
        own = [pulses[row] for row in rows]
        loss, drop = (1e3 * np.median([getattr(p, n) for p in own]) for n in ("overpotential_V", "ir_drop_V"))
        lines.append(
            f"{word}: {len(own)} pulses of {np.median([p.tau_s for p in own]):.0f} s, rests of "
            f"{np.median([p.rest_s for p in own]) / 3600.0:.3g} h; medians: overpotential {loss:.3g} mV, "
            f"IR drop {drop:.3g} mV, {np.median(resistance[rows]):.4g} {unit.replace('$^2$', '²')}"
        )
        diffusion = np.array([p.diffusion_cm2_s for p in own])
        valid = np.array([p.valid for p in own])
        if not np.isfinite(diffusion).any():
            continue
        if valid.any():
            lines.append(f"  D {_span(diffusion[valid])} cm²/s in {valid.sum()} pulses")
        if (~valid).any():
            lines.append(f"  D {_span(diffusion[~valid])} cm²/s in {(~valid).sum()} pulses: apparent")
    total = len(pulses)
    if np.isfinite([pulse.diffusion_cm2_s for pulse in pulses]).any():
        worst = max(pulse.tau_over_l2_d for pulse in pulses)
        holds = sum(pulse.short for pulse in pulses)
        lines.append(f"tau << L²/D (at most {MOST_TAU:g}): in {holds} of {total} pulses; largest tau D/L² {worst:.2g}")
    else:
        lines.append("no D: give --mass-mg, --molar-mass, --molar-volume and --area-cm2, or --length-um")
    lines += [
        f"straight over sqrt(t): in {sum(p.straight for p in pulses)} of {total} pulses; "
        f"median deviation {np.median([p.curvature for p in pulses]):.1%} of the rise",
        f"rest relaxed: in {sum(p.relaxed for p in pulses)} of {total} pulses; "
        f"median drift {np.median([abs(p.drift_mV_h) for p in pulses]):.2g} mV/h at its end",
    ]
    if plateau := sum(pulse.plateau for pulse in pulses):
        lines.append(
            f"{plateau} of {total} pulses lie on a two-phase plateau (flatter than an ideal solution, 4RT/F): "
            "D there is an apparent kinetic quantity"
        )
    return lines


def _span(values: np.ndarray) -> str:
    return f"{values.min():.2g} to {values.max():.2g} (median {np.median(values):.3g})"


def _csv_text(pulses: Sequence[GittPulse], heading: str, resistance: np.ndarray) -> str:
    names = [field.name for field in fields(GittPulse)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, heading, "valid"])
    for pulse, value in zip(pulses, resistance, strict=True):
        row = [getattr(pulse, name) for name in names]
        writer.writerow([_field(entry) for entry in (*row, value, pulse.valid)])
    return text.getvalue()


def _field(value: float | bool) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.10g}" if np.isfinite(value) else ""
