"""Do the intensities of a phase stay the same from scan to scan, and if not, by how much do they vary?

Each line of a scan may deviate from the shared intensity by a relative amount with standard deviation tau, one tau a
phase: 0 is the shared model, a large one the free Le Bail model. Whether tau is above 0 is told by the score of its
likelihood at 0, without refitting; how large it is, by maximising the marginal likelihood (empirical Bayes: MacKay
1992, doi:10.1162/neco.1992.4.3.415).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.elimination import regression_on_own
from xrdfit.series.joint.errors import JointErrors
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import Blocks, Filled, JointProblem, assemble, within
from xrdfit.series.joint.solver import JointSolution
from xrdfit.series.state import Status

# Standard deviations by which the score must exceed what noise gives.
SIGNIFICANT = 4.0
_Z_95 = 1.645
_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadTest:
    """Relative spread of intensities between scans, from the score at zero spread.

    Attributes
    ----------
    spread, upper95 : (P,) estimate, 0 where noise explains everything, and one-sided 95 % limit.
    z : (P,) score over its standard deviation, NaN where the phase is in too few scans.
    line_z, line_spread : (m,) the same for every line by itself.
    persistence : (P,) correlation of a line's deviation with that in the next scan: near 1 where intensities drift
        (texture, beam damage), near 0 where they jump (coarse grains).
    """

    spread: NDArray[np.float64]
    upper95: NDArray[np.float64]
    z: NDArray[np.float64]
    line_z: NDArray[np.float64]
    line_spread: NDArray[np.float64]
    persistence: NDArray[np.float64]

    @property
    def holds(self) -> NDArray[np.bool_]:
        """(P,) whether shared intensities hold for each phase."""
        return ~(self.z > SIGNIFICANT)


def with_room_for_deviations(chain: Chain, state: SeriesState) -> SeriesState:
    """A state of the shared model as one of the model with deviations, its areas as the shared model has them."""
    room = np.array([scan.areas(state) for scan in chain.scans])
    return SeriesState(np.hstack([state.local, room]), state.shared.copy(), state.fixed)


def spread_test(
    problem: JointProblem,
    chain: Chain,
    solution: JointSolution,
    errors: JointErrors,
    status: Sequence[tuple[Status, ...]],
    *,
    filled: Filled,
) -> SpreadTest:
    """Test the shared intensities of a joint fit; problem, chain and solution are those of the shared model.

    The score of a line's deviation is what the residual says of it once everything that the fit refined, shared
    variables included, has had its say; under the null its variance is its information. What a line's relative
    deviation does to a scan is what its shared intensity does, times that.

    filled : gets the equations on the way, for who else has a question to them.
    """
    layout, state = chain.layout, solution.state
    shared = errors.shared / errors.factor_shared**2
    lines_of, unit = layout.intensity, state.shared[layout.intensity]
    m = layout.n_lines
    excess, information = np.zeros(m), np.zeros(m)
    phase_excess, phase_information = np.zeros(layout.n_phases), np.zeros(layout.n_phases)
    scans_with = np.zeros(layout.n_phases)
    scores = np.full((len(chain.scans), m), np.nan)
    noise = np.full((len(chain.scans), m), np.nan)
    refined = np.array([[state == Status.REFINED for state in own] for own in status], dtype=np.bool_)
    for first in range(0, len(chain.scans), _AT_ONCE):
        part = slice(first, min(first + _AT_ONCE, len(chain.scans)))
        blocks, own_border, corner, right_corner = _equations(problem, state, part, filled)
        across = own_border[:, :, lines_of] * unit
        through = regression_on_own(blocks.diagonal, across, solution.free[part])
        score = right_corner[:, lines_of] * unit - (through @ blocks.right[:, :, None])[:, :, 0]
        to_shared = corner[:, lines_of] * unit[:, None] - through @ blocks.border
        variance = corner[:, lines_of, lines_of] * np.outer(unit, unit) - through @ across
        variance -= to_shared @ shared @ to_shared.transpose(0, 2, 1)
        for phase in range(layout.n_phases):
            lines, there = np.flatnonzero(layout.lines.phase == phase), np.flatnonzero(refined[part, phase])
            if not there.size or not lines.size:
                continue
            own, square = variance[np.ix_(there, lines, lines)], score[np.ix_(there, lines)] ** 2
            each = np.diagonal(own, axis1=1, axis2=2)
            scans_with[phase] += there.size
            phase_excess[phase] += float(np.sum(square - each))
            phase_information[phase] += float(np.sum(own * own))
            where = np.ix_(first + there, lines)
            scores[where], noise[where] = score[np.ix_(there, lines)], each
            excess[lines] += (square - each).sum(axis=0)
            information[lines] += (each**2).sum(axis=0)
    z = _ratio(phase_excess, np.sqrt(2.0 * phase_information))
    deviation = np.sqrt(2.0 * phase_information)
    return SpreadTest(
        spread=np.sqrt(np.maximum(_ratio(phase_excess, phase_information), 0.0)),
        upper95=np.sqrt(_ratio(np.maximum(phase_excess, 0.0) + _Z_95 * deviation, phase_information)),
        z=np.where(scans_with > 1, z, np.nan),
        line_z=_ratio(excess, np.sqrt(2.0 * information)),
        line_spread=np.sqrt(np.maximum(_ratio(excess, information), 0.0)),
        persistence=np.array([_persistence(scores, noise, layout.lines.phase == p) for p in range(layout.n_phases)]),
    )


def _equations(
    problem: JointProblem, state: SeriesState, part: slice, filled: Filled
) -> tuple[Blocks, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Normal equations of some scans; and without what the neighbours say, of each the border (R, n_local, n_shared),
    the corner (R, n_shared, n_shared) and its right side.
    """
    n, size, shared = part.stop - part.start, problem.layout.n_local, problem.layout.n_shared
    border, corner, right = np.empty((n, size, shared)), np.empty((n, shared, shared)), np.empty((n, shared))

    def take(run: slice, gram: NDArray[np.float64], gradient: NDArray[np.float64]) -> None:
        edge, here, own = gram.shape[1] - shared, within(run, part), within(part, run)
        border[here], corner[here] = gram[own, :size, edge:], gram[own, edge:, edge:]
        right[here] = gradient[own, edge:]
        filled(run, gram, gradient)

    return assemble(problem, state, part, filled=take), border, corner, right


