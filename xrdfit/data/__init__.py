"""What flows through the package: no logic, no file, no lmfit."""

from xrdfit.data.instants import DateOrder, instant_or_none, is_ambiguous, orders_of_dates
from xrdfit.data.pattern import Pattern, PatternHeader
from xrdfit.data.result import Curves, Outcome, PhaseLabel, PhaseLines, ScanResult, SeriesResult
from xrdfit.data.settings import (
    Amount,
    BadScans,
    Direction,
    Drift,
    EsdScaling,
    FractionMethod,
    Intensities,
    JointPrior,
    Mode,
    ParameterOverride,
    RefineSettings,
    ScopeName,
    Weights,
)
from xrdfit.data.stack import MemoryStack, ScanStack, ScanTimes
from xrdfit.data.zone import zone_or_none

__all__ = [
    "Amount",
    "BadScans",
    "Curves",
    "DateOrder",
    "Direction",
    "Drift",
    "EsdScaling",
    "FractionMethod",
    "Intensities",
    "JointPrior",
    "MemoryStack",
    "Mode",
    "Outcome",
    "ParameterOverride",
    "Pattern",
    "PatternHeader",
    "PhaseLabel",
    "PhaseLines",
    "RefineSettings",
    "ScanResult",
    "ScanStack",
    "ScanTimes",
    "ScopeName",
    "SeriesResult",
    "Weights",
    "instant_or_none",
    "is_ambiguous",
    "orders_of_dates",
    "zone_or_none",
]
