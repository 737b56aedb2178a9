"""Scans on one grid that follow each other in a chain: patterns and normal equations in one call of the kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_blocks import series_blocks, series_patterns
from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.scan import JointScan

# Longest run: what it takes up stays in the processor's caches.
LONGEST = 32


def runs(scans: Sequence[JointScan], part: slice | None = None) -> Iterator[slice]:
    """The chain, or a part of it, cut into runs of scans that share a grid."""
    part = slice(0, len(scans)) if part is None else part
    first = part.start
    for position in range(first + 1, part.stop + 1):
        ends = position == part.stop or scans[position].on_grid is not scans[first].on_grid
        if ends or position - first == LONGEST:
            yield slice(first, position)
            first = position


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPatterns:
    """Patterns of a run of R scans.

    Attributes
    ----------
    merit : (R,) quasi-deviances, infinite without a finite pattern. model, background, weight : (R, n).
    position : (R, m, n_lines) of the lines, deg.
    """

    merit: NDArray[np.float64]
    model: NDArray[np.float64]
    background: NDArray[np.float64]
    weight: NDArray[np.float64]
    position: NDArray[np.float64]


class _Course(NamedTuple):
    """What the lines of a run of scans are multiplied by: see `xrdfit.kernels.series_block.series_pattern`."""

    relative: NDArray[np.float64]
    scales: NDArray[np.float64]
    share: NDArray[np.float64]
    deviates: NDArray[np.bool_]
    course: NDArray[np.float64]


def run_patterns(layout: Layout, scans: Sequence[JointScan], state: SeriesState, run: slice) -> RunPatterns:
    """The patterns of a run of a chain's scans at a state."""
    chosen = scans[run]
    table, one = layout.model.table, chosen[0]
    size, n = len(chosen), one.kept.grid.chosen.size
    model, background, weight = np.empty((3, size, n))
    merit, position = np.empty(size), np.empty((size, *one.work.position.shape))
    with one.on_grid.lent() as work:
        series_patterns(
            *_measured(chosen),
            table.slot_base + state.run_values(layout, run) @ table.slot_mapping.T,
            np.array([scan.pinned for scan in chosen]),
            *_course(layout, chosen, state, run),
            work,
            model,
            background,
            weight,
            position,
            merit,
        )
    return RunPatterns(merit=merit, model=model, background=background, weight=weight, position=position)


def fill_run(
    layout: Layout, scans: Sequence[JointScan], state: SeriesState, run: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Normal matrices (R, n_rows, n_rows), right sides (R, n_rows) and merits (R,) of a run of a chain's scans.

    Rows are those of `xrdfit.kernels.series_block.series_block`; what binds deviating lines is not in them.
    """
    chosen = scans[run]
    table, one, size = layout.model.table, chosen[0], len(chosen)
    values = state.run_values(layout, run)
    lines = _course(layout, chosen, state, run)
    own = lines.deviates[:, layout.lines.phase]
    n_rows = one.work.right.size
    gram, right, merit = np.empty((size, n_rows, n_rows)), np.empty((size, n_rows)), np.empty(size)
    with one.on_grid.lent() as work:
        series_blocks(
            *_measured(chosen),
            table.slot_base + values @ table.slot_mapping.T,
            np.array([scan.pinned for scan in chosen]),
            one.on_grid.rows.row_of_slot,
            table.slot_mapping[one.on_grid.rows.used_slots] @ layout.run_derivative(values, run),
            lines.relative,
            np.array([scan.geometry for scan in chosen]),
            layout.intensities.derivative(state.shared[layout.intensity]),
            *lines[1:],
            np.where(own, 1.0, lines.relative) if layout.deviations else np.empty((size, 0)),
            layout.local.size,
            work,
            gram,
            right,
            merit,
        )
    return gram, right, merit


def _measured(chosen: Sequence[JointScan]) -> tuple[Problem, *tuple[NDArray[np.float64], ...]]:
    """The problem of any of some scans on one grid, intensities, constant variances (R, n), slopes and floors (R,)."""
    one = chosen[0]
    intensity, constant = np.empty((2, len(chosen), one.kept.grid.chosen.size))
    for row, scan in enumerate(chosen):
        scan.kept.put(intensity[row], constant[row])
    slope, floor = np.array([scan.kept.noise_line for scan in chosen]).T.copy()
    return one.on_grid.problem._replace(copies_fwhm=one.copies_fwhm), intensity, constant, slope, floor


def _course(layout: Layout, chosen: Sequence[JointScan], state: SeriesState, run: slice) -> _Course:
    deviates = np.array([scan.deviates for scan in chosen])
    geometry = np.array([scan.geometry for scan in chosen])
    relative = layout.intensities.relative(state.shared[layout.intensity]) * geometry
    course = np.empty((len(chosen), 0, 0))
    if layout.deviations:
        relative = np.where(deviates[:, layout.lines.phase], state.local[run, layout.deviation], relative)
        course = np.array([scan.course for scan in chosen])
    share = np.array([scan.share for scan in chosen])
    return _Course(relative, _scales(layout, state, run), share, deviates, course)


def _scales(layout: Layout, state: SeriesState, run: slice) -> NDArray[np.float64]:
    """(R, 3, P) of the scan before, the scan itself and the scan after; a missing neighbour has no share."""
    size = run.stop - run.start
    around = slice(max(run.start - 1, 0), min(run.stop + 1, len(state.local)))
    padded = np.zeros((size + 2, layout.n_phases))
    first = around.start - run.start + 1
    padded[first : first + around.stop - around.start] = state.local[around, layout.scale]
    return np.stack([padded[row : row + size] for row in range(3)], axis=1)
