"""Lines that nothing explains, looked for in the residuals of the whole series.

The fits of one line at every angle (see `xrdfit.series.criticism.peak_filter`) are added up over consecutive scans,
because a foreign phase shows in part of the series and its lines may be too weak for any one scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.optimize import brentq
from scipy.special import ndtr

from xrdfit.series.criticism.peak_filter import PeakFits, filter_residuals, lorentz
from xrdfit.series.criticism.residual_map import ByScan, ResidualMap
from xrdfit.series.threads import ONE_THREAD, Threads

# Rate of false alarms for a whole series of white noise.
FALSE_ALARMS = 0.01
# Half width of the ground that a line dominates, in FWHM.
_DOMINATED = 5.0
# Mean number of up-crossings at level 0 in a FWHM of the filtered residual (Rice 1944: sqrt(-rho''(0)) / 2 pi).
_CROSSINGS = 0.300
# Within the stretch of scans that shows a line best, a scan that clearly (one-sided 1 %) has less of it and does not
# show it on its own is left out; a scan elsewhere must show it beyond doubt.
_Z_WITHIN, _Z_ELSEWHERE = 2.33, 4.0
_MOST_PASSES = 16
# Numbers of all scans that are summed up together.
_NUMBERS_AT_ONCE = 1 << 19
_ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexplainedLine:
    """A line that no phase of the model has.

    Attributes
    ----------
    two_theta : deg. d_spacing : Å, for the strongest emission line.
    height : in units of intensity, mean over the stretch of scans that shows it best; beside known lines a lower
        limit.
    z : height / esd of the same.
    scans : those in which it is visible, `first` to `last`.
    """

    two_theta: float
    d_spacing: float
    height: float
    z: float
    scans: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.scans[0]

    @property
    def last(self) -> int:
        return self.scans[-1]


def unexplained_lines(
    residuals: ResidualMap,
    *,
    fwhm: float,
    emission: Sequence[tuple[float, float]],
    known_positions: ByScan,
    threads: Threads = ONE_THREAD,
) -> tuple[UnexplainedLine, ...]:
    """Lines in the residuals that no known line explains, by rising angle.

    On white noise one series in a hundred shows a line. Where misfit makes the residuals of a scan larger than their
    sigma, that scan is trusted less.

    Parameters
    ----------
    fwhm : usual width of a line, deg.
    emission : (wavelength in Å, weight) of the source's emission lines, the strongest first.
    known_positions : by scan number, the positions (m, e) in deg of the lines of all phases that are there at each
        emission line and, beyond these, at other wavelengths; NaN is no line. Lines by themselves are (m,).
    threads : share the scans.
    """
    if not (np.isfinite(fwhm) and fwhm > 0.0) or residuals.scans.size == 0 or residuals.two_theta.size < 3:
        return ()
    level = false_alarm_level(
        n_scans=residuals.scans.size, n_bins=residuals.two_theta.size, n_fwhm=np.ptp(residuals.two_theta) / fwhm
    )
    net = residuals.net
    weights = np.array([weight for _, weight in emission])
    by_now: list[NDArray[np.float64]] = []

    def known(row: int) -> NDArray[np.float64]:
        # Made when they are asked for: of all scans together they are many.
        own = _tied(known_positions[int(residuals.scans[row])], len(emission))
        return np.vstack([own, *by_now]) if by_now else own

    found: list[UnexplainedLine] = []
    for _ in range(_MOST_PASSES):
        filtered = filter_residuals(
            residuals, fwhm=fwhm, emission=weights / weights[0], known=known, net=net, threads=threads
        )
        best = _best_over_scans(filtered, threads)
        reach = 2 * round(_DOMINATED * fwhm / residuals.step) + 1
        # The strongest first: until they are known they disturb the background under the others.
        least = max(level, 0.5 * float(best.max()))
        peaks = np.flatnonzero((best > least) & (best == maximum_filter1d(best, reach)))
        if peaks.size == 0:
            break
        if net is residuals.net:
            net = np.nan_to_num(net)
        for peak in peaks:
            line, rows = _read_line(residuals, filtered, best, int(peak), emission[0][0])
            found.append(line)
            # From now on it is known: what is weaker beside it is seen in the next pass.
            sines = np.array([wavelength / (2.0 * line.d_spacing) for wavelength, _ in emission])
            places = np.degrees(2.0 * np.arcsin(np.where(sines < 1.0, sines, np.nan)))
            by_now.append(places)
            for place, height in zip(places, line.height * weights / weights[0], strict=True):
                if np.isfinite(place):
                    net[rows] += (height * lorentz((residuals.two_theta - place) / fwhm)).astype(np.float32)
        # Large, and made again.
        del filtered
    return tuple(sorted(found, key=lambda line: line.two_theta))


def _tied(positions: NDArray[np.float64], n_emission: int) -> NDArray[np.float64]:
    """(m, n_emission) lines that change together; a line at another wavelength changes by itself."""
    table = np.asarray(positions, dtype=np.float64)
    table = table.reshape(len(table), -1)
    if table.shape[1] == n_emission:
        return table
    together, alone = table[:, :n_emission], table[:, n_emission:].ravel()
    tied = np.full((len(table) + alone.size, n_emission), np.nan)
    tied[: len(table), : together.shape[1]] = together
    tied[len(table) :, 0] = alone
    return tied


def false_alarm_level(*, n_scans: int, n_bins: int, n_fwhm: float) -> float:
    """z that the highest of all trials on white noise exceeds in one series of a hundred.

    Along the angle the filtered noise is smooth and Rice's up-crossings count the trials; along the scans it is a
    running sum in steps, whose overshoot is that of Siegmund & Yakir (2007), The Statistics of Gene Mapping. Stretches
    of different lengths are taken as independent, which errs on the safe side by up to a factor of two.
    """

    length = np.array(_lengths(n_scans), dtype=np.float64)

    def expected(u: float) -> float:
        tail = float(ndtr(-u))
        along_angle = min(tail + n_fwhm * _CROSSINGS * np.exp(-0.5 * u**2), n_bins * tail)
        half = u / np.sqrt(2.0 * length)
        below = ndtr(half)
        overshoot = (below - 0.5) / half / (half * below + np.exp(-0.5 * half**2) / _ROOT_TWO_PI)
        stretches = 1.0 + (n_scans - length) * np.minimum(overshoot * u**2 / length, 1.0)
        return along_angle * float(stretches.sum()) - FALSE_ALARMS

    return float(brentq(expected, 1.0, 20.0, xtol=1e-4))


def _lengths(n_scans: int) -> list[int]:
    """Lengths of the stretches of scans that are looked at: powers of two and all."""
    return sorted({2**i for i in range(n_scans.bit_length()) if 2**i <= n_scans} | {n_scans})


def _best_over_scans(filtered: PeakFits, threads: Threads) -> NDArray[np.float64]:
    """(n_bins,) highest z of any stretch of scans in which the height exceeds the floor; 0 where there is none."""
    n_scans, n_bins = filtered.signal.shape
    best = np.zeros(n_bins)
    at_once = int(np.clip(_NUMBERS_AT_ONCE // n_scans, 1, n_bins))

    def look(block: int) -> None:
        part = slice(block, block + at_once)
        signal, information = filtered.signal[:, part], filtered.information[:, part]
        sums = [_running(column) for column in (signal, information, information * filtered.floor(part))]
        for length in _lengths(n_scans):
            total, known, floor = (column[length:] - column[:-length] for column in sums)
            best[part] = np.maximum(best[part], _significance(total, known, floor).max(axis=0))

    for _ in threads.map(look, range(0, n_bins, at_once)):
        pass
    return best


def _running(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums of the first 0, 1, ... n rows."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])


def _significance(
    signal: NDArray[np.float64], information: NDArray[np.float64], floor: NDArray[np.float64]
) -> NDArray[np.float64]:
    z = np.zeros_like(signal)
    np.divide(signal, np.sqrt(np.maximum(information, 0.0)), out=z, where=(information > 0.0) & (signal > floor))
    return z


def _read_line(
    residuals: ResidualMap, filtered: PeakFits, best: NDArray[np.float64], peak: int, wavelength: float
) -> tuple[UnexplainedLine, NDArray[np.intp]]:
    """The line at a bin, and the rows in which it is visible."""
    signal, information = (column[:, peak].astype(np.float64) for column in (filtered.signal, filtered.information))
    floor = information * filtered.floor(slice(peak, peak + 1))[:, 0]
    sums = [_running(column) for column in (signal, information, floor)]
    z, start, stop = 0.0, 0, signal.size
    for begin in range(signal.size):
        ends = _significance(*(column[begin + 1 :] - column[begin] for column in sums))
        end = int(np.argmax(ends))
        if ends[end] > z:
            z, start, stop = float(ends[end]), begin, begin + end + 1
    own = _significance(signal, information, floor)
    within = np.zeros(signal.size, dtype=np.bool_)
    within[start:stop] = True
    height = signal[within].sum() / information[within].sum()
    root = np.sqrt(information)
    lacking = (own < _Z_WITHIN) & (signal < height * information - _Z_WITHIN * root)
    rows = np.flatnonzero(np.where(within, (information > 0.0) & ~lacking, own > _Z_ELSEWHERE))
    two_theta = _summit(residuals.two_theta, best, peak)
    line = UnexplainedLine(
        two_theta=two_theta,
        d_spacing=float(wavelength / (2.0 * np.sin(np.radians(two_theta / 2.0)))),
        height=float(height),
        z=z,
        scans=tuple(int(scan) for scan in residuals.scans[rows]),
    )
    return line, rows


def _summit(two_theta: NDArray[np.float64], z: NDArray[np.float64], peak: int) -> float:
    """Angle of the vertex of the parabola through the highest bin and its neighbours."""
    if not 0 < peak < z.size - 1 or not z[peak - 1 : peak + 2].all():
        return float(two_theta[peak])
    curve, slope, _ = np.polyfit(two_theta[peak - 1 : peak + 2] - two_theta[peak], z[peak - 1 : peak + 2], 2)
    shift = -slope / (2.0 * curve) if curve < 0.0 else 0.0
    return float(two_theta[peak] + np.clip(shift, *(two_theta[peak - 1 : peak + 2 : 2] - two_theta[peak])))
