"""The rows of the table in parameters.md, from the program's own parameter table; prints them when run."""

from __future__ import annotations

from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.model import Background, Contaminant, Hump, Instrument, InstrumentProfile, default_scope, parameter_table
from xrdfit.model.parameter_rows import (
    CELL_ANGLE_REACH,
    CELL_LENGTH_REACH,
    FIRST_STEPHENS_STRAIN,
    STEPHENS_UNIT,
    ParameterSpec,
)

_PHASE = "P"
# How far a cell may leave its start: relative, and in deg.
_LENGTH_LIMITS, _ANGLE_LIMITS = f"± {100.0 * CELL_LENGTH_REACH:g} %", f"± {CELL_ANGLE_REACH:g}"


def rows() -> list[str]:
    """One Markdown row a parameter: both geometries, a triclinic phase, one Chebyshev term and one hump."""
    profile = InstrumentProfile(u=0.0, v=0.0, w=0.01)
    cell = UnitCell(5.0, 6.0, 7.0, 90.0, 95.0, 100.0)
    phase = Phase(name=_PHASE, group=SpaceGroup.from_name("P-1"), cell=cell)
    others = (Contaminant.of("k_beta", "Cu"), Contaminant.of("w_l_alpha", "Cu"))
    background = Background(terms=1, humps=(Hump(position=20.0, fwhm=6.0),))
    known, unknown = (
        [
            parameter_table(
                Instrument.k_alpha("Cu", geometry=geometry, profile=given, contaminants=others), (phase,), background
            )
            for geometry in ("bragg-brentano", "debye-scherrer")
        ]
        for given in (profile, None)
    )
    # Widths that depend on the direction, of an orthorhombic phase.
    group = SpaceGroup.from_name("Pnma")
    directed = Phase(name=_PHASE, group=group, cell=UnitCell(10.0, 6.0, 5.0), strain="stephens", size="anisotropic")
    known.append(parameter_table(Instrument.k_alpha("Cu", profile=profile), (directed,), background))
    refined = {spec.name for table in unknown for spec in table if spec.scope == "series" and spec.kind == "resolution"}
    found: dict[str, str] = {}
    for table in known:
        for spec in table:
            joint = default_scope(spec, "series")
            scope = spec.scope if joint == spec.scope else f"{joint}; {spec.scope} in sequential mode"
            scope += "; series if the profile is not given" if spec.name in refined else ""
            name = spec.name.replace(f"{_PHASE}_", "<P>_", 1) if spec.name.startswith(f"{_PHASE}_") else spec.name
            text = spec.description.replace(f" of {_PHASE}", " of the phase")
            start, limits = _start_and_limits(spec)
            found[spec.name] = f"| `{name}` | {spec.unit} | {start} | {limits} | {scope} | {text} |"
    return list(found.values())


def _start_and_limits(spec: ParameterSpec) -> tuple[str, str]:
    if spec.kind == "cell":
        return "recipe", _LENGTH_LIMITS if spec.unit == "Å" else _ANGLE_LIMITS
    if spec.unit == STEPHENS_UNIT:
        return f"{FIRST_STEPHENS_STRAIN:g} deg, isotropic", "≥ 0" if spec.lower == 0.0 else ""
    if spec.kind == "resolution":
        return "profile", "≥ 0" if spec.lower == 0.0 and "lorentz" in spec.name else ""
    if spec.kind == "divergence":
        return "instrument", f"{spec.lower:g} to {spec.upper:g}"
    if spec.kind == "hump":
        return "recipe", "± half its FWHM" if spec.name.endswith("position") else "0.3 to 3 times"
    if spec.upper == float("inf"):
        return f"{spec.default:g}", "≥ 0" if spec.lower == 0.0 else ""
    return f"{spec.default:g}", f"{spec.lower:g} to {spec.upper:g}"


if __name__ == "__main__":
    print("\n".join(rows()))
