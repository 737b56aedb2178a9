"""Phases, instrument and background as one model, and what it becomes for one scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import N_QUARTIC, Phase, UnitCell, candidate_lines, direction_squares, quartic_terms
from xrdfit.kernels import problem as slot
from xrdfit.kernels.coarse import CoarseGrid, coarse_grid
from xrdfit.kernels.lines import lines_in_pattern, place_lines
from xrdfit.kernels.pattern import line_profiles
from xrdfit.kernels.problem import Problem
from xrdfit.model.background import Background
from xrdfit.model.instrument import Instrument
from xrdfit.model.noise import NoiseModel
from xrdfit.model.parameters import ParameterTable, parameter_table
from xrdfit.model.points import Points

# Slack, deg, for what displacement and zero shift may do to a line before it is placed exactly.
_SHIFT_ALLOWANCE = 1.0
# A line whose centre is this many FWHM from any used point still leaves 6 % of its height there. Further lines bend the
# background less than the free area of a line seen by its tail alone costs in precision.
_TAIL_REACH = 2.0
# Where observations that are not points of the pattern stand, deg: no line is felt there.
_BEHIND = 1e9
_TIE_SCALE = 1e6
_RIGHT = [90.0, 90.0, 90.0]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChoice:
    """Lines that are in the pattern: hkl (m, 3), phase (m,) index, ordered by phase, then falling d where listed."""

    hkl: NDArray[np.int32]
    phase: NDArray[np.int64]

    def same_as(self, other: LineChoice) -> bool:
        return np.array_equal(self.hkl, other.hkl) and np.array_equal(self.phase, other.phase)

    def same_but_for_order(self, other: LineChoice) -> bool:
        """Whether they are the same lines: two that stand close may change places when the cell changes."""
        if self.same_as(other):
            return True
        if self.phase.size != other.phase.size:
            return False
        mine, its = (np.column_stack([lines.phase, lines.hkl]) for lines in (self, other))
        return np.array_equal(mine[np.lexsort(mine.T)], its[np.lexsort(its.T)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Lines placed by the kernels: position, gauss, lorentz (m, n_lines) in deg."""

    position: NDArray[np.float64]
    gauss: NDArray[np.float64]
    lorentz: NDArray[np.float64]


