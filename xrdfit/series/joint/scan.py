"""A scan as the joint fit sees it: its points, when each was measured, and its share of the normal equations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan
from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_block import AFTER, BEFORE, OWN, BlockWork, make_block_work, series_pattern
from xrdfit.kernels.series_blocks import series_blocks
from xrdfit.series.joint.layout import Layout, SeriesState

# Diagonal block, border, corner and right sides to add to; None if only the merit is asked for.
Binding = tuple[NDArray[np.float64], ...] | None

# Share of its phase's intensity below which a line is not held any tighter.
_LEAST_SHARE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanClock:
    """When the points of a scan were measured against its neighbours in the chain.

    before, middle, after : mid-times in s; None where there is no neighbour. start, end : of the scan.
    against_before, against_after : irradiated amount, which may jump, against that of the neighbour.
    """

    start: float
    end: float
    before: float | None
    after: float | None
    against_before: float = 1.0
    against_after: float = 1.0

    @property
    def middle(self) -> float:
        return 0.5 * (self.start + self.end)


def sweep_share(clock: ScanClock, used: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, n) how far each used point belongs to the scan before, the scan itself and the scan after.

    Points follow each other from low to high angle; a scale at a point is interpolated linearly between mid-times. At
    either end of the series it stays what it is, and so it does beyond the middle of a neighbour that overlaps. A
    neighbour with another amount counts with the scale it would have with that of the scan.
    """
    time = clock.start + (clock.end - clock.start) * (np.flatnonzero(used) + 0.5) / used.size
    share = np.zeros((3, time.size))
    early = time < clock.middle
    # A scan that claims to have been measured at the same time is no neighbour to interpolate to.
    if clock.before is not None and clock.before < clock.middle:
        share[BEFORE, early] = np.minimum((clock.middle - time[early]) / (clock.middle - clock.before), 1.0)
    if clock.after is not None and clock.after > clock.middle:
        share[AFTER, ~early] = np.minimum((time[~early] - clock.middle) / (clock.after - clock.middle), 1.0)
    share[OWN] = 1.0 - share[BEFORE] - share[AFTER]
    share[BEFORE] *= clock.against_before
    share[AFTER] *= clock.against_after
    return share


