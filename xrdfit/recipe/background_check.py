"""Is a background that was measured without the sample one: without the sample's lines, and more than noise?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase, SpaceGroup, UnitCell, generate_reflections
from xrdfit.errors import CrystalError, Problem
from xrdfit.model import Instrument, MeasuredBackground

# FWHM in points that are looked for, and the heights over its noise from which on and up to which a peak counts.
_WIDTHS = (4, 8, 16)
_LEAST_Z, _MOST_Z = 4.0, 14.0
# FWHM within which a peak is taken for the skirt of a higher one, and how much more where that is e times as high.
_SKIRT, _LOBES = 0.8, 0.4
# How far start cells may be off (relative), and lines of what does not stand where the sample does (deg).
_CELL_SLACK, _ELSEWHERE = 2e-3, 0.2
# Cells larger and smaller by so much tell what chance does; lines at the right place must be clearer by so many of its
# standard deviations, and so many there.
_OTHER_CELLS = np.concatenate([np.arange(-0.15, -0.012, 0.001), np.arange(0.013, 0.15, 0.001)])
_CLEARER, _FEWEST = 3.2, 3
# Share of noise in what a polynomial does not describe that biases the amount.
_NOISY = 0.1
# Collectors, windows and casings: what a background may hold though no phase says so; a, c in Å.
_USUAL = (
    ("Fm-3m", 4.0496, 4.0496),  # Al
    ("Fm-3m", 3.615, 3.615),  # Cu
    ("Fm-3m", 3.595, 3.595),  # austenitic steel
    ("Im-3m", 2.8665, 2.8665),  # ferritic steel
    ("P63/mmc", 2.2858, 3.5843),  # Be
)


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
    span = (float(used[0]), float(used[-1]))
    x, z, reach = _standing_out(measured, span)
    if not x.size:
        return
    away = _ELSEWHERE if instrument.geometry == "bragg-brentano" else 0.0
    for line in np.concatenate([_lines(instrument, *crystal) for crystal in _around(phases)]):
        z[np.abs(x - line) < np.interp(line, x, reach) + away] = 0.0
    active = [phase for phase in phases if phase.role == "active"]
    lines_of = {phase.name: _lines(instrument, phase.group, phase.cell) for phase in active}
    told = [name for name, lines in lines_of.items() if _stands_out(lines, x, z)]
    if not told and lines_of and _stands_out(np.concatenate(list(lines_of.values())), x, z):
        told = list(lines_of)
    if told:
        lines = np.unique(np.concatenate([lines_of[name] for name in told]))
        lines = lines[(lines > x[0]) & (lines < x[-1])]
        height = _heights(lines, x, z)
        clearest = lines[np.argsort(-height)][: min(4, int((height > _LEAST_Z).sum()))]
        yield Problem(
            code="W111",
            what="the measured background holds lines of the sample",
            where="background.file",
            found=f"found it to stand out at {int((height > _LEAST_Z).sum())} of {lines.size} lines of "
            f"{' and '.join(told)} (clearest at {', '.join(f'{angle:.2f}' for angle in clearest)} deg) against a "
            "pattern of the cell alone",
            todo='measure it without the sample; if these are lines of the casing, add it with role = "inert"',
        )


def _stands_out(lines: NDArray[np.float64], x: NDArray[np.float64], z: NDArray[np.float64]) -> bool:
    """Whether more stands out at lines (deg) than at those of larger and smaller cells."""
    heights = _heights(lines, x, z)
    # Two lines may be at one peak, which counts once.
    if not 0 < min(_FEWEST, heights.size) <= np.unique(heights[heights > _LEAST_Z]).size:
        return False
    elsewhere = np.array([_clearness(lines * (1.0 + other), x, z) for other in _OTHER_CELLS])
    return _clearness(lines, x, z) > float(elsewhere.mean() + _CLEARER * elsewhere.std())


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
    share = min(float(np.mean(measured.variance_at(two_theta))) / total, 1.0) if total > 0.0 else 0.0
    if share > _NOISY:
        yield Problem(
            code="W112",
            what="the measured background is noisy",
            where="background.file",
            found=f"found {100.0 * share:.0f} % of what it has beside a polynomial of {terms} terms to be noise, "
            f"against at most {100.0 * _NOISY:.0f} %",
            todo="measure it longer, or leave the file out: its amount comes out too small by about as much",
        )


def _around(phases: Sequence[Phase]) -> list[tuple[SpaceGroup, UnitCell]]:
    """What a pattern without the sample may show."""
    usual = [
        (SpaceGroup.from_name(name), UnitCell(a, a, c, gamma=120.0 if name.startswith("P6") else 90.0))
        for name, a, c in _USUAL
    ]
    return [*usual, *((phase.group, phase.cell) for phase in phases if phase.role != "active")]


def _clearness(lines: NDArray[np.float64], x: NDArray[np.float64], z: NDArray[np.float64]) -> float:
    """How much stands out at lines (deg), in the mean of those that are in the pattern; no line counts for more than
    a clear one."""
    heights = _heights(lines, x, z)
    return float(np.mean(np.clip(heights, _LEAST_Z, _MOST_Z) - _LEAST_Z)) if heights.size else 0.0


def _heights(lines: NDArray[np.float64], x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """z at the lines (deg) that are in the pattern, whose angles x (n,) are evenly spaced."""
    there = lines[(lines > x[0]) & (lines < x[-1])]
    return z[np.rint((there - x[0]) / (x[1] - x[0])).astype(np.int64)]


def _lines(instrument: Instrument, group: SpaceGroup, cell: UnitCell) -> NDArray[np.float64]:
    """2theta (deg) of all lines of the strongest wavelength."""
    wavelength = instrument.lines[0][0]
    try:
        found = generate_reflections(group, cell, d_min=0.505 * wavelength, d_max=100.0)
    except CrystalError:
        return np.empty(0)
    return np.degrees(2.0 * np.arcsin(wavelength / (2.0 * found.d_spacing)))


def _standing_out(
    measured: MeasuredBackground, span: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Angles (n,), the height over its noise of what may be a line there or as near as a line may be, and how near
    that is (deg): matched filters that do not see curves of second order."""
    step = float(np.median(np.diff(measured.two_theta)))
    x = np.arange(max(span[0], measured.two_theta[0]), min(span[1], measured.two_theta[-1]), step)
    if x.size < 8 * _WIDTHS[-1]:
        return np.empty(0), np.empty(0), np.empty(0)
    y, variance = measured.at(x), np.interp(x, measured.two_theta, measured.variance_at(measured.two_theta))
    reach = np.degrees(2.0 * np.tan(np.radians(x) / 2.0)) * _CELL_SLACK + 0.5 * _WIDTHS[1] * step
    best, width_at = np.zeros(x.size), np.full(x.size, float(_WIDTHS[0]))
    for width in _WIDTHS:
        half = 2 * width
        at = np.arange(-half, half + 1)
        shape = np.exp(-4.0 * np.log(2.0) * (at / width) ** 2)
        smooth = np.vander(at / half, 3)
        shape -= smooth @ np.linalg.lstsq(smooth, shape, rcond=None)[0]
        height = np.convolve(y, shape, mode="valid")
        noise = np.sqrt(np.convolve(variance, shape**2, mode="valid"))
        z = np.divide(height, noise, out=np.zeros_like(height), where=noise > 0.0)
        z = np.pad(z, half)
        width_at = np.where(z > best, width, width_at)
        best = np.maximum(best, z)
    near = np.zeros(x.size)
    for top in _tops(best, width_at):
        there = np.abs(x - x[top]) < reach[top]
        near[there] = np.maximum(near[there], best[top])
    return x, near, reach


def _tops(z: NDArray[np.float64], width: NDArray[np.float64]) -> list[int]:
    """Where peaks are, the highest first, without those that are skirts or side lobes of higher ones.

    z : (n,) height over noise. width : (n,) FWHM in points of the filter that saw it best.
    """
    tops = np.flatnonzero((z[1:-1] > _LEAST_Z) & (z[1:-1] >= z[:-2]) & (z[1:-1] > z[2:])) + 1
    kept: list[int] = []
    for top in tops[np.argsort(-z[tops])]:
        if not any(abs(top - k) < width[k] * (_SKIRT + _LOBES * np.log(z[k] / _LEAST_Z)) for k in kept):
            kept.append(int(top))
    return kept
