"""rietx (PyPI), sequential Pawley refinement; written for its version 1.10."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

import numpy as np

from xrdfit.bench.peers.stack import START_SIZE, Answer, PeerStack, Program
from xrdfit.crystal import Phase

_BACKGROUND = "instrument.background.*"
_CELLS = "phases.*.cell.*"
_REST = ("instrument.geometry.sample_displacement", "phases.*.lor_size")
_PATHS = tuple(f"phases.{number}.cell.{axis}" for number in (0, 1) for axis in "abc")


def rietx_version() -> str:
    try:
        return version("rietx")
    except PackageNotFoundError as missing:
        raise ImportError("rietx is not installed (pip install rietx)") from missing


def refine(stack: PeerStack) -> Answer:
    """A warm chain: the first scan in three stages, each other one in one, from the answer of the scan before.

    The stage that rietx would add at the end, with wider windows of the lines, is left out: it doubles the time and
    moves the cells by a tenth of their errors.
    """
    import rietx

    simulated = stack.simulated
    structure = rietx.Structure(phases=[_phase(rietx, stack, phase) for phase in simulated.phases])
    patterns = [
        rietx.PatternData(two_theta=simulated.two_theta.tolist(), intensity=counts.tolist()) for counts in stack.counts
    ]
    plan = rietx.RefinementPlan(
        stages=[
            rietx.Stage("background", [_BACKGROUND]),
            rietx.Stage("cells", [_BACKGROUND, _CELLS]),
            rietx.Stage("all", [_BACKGROUND, _CELLS, *_REST]),
        ],
        closing_window_tol=None,
    )
    ends = [perf_counter()]
    found = rietx.refine_sequential(
        patterns,
        structure,
        _instrument(rietx, stack),
        mode="pawley",
        plan=plan,
        on_result=lambda *_: ends.append(perf_counter()),
    )
    cells = np.full((len(stack.scans), len(_PATHS)), np.nan)
    esd, converged = cells.copy(), np.zeros(len(stack.scans), dtype=np.bool_)
    for entry in found.entries:
        refined = {parameter.path: parameter for parameter in entry.parameters}
        cells[entry.index] = [refined[path].value for path in _PATHS]
        esd[entry.index] = [np.nan if refined[path].stderr is None else refined[path].stderr for path in _PATHS]
        converged[entry.index] = entry.status == "converged"
    return Answer(cells=cells, esd=esd, converged=converged, seconds=np.diff(ends))


def _phase(rietx: Any, stack: PeerStack, phase: Phase) -> Any:
    """A phase with the cell that xrdfit starts from; its one atom is asked for, and not used."""

    def parameters(names: Sequence[str], values: Sequence[float]) -> dict[str, Any]:
        return {name: rietx.Parameter(value=value) for name, value in zip(names, values, strict=True)}

    lengths_angles = phase.cell.lengths_angles.tolist()
    return rietx.Phase(
        name=phase.name,
        space_group="P n m a",
        cell=rietx.Cell(**parameters(("a", "b", "c", "alpha", "beta", "gamma"), lengths_angles)),
        atoms=[rietx.Atom(label="Fe", species="Fe", **parameters("xyz", (0.28, 0.25, 0.97)))],
        lor_size=rietx.Parameter(value=START_SIZE, min=0.0),
        lor_strain=rietx.Parameter(value=stack.known(f"{phase.name}_lorentz_strain")),
    )


def _instrument(rietx: Any, stack: PeerStack) -> Any:
    ours = stack.simulated.instrument
    profile = ours.profile
    assert profile is not None
    instrument = rietx.Instrument.bragg_brentano(
        radiation="CuKa",
        goniometer_radius_mm=ours.goniometer_radius_mm,
        monochromator_two_theta=ours.monochromator_two_theta,
    )
    known = {"u": profile.u, "v": profile.v, "w": profile.w, "x": profile.lorentz_size, "y": profile.lorentz_strain}
    for name, value in known.items():
        getattr(instrument.profile, name).value = value
    level = float(np.percentile(stack.counts[0], 5.0))
    terms = [level] + [0.0] * (stack.simulated.background.terms - 1)
    instrument.background = rietx.schemas.instrument.BackgroundChebyshev(
        coefficients=[rietx.Parameter(value=value) for value in terms]
    )
    return instrument


PAWLEY = Program(name="rietx", mode="Pawley", version=rietx_version, refine=refine)
