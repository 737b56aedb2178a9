"""A scan as the joint fit sees it: its points, when each was measured, and its share of the normal equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_block import AFTER, BEFORE, OWN, BlockWork, make_block_work, series_block, series_pattern
from xrdfit.series.intensities import geometry_factor
from xrdfit.series.layout import Layout, SeriesState


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanClock:
    """When the points of a scan were measured against its neighbours in the chain.

    before, middle, after : mid-times in s; None where there is no neighbour. start, end : of the scan.
    """

    start: float
    end: float
    before: float | None
    after: float | None

    @property
    def middle(self) -> float:
        return 0.5 * (self.start + self.end)


def sweep_share(clock: ScanClock, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, n) how far each used point belongs to the scan before, the scan itself and the scan after.

    Points follow each other from low to high angle; a scale at a point is interpolated linearly between mid-times. At
    either end of the series it stays what it is.
    """
    time = clock.start + (clock.end - clock.start) * (np.flatnonzero(used) + 0.5) / used.size
    share = np.zeros((3, time.size))
    early = time < clock.middle
    if clock.before is not None:
        share[BEFORE, early] = (clock.middle - time[early]) / (clock.middle - clock.before)
    if clock.after is not None:
        share[AFTER, ~early] = (time[~early] - clock.middle) / (clock.after - clock.middle)
    share[OWN] = 1.0 - share[BEFORE] - share[AFTER]
    return share


class JointScan:
    """One scan of a joint fit.

    Parameters
    ----------
    position : of the scan in the chain. prepared : its pattern. clock : None if all points were read at once.
    like : another scan of the chain, with which it shares what they have in common.
    """

    row_of_slot: NDArray[np.int64]
    used_slots: NDArray[np.int64]

    def __init__(
        self,
        layout: Layout,
        position: int,
        prepared: PreparedScan,
        clock: ScanClock | None,
        like: JointScan | None = None,
    ) -> None:
        self.layout = layout
        self.position = position
        self.prepared = prepared
        self.clock = clock
        problem = layout.model.problem(prepared.points, prepared.noise, layout.lines)
        if like is not None and np.array_equal(like.problem.two_theta, problem.two_theta):
            # Scans on one grid share what depends on the grid alone, buffers included.
            problem = problem._replace(two_theta=like.problem.two_theta, chebyshev=like.problem.chebyshev)
            work, self.row_of_slot, self.used_slots = like.work, like.row_of_slot, like.used_slots
        else:
            in_use = np.abs(layout.model.table.slot_mapping[:, layout.rows]).sum(axis=1) > 0.0
            self.row_of_slot = np.where(in_use, np.cumsum(in_use) - 1, -1).astype(np.int64)
            self.used_slots = np.flatnonzero(in_use)
            n_rows = layout.n_local + layout.n_shared + (0 if clock is None else 2 * layout.n_phases)
            work = make_block_work(problem, self.used_slots.size, n_rows)
        self.work: BlockWork = work
        self.problem: Problem = problem
        self.geometry = np.ones(layout.n_lines)
        self.share = np.ones((1, problem.two_theta.size)) if clock is None else sweep_share(clock, prepared.points.used)
        if clock is not None and like is not None and np.array_equal(like.share, self.share):
            self.share = like.share

    def with_layout(self, layout: Layout, like: JointScan | None) -> JointScan:
        """The same scan under another layout of the same lines; `like`: another scan under that layout."""
        scan = JointScan(layout, self.position, self.prepared, self.clock, like)
        scan.geometry = self.geometry
        return scan

    def settle_geometry(self, state: SeriesState) -> None:
        """Take the geometry factors of the lines from the cells in `state`; they stay until the next call.

        They answer so little to what a fit still changes in a cell that their derivatives would tell nothing.
        """
        values = state.values(self.layout, self.position)
        self.geometry = geometry_factor(self.layout.model, self.layout.lines, values)

    def pattern(self, state: SeriesState) -> float:
        """Fill the workspace with the scan's pattern; returns its quasi-deviance."""
        slots, relative = self._at(state)
        return float(series_pattern(self.problem, slots, relative, self._scales(state), self.share, self.work))

    def block(self, state: SeriesState) -> float:
        """Fill ``work.gram`` and ``work.right``, rows as in `xrdfit.kernels.series_block.series_block`."""
        layout = self.layout
        slots, relative = self._at(state)
        geometry = self.geometry
        columns = layout.model.table.slot_mapping[np.ix_(self.used_slots, layout.rows)]
        mapping = columns * layout.factors(self.position)
        shared = layout.intensities.relative(state.shared[layout.intensity]) * geometry
        by_intensity = layout.intensities.derivative(state.shared[layout.intensity]) * geometry[:, None]
        if layout.deviations:
            by_intensity *= (1.0 + state.local[self.position, layout.deviation])[:, None]
        return float(
            series_block(
                self.problem,
                slots,
                self.row_of_slot,
                np.ascontiguousarray(mapping),
                relative,
                by_intensity,
                self._scales(state),
                self.share,
                shared if layout.deviations else np.empty(0),
                layout.local.size,
                self.work,
            )
        )

    def _at(self, state: SeriesState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The kernels' parameter vector and the relative intensities of the lines."""
        layout = self.layout
        values = state.values(layout, self.position)
        return layout.model.table.slots(values), state.relative(layout, self.position) * self.geometry

    def _scales(self, state: SeriesState) -> NDArray[np.float64]:
        """(3, P) of the scan before, the scan itself and the scan after; a missing neighbour has no share."""
        scales = np.zeros((3, self.layout.n_phases))
        for row, step in ((BEFORE, -1), (OWN, 0), (AFTER, 1)):
            neighbour = self.position + step
            if 0 <= neighbour < len(state.local):
                scales[row] = state.local[neighbour, self.layout.scale]
        return scales