class _Source(NamedTuple):
    """Arrays of the emission lines, as `Problem` has them: the tube's own lines, then contaminating ones.

    ``shortest``, ``longest``: of the tube's own wavelengths, angstrom.
    """

    wavelength: NDArray[np.float64]
    weight: NDArray[np.float64]
    natural_width: NDArray[np.float64]
    weight_slot: NDArray[np.int64]
    shortest: float
    longest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternModel:
    """What a pattern is made of; `table` holds its parameters."""

    instrument: Instrument
    phases: tuple[Phase, ...]
    background: Background
    table: ParameterTable
    _listed: list[tuple[tuple[NDArray[np.int32] | None, ...], LineChoice, Problem]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, instrument: Instrument, phases: Sequence[Phase], background: Background) -> PatternModel:
        phases = tuple(phases)
        table = parameter_table(instrument, phases, background)
        return cls(instrument=instrument, phases=phases, background=background, table=table)

    def of_phase(self, phase: int) -> NDArray[np.bool_]:
        """(n_parameters,) True for the parameters of a phase."""
        return self.table.of_phase(phase)

    def choose_lines(
        self, values: NDArray[np.float64], two_theta: NDArray[np.float64], present: Sequence[bool]
    ) -> LineChoice:
        """The lines of the present phases that have a used point within two FWHM of their centre.

        values : (n_parameters,) in the table's order. two_theta : (n,) deg, the used points.

        Raises
        ------
        CrystalError
            If a cell is none, as an expression may make it, or has millions of reflections.
        """
        return self._choose(self.table.slots(values), two_theta, present)

    def _choose(
        self, slots: NDArray[np.float64], two_theta: NDArray[np.float64], present: Sequence[bool]
    ) -> LineChoice:
        source = _source(self.instrument)
        low = max(float(two_theta[0]) - _SHIFT_ALLOWANCE, 1e-3)
        high = min(float(two_theta[-1]) + _SHIFT_ALLOWANCE, 179.9)
        d_max = source.longest / (2.0 * math.sin(math.radians(low) / 2.0))
        d_min = source.shortest / (2.0 * math.sin(math.radians(high) / 2.0))
        listed: list[NDArray[np.int32] | None] = [None] * len(self.phases)
        for number, phase in enumerate(self.phases):
            if present[number]:
                first = slot.N_GLOBAL + slot.N_PHASE * number
                a, b, c, *angles = slots[first : first + 6].tolist()
                # A right-angled cell is one whatever its lengths; that of any other has to be proved.
                if angles != _RIGHT or not 0.0 < min(a, b, c) <= max(a, b, c) < math.inf:
                    UnitCell(a, b, c, *angles)
                listed[number] = candidate_lines(phase.group, (a, b, c), d_min=d_min)
        every, problem = self._candidates(tuple(listed))
        # A line that a contaminating wavelength alone brings into the pattern is not worth an area of its own.
        n_own = len(self.instrument.lines)
        rows, inverse = lines_in_pattern(problem, slots, two_theta, d_min, d_max, n_own, _TAIL_REACH)
        rows = rows[np.lexsort((inverse, every.phase[rows]))]
        return LineChoice(hkl=every.hkl[rows], phase=every.phase[rows])

    def _candidates(self, listed: tuple[NDArray[np.int32] | None, ...]) -> tuple[LineChoice, Problem]:
        """The lines (m, 3) that are listed for each phase, None for one that is not present, and where they stand."""
        # From scan to scan the lists are the same.
        for known, every, problem in self._listed:
            if all(own is other for own, other in zip(listed, known, strict=True)):
                return every, problem
        there = [(number, own) for number, own in enumerate(listed) if own is not None]
        every = LineChoice(
            hkl=np.concatenate([np.empty((0, 3), dtype=np.int32), *(own for _, own in there)]),
            phase=np.repeat(np.array([n for n, _ in there], dtype=np.int64), [len(own) for _, own in there]),
        )
        problem = self._lines_alone(every)
        self._listed[:] = [(listed, every, problem)]
        return every, problem

    def place(self, values: NDArray[np.float64], lines: LineChoice) -> Placement:
        """Position and widths (deg) of lines at every wavelength."""
        return placed(self._lines_alone(lines), self.table.slots(values))

    def may_spread(self, values: NDArray[np.float64], moving: NDArray[np.bool_] | None = None) -> bool:
        """Whether the beam spreads lines at these values (n_parameters,), or may where `moving` ones move."""
        openings = self.table.where("divergence")
        return bool(values[openings].any()) or (moving is not None and bool(moving[openings].any()))

    def profiles_of_replicas(
        self, values: Sequence[NDArray[np.float64]], phase: int, points: Points, noise: NoiseModel
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Profiles (m, n), area 1 each, of one phase's lines at every one of k sets of values, and whose (m,) they are.

        The k sets differ in nothing but the parameters of the phase.
        """
        replicas = replace(self, phases=(self.phases[phase],) * len(values))
        every = [self.table.slots(one) for one in values]
        own = slot.N_GLOBAL + slot.N_PHASE * phase
        blocks = [slots[own : own + slot.N_PHASE] for slots in every]
        rest = every[0][slot.N_GLOBAL + slot.N_PHASE * len(self.phases) :]
        slots = np.concatenate([every[0][: slot.N_GLOBAL], *blocks, rest])
        lines = replicas._choose(slots, points.two_theta, (True,) * len(values))
        at = placed(replicas._lines_alone(lines), slots)
        profiles = np.empty((lines.phase.size, points.two_theta.size))
        problem = replicas.problem(points, noise, lines, may_spread=self.may_spread(values[0]))
        line_profiles(problem, slots, at.position, at.gauss, at.lorentz, profiles)
        return profiles, lines.phase

    def problem(
        self,
        points: Points,
        noise: NoiseModel,
        lines: LineChoice,
        ties: NDArray[np.float64] | None = None,
        *,
        may_spread: bool = True,
    ) -> Problem:
        """The kernels' view of one scan with these lines, and with ties (m, n_ties) between their areas.

        may_spread : whether an opening of the beam may be above zero.
        """
        problem = self._problem(lines, two_theta=points.two_theta, intensity=points.intensity, noise=noise)
        if may_spread:
            problem = problem._replace(copies_fwhm=np.zeros((0, 0)), only_weight=None)
        if ties is None or ties.shape[1] == 0:
            return problem
        n_ties = ties.shape[1]
        two_theta = np.append(problem.two_theta, np.full(n_ties, _BEHIND))
        return problem._replace(
            two_theta=two_theta,
            coarse=_coarse(two_theta.tobytes()),
            intensity=np.append(problem.intensity, np.zeros(n_ties)),
            # Scaled up together with the ties, so that a variance that grows with the model makes no difference here.
            variance_constant=np.append(problem.variance_constant, np.full(n_ties, _TIE_SCALE**2)),
            chebyshev=np.pad(problem.chebyshev, ((0, 0), (0, n_ties))),
            ties=np.ascontiguousarray(_TIE_SCALE * ties),
        )

    def _lines_alone(self, lines: LineChoice) -> Problem:
        """Lines without a pattern, which is all that it takes to place them."""
        return self._problem(lines, two_theta=np.zeros(1), intensity=np.zeros(1), noise=None)

    def _problem(
        self,
        lines: LineChoice,
        *,
        two_theta: NDArray[np.float64],
        intensity: NDArray[np.float64],
        noise: NoiseModel | None,
    ) -> Problem:
        source = _source(self.instrument)
        return Problem(
            two_theta=two_theta,
            coarse=_coarse(two_theta.tobytes()),
            intensity=intensity,
            variance_constant=noise.constant if noise else np.ones_like(two_theta),
            variance_slope=noise.slope if noise else 0.0,
            variance_floor=noise.floor if noise else 0.0,
            chebyshev=background_curves(two_theta, self.background),
            n_humps=len(self.background.humps),
            wavelength=source.wavelength,
            weight=source.weight,
            natural_width=source.natural_width,
            weight_slot=source.weight_slot,
            geometry=slot.BRAGG_BRENTANO if self.instrument.geometry == "bragg-brentano" else slot.DEBYE_SCHERRER,
            radius=self.instrument.goniometer_radius_mm,
            hkl=np.ascontiguousarray(lines.hkl, dtype=np.float64),
            phase=lines.phase,
            n_phases=len(self.phases),
            anisotropy=self._anisotropy(lines),
            only_weight=source.weight if source.weight.size == 1 else None,
        )

    def _anisotropy(self, lines: LineChoice) -> NDArray[np.float64]:
        """What `Problem` has of it."""
        n_forms = slot.N_PHASE - slot.N_ISOTROPIC
        if not any(phase.anisotropic for phase in self.phases):
            return np.empty((0, n_forms))
        form = np.zeros((lines.phase.size, n_forms))
        for number, phase in enumerate(self.phases):
            own = np.flatnonzero(lines.phase == number)
            if phase.strain == "stephens":
                form[own, :N_QUARTIC] = quartic_terms(lines.hkl[own])
            if phase.size == "anisotropic":
                form[own, N_QUARTIC:] = direction_squares(phase.group, phase.cell, lines.hkl[own])
        return form


def placed(problem: Problem, slots: NDArray[np.float64]) -> Placement:
    """The lines of a problem at a parameter vector, at every wavelength."""
    shape = problem.hkl.shape[0], problem.wavelength.size
    position, gauss, lorentz = np.empty(shape), np.empty(shape), np.empty(shape)
    by_theta, by_slot = np.zeros((*shape, 3)), np.zeros((*shape, slot.n_line_slots(problem)))
    place_lines(problem, slots, position, gauss, lorentz, by_theta, by_slot)
    return Placement(position=position, gauss=gauss, lorentz=lorentz)


@lru_cache(maxsize=16)
def _coarse(two_theta: bytes) -> CoarseGrid:
    """Scans on one grid have it in common."""
    return coarse_grid(np.frombuffer(two_theta))


@lru_cache(maxsize=16)
def _source(instrument: Instrument) -> _Source:
    wavelength, weight = np.array(instrument.lines, dtype=np.float64).T
    others = instrument.contaminants
    return _Source(
        shortest=float(wavelength.min()),
        longest=float(wavelength.max()),
        wavelength=np.append(wavelength, [other.wavelength for other in others]),
        weight=np.append(weight / weight.sum(), np.ones(len(others))),
        natural_width=np.append(instrument.natural_widths or np.zeros(weight.size), np.zeros(len(others))),
        weight_slot=np.append(np.full(weight.size, -1), [other.slot for other in others]).astype(np.int64),
    )


def background_curves(two_theta: NDArray[np.float64], background: Background) -> NDArray[np.float64]:
    """(n_curves, n) at points (n,) in deg: Chebyshev polynomials over their span, then the measured background."""
    return _curves(two_theta.tobytes(), background)


@lru_cache(maxsize=16)
def _curves(two_theta: bytes, background: Background) -> NDArray[np.float64]:
    """(n_curves, n) Chebyshev polynomials over the span of the points, then what was measured without the sample.

    Scans on one grid have them in common.
    """
    x, terms = np.frombuffer(two_theta), background.terms
    span = x[-1] - x[0]
    scaled = 2.0 * (x - x[0]) / span - 1.0 if span > 0.0 else np.zeros_like(x)
    curves = np.polynomial.chebyshev.chebvander(scaled, max(terms - 1, 0)).T[:terms]
    if background.measured is not None:
        curves = np.vstack([curves, background.measured.at(x)])
    return np.ascontiguousarray(curves)
