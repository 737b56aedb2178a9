"""Stacks of patterns with known truth."""

from xrdfit.simulate.scenario import DISTORTED, LAB_INSTRUMENT, SCENARIOS, WELL_BEHAVED, PhaseCourse, Scenario, find_scenario
from xrdfit.simulate.stack import DEFAULT_SCANS, SimulatedStack, simulate_stack

__all__ = [
    "DEFAULT_SCANS",
    "DISTORTED",
    "LAB_INSTRUMENT",
    "SCENARIOS",
    "WELL_BEHAVED",
    "PhaseCourse",
    "Scenario",
    "SimulatedStack",
    "find_scenario",
    "simulate_stack",
]
