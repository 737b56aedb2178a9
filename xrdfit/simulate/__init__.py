"""Stacks of patterns with known truth, and the Cramer-Rao bound: what errors their counts allow."""

from xrdfit.simulate.bound import LEAST_FRACTION, cramer_rao_scan_by_scan, default_free, pooled_bound
from xrdfit.simulate.scenario import (
    DISTORTED,
    LAB_INSTRUMENT,
    SCENARIOS,
    WELL_BEHAVED,
    PhaseCourse,
    Scenario,
    find_scenario,
)
from xrdfit.simulate.stack import DEFAULT_SCANS, SimulatedStack, simulate_stack
from xrdfit.simulate.write import write_simulated

__all__ = [
    "DEFAULT_SCANS",
    "DISTORTED",
    "LAB_INSTRUMENT",
    "LEAST_FRACTION",
    "SCENARIOS",
    "WELL_BEHAVED",
    "PhaseCourse",
    "Scenario",
    "SimulatedStack",
    "cramer_rao_scan_by_scan",
    "default_free",
    "find_scenario",
    "pooled_bound",
    "simulate_stack",
    "write_simulated",
]
