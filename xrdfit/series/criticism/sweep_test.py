"""Do the scans look as if their points had followed each other in time, or had been read at once?"""

from __future__ import annotations

from functools import partial

from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.run import run_patterns, runs
from xrdfit.series.joint.series import JointSeries

# Scans without which there is no course between neighbours.
_LEAST_SCANS = 3
# Scans that are read otherwise together: when the points of a sweep were measured takes more memory than the points.
_AT_ONCE = 512


def merit_read_otherwise(series: JointSeries) -> tuple[float, float] | None:
    """Quasi-deviance of the series as it was refined, and at the same values with the other kind of detector.

    Nothing is refined again: where the other comes out lower even so, it is the right one. None where the question
    cannot be asked: too few scans, no times, or lines with areas of their own.
    """
    n_scans, state = len(series.chain.scans), series.solution.state
    if n_scans < _LEAST_SCANS or series.sequential.stack.times is None or series.regime.deviations:
        return None
    merits: list[float] = []
    for first in range(0, n_scans, _AT_ONCE):
        # With the neighbours of the first and of the last.
        before, last = max(first - 1, 0), min(first + _AT_ONCE, n_scans)
        around = slice(before, last + 1)
        other = series.chain_read_otherwise(around)
        own = SeriesState(state.local[around], state.shared, state.fixed[around])
        other.settle(own)
        asked = list(runs(other.scans, slice(first - before, last - before)))
        for patterns in other.threads.map(partial(run_patterns, other.layout, other.scans, own), asked):
            merits += patterns.merit.tolist()
    return series.solution.blocks.quasi_deviance, sum(merits)
