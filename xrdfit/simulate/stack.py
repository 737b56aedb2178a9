"""A stack of patterns with known truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.data import Pattern, ScanTimes
from xrdfit.errors import InputError, Problem
from xrdfit.model import Background, Instrument, LineChoice, PatternModel
from xrdfit.simulate.departures import AS_MODELLED, Departures
from xrdfit.simulate.pattern import CellInTime
from xrdfit.simulate.recipe_text import recipe_text
from xrdfit.simulate.scenario import LAB_INSTRUMENT, Scenario

ORIGIN = "2026-05-02T09:14:00+02:00"
DEFAULT_SCANS = 42
# Beyond it the counts of a peak come near to what a random generator of integers can yield.
MAX_COUNTS = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStack:
    """A `ScanStack` in memory that knows what it was made from.

    Attributes
    ----------
    counts : (n_scans, n_points) what the detector counted. expected : (n_scans, n_points) what it would on average.
    truth : by column name, (n_scans,): every parameter of the model and ``<P>_fraction`` (mole fraction), ``<P>_scale``
        (irradiated volume), ``time_s``. Values are those at the scan's mid-time. The cell and widths of a phase whose
        fraction is 0 are those it would appear with. Phases `beside` have their columns, too, but inert ones and a
        foreign one, whose make-up is not known, have no fraction and no scale.
    units : of the truth's columns.
    lines, line_area : all lines that are felt in the patterns, and their areas (n_scans, m) at mid-time in counts deg.
        The index of a phase counts on from `phases` to `beside`.
    phases : with the literature's cells, as a user would start from; the true cells differ.
    beside : phases that the departures put there, and that the recipe and `model` know nothing of.
    """

    scenario: Scenario
    departures: Departures
    seed: int
    counts_factor: float
    sweep: bool
    instrument: Instrument
    phases: tuple[Phase, ...]
    beside: tuple[Phase, ...]
    background: Background
    two_theta: NDArray[np.float64]
    expected: NDArray[np.float64]
    counts: NDArray[np.float64]
    times: ScanTimes
    truth: Mapping[str, NDArray[np.float64]]
    units: Mapping[str, str]
    lines: LineChoice
    line_area: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(self._source(scan) for scan in range(len(self)))

    def _source(self, scan: int) -> str:
        return f"{self.scenario.name}[{scan}]"

    def read(self, index: int) -> Pattern:
        return Pattern(
            two_theta=self.two_theta,
            intensity=self.counts[index],
            sigma=None,
            mask=np.ones(self.two_theta.size, dtype=np.bool_),
            source=self._source(index),
            start_s=float(self.times.start_s[index]),
            end_s=float(self.times.end_s[index]),
        )

    @property
    def model(self) -> PatternModel:
        """The model of two phases that the stack obeys where it does not depart from it."""
        return PatternModel.of(self.instrument, self.phases, self.background)

    def areas(self, scan: int, lines: LineChoice) -> NDArray[np.float64]:
        """(m,) true areas of these lines at the scan's mid-time, counts deg."""
        known = {
            (phase, *hkl): area
            for phase, hkl, area in zip(
                self.lines.phase.tolist(), self.lines.hkl.tolist(), self.line_area[scan], strict=True
            )
        }
        return np.array(
            [known[phase, *hkl] for phase, hkl in zip(lines.phase.tolist(), lines.hkl.tolist(), strict=True)]
        )

    @property
    def recipe_text(self) -> str:
        """A recipe that refines the stack, written as ``stack.h5`` beside it."""
        return recipe_text(self.instrument, self.phases, self.background, two_theta=self.two_theta)


def simulate_stack(
    scenario: Scenario,
    *,
    seed: int,
    n_scans: int = DEFAULT_SCANS,
    counts: float = 1.0,
    sweep: bool = False,
    departures: Departures = AS_MODELLED,
    instrument: Instrument = LAB_INSTRUMENT,
) -> SimulatedStack:
    """Measure a cell in `n_scans` scans that follow each other without a pause.

    Parameters
    ----------
    seed : of the counting statistics and of what else is random; the same seed gives the same counts.
    n_scans : into which the whole record is divided: a scan takes its duration over `n_scans`.
    counts : measuring time of a step against the reference case: factor on all counts.
    sweep : whether each point sees the cell as it is when that point is measured (from low to high angle). If not,
        the whole scan sees it as it is at its mid-time.
    departures : from two phases whose powders stay the same throughout.
    instrument : a Cu tube whose resolution is known; its kind of detector is what `sweep` says.

    Raises
    ------
    InputError
        For a negative seed, less than one scan, a factor that is not positive, or a departure from a missing line.
    """
    _check(seed=seed, n_scans=n_scans, counts=counts)
    edges = np.linspace(0.0, scenario.knots_s[-1], n_scans + 1)
    times = ScanTimes(start_s=edges[:-1], end_s=edges[1:], origin=ORIGIN)
    cell = CellInTime.of(scenario, instrument, counts=counts, departures=departures)
    middle = 0.5 * (times.start_s + times.end_s)
    grains = departures.grains(seed=seed, n_scans=n_scans, n_lines=cell.n_grains)
    places = departures.places_mm(seed=seed, n_scans=n_scans).tolist()
    states = [cell.state(*at) for at in zip(middle, grains, places, strict=True)]
    if sweep:
        spans = zip(times.start_s, times.end_s, grains, places, strict=True)
        expected = np.array([cell.swept(*span) for span in spans])
    else:
        expected = np.array([cell.expected(state) for state in states])
    columns = {"time_s": middle}
    units = {"time_s": "s"}
    for row, spec in enumerate(cell.model.table):
        columns[spec.name] = np.array([state.values[row] for state in states])
        units[spec.name] = spec.unit
    n_known = 2 + len(scenario.inert)
    scattering = [*cell.model.phases[:2], *cell.model.phases[n_known:]][: states[0].fraction.size]
    for number, phase in enumerate(scattering):
        columns[f"{phase.name}_fraction"] = np.array([state.fraction[number] for state in states])
        columns[f"{phase.name}_scale"] = np.array([state.scale[number] for state in states])
    return SimulatedStack(
        scenario=scenario,
        departures=departures,
        seed=seed,
        counts_factor=counts,
        sweep=sweep,
        instrument=replace(instrument, detector="point" if sweep else "area"),
        phases=cell.model.phases[:n_known],
        beside=cell.model.phases[n_known:],
        background=cell.model.background,
        two_theta=cell.two_theta,
        expected=expected,
        counts=np.random.default_rng(seed).poisson(expected).astype(np.float64),
        times=times,
        truth=columns,
        units=units,
        lines=cell.lines,
        line_area=np.array([state.area for state in states]),
    )


def _check(*, seed: int, n_scans: int, counts: float) -> None:
    wrong: list[tuple[str, float, str]] = []
    if seed < 0:
        wrong.append(("seed", seed, "a whole number from 0 on"))
    if n_scans < 1:
        wrong.append(("n_scans", n_scans, "at least 1"))
    if not 0.0 < counts <= MAX_COUNTS:
        wrong.append(("counts", counts, f"a number > 0, at most {MAX_COUNTS:g}"))
    if wrong:
        raise InputError(
            *(
                Problem(
                    code="E172",
                    what="a stack that cannot be simulated",
                    where=where,
                    found=f"found {found:g} against {expected}",
                    todo=f"change {where}",
                )
                for where, found, expected in wrong
            )
        )
