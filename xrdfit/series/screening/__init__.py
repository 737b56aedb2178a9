"""Scans that show no pattern of the sample: found before anything is fitted, so that they cost themselves only."""

from xrdfit.series.screening.faults import Fault, fault_warnings, faults
from xrdfit.series.screening.look import look_at, signs_in

__all__ = ["Fault", "fault_warnings", "faults", "look_at", "signs_in"]
