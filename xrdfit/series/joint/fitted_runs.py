"""Patterns and numbers of fitted scans, as their fits have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import JointErrors, parameter_covariances
from xrdfit.series.joint.run import LONGEST, RunPatterns, run_patterns, runs
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.solver import JointSolution

# Numbers in a table of lines by variables, of all scans that are taken together.
_NUMBERS_AT_ONCE = 1 << 20


class FittedPattern(NamedTuple):
    """Of one scan: model, background and weight (n,) of its points, and where its lines stand (m, n_lines), deg."""

    model: NDArray[np.float64]
    background: NDArray[np.float64]
    weight: NDArray[np.float64]
    position: NDArray[np.float64]


class FittedNumbers(NamedTuple):
    """Of one scan.

    covariance : (n_parameters, n_parameters), zero for what did not move, NaN for the blind. area, area_esd : (m,) of
    its lines, counts deg; NaN for an esd that is none.
    """

    covariance: NDArray[np.float64]
    area: NDArray[np.float64]
    area_esd: NDArray[np.float64]


class FittedRuns:
    """Calculates a run of scans at once: whoever asks for one will ask for the next."""

    def __init__(self) -> None:
        self._solution: JointSolution | None = None
        self._run = slice(0, 0)
        self._patterns: RunPatterns | None = None
        self._numbers: tuple[NDArray[np.float64], ...] | None = None

    def pattern(self, fit: JointScanFit) -> FittedPattern:
        row = self._row(fit)
        if (known := self._patterns) is None:
            known = run_patterns(fit.chain.layout, fit.chain.scans, fit.solution.state, self._run)
            self._patterns = known
        return FittedPattern(known.model[row], known.background[row], known.weight[row], known.position[row])

    def numbers(self, fit: JointScanFit) -> FittedNumbers:
        row = self._row(fit)
        if (known := self._numbers) is None:
            asked = fit.chain, self._run, fit.solution, fit.errors
            self._numbers = known = parameter_covariances(*asked), *line_areas(*asked)
        return FittedNumbers(*(each[row] for each in known))

    def _row(self, fit: JointScanFit) -> int:
        """Of a scan in the run that is at hand, which it is in from now on."""
        if self._solution is not fit.solution or not self._run.start <= fit.position < self._run.stop:
            scans = fit.chain.scans
            first = fit.position // LONGEST * LONGEST
            near = slice(first, min(first + LONGEST, len(scans)))
            self._run = next(run for run in runs(scans, near) if run.start <= fit.position < run.stop)
            self._solution, self._patterns, self._numbers = fit.solution, None, None
        return fit.position - self._run.start


def line_areas(
    chain: Chain, run: slice, solution: JointSolution, errors: JointErrors
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R, m) areas of the lines of some scans and their esds from all variables together, NaN without one.

    An area is the shared intensity times the scan's scale, or the scan's own.
    """
    layout, state, scans = chain.layout, solution.state, chain.scans[run]
    at_once = max(_NUMBERS_AT_ONCE // max(layout.n_lines * max(layout.n_local, layout.n_shared), 1), 1)
    if len(scans) > at_once:
        pieces = (slice(first, min(first + at_once, run.stop)) for first in range(run.start, run.stop, at_once))
        areas, esds = zip(*(line_areas(chain, piece, solution, errors) for piece in pieces), strict=True)
        return np.concatenate(areas), np.concatenate(esds)
    phase, every = layout.lines.phase, np.arange(layout.n_lines)
    deviates = np.array([scan.deviates for scan in scans])[:, phase]
    geometry = np.array([scan.geometry for scan in scans])
    relative = layout.intensities.relative(state.shared[layout.intensity]) * geometry
    scale = state.local[run, layout.scale][:, phase]
    area = scale * relative
    by_local = np.zeros((len(scans), phase.size, layout.n_local))
    by_shared = np.zeros((len(scans), phase.size, layout.n_shared))
    by_local[:, every, layout.local.size + phase] = np.where(deviates, 0.0, relative)
    if layout.deviations:
        by_local[:, every, layout.deviation.start + every] = np.where(deviates, 1.0, 0.0)
        area = np.where(deviates, state.local[run, layout.deviation], area)
    by_intensity = layout.intensities.derivative(state.shared[layout.intensity])
    by_shared[:, :, layout.intensity] = by_intensity * np.where(deviates, 0.0, scale * geometry)[:, :, None]
    through = by_shared - by_local @ errors.response[run]
    variance = ((by_local @ errors.local[run]) * by_local).sum(axis=2)
    variance += ((through @ errors.shared) * through).sum(axis=2)
    return area, np.sqrt(variance, out=np.full_like(variance, np.nan), where=variance > 0.0)
