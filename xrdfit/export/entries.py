"""What stands in more than one kind of CIF: origin, radiation, quality of a fit, a phase in a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import numpy as np

from xrdfit.crystal.cif_text import UNKNOWN, cell_entries, formula_sum, quoted, symmetry_entries
from xrdfit.data import Curves
from xrdfit.export.source import ExportedPhase, ExportSource

# CIF 1.1 allows 2048 characters.
_LONGEST_LINE = 2000
_INTENSITIES = {
    "shared": "relative intensities refined, the same in all scans",
    "hierarchical": "relative intensities refined, nearly the same in all scans",
    "lebail": "intensities of every scan extracted from the pattern",
    "structure": "intensities calculated from atoms that were given and not refined",
}
_MODES = {"series": "all scans of the series together", "sequential": "the scans of the series one after the other"}


def origin_entries(source: ExportSource) -> dict[str, str]:
    """Who made this, when, and from what."""
    stored = source.stored
    program = f"xrdfit {stored.versions.get('xrdfit', '')}".strip()
    return {
        "_audit_creation_method": quoted(program),
        "_audit_creation_date": quoted(stored.date[:10]),
        "_computing_structure_refinement": quoted(f"{program}; SHA-256 of the recipe: {stored.recipe_hash}"),
    }


def method(source: ExportSource) -> str:
    """How patterns were fitted, in words."""
    how = _INTENSITIES.get(str(source.refine.get("intensities")), "")
    return f"whole-pattern fit of {_MODES.get(str(source.refine.get('mode')), 'a series')}; {how}"


def radiation_entries(source: ExportSource) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The radiation, if it is that of a tube, and the loop of its lines; weights are relative to the strongest."""
    entries = {}
    if source.radiation is not None:
        entries["_diffrn_radiation_probe"] = "x-ray"
        entries["_diffrn_radiation_type"] = quoted(rf"{source.radiation} K\a")
    strongest = max(weight for _, weight in source.lines)
    loop = {
        "_diffrn_radiation_wavelength_id": [str(number + 1) for number in range(len(source.lines))],
        "_diffrn_radiation_wavelength": [f"{wavelength:.8g}" for wavelength, _ in source.lines],
        "_diffrn_radiation_wavelength_wt": [f"{weight / strongest:.6g}" for _, weight in source.lines],
    }
    return entries, loop


def quality_entries(source: ExportSource, row: int, curves: Curves) -> dict[str, str]:
    """R factors of a scan, fractions by definition, and its goodness of fit."""
    used = curves.used & np.isfinite(curves.observed) & np.isfinite(curves.calculated)
    total = float(np.sum(curves.observed[used]))
    r_p = float(np.sum(np.abs(curves.observed - curves.calculated)[used])) / total if total > 0.0 else np.nan
    pairs = {
        "_pd_proc_ls_prof_R_factor": r_p,
        "_pd_proc_ls_prof_wR_factor": source.value("r_wp", row)[0],
        "_pd_proc_ls_prof_wR_expected": source.value("r_exp", row)[0],
        "_refine_ls_goodness_of_fit_all": source.value("gof", row)[0],
    }
    return {tag: f"{value:.6g}" if np.isfinite(value) else UNKNOWN for tag, value in pairs.items()}


def phase_entries(
    source: ExportSource, phase: ExportedPhase, row: int, cell: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Name, formula, cell and symmetry of a phase as it was refined in a scan, and the loop of its operations."""
    names, operations = symmetry_entries(phase.group)
    entries = {"_pd_phase_name": quoted(phase.name)}
    if phase.formula is not None:
        entries["_chemical_formula_sum"] = quoted(formula_sum(phase.formula))
    entries |= cell_entries(phase.group, cell, source.value(f"{phase.name}_volume", row))
    entries["_cell_measurement_temperature"] = UNKNOWN
    return entries | names, operations


def paragraph(sentences: Sequence[str]) -> str:
    """Sentences as one value, a line each if it is not too long for one."""
    return quoted("\n".join(line for sentence in sentences for line in wrap(sentence, _LONGEST_LINE)))
