"""A scan as the joint fit sees it: its points, and its share of the normal equations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_block import AFTER, BEFORE, OWN, BlockWork
from xrdfit.kernels.series_blocks import series_blocks, series_patterns
from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.on_grid import OnGrid
from xrdfit.series.joint.scan_clock import ScanClock, sweep_share
from xrdfit.series.kept import KeptScan

# Diagonal block, border, corner and right sides to add to; None if only the merit is asked for.
Binding = tuple[NDArray[np.float64], ...] | None

# Share of its phase's intensity below which a line is not held any tighter.
_LEAST_SHARE = 1e-3


class JointScan:
    """One scan of a joint fit.

    Parameters
    ----------
    position : of the scan in the chain. kept : its pattern. clock : None if all points were read at once.
    like : another scan, with a clock if this one has, under this layout or one of the same variables. They share what
        scans on one grid have in common, buffers included.
    """

    on_grid: OnGrid

    __slots__ = (
        "clock",
        "copies_fwhm",
        "course",
        "deviates",
        "geometry",
        "kept",
        "layout",
        "on_grid",
        "pinned",
        "position",
        "share",
        "weight",
    )

    def __init__(
        self,
        layout: Layout,
        position: int,
        kept: KeptScan,
        clock: ScanClock | None,
        like: JointScan | None = None,
    ) -> None:
        self.layout = layout
        self.position = position
        self.kept = kept
        self.clock = clock
        if like is not None and np.array_equal(like.kept.grid.chosen, kept.grid.chosen):
            self.on_grid = like.on_grid
        else:
            self.on_grid = OnGrid.of(layout, kept, swept=clock is not None)
        self.copies_fwhm = self.on_grid.problem.copies_fwhm
        self.geometry = np.ones(layout.n_lines)
        self.pinned = self.on_grid.unpinned
        self.deviates = np.zeros(layout.n_phases, dtype=np.bool_)
        self.course = np.empty((0, 0))
        self.weight = self.on_grid.untied
        if clock is None:
            self.share = self.on_grid.at_once
        elif like is not None and like.kept.grid is kept.grid and like.clock is not None and clock.is_like(like.clock):
            self.share = like.share
        else:
            self.share = sweep_share(clock, kept.grid.used)

    @property
    def work(self) -> BlockWork:
        return self.on_grid.rows.work

    @property
    def problem(self) -> Problem:
        slope, floor = self.kept.noise_line
        return self.on_grid.problem._replace(
            intensity=self.kept.intensity,
            variance_constant=self.kept.noise_constant,
            variance_slope=slope,
            variance_floor=floor,
            copies_fwhm=self.copies_fwhm,
        )

    def with_layout(self, layout: Layout, like: JointScan | None) -> JointScan:
        """The same scan under another layout of the same lines; `like`: another scan under that layout."""
        scan = JointScan(layout, self.position, self.kept, self.clock, like)
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
        self.pin(state, held)
        self.deviates = deviates
        scales = self._scales(state)
        if layout.deviations:
            weights = scales if self.share.shape[0] == 3 else scales[[OWN]]
            own = np.where(scales[OWN] > 0.0, scales[OWN], 1.0)
            self.course = np.where(scales[OWN][:, None] > 0.0, (weights / own).T @ self.share, 1.0)
        self.weight = self.on_grid.untied
        if spread is not None and deviates.any():
            share = layout.intensities.relative(state.shared[layout.intensity])
            expected = scales[OWN][layout.lines.phase] * np.maximum(share, _LEAST_SHARE) * self.geometry
            sigma = spread[layout.lines.phase] * expected
            held = deviates[layout.lines.phase] & np.isfinite(sigma) & (sigma > 0.0)
            self.weight = np.zeros(layout.n_lines)
            self.weight[held] = 1.0 / sigma[held] ** 2

    def pin(self, state: SeriesState, held: NDArray[np.bool_]) -> None:
        """Lines of the held phases (P,) stay where they are at a state."""
        layout = self.layout
        self.pinned = self.on_grid.unpinned
        if held.any():
            lines = held[layout.lines.phase]
            values = state.values(layout, self.position)
            self.pinned = self.pinned.copy()
            self.pinned[lines] = layout.model.place(values, layout.lines).position[lines]

    def pattern(self, state: SeriesState) -> float:
        """Fill the workspace with the scan's pattern; returns its quasi-deviance, infinite without a finite pattern."""
        slots = self.layout.model.table.slots(state.values(self.layout, self.position))
        if not np.isfinite(slots).all():
            return np.inf
        problem, work = self.problem, self.work
        n, merit = problem.two_theta.size, np.empty(1)
        series_patterns(
            problem,
            problem.intensity[None],
            problem.variance_constant[None],
            np.array([problem.variance_slope]),
            np.array([problem.variance_floor]),
            slots[None],
            self.pinned[None],
            self.relative(state)[None],
            self._scales(state)[None],
            self.share[None],
            self.deviates[None],
            self.course[None],
            work,
            *np.empty((3, 1, n)),
            np.empty((1, *work.position.shape)),
            merit,
        )
        return float(merit[0])

    def block(self, state: SeriesState, *, own: bool = False) -> float:
        """Fill ``work.gram`` and ``work.right``, rows as in `xrdfit.kernels.series_block.series_block`.

        own : the rows of the scan's own variables alone, in ``on_grid.own_rows.work``.
        """
        layout, problem = self.layout, self.problem
        table = layout.model.table
        work, used_slots, row_of_slot = self.on_grid.own_rows if own else self.on_grid.rows
        values = state.values(layout, self.position)
        if not np.isfinite(values).all():
            work.gram[:], work.right[:] = 0.0, 0.0
            return np.inf
        derivative = layout.derivative(values, self.position)
        if not own:
            by_intensity = layout.intensities.derivative(state.shared[layout.intensity])
        else:
            derivative, by_intensity = derivative[:, : layout.local.size], np.empty((layout.n_lines, 0))
        mapping = table.slot_mapping[used_slots] @ derivative
        deviates = self.deviates[layout.lines.phase]
        relative = self.relative(state)
        merit = np.empty(1)
        series_blocks(
            problem,
            problem.intensity[None],
            problem.variance_constant[None],
            np.array([problem.variance_slope]),
            np.array([problem.variance_floor]),
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
            np.where(deviates, 1.0, relative)[None] if layout.deviations else np.empty((1, 0)),
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
