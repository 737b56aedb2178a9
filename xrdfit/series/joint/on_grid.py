"""What the scans of a joint fit have in common where they were measured at the same angles."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import current_thread, main_thread
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.problem import Problem
from xrdfit.kernels.series_block import BlockWork, make_block_work
from xrdfit.series.joint.layout import Layout
from xrdfit.series.kept import KeptScan


class FilledRows(NamedTuple):
    """What fills the rows of a scan's normal equations: buffers, slots that these touch, the row of each slot."""

    work: BlockWork
    used_slots: NDArray[np.int64]
    row_of_slot: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnGrid:
    """Of scans on one grid, whatever the chain, with layouts of the same variables.

    Attributes
    ----------
    problem : that of any of them, but for what was measured and the copies that a spread beam makes of lines.
    rows : all rows of the normal equations. own_rows : those of a scan's own variables alone, within the same buffers.
    unpinned : (m, n_lines) of a scan whose lines all move. untied : (m,) weights of lines that nothing binds.
    at_once : (1, n) share of points that were all read at once.
    """

    problem: Problem
    rows: FilledRows
    own_rows: FilledRows
    unpinned: NDArray[np.float64]
    untied: NDArray[np.float64]
    at_once: NDArray[np.float64]
    _spare: deque[BlockWork] = field(default_factory=deque, init=False, repr=False)

    @contextmanager
    def lent(self) -> Iterator[BlockWork]:
        """Buffers for all rows that no other thread fills meanwhile."""
        if current_thread() is main_thread():
            yield self.rows.work
            return
        try:
            work = self._spare.pop()
        except IndexError:
            work = BlockWork(*(buffer.copy() for buffer in self.rows.work))
        try:
            yield work
        finally:
            self._spare.append(work)

    @classmethod
    def of(cls, layout: Layout, kept: KeptScan, *, swept: bool) -> OnGrid:
        """swept : whether a scan has a say in the scales of its neighbours."""
        problem = layout.model.problem(kept.points, kept.noise, layout.lines, may_spread=layout.may_spread)
        n_own = layout.n_local + (2 * layout.n_phases if swept else 0)
        used_slots, row_of_slot = _slots_in_use(layout, layout.touched)
        work = make_block_work(problem, used_slots.size, n_own + layout.n_shared)
        own_slots, own_row_of_slot = _slots_in_use(layout, layout.touched_locally)
        own = work._replace(
            by_used_slot=work.by_used_slot[: own_slots.size],
            of_one_phase=work.of_one_phase[: own_slots.size],
            rows=work.rows[:n_own],
            gram=np.empty((n_own, n_own)),
            right=work.right[:n_own],
        )
        return cls(
            problem=problem,
            rows=FilledRows(work, used_slots, row_of_slot),
            own_rows=FilledRows(own, own_slots, own_row_of_slot),
            unpinned=np.full((layout.n_lines, problem.wavelength.size), np.nan),
            untied=np.zeros(layout.n_lines),
            at_once=np.ones((1, problem.two_theta.size)),
        )


def _slots_in_use(layout: Layout, touched: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The slots that parameters `touched` (n_parameters,) have a say in, and for every slot its row, -1 without one."""
    in_use = np.abs(layout.model.table.slot_mapping[:, touched]).sum(axis=1) > 0.0
    return np.flatnonzero(in_use), np.where(in_use, np.cumsum(in_use) - 1, -1).astype(np.int64)
