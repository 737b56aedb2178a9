"""Patterns of fitted scans, as their fits have them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.run import LONGEST, RunPatterns, run_patterns, runs
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.solver import JointSolution


class FittedPattern(NamedTuple):
    """Of one scan: model, background and weight (n,) of its points, and where its lines stand (m, n_lines), deg."""

    model: NDArray[np.float64]
    background: NDArray[np.float64]
    weight: NDArray[np.float64]
    position: NDArray[np.float64]


class FittedPatterns:
    """Calculates a run of scans at once: whoever asks for one will ask for the next."""

    def __init__(self) -> None:
        self._solution: JointSolution | None = None
        self._run = slice(0, 0)
        self._patterns: RunPatterns | None = None

    def of(self, fit: JointScanFit) -> FittedPattern:
        known = self._patterns
        if known is None or self._solution is not fit.solution or not self._run.start <= fit.position < self._run.stop:
            scans = fit.chain.scans
            first = fit.position // LONGEST * LONGEST
            near = slice(first, min(first + LONGEST, len(scans)))
            self._run = next(run for run in runs(scans, near) if run.start <= fit.position < run.stop)
            self._solution = fit.solution
            self._patterns = known = run_patterns(fit.chain.layout, scans, fit.solution.state, self._run)
        row = fit.position - self._run.start
        return FittedPattern(known.model[row], known.background[row], known.weight[row], known.position[row])
