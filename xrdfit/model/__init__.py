"""Instrument, phases and background as one model with one parameter table."""

from xrdfit.model.background import Background, Hump, MeasuredBackground
from xrdfit.model.emission import HOELZER_ELEMENTS, K_ALPHA, Contaminant, emission_lines
from xrdfit.model.instrument import Instrument, InstrumentProfile
from xrdfit.model.lorentz_polarization import lorentz_polarization
from xrdfit.model.microstructure import CONVENTIONS, lorentz_strain_of, size_of, stephens_strain_of, strain_of
from xrdfit.model.noise import NoiseModel, estimate_noise, noise_model
from xrdfit.model.parameter_rows import ParameterSpec
from xrdfit.model.parameters import ParameterTable, default_scope, parameter_table
from xrdfit.model.pattern_model import LineChoice, PatternModel, Placement, background_curves, placed
from xrdfit.model.points import Points, select_points

__all__ = [
    "CONVENTIONS",
    "HOELZER_ELEMENTS",
    "K_ALPHA",
    "Background",
    "Contaminant",
    "Hump",
    "Instrument",
    "InstrumentProfile",
    "LineChoice",
    "MeasuredBackground",
    "NoiseModel",
    "ParameterSpec",
    "ParameterTable",
    "PatternModel",
    "Placement",
    "Points",
    "background_curves",
    "default_scope",
    "emission_lines",
    "estimate_noise",
    "lorentz_polarization",
    "lorentz_strain_of",
    "noise_model",
    "parameter_table",
    "placed",
    "select_points",
    "size_of",
    "stephens_strain_of",
    "strain_of",
]
