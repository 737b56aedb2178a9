"""The instrument from the pattern of a standard: its resolution, divergences and position errors."""

from xrdfit.calibration.instrument_file import instrument_text
from xrdfit.calibration.outcome import Calibration, CalibrationSettings
from xrdfit.calibration.procedure import calibrate
from xrdfit.calibration.standards import Standard, find_standard, read_standards

__all__ = [
    "Calibration",
    "CalibrationSettings",
    "Standard",
    "calibrate",
    "find_standard",
    "instrument_text",
    "read_standards",
]