def _persistence(scores: NDArray[np.float64], noise: NDArray[np.float64], lines: NDArray[np.bool_]) -> float:
    """Covariance of the scores (N, m) of successive scans over their variance, noise (N, m) taken out; lines : (m,)."""
    own, own_noise = scores[:, lines], noise[:, lines]
    both = np.isfinite(own[1:]) & np.isfinite(own[:-1])
    product = np.where(both, own[1:] * own[:-1], 0.0).sum()
    square = np.where(both, 0.5 * (own[1:] ** 2 + own[:-1] ** 2 - own_noise[1:] - own_noise[:-1]), 0.0).sum()
    return float(np.clip(product / square, -1.0, 1.0)) if square > 0.0 else np.nan


def next_spread(
    chain: Chain, solution: JointSolution, errors: JointErrors, spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(P,) the spread that the deviations of a fit with `spread` call for: a fixed point of the marginal likelihood."""
    layout = chain.layout
    squares, determined = np.zeros(layout.n_phases), np.zeros(layout.n_phases)
    share = layout.intensities.relative(solution.state.shared[layout.intensity])
    for position, scan in enumerate(chain.scans):
        lines = np.flatnonzero((scan.weight > 0.0) & solution.free[position, layout.deviation])
        phase = layout.lines.phase[lines]
        scale = layout.local.size + phase
        area = layout.deviation.start + lines
        unit = share[lines] * scan.geometry[lines]
        apart = solution.state.local[position, area] - solution.state.local[position, scale] * unit
        local = errors.local[position] / errors.factor[position] ** 2
        variance = local[area, area] - 2.0 * unit * local[area, scale] + unit**2 * local[scale, scale]
        # In units of the spread: what a deviation is, and which part of it the data determine.
        np.add.at(squares, phase, scan.weight[lines] * apart**2)
        np.add.at(determined, phase, 1.0 - np.minimum(scan.weight[lines] * variance, 1.0))
    return spread * np.sqrt(_ratio(squares, np.maximum(determined, 1e-9)))


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0.0)
