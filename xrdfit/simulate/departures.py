"""What a series may do that the models do not expect of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.errors import InputError, Problem

# Share of the record that a jump takes.
_JUMP = 1e-8
# Progress at which the beam dips, and at which it comes back.
_DIP = (0.24, 0.365)
# What each number may be: beyond, intensities are negative, or counts more than a random generator of integers yields.
_LIMITS = {
    "texture": (-1.0, 1.0),
    "line_off": (-1.0, 10.0),
    "displacement_jump_mm": (-1.0, 1.0),
    "displacement_scatter_mm": (0.0, 1.0),
    "foreign": (0.0, 10.0),
    "fp_strain_growth": (-1.0, 10.0),
    "amount_drift": (-1.0, 10.0),
    "beam_dip": (-10.0, 0.99),
    "solid_solution": (0.0, 1.0),
    "spread": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """How far a series departs from two phases whose powders stay the same throughout; by default not at all.

    Progress runs from 0 at the beginning of the record to 1 at its end.

    Attributes
    ----------
    texture : intensities of a line change by this share of themselves from mid-series to the end, and by as much the
        other way before: most for (0k0), half as much and with the other sign for lines with k = 0.
    line_off, line_off_hkl : intensity of this one line (phase, hkl) is changed by this share in the second half.
    displacement_jump_mm : of the sample, in mid-series.
    displacement_scatter_mm : standard deviation from scan to scan, as where a holder is taken out and put back.
    foreign : height at the end of the strongest line of a foreign phase that grows in from mid-series on, against
        the strongest line of pure LFP.
    fp_strain_growth : FP's strain grows by this share of itself, linearly over the record.
    amount_drift : all that diffracts becomes more by this share of itself, linearly over the record.
    beam_dip : everything is less by this share, the background, too, for an eighth of the record from a quarter of it
        on; more, if negative.
    solid_solution : share of LFP's moles that has cells spread evenly between those of LFP and FP.
    spread : relative standard deviation of each line's intensity from scan to scan, as coarse grains make it.

    Raises
    ------
    InputError
        If a number lies outside of what can be.
    """

    texture: float = 0.0
    line_off: float = 0.0
    line_off_hkl: tuple[str, tuple[int, int, int]] = ("LFP", (3, 1, 1))
    displacement_jump_mm: float = 0.0
    displacement_scatter_mm: float = 0.0
    foreign: float = 0.0
    fp_strain_growth: float = 0.0
    amount_drift: float = 0.0
    beam_dip: float = 0.0
    solid_solution: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        wrong = [
            Problem(
                code="E173",
                what="a departure that cannot be",
                where=name,
                found=f"found {getattr(self, name):g} against a number from {low:g} to {high:g}",
                todo=f"change {name}; 0 leaves it out",
            )
            for name, (low, high) in _LIMITS.items()
            if not low <= getattr(self, name) <= high
        ]
        if wrong:
            raise InputError(*wrong)

    def check_line(self, phases: Sequence[Phase], hkl: Sequence[NDArray[np.int32]]) -> None:
        """Refuse a `line_off_hkl` that is not among the lines hkl (m, 3) of these phases.

        Raises
        ------
        InputError
            If the line is not there.
        """
        name, reflection = self.line_off_hkl
        for phase, lines in zip(phases, hkl, strict=True):
            if phase.name == name and (lines == reflection).all(axis=1).any():
                return
        raise InputError(
            Problem(
                code="E173",
                what="a departure that cannot be",
                where="line_off_hkl",
                found=f"found {name} {reflection} against a line of {' or '.join(phase.name for phase in phases)}",
                todo="name a line in the pattern, with the indices >= 0",
            )
        )

    @property
    def words(self) -> str:
        """The departures that are there, such as ``texture=0.3 foreign=0.1``; empty if there is none."""
        return " ".join(f"{name}={getattr(self, name):g}" for name in _LIMITS if getattr(self, name) != 0.0)

    @property
    def kinks(self) -> tuple[float, ...]:
        """Progress at which a course bends or jumps."""
        dip = _edges(_DIP) if self.beam_dip else ()
        return (*dip, *_edges((0.5,))) if self.words else ()

    def intensity(self, phase: Phase, hkl: NDArray[np.int32], progress: float) -> NDArray[np.float64]:
        """(m,) factors on the intensities of lines hkl (m, 3) of a phase."""
        # The second Legendre polynomial: how a little preferred orientation about b changes a powder's intensities.
        towards_b = 1.5 * (hkl[:, 1] * phase.cell.d_spacing(hkl) / phase.cell.b) ** 2 - 0.5
        factor = 1.0 + self.texture * towards_b * (2.0 * progress - 1.0)
        name, reflection = self.line_off_hkl
        if name == phase.name:
            factor[(hkl == reflection).all(axis=1)] *= 1.0 + self.line_off * _second_half(progress)
        return factor

    def jump_mm(self, progress: float) -> float:
        """What is added to the sample displacement."""
        return self.displacement_jump_mm * _second_half(progress)

    def foreign_height(self, progress: float) -> float:
        """Height of the foreign phase's strongest line, against the strongest of pure LFP."""
        return self.foreign * max(2.0 * progress - 1.0, 0.0)

    def fp_strain(self, progress: float) -> float:
        """Factor on FP's strain."""
        return 1.0 + self.fp_strain_growth * progress

    def amount(self, progress: float) -> float:
        """Factor on all that diffracts."""
        return 1.0 + self.amount_drift * progress

    def beam(self, progress: float) -> float:
        """Factor on all counts."""
        return 1.0 - self.beam_dip * float(np.interp(progress, _edges(_DIP), (0.0, 1.0, 1.0, 0.0)))

    def grains(self, *, seed: int, n_scans: int, n_lines: int) -> NDArray[np.float64]:
        """(n_scans, n_lines) factors on intensities, independent of each other and of the counting statistics."""
        stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        return np.maximum(1.0 + self.spread * stream.standard_normal((n_scans, n_lines)), 0.0)

    def places_mm(self, *, seed: int, n_scans: int) -> NDArray[np.float64]:
        """(n_scans,) what is added to the sample displacement in each scan, independent of all other chance."""
        stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
        return self.displacement_scatter_mm * stream.standard_normal(n_scans)


AS_MODELLED = Departures()


def _second_half(progress: float) -> float:
    return float(np.interp(progress, _edges((0.5,)), (0.0, 1.0)))


def _edges(jumps: Sequence[float]) -> tuple[float, ...]:
    """Progress just before and right after each jump."""
    return tuple(at - part for at in jumps for part in (_JUMP, 0.0))


def parse_departures(words: Sequence[str]) -> Departures:
    """Departures from words such as ``texture=0.3``.

    Raises
    ------
    InputError
        For an unknown or repeated name, or a value that is no number or not one the departure can have.
    """
    numbers: dict[str, Any] = {}
    wrong = []
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in _LIMITS:
            near = get_close_matches(name, _LIMITS, n=1)
            todo = f"did you mean {near[0]}?" if near else "choose one of them"
            wrong.append(("unknown departure", word, f"found {name!r} against {', '.join(_LIMITS)}", todo))
        elif name in numbers:
            wrong.append(("departure given twice", word, f"found {name} again against once", "leave one out"))
        else:
            try:
                numbers[name] = float(value)
            except ValueError:
                todo = f"write it as {name}=0.1"
                wrong.append(("departure without a number", word, f"found {value!r} against a number", todo))
    if wrong:
        raise InputError(
            *(
                Problem(code="E174", what=what, where=where, found=found, todo=todo)
                for what, where, found, todo in wrong
            )
        )
    return Departures(**numbers)
