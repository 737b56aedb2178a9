"""Simulated stacks as files."""

from __future__ import annotations

from pathlib import Path

from xrdfit.io import Truth, write_stack
from xrdfit.simulate.stack import SimulatedStack


def write_simulated(path: str | Path, simulated: SimulatedStack) -> Path:
    """Write a stack with its truth (``/entry/truth``); the same stack makes the same bytes.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    truth = Truth(
        columns=simulated.truth,
        units=simulated.units,
        attributes={
            "scenario": simulated.scenario.name,
            "seed": simulated.seed,
            "counts_factor": simulated.counts_factor,
            "sweep": int(simulated.sweep),
            "departures": simulated.departures.words or "none",
            "instant": "values are those at the mid-time of each scan",
        },
    )
    return write_stack(
        path,
        (simulated.read(scan) for scan in range(len(simulated))),
        times=simulated.times,
        title=f"simulated cycle of LiFePO4, {simulated.scenario.name}",
        truth=truth,
    )
