"""The series as one powder CIF: a block for the whole, one a scan with its pattern, one for each phase in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import d_spacings, with_esd
from xrdfit.crystal.cif_text import INAPPLICABLE, MAGIC, UNKNOWN, Loop, cif_block, formula_mass, numbers, quoted
from xrdfit.data import Curves, PhaseLines
from xrdfit.export.entries import method, origin_entries, paragraph, phase_entries, quality_entries, radiation_entries
from xrdfit.export.source import ExportedPhase, ExportSource

# Variances that are, by and large, this close to the counts are those of counting.
_POISSON = 0.05
_OUTSIDE_IDS = re.compile(r"[^A-Za-z0-9#&*.:,\-+/()\\\[\]_]")
_STATE = {
    "time_s": "{:.6g} s after the first scan began (middle of the scan)",
    "voltage_V": "voltage {:.6g} V",
    "capacity_mAh": "capacity {:.6g} mA h",
    "soc": "state of charge {:.6g}",
}


def series_pdcif(source: ExportSource) -> Iterator[str]:
    """The blocks of the file, one text each: the whole series first, then every scan, followed by its phases.

    Blocks point to each other by ``_pd_block_id``. A phase that is absent has no block; one whose cell was held has
    none either, but its reflections and its fraction stand with the scan.
    """
    yield MAGIC + _overall(source)
    for row, (curves, lines) in zip(source.rows, source.stored.each(map(source.scan, source.rows)), strict=True):
        yield _pattern(source, row, curves, lines)
        for phase in source.present(row):
            cell = source.cell(phase, row)
            if cell is not None:
                entries, operations = phase_entries(source, phase, row, cell)
                name = _phase_block(source, row, phase)
                yield cif_block(
                    name,
                    entries={"_pd_block_id": _block_id(source, name)} | entries,
                    loops=(operations, {"_pd_block_diffractogram_id": [_block_id(source, source.block_name(row))]}),
                )


def _overall(source: ExportSource) -> str:
    radiation, wavelengths = radiation_entries(source)
    fitted, total = len(source.rows), len(source.stored.columns["scan"])
    told = [f"{fitted} of {total} scans have a fit and stand here.", *source.stored.warnings, *source.stored.notes]
    entries = {
        "_pd_block_id": _block_id(source, "series"),
        **origin_entries(source),
        "_pd_proc_info_datetime": quoted(source.stored.date),
        "_refine_special_details": paragraph(told),
        **radiation,
    }
    scans = {"_pd_block_diffractogram_id": [_block_id(source, source.block_name(row)) for row in source.rows]}
    return cif_block("series", entries=entries, loops=(wavelengths, scans))


def _pattern(source: ExportSource, row: int, curves: Curves, lines: Sequence[PhaseLines]) -> str:
    radiation, wavelengths = radiation_entries(source)
    name = source.block_name(row)
    entries = {
        "_pd_block_id": _block_id(source, name),
        "_pd_meas_special_details": paragraph([_state(source, row)]),
        "_pd_meas_number_of_points": str(curves.two_theta.size),
        "_pd_proc_number_of_points": str(curves.two_theta.size),
        "_pd_proc_info_excluded_regions": quoted("points of weight 0 were not used"),
        "_diffrn_ambient_temperature": UNKNOWN,
        **radiation,
        "_pd_calc_method": quoted(method(source)),
        "_pd_proc_ls_background_function": quoted(_background(source)),
        "_pd_proc_ls_profile_function": quoted("pseudo-Voigt after Thompson, Cox and Hastings (1987)"),
        **quality_entries(source, row, curves),
        "_pd_proc_ls_special_details": paragraph(_remarks(source, row)),
    }
    loops = (wavelengths, _phases(source, row), _points(curves), _reflections(source, row, lines))
    return cif_block(name, entries=entries, loops=loops)


def _points(curves: Curves) -> Loop:
    """Measured and calculated pattern; counts are called so if their errors are those of counting."""
    used = curves.used & np.isfinite(curves.observed) & (curves.sigma > 0.0)
    weight = np.zeros(used.size)
    weight[used] = curves.sigma[used] ** -2
    observed = curves.observed[np.isfinite(curves.observed)]
    whole = bool(np.all((observed >= 0.0) & (observed % 1.0 == 0.0)))
    per_count = curves.sigma[used] ** 2 / np.maximum(curves.observed[used], 1.0)
    poisson = whole and bool(used.any()) and abs(float(np.median(per_count)) - 1.0) < _POISSON
    return {
        "_pd_meas_2theta_scan": numbers(curves.two_theta, 10),
        f"_pd_meas_{'counts' if poisson else 'intensity'}_total": numbers(curves.observed, 10),
        "_pd_proc_ls_weight": numbers(weight),
        "_pd_calc_intensity_total": numbers(curves.calculated),
        "_pd_proc_intensity_bkg_calc": numbers(curves.background),
    }


def _phases(source: ExportSource, row: int) -> Loop:
    """The phases found in a scan; mole fractions over the active phases have no name in the dictionary."""
    present = source.present(row)
    fractions = [source.value(f"{phase.name}_fraction", row) for phase in present]
    loop = {
        "_pd_phase_id": [phase.name for phase in present],
        "_pd_phase_name": [phase.name for phase in present],
        "_pd_phase_block_id": [
            INAPPLICABLE if source.cell(phase, row) is None else _block_id(source, _phase_block(source, row, phase))
            for phase in present
        ],
    }
    if np.isfinite([value for value, _ in fractions]).any():
        loop["_xrdfit_phase_mole_fraction"] = [with_esd(*fraction) or UNKNOWN for fraction in fractions]
    masses = _mass_percent(source, row)
    if masses is not None:
        loop["_pd_phase_mass_%"] = [masses[phase.name] for phase in present]
    return loop


def _mass_percent(source: ExportSource, row: int) -> dict[str, str] | None:
    """Of two phases whose formulae are known, if there is nothing else: of more the esds would need covariances."""
    fractions = [source.value(f"{phase.name}_fraction", row) for phase in source.phases]
    if len(source.phases) != 2 or not all(np.isfinite(value) for value, _ in fractions):
        return None
    if any(phase.formula is None or phase.label.role != "active" for phase in source.phases):
        return None
    molar = [formula_mass(phase.formula or "") for phase in source.phases]
    total = sum(value * mass for (value, _), mass in zip(fractions, molar, strict=True))
    slope = molar[0] * molar[1] / total**2
    return {
        phase.name: with_esd(100.0 * value * mass / total, 100.0 * slope * esd)
        for phase, (value, esd), mass in zip(source.phases, fractions, molar, strict=True)
    }


def _reflections(source: ExportSource, row: int, lines: Sequence[PhaseLines]) -> Loop:
    """Lines of the phases found in a scan, with their areas; d-spacings are those of the refined cells."""
    structure = source.refine.get("intensities") == "structure"
    present = {phase.name: phase for phase in source.present(row)}
    shown = [line for line in lines if line.phase in present]
    if not shown:
        return {}
    hkl, area, esd = (np.concatenate([getattr(line, name) for line in shown]) for name in ("hkl", "area", "area_esd"))
    d_spacing = np.concatenate([_d_spacings(source, present[line.phase], row, line) for line in shown])
    return {
        **{f"_refln_index_{axis}": [str(index) for index in hkl[:, place]] for place, axis in enumerate("hkl")},
        "_pd_refln_phase_id": [line.phase for line in shown for _ in line.hkl],
        "_refln_d_spacing": numbers(d_spacing, 7),
        f"_refln_intensity_{'calc' if structure else 'meas'}": numbers(area),
        "_refln_intensity_sigma": numbers(np.where(esd > 0.0, esd, np.nan)),
    }


def _d_spacings(source: ExportSource, phase: ExportedPhase, row: int, lines: PhaseLines) -> NDArray[np.float64]:
    cell = source.cell(phase, row)
    tie, constant = phase.group.cell_tie
    free = np.array([np.nan if cell is None else cell[name][0] for name in phase.group.free_parameters])
    if not np.isfinite(free).all():
        return np.full(len(lines.hkl), np.nan)
    return d_spacings((tie @ free + constant)[np.newaxis], lines.hkl)[0]


def _state(source: ExportSource, row: int) -> str:
    told = [f"Source: {source.stored.columns['source'][row]}"]
    for name, words in _STATE.items():
        value = source.value(name, row)[0]
        told += [words.format(value)] if np.isfinite(value) else []
    return "; ".join(told)


def _background(source: ExportSource) -> str:
    return f"{source.background.get('type')}, {source.background.get('terms')} terms"


def _remarks(source: ExportSource, row: int) -> list[str]:
    told = [f"Scan {source.scan(row)}: {source.outcome(row)}."]
    for phase in source.phases:
        present = source.value(f"{phase.name}_present", row)[0]
        limit = source.value(f"{phase.name}_fraction_upper95", row)[0]
        if present == 1.0 and source.cell(phase, row) is None:
            told.append(f"{phase.name}: there, but its cell was not refined in this scan.")
        elif present == 0.0:
            below = f"; mole fraction below {limit:.2g} (95 % confidence)" if np.isfinite(limit) else ""
            told.append(f"{phase.name}: not found{below}.")
    if any(np.isfinite(source.value(f"{phase.name}_fraction", row)[0]) for phase in source.phases):
        told.append("Mole fractions and weight percentages are those among the active crystalline phases.")
    return told


def _phase_block(source: ExportSource, row: int, phase: ExportedPhase) -> str:
    return f"{source.block_name(row)}_{phase.name}"


def _block_id(source: ExportSource, name: str) -> str:
    """Unique by the time of the run and its recipe; made of the characters that pdCIF allows."""
    parts = (source.stored.date, name, "xrdfit", source.stored.recipe_hash[:16])
    return "|".join(_OUTSIDE_IDS.sub("_", part) for part in parts)
