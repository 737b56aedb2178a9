"""Stacks of patterns with known truth, and the Cramer-Rao bound: what errors their counts allow."""

from xrdfit.simulate.bound import LEAST_FRACTION, cramer_rao_scan_by_scan, default_free, pooled_bound
from xrdfit.simulate.cycler import CYCLER_FILE, cycler_table, cycler_text, write_cycler
from xrdfit.simulate.departures import Departures, parse_departures
from xrdfit.simulate.scenario import (
    BILAYER,
    CHARGE_ONLY,
    DISTORTED,
    INTERNAL_STANDARD,
    LAB_INSTRUMENT,
    SCENARIOS,
    WELL_BEHAVED,
    PhaseCourse,
    Scenario,
    charge_only,
    find_scenario,
    single_phase,
)
from xrdfit.simulate.stack import DEFAULT_SCANS, SimulatedStack, simulate_stack
from xrdfit.simulate.write import write_simulated

__all__ = [
    "BILAYER",
    "CHARGE_ONLY",
    "CYCLER_FILE",
    "DEFAULT_SCANS",
    "DISTORTED",
    "INTERNAL_STANDARD",
    "LAB_INSTRUMENT",
    "LEAST_FRACTION",
    "SCENARIOS",
    "WELL_BEHAVED",
    "Departures",
    "PhaseCourse",
    "Scenario",
    "SimulatedStack",
    "charge_only",
    "cramer_rao_scan_by_scan",
    "cycler_table",
    "cycler_text",
    "default_free",
    "find_scenario",
    "parse_departures",
    "pooled_bound",
    "simulate_stack",
    "single_phase",
    "write_cycler",
    "write_simulated",
]
