"""The recipe that goes with a simulated stack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.model import Background, Instrument

STACK_FILE = "stack.h5"
_AXIAL = ("axial_sample", "axial_detector", "axial_soller")


def recipe_text(
    instrument: Instrument, phases: Sequence[Phase], background: Background, *, two_theta: NDArray[np.float64]
) -> str:
    """TOML for `xrdfit refine`, the stack with this grid (deg) lying beside it as ``stack.h5``."""
    profile = instrument.profile
    assert profile is not None
    parts = [
        f"""\
# A simulated cycle of LiFePO4: LFP turns into FP on charge and back on discharge.
[data]
files = "{STACK_FILE}"
range = [{np.floor(two_theta[0])}, {np.ceil(two_theta[-1])}]           # deg 2theta

[instrument]
geometry = "{instrument.geometry}"
radiation = "Cu"
goniometer_radius_mm = {instrument.goniometer_radius_mm}
monochromator_two_theta = {instrument.monochromator_two_theta}
detector = "{instrument.detector}"
{_divergence(instrument)}
[instrument.profile]           # from a standard: FWHM^2 = u tan^2 + v tan + w (deg^2), Lorentzian in deg
u = {profile.u}
v = {profile.v}
w = {profile.w}
lorentz_size = {profile.lorentz_size}
lorentz_strain = {profile.lorentz_strain}
"""
    ]
    parts += [f"{name} = {getattr(profile, name)}\n" for name in _AXIAL if getattr(profile, name)]
    parts += [_phase_text(phase) for phase in phases]
    parts.append(
        f"""
[background]
type = "chebyshev"
terms = {background.terms}

[refine.scope]
sample_displacement = "drift"  # along a straight line in time; all scans are refined together
"""
    )
    return "".join(parts)


def _divergence(instrument: Instrument) -> str:
    divergence = instrument.equatorial_divergence
    return f"equatorial_divergence = {divergence}    # deg\n" if divergence else ""


def _phase_text(phase: Phase) -> str:
    cell = ", ".join(f"{value:g}" for value in phase.free_values)
    lines = ["", "[[phase]]", f'name = "{phase.name}"', f'space_group = "{phase.group.name}"', f"cell = [{cell}]"]
    if phase.role == "inert":
        lines.append('role = "inert"                # no part of the fractions')
    else:
        lines.append(f'formula = "{phase.formula}"')
        lines.append(f'reference = {{ cell = [{cell}], source = "{phase.reference_source}" }}')
        lines.append(f'color = "{phase.color}"')
    if phase.strain != "isotropic":
        lines.append(f'strain = "{phase.strain}"')
    if phase.size != "isotropic":
        lines.append(f'size = "{phase.size}"')
    if phase.fixed_cell:
        lines.append("fixed_cell = true")
    if phase.own_displacement:
        lines.append("own_displacement = true        # it does not stand where the sample does")
    return "\n".join(lines) + "\n"
