"""What scans hold in a joint fit, and what follows while it runs."""

from dataclasses import replace

import numpy as np
import pytest

from tests import stacks
from xrdfit.series.joint import solver
from xrdfit.series.joint.decisions import Regime
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.pose import HeldCells, hold_cells, pose
from xrdfit.series.joint.problem import Blocks, JointProblem, assemble
from xrdfit.series.joint.solver import minimise_joint
from xrdfit.series.state import Status

REFINED = (Status.REFINED, Status.REFINED)
FP_HELD = (Status.REFINED, Status.HELD)


def test_a_held_cell_follows_its_neighbours_and_takes_its_lines_along() -> None:
    known = stacks.known_stack(3, detector="area")
    chain, start = known.chain(), known.truth.copy()
    layout, status = chain.layout, {0: REFINED, 1: FP_HELD, 2: REFINED}
    hold_cells(chain, start, status)
    problem = pose(chain, known.settings, Regime(), start, status)
    held = HeldCells(chain, problem, start, status)
    column = list(layout.local).index(known.model.table.index("FP_a"))
    of_fp, pinned = layout.lines.phase == 1, chain.scans[1].pinned.copy()
    state = start.copy()
    for by, follows in ((1e-9, False), (0.01, True), (0.0, True)):
        state.local[[0, 2], column] = start.local[[0, 2], column] + by
        held.follow(state)
        assert (state.local[1, column] != start.local[1, column]) == (by == 0.01)
        if follows:
            assert state.local[1, column] == pytest.approx(start.local[1, column] + by, abs=1e-12)
        values = state.values(layout, 1)
        np.testing.assert_array_equal(
            chain.scans[1].pinned[of_fp], known.model.place(values, layout.lines).position[of_fp]
        )
    np.testing.assert_allclose(chain.scans[1].pinned, pinned, rtol=1e-14)
    assert np.isnan(chain.scans[1].pinned[~of_fp]).all()
    assert np.isnan(chain.scans[0].pinned).all()


def test_geometry_factors_at_the_end_of_a_fit_are_those_of_its_cells() -> None:
    known = stacks.known_stack(3, detector="area")
    chain = known.chain(known.counts(4))
    start = known.truth.copy()
    cells = [list(chain.layout.local).index(known.model.table.index(name)) for name in ("LFP_a", "FP_c")]
    start.local[:, cells] += 0.02
    chain.with_geometry_of(start)
    taken = [scan.geometry.copy() for scan in chain.scans]
    found = minimise_joint(known.problem(chain), start, renewed=chain.with_geometry_of)
    assert found.converged
    used = [scan.geometry.copy() for scan in chain.scans]
    chain.with_geometry_of(found.state)
    for scan, before, first in zip(chain.scans, used, taken, strict=True):
        assert np.abs(scan.geometry / before - 1.0).max() < 1e-2 * np.abs(scan.geometry / first - 1.0).max()


def test_a_merit_that_geometry_factors_change_does_not_keep_a_fit_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # In a series of thousands of scans that is more than the last steps bring.
    known = stacks.known_stack(3, detector="area")
    chain, start, renewals = known.chain(known.counts(4)), known.truth.copy(), 0

    def taken_again(state: SeriesState) -> SeriesState:
        nonlocal renewals
        renewals += 1
        return state

    def assembled(problem: JointProblem, state: SeriesState) -> Blocks:
        blocks = assemble(problem, state)
        return replace(blocks, merit=blocks.merit + 5e-4 * renewals)

    monkeypatch.setattr(solver, "assemble", assembled)
    straight = minimise_joint(known.problem(chain), start)
    found = minimise_joint(known.problem(chain), start, renewed=taken_again)
    assert found.converged
    assert renewals > 1
    assert found.iterations == straight.iterations
    np.testing.assert_allclose(found.state.local, straight.state.local, rtol=1e-12)
