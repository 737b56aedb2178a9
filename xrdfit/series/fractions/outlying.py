"""Scans whose amount is not that of the series: a beam that dipped, a sample in the shadow, another counting time.

What the phases of such a scan have in common is off, and not how they share it: its fractions are as good as any, but
it says nothing of how the amounts of the phases add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dsyev

# Standard deviations, of the counts or of the scatter about them, beyond which a scan's amount is no accident.
_FAR = 4.5
# The same for the step to a neighbour, less the steps about it: without a step, it is a drift.
_STEP = 5.0
# Upper quartile of |x| and median of it, x being normally distributed with variance 1.
_QUARTILE, _MEDIAN = 1.150, 0.6745
# Part of the record within which what comes and goes is no drift.
_SOON = 0.125
# Parts of the record, a third of it each, that are left out in turn.
_PARTS = 7
# A line without one of these parts is another one if it leaves less than this part of the misfit.
_BETTER = 0.8
_MAX_ITERATIONS = 60
# A line has settled when a step moves it by less than this part of the usual error; one of many, that of the second.
_SETTLED, _ROUGHLY = 0.03, 0.3
# Less than this part of the usual amount is nothing, and no error of an amount is less than this part of it.
_NOTHING = 1e-3
_LEAST_ERROR = 1e-9


@dataclass(frozen=True, slots=True)
class _Scans:
    """Amounts (m, P) in a unit for each phase, their covariance (m, P, P), and times if there may be a drift."""

    n: NDArray[np.float64]
    local: NDArray[np.float64]
    tau: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class _Line:
    """Of m scans: the logarithm of amount over line, its error, and (m, K) its derivative by the fitted `theta`."""

    theta: NDArray[np.float64]
    log: NDArray[np.float64]
    log_error: NDArray[np.float64]
    design: NDArray[np.float64]

    @property
    def off(self) -> NDArray[np.float64]:
        """Part of the line by which the amount is more."""
        return np.expm1(self.log)

    @property
    def error(self) -> NDArray[np.float64]:
        """Of `off`: unlike that of the logarithm, that of a scan with nearly nothing is small."""
        return np.asarray(self.log_error * np.exp(self.log))

    def far(self, scale: float) -> NDArray[np.bool_]:
        return np.asarray(np.abs(self.off) > _FAR * scale * self.error)


def outlying_amounts(
    n: NDArray[np.float64],
    local: NDArray[np.float64],
    tau: NDArray[np.float64],
    usable: NDArray[np.bool_],
    others: NDArray[np.bool_],
    *,
    drifting: bool,
) -> NDArray[np.float64]:
    """(m,) part by which amounts stand off ``sum_p alpha_p n_p = 1 + d tau`` where they are far off, elsewhere NaN.

    At most a quarter of the usable ones can: the line is that of the other three, whatever a quarter does. Least
    absolute values of the logarithm are drawn by no scan more than by another; blocks of scans, which draw together,
    are met by leaving out parts of the record in turn. Of these lines the one counts whose upper quartile of the misfit
    is least (Rousseeuw 1984, J. Am. Stat. Assoc. 79, 871), which is also the scale that misfit is measured by.

    Parameters
    ----------
    n, local : (m, P) amounts of phases that are seen, and their covariance (m, P, P) within a scan.
    tau : (m,) time, in any order. drifting : whether d may differ from 0.
    usable : (m,) scans that may decide on the line; far off are those that leave it in a step, or soon come back.
    others : (m,) scans that may not, and are held against it.
    """
    found = np.full(len(n), np.nan)
    rows = np.flatnonzero(usable)[np.argsort(tau[usable], kind="stable")]
    n_free = n.shape[1] + drifting
    if rows.size <= n_free + 2:
        return found
    unit = n[rows].max(axis=0)

    def part_of(which: NDArray[np.int64]) -> _Scans:
        return _Scans(n[which] / unit, local[which] / np.outer(unit, unit), tau[which] if drifting else None)

    scans, scale = part_of(rows), 1.0
    line = _fitted(scans, np.ones(rows.size), np.zeros(n_free))
    if line.far(scale).any():
        third, best = -(-rows.size // 3), np.ones(rows.size)
        for first in np.unique(np.linspace(0.0, rows.size - third, _PARTS).astype(np.int64)):
            part = np.ones(rows.size)
            part[first : first + third] = 0.0
            other = _fitted(scans, part, line.theta, settled=_ROUGHLY)
            if _scale(other) < _BETTER * _scale(line):
                line, best = other, part
        line = _fitted(scans, best, line.theta)
        # Few scans stand closer to a line through some of them than their errors are (Rousseeuw & Leroy 1987, ch. 5).
        scale = max(1.0, _scale(line) * (1.0 + 5.0 / (rows.size - n_free)))
        found[rows] = np.where(_not_drifting(line.far(scale), line), line.off, np.nan)
    rest = np.flatnonzero(others)
    beside = _line(part_of(rest), line.theta)
    found[rest] = np.where(beside.far(scale), beside.off, np.nan)
    return found


def _scale(line: _Line) -> float:
    return _quantile(np.abs(line.off / line.error), 0.75) / _QUARTILE


def _quantile(values: NDArray[np.float64], part: float) -> float:
    """As numpy has it, whose checks take longer than all else about a short series."""
    place = part * (values.size - 1)
    low = int(place)
    high = min(low + 1, values.size - 1)
    parted = values.copy()
    parted.partition((low, high))
    return float(parted[low] + (place - low) * (parted[high] - parted[low]))


def _fitted(
    scans: _Scans, part: NDArray[np.float64], start: NDArray[np.float64], *, settled: float = _SETTLED
) -> _Line:
    """The line of least absolute values through the scans whose `part` (m,) is 1, from the parameters `start` on."""
    line = _line(scans, start)
    for _ in range(_MAX_ITERATIONS):
        # No scan counts for more than the usual ones, or an amount that is far too large would.
        usual = _quantile(line.log_error, 0.5)
        sigma = np.maximum(line.log_error, usual)
        misfit = np.abs(line.log) / sigma
        weight = part / sigma**2 / np.maximum(misfit, max(0.1 * _quantile(misfit, 0.5), 1e-6))
        weighted = weight[:, None] * line.design
        step = _least_step(weighted.T @ line.design, line.log @ weighted)
        line = _line(scans, line.theta - np.minimum(np.maximum(step, -2.0), 2.0))
        if max(step.max(), -step.min()) < settled * usual:
            break
    return line


def _least_step(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shortest solution of normal equations: nothing moves along what they do not determine."""
    strength, direction, _ = dsyev(matrix)
    told = strength > 1e-9 * strength[-1]
    seen = direction[:, told]
    return np.asarray(seen @ ((right @ seen) / strength[told]))


