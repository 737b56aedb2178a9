"""Is a background that was measured without the sample one: without the sample's lines, and more than noise?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, SpaceGroup, UnitCell
from xrdfit.errors import Problem
from xrdfit.model import Instrument, MeasuredBackground
from xrdfit.recipe.peaks import LEAST_Z, PeakMap, d_spacings, two_theta_of

# Lines of what does not stand where the sample does may be so far off, deg.
_ELSEWHERE = 0.2
# Standard deviations beyond chance by which peaks are at the lines of a phase.
_CLEARER = 3.2
# Share of noise in what a polynomial does not describe that biases the amount.
_NOISY = 0.1
# Squared part of its height by which a curve leaves a polynomial that describes it to the last digit.
_NOTHING = 1e-20
# Collectors, windows and casings: what a background may hold though no phase says so; a, c in Å.
_USUAL = {
    "Al": ("Fm-3m", 4.0496, 4.0496),
    "Cu": ("Fm-3m", 3.615, 3.615),
    "austenite": ("Fm-3m", 3.595, 3.595),
    "ferrite": ("Im-3m", 2.8665, 2.8665),
    "Be": ("P63/mmc", 2.2858, 3.5843),
}


def sample_line_warnings(
    measured: MeasuredBackground, instrument: Instrument, phases: Sequence[Phase], used: NDArray[np.float64]
) -> Iterator[Problem]:
    """A warning if the background stands out where the lines of active phases are, more than where they are not.

    What it shows there is compared with what it would show at the lines of larger and smaller cells, so that lines of
    a casing that coincide by chance tell nothing. Lines of inert phases, and of what cells are usually made of, are
    left out.

    Parameters
    ----------
    used : (n,) deg, points that are refined.
    """
    seen = PeakMap.of(measured, float(used[0]), float(used[-1]))
    if seen is None:
        return
    wavelength = instrument.lines[0][0]
    position = two_theta_of(wavelength)
    ends = [wavelength / (2.0 * np.sin(np.radians(max(angle, 0.1)) / 2.0)) for angle in (used[-1], used[0])]
    away = _ELSEWHERE if instrument.geometry == "bragg-brentano" else 0.0
    for phase in (*_usual(), *(phase for phase in phases if phase.role != "active")):
        seen = seen.without(position(d_spacings(phase, *ends)), away)
    lines = {phase.name: d_spacings(phase, *ends) for phase in phases if phase.role == "active"}
    told = [name for name, d_spacing in lines.items() if seen.agreement(d_spacing, position) > _CLEARER]
    if not told and lines and seen.agreement(np.concatenate(list(lines.values())), position) > _CLEARER:
        told = list(lines)
    if told:
        angles = np.unique(seen.inside(position(np.concatenate([lines[name] for name in told]))))
        heights = seen.heights(angles)
        count = int((heights > LEAST_Z).sum())
        clearest = ", ".join(f"{angle:.2f}" for angle in angles[np.argsort(-heights)][: min(4, count)])
        yield Problem(
            code="W111",
            what="the measured background holds lines of the sample",
            where="background.file",
            found=f"found it to stand out at {count} of {angles.size} lines of {' and '.join(told)} (clearest at "
            f"{clearest} deg) against a pattern of the cell alone",
            todo='measure it without the sample; if these are lines of the casing, add it with role = "inert"',
        )


def noise_warnings(measured: MeasuredBackground, terms: int, two_theta: NDArray[np.float64]) -> Iterator[Problem]:
    """A warning if much of what the background has beside a polynomial is noise.

    A fit finds it in an amount that is too small by the share of the noise (attenuation by errors in a regressor:
    Fuller 1987, Measurement Error Models, eq. 1.1.8), and the polynomial takes the rest.

    Parameters
    ----------
    terms : of the polynomial. two_theta : (n,) deg, points that are refined.
    """
    x = 2.0 * (two_theta - two_theta[0]) / (two_theta[-1] - two_theta[0]) - 1.0
    smooth = np.polynomial.chebyshev.chebvander(x, terms - 1)
    y = measured.at(two_theta)
    beside = y - smooth @ np.linalg.lstsq(smooth, y, rcond=None)[0]
    total = float(np.mean(beside**2))
    share = min(float(np.mean(measured.variance_at(two_theta))) / max(total, np.finfo(float).tiny), 1.0)
    # Of a curve that hardly leaves the polynomial, not even noise can be told.
    if total <= _NOTHING * float(np.mean(y**2)):
        yield Problem(
            code="W112",
            what="a polynomial describes the measured background already",
            where="background.file",
            found=f"found nothing beside a polynomial of {terms} terms against a pattern of its own",
            todo="leave the file out, and check that it holds what was measured",
        )
    elif share > _NOISY:
        yield Problem(
            code="W112",
            what="the measured background is noisy",
            where="background.file",
            found=f"found {100.0 * share:.0f} % of what it has beside a polynomial of {terms} terms to be noise, "
            f"against at most {100.0 * _NOISY:.0f} %",
            todo="measure it longer, or leave the file out: its amount comes out too small by about as much",
        )


def _usual() -> Iterator[Phase]:
    for name, (group, a, c) in _USUAL.items():
        cell = UnitCell(a, a, c, gamma=120.0 if group.startswith("P6") else 90.0)
        yield Phase(name=name, group=SpaceGroup.from_name(group), cell=cell, role="inert")
