"""Are the patterns over 2theta, and with the wavelength of the recipe? Told by where their peaks are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from xrdfit.crystal import Phase
from xrdfit.data import Pattern
from xrdfit.errors import Problem
from xrdfit.model import K_ALPHA, Instrument, MeasuredBackground
from xrdfit.recipe.peaks import LEAST_Z, PeakMap, Position, d_spacings, two_theta_of

# Standard deviations beyond chance below which peaks are not at the lines, and from which on they are.
_NOT_THERE, _THERE = 2.0, 3.5
# Lines beyond this d-spacing, and patterns so crowded, tell nothing; Å.
_LEAST_D, _LARGEST_D, _CROWD = 0.7, 60.0, 400
_SAME_WAVELENGTH = 1e-2
# Peaks at the lines of another abscissa that one is believed for: a line or two are somewhere over any.
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an abscissa might be: in words, where lines stand on it, and what to do then."""

    words: str
    position: Position
    todo: str


def abscissa_warnings(
    patterns: Sequence[Pattern], instrument: Instrument, phases: Sequence[Phase]
) -> Iterator[Problem]:
    """A warning if peaks are not at the lines of the phases, but would be if the abscissa were something else.

    A file that states its wavelength states its abscissa, too, and leaves nothing to be told here.
    """
    maps = [found for pattern in patterns if not _states(pattern) and (found := _peak_map(pattern)) is not None]
    wavelength = instrument.lines[0][0]
    as_said = _Reading(f"2theta with {wavelength:g} Å", two_theta_of(wavelength), "")
    if not maps or max(_agreement(as_said, seen, phases)[0] for seen in maps) >= _NOT_THERE:
        return
    tried = [(*_agreement(reading, seen, phases), reading) for reading in _readings(wavelength) for seen in maps]
    agreement, hits, count, reading = max(tried, key=lambda found: found[0])
    if agreement >= _THERE and hits >= _FEWEST:
        yield Problem(
            code="W113",
            what="the peaks are where the lines would be over another abscissa",
            where="data.files",
            found=f"found them at {hits} of {count} lines over {reading.words}, and at no more than chance has it over "
            f"{as_said.words}",
            todo=reading.todo,
        )


def _states(pattern: Pattern) -> bool:
    return pattern.header is not None and bool(pattern.header.wavelengths)


def _peak_map(pattern: Pattern) -> PeakMap | None:
    used = pattern.mask & np.isfinite(pattern.intensity)
    if np.count_nonzero(used) < 2 or np.ptp(pattern.intensity[used]) == 0.0:
        return None
    sigma = None if pattern.sigma is None else pattern.sigma[used]
    known = MeasuredBackground.of(pattern.two_theta[used], pattern.intensity[used], sigma)
    return PeakMap.of(known, -np.inf, np.inf)


def _agreement(reading: _Reading, seen: PeakMap, phases: Sequence[Phase]) -> tuple[float, int, int]:
    """How well peaks agree with lines, at how many of them there is one, and how many there are."""
    scale = np.geomspace(_LEAST_D, _LARGEST_D, 400)
    places = reading.position(scale)
    reached = scale[(places >= seen.x[0]) & (places <= seen.x[-1])]
    if not reached.size:
        return -np.inf, 0, 0
    d_spacing = np.concatenate([d_spacings(phase, float(reached[0]), float(reached[-1])) for phase in phases])
    heights = seen.heights(reading.position(d_spacing))
    if not 0 < heights.size <= _CROWD:
        return -np.inf, 0, heights.size
    return seen.agreement(d_spacing, reading.position), int((heights > LEAST_Z).sum()), heights.size


def _readings(wavelength: float) -> Iterator[_Reading]:
    angle = two_theta_of(wavelength)
    name = "name the column {} in a line above the numbers: then it is made 2theta"
    yield _Reading("theta", lambda d: 0.5 * angle(d), "double the angles, or export over 2theta")
    yield _Reading("2theta in rad", lambda d: np.radians(angle(d)), "export over 2theta in deg")
    yield _Reading("Q in 1/Å", lambda d: 2.0 * np.pi / d, name.format("q_A^-1"))
    yield _Reading("Q in 1/nm", lambda d: 20.0 * np.pi / d, name.format("q_nm^-1"))
    yield _Reading("d in Å", lambda d: d, "export over 2theta in deg")
    for element, (other, _) in K_ALPHA.items():
        if abs(other / wavelength - 1.0) > _SAME_WAVELENGTH:
            yield _Reading(f"2theta with {element} K-alpha", two_theta_of(other), f'write radiation = "{element}"')
