"""Do the scans look as if their points had followed each other in time, or had been read at once?"""

from __future__ import annotations

from xrdfit.series.joint.series import JointSeries

# Scans without which there is no course between neighbours.
_LEAST_SCANS = 3


def merit_read_otherwise(series: JointSeries) -> tuple[float, float] | None:
    """Quasi-deviance of the series as it was refined, and at the same values with the other kind of detector.

    Nothing is refined again: where the other comes out lower even so, it is the right one. None where the question
    cannot be asked: too few scans, no times, or lines with areas of their own.
    """
    if len(series.chain.scans) < _LEAST_SCANS or series.sequential.stack.times is None or series.regime.deviations:
        return None
    state = series.solution.state
    other = series.chain_read_otherwise()
    other.settle(state)
    return series.solution.blocks.quasi_deviance, sum(scan.pattern(state) for scan in other.scans)