class OwnRows(NamedTuple):
    """What fills the rows of a scan's own variables alone: buffers, slots that these touch, the row of each slot."""

    work: BlockWork
    used_slots: NDArray[np.int64]
    row_of_slot: NDArray[np.int64]


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
        problem = layout.model.problem(prepared.points, prepared.noise, layout.lines, may_spread=layout.may_spread)
        if like is not None and np.array_equal(like.problem.two_theta, problem.two_theta):
            # Scans on one grid share what depends on the grid alone, buffers included.
            problem = problem._replace(two_theta=like.problem.two_theta, chebyshev=like.problem.chebyshev)
            work, self.row_of_slot, self.used_slots = like.work, like.row_of_slot, like.used_slots
        else:
            self.used_slots, self.row_of_slot = _slots_in_use(layout, layout.touched)
            n_rows = layout.n_local + layout.n_shared + (0 if clock is None else 2 * layout.n_phases)
            work = make_block_work(problem, self.used_slots.size, n_rows)
        self.work: BlockWork = work
        self.problem: Problem = problem
        self.geometry = np.ones(layout.n_lines)
        self.pinned = np.full((layout.n_lines, problem.wavelength.size), np.nan)
        self.deviates = np.zeros(layout.n_phases, dtype=np.bool_)
        self.course = np.empty((0, 0))
        self.weight = np.zeros(layout.n_lines)
        self.share = np.ones((1, problem.two_theta.size)) if clock is None else sweep_share(clock, prepared.points.used)
        if clock is not None and like is not None and np.array_equal(like.share, self.share):
            self.share = like.share

    def with_layout(self, layout: Layout, like: JointScan | None) -> JointScan:
        """The same scan under another layout of the same lines; `like`: another scan under that layout."""
        scan = JointScan(layout, self.position, self.prepared, self.clock, like)
        scan.geometry, scan.pinned = self.geometry, self.pinned
        scan.deviates, scan.course = self.deviates, self.course
        return scan

    def settle(
        self,
        state: SeriesState,
        *,
        geometry: NDArray[np.float64],
        deviates: NDArray[np.bool_],
        held: NDArray[np.bool_],
        spread: NDArray[np.float64] | None,
    ) -> None:
        """Take what a fit does not differentiate from where it begins; it stays until the next call.

        The geometry factors of the lines, which hardly answer to what a fit still changes in a cell; how the areas of
        a phase that deviates go with time; and the standard deviation of those areas.

        Parameters
        ----------
        geometry : (m,) geometry factors of the lines.
        deviates : (P,) phases whose lines have areas of their own.
        held : (P,) phases whose lines stay where they are: their cells come from other scans, and must not say where
            this one's zero or sample is.
        spread : (P,) relative standard deviation of own areas about the shared intensities, None or infinite where
            nothing holds them.
        """
        layout = self.layout
        self.geometry = geometry
        self.pinned[:] = np.nan
        if held.any():
            lines = held[layout.lines.phase]
            values = state.values(layout, self.position)
            self.pinned[lines] = layout.model.place(values, layout.lines).position[lines]
        self.deviates = deviates
        scales = self._scales(state)
        if layout.deviations:
            weights = scales if self.share.shape[0] == 3 else scales[[OWN]]
            own = np.where(scales[OWN] > 0.0, scales[OWN], 1.0)
            self.course = np.where(scales[OWN][:, None] > 0.0, (weights / own).T @ self.share, 1.0)
        self.weight = np.zeros(layout.n_lines)
        if spread is not None and deviates.any():
            share = layout.intensities.relative(state.shared[layout.intensity])
            expected = scales[OWN][layout.lines.phase] * np.maximum(share, _LEAST_SHARE) * self.geometry
            sigma = spread[layout.lines.phase] * expected
            held = deviates[layout.lines.phase] & np.isfinite(sigma) & (sigma > 0.0)
            self.weight[held] = 1.0 / sigma[held] ** 2

    def pattern(self, state: SeriesState) -> float:
        """Fill the workspace with the scan's pattern; returns its quasi-deviance, infinite without a finite pattern."""
        slots = self.layout.model.table.slots(state.values(self.layout, self.position))
        if not np.isfinite(slots).all():
            return np.inf
        relative = self.relative(state)
        scales = self._scales(state)
        return float(
            series_pattern(
                self.problem, slots, self.pinned, relative, scales, self.share, self.deviates, self.course, self.work
            )
        )

    def own_rows(self) -> OwnRows:
        """Buffers, within those of the scan, for `block` to fill the rows of the scan's own variables alone."""
        layout, work = self.layout, self.work
        used_slots, row_of_slot = _slots_in_use(layout, layout.touched_locally)
        n_rows = layout.n_local + (2 * layout.n_phases if self.share.shape[0] == 3 else 0)
        own = work._replace(
            by_used_slot=work.by_used_slot[: used_slots.size],
            of_one_phase=work.of_one_phase[: used_slots.size],
            rows=work.rows[:n_rows],
            gram=np.empty((n_rows, n_rows)),
            right=work.right[:n_rows],
        )
        return OwnRows(own, used_slots, row_of_slot)

    def block(self, state: SeriesState, own_rows: OwnRows | None = None) -> float:
        """Fill ``work.gram`` and ``work.right``, rows as in `xrdfit.kernels.series_block.series_block`.

        own_rows : buffers to be filled instead, without the rows of what the scans share.
        """
        layout = self.layout
        table = layout.model.table
        work, used_slots, row_of_slot = own_rows or OwnRows(self.work, self.used_slots, self.row_of_slot)
        values = state.values(layout, self.position)
        if not np.isfinite(values).all():
            work.gram[:], work.right[:] = 0.0, 0.0
            return np.inf
        derivative = layout.derivative(values, self.position)
        if own_rows is None:
            by_intensity = layout.intensities.derivative(state.shared[layout.intensity])
        else:
            derivative, by_intensity = derivative[:, : layout.local.size], np.empty((layout.n_lines, 0))
        mapping = table.slot_mapping[used_slots] @ derivative
        own = self.deviates[layout.lines.phase]
        relative = self.relative(state)
        merit = np.empty(1)
        series_blocks(
            self.problem,
            self.problem.intensity[None],
            self.problem.variance_constant[None],
            np.array([self.problem.variance_slope]),
            np.array([self.problem.variance_floor]),
            table.slots(values)[None],
            self.pinned[None],
            row_of_slot,
            mapping[None],
            relative[None],
            self.geometry[None],
            by_intensity,
            self._scales(state)[None],
            self.share[None],
            self.deviates[None],
            self.course[None],
            np.where(own, 1.0, relative)[None] if layout.deviations else np.empty((1, 0)),
            layout.local.size,
            work,
            work.gram[None],
            work.right[None],
            merit,
        )
        return float(merit[0])

    def relative(self, state: SeriesState) -> NDArray[np.float64]:
        """(m,) intensities in units of the scan's scale; areas where a phase deviates."""
        layout = self.layout
        shared = layout.intensities.relative(state.shared[layout.intensity]) * self.geometry
        if not layout.deviations:
            return shared
        own = self.deviates[layout.lines.phase]
        return np.where(own, state.local[self.position, layout.deviation], shared)

    def areas(self, state: SeriesState) -> NDArray[np.float64]:
        """(m,) areas of the scan's lines."""
        layout = self.layout
        scale = np.where(self.deviates, 1.0, state.local[self.position, layout.scale])
        return scale[layout.lines.phase] * self.relative(state)

    def bind(self, state: SeriesState, block: Binding) -> float:
        """Add what holds the areas of deviating lines to the shared intensities; returns its part of the merit."""
        layout = self.layout
        lines = np.flatnonzero(self.weight)
        if not lines.size:
            return 0.0
        phase, weight, geometry = layout.lines.phase[lines], self.weight[lines], self.geometry[lines]
        variables = state.shared[layout.intensity]
        scale = state.local[self.position, layout.scale][phase]
        share = layout.intensities.relative(variables)[lines] * geometry
        apart = state.local[self.position, layout.deviation.start + lines] - scale * share
        if block is None:
            return float(weight @ apart**2)
        # Derivatives of `apart` with respect to the scan's own variables, and to those of the intensities.
        own = np.zeros((lines.size, layout.n_local))
        own[np.arange(lines.size), layout.deviation.start + lines] = 1.0
        own[np.arange(lines.size), layout.local.size + phase] = -share
        shared = np.zeros((lines.size, layout.n_shared))
        shared[:, layout.intensity] = -layout.intensities.derivative(variables)[lines] * (scale * geometry)[:, None]
        diagonal, border, corner, right, right_corner = block
        diagonal += (own * weight[:, None]).T @ own
        border += (own * weight[:, None]).T @ shared
        corner += (shared * weight[:, None]).T @ shared
        right -= own.T @ (weight * apart)
        right_corner -= shared.T @ (weight * apart)
        return float(weight @ apart**2)

    def _scales(self, state: SeriesState) -> NDArray[np.float64]:
        """(3, P) of the scan before, the scan itself and the scan after; a missing neighbour has no share."""
        scales = np.zeros((3, self.layout.n_phases))
        for row, step in ((BEFORE, -1), (OWN, 0), (AFTER, 1)):
            neighbour = self.position + step
            if 0 <= neighbour < len(state.local):
                scales[row] = state.local[neighbour, self.layout.scale]
        return scales


def _slots_in_use(layout: Layout, touched: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The slots that parameters `touched` (n_parameters,) have a say in, and for every slot its row, -1 without one."""
    in_use = np.abs(layout.model.table.slot_mapping[:, touched]).sum(axis=1) > 0.0
    return np.flatnonzero(in_use), np.where(in_use, np.cumsum(in_use) - 1, -1).astype(np.int64)
