"""Scans on one grid that follow each other in a chain: their normal equations in one call of the kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.series_blocks import series_blocks
from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.scan import JointScan

# Longest run: what it takes up stays in the processor's caches.
_LONGEST = 32


def runs(scans: Sequence[JointScan], part: slice | None = None) -> Iterator[slice]:
    """The chain, or a part of it, cut into runs of scans that share a grid."""
    part = slice(0, len(scans)) if part is None else part
    first = part.start
    for position in range(first + 1, part.stop + 1):
        ends = position == part.stop or scans[position].on_grid is not scans[first].on_grid
        if ends or position - first == _LONGEST:
            yield slice(first, position)
            first = position


def fill_run(
    layout: Layout, scans: Sequence[JointScan], state: SeriesState, run: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Normal matrices (R, n_rows, n_rows), right sides (R, n_rows) and merits (R,) of a run of a chain's scans.

    Rows are those of `xrdfit.kernels.series_block.series_block`; what binds deviating lines is not in them.
    """
    chosen = scans[run]
    table, one, size = layout.model.table, chosen[0], len(chosen)
    values = state.run_values(layout, run)
    slots = table.slot_base + values @ table.slot_mapping.T
    geometry = np.array([scan.geometry for scan in chosen])
    deviates = np.array([scan.deviates for scan in chosen])
    relative = layout.intensities.relative(state.shared[layout.intensity]) * geometry
    by_deviation = np.empty((size, 0))
    course = np.empty((size, 0, 0))
    if layout.deviations:
        own = deviates[:, layout.lines.phase]
        relative = np.where(own, state.local[run, layout.deviation], relative)
        by_deviation = np.where(own, 1.0, relative)
        course = np.array([scan.course for scan in chosen])
    n_rows = one.work.right.size
    gram, right, merit = np.empty((size, n_rows, n_rows)), np.empty((size, n_rows)), np.empty(size)
    intensity, constant = np.empty((2, size, one.kept.grid.chosen.size))
    for row, scan in enumerate(chosen):
        scan.kept.put(intensity[row], constant[row])
    slope, floor = np.array([scan.kept.noise_line for scan in chosen]).T.copy()
    series_blocks(
        one.on_grid.problem._replace(copies_fwhm=one.copies_fwhm),
        intensity,
        constant,
        slope,
        floor,
        slots,
        np.array([scan.pinned for scan in chosen]),
        one.on_grid.rows.row_of_slot,
        table.slot_mapping[one.on_grid.rows.used_slots] @ layout.run_derivative(values, run),
        relative,
        geometry,
        layout.intensities.derivative(state.shared[layout.intensity]),
        _scales(layout, state, run),
        np.array([scan.share for scan in chosen]),
        deviates,
        course,
        by_deviation,
        layout.local.size,
        one.work,
        gram,
        right,
        merit,
    )
    return gram, right, merit


def _scales(layout: Layout, state: SeriesState, run: slice) -> NDArray[np.float64]:
    """(R, 3, P) of the scan before, the scan itself and the scan after; a missing neighbour has no share."""
    size = run.stop - run.start
    around = slice(max(run.start - 1, 0), min(run.stop + 1, len(state.local)))
    padded = np.zeros((size + 2, layout.n_phases))
    first = around.start - run.start + 1
    padded[first : first + around.stop - around.start] = state.local[around, layout.scale]
    return np.stack([padded[row : row + size] for row in range(3)], axis=1)
