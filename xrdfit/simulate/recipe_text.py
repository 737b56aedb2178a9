"""The recipe that goes with a simulated stack."""

from __future__ import annotations

from collections.abc import Sequence

from xrdfit.crystal import Phase
from xrdfit.model import Background, Instrument

STACK_FILE = "stack.h5"
TWO_THETA_RANGE = (20.0, 38.0)


def recipe_text(instrument: Instrument, phases: Sequence[Phase], background: Background) -> str:
    """TOML for `xrdfit refine`, the stack lying beside it as ``stack.h5``."""
    profile = instrument.profile
    assert profile is not None
    parts = [
        f"""\
# A simulated cycle of LiFePO4: LFP turns into FP on charge and back on discharge.
[data]
files = "{STACK_FILE}"
range = [{TWO_THETA_RANGE[0]}, {TWO_THETA_RANGE[1]}]           # deg 2theta

[instrument]
geometry = "{instrument.geometry}"
radiation = "Cu"
goniometer_radius_mm = {instrument.goniometer_radius_mm}
monochromator_two_theta = {instrument.monochromator_two_theta}
detector = "{instrument.detector}"

[instrument.profile]           # from a standard: FWHM^2 = u tan^2 + v tan + w (deg^2), Lorentzian in deg
u = {profile.u}
v = {profile.v}
w = {profile.w}
lorentz_size = {profile.lorentz_size}
lorentz_strain = {profile.lorentz_strain}
"""
    ]
    for phase in phases:
        cell = ", ".join(f"{value:g}" for value in phase.free_values)
        parts.append(
            f"""
[[phase]]
name = "{phase.name}"
space_group = "{phase.group.name}"
cell = [{cell}]
formula = "{phase.formula}"
reference = {{ cell = [{cell}], source = "{phase.reference_source}" }}
color = "{phase.color}"
"""
        )
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