def _line(scans: _Scans, theta: NDArray[np.float64]) -> _Line:
    """At `theta` (K,): the logarithms of the conversion factors, and the drift."""
    n_phases = scans.n.shape[1]
    alpha = np.exp(theta[:n_phases])
    amount = np.maximum(scans.n @ alpha, _NOTHING)
    variance = scans.local.reshape(len(amount), n_phases**2) @ np.outer(alpha, alpha).ravel()
    sigma = np.maximum(np.sqrt(variance) / amount, _LEAST_ERROR)
    design = np.empty((len(amount), theta.size))
    design[:, :n_phases] = scans.n * alpha / amount[:, None]
    if scans.tau is None:
        return _Line(theta, np.log(amount), sigma, design)
    expected = np.maximum(1.0 + theta[-1] * scans.tau, _NOTHING)
    design[:, n_phases] = -scans.tau / expected
    return _Line(theta, np.log(amount / expected), sigma, design)


def _not_drifting(far: NDArray[np.bool_], line: _Line) -> NDArray[np.bool_]:
    """Of scans in the order of time, those runs of `far` ones that begin or end with a step, or soon come back.

    A drift that is not straight goes far off the line, too, but in like steps, and at one end of the record.
    """
    step, sigma = np.diff(line.off), np.hypot(line.error[1:], line.error[:-1])
    usual = max(1.0, float(np.median(np.abs(step) / sigma)) / _MEDIAN)
    around = np.pad(step, 1)
    before, after = (np.maximum(other * np.sign(step), 0.0) for other in (around[:-2], around[2:]))
    edge = far[1:] != far[:-1]
    run = np.concatenate([[0], np.cumsum(edge)])
    short = np.bincount(run) <= _SOON * far.size
    # Scans that dip one after the other go on inside the run; outside, nothing leads to it.
    outside, inside = np.where(far[1:], before, after), np.where(far[1:], after, before)
    inside[short[np.where(far[1:], run[1:], run[:-1])]] = 0.0
    sharp = edge & (np.abs(step) - np.maximum(inside, 2.0 * outside) > _STEP * usual * sigma)
    accepted = short.copy()
    accepted[[0, -1]] = False
    accepted[run[:-1][sharp]] = accepted[run[1:][sharp]] = True
    return np.asarray(far & accepted[run])
