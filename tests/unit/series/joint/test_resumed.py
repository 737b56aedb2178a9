"""A fit that goes on where a rough one left off, and the last step of one, which nobody looks at."""

from dataclasses import replace

import numpy as np
import pytest

from tests import stacks
from xrdfit.series.joint.decisions import Regime
from xrdfit.series.joint.problem import Blocks, assemble
from xrdfit.series.joint.resumed import RoughFit
from xrdfit.series.joint.solver import minimise_joint
from xrdfit.series.state import Status

BOTH = (Status.REFINED, Status.REFINED)
OF_SCANS = ("diagonal", "below", "border", "right", "merit")


@pytest.fixture(params=["point", "area"])
def known(request: pytest.FixtureRequest) -> stacks.KnownStack:
    return stacks.known_stack(12, detector=request.param)


def rough_fit(known: stacks.KnownStack) -> RoughFit:
    chain = known.chain(known.counts(4))
    start = known.truth.copy()
    start.local[:, chain.layout.scale] *= 1.05
    solution = minimise_joint(known.problem(chain), start, tolerance=0.1, left_over=0.1)
    return RoughFit(chain=chain, regime=Regime(), status=dict.fromkeys(range(12), BOTH), solution=solution)


def assert_like(found: Blocks | None, expected: Blocks) -> None:
    assert found is not None
    for name in OF_SCANS:
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * np.abs(other).max(initial=0.0), err_msg=name)
    assert found.quasi_deviance == pytest.approx(expected.quasi_deviance, rel=1e-12)


def test_equations_of_scans_that_have_changed_are_those_of_where_they_are_now(known: stacks.KnownStack) -> None:
    rough = rough_fit(known)
    problem, start = known.problem(rough.chain), rough.solution.state.copy()
    # Two that stand together and one that does not; with a sweep their neighbours answer, too.
    start.local[[3, 4, 9], rough.chain.layout.scale.start] *= 1.1
    corner = rough.solution.blocks.corner.copy()
    found = rough.equations(rough.chain, rough.regime, problem, start, rough.status)
    assert_like(found, assemble(problem, start))
    np.testing.assert_array_equal(found.corner, corner)


def test_a_scan_whose_phase_comes_or_goes_has_changed_though_its_variables_have_not(known: stacks.KnownStack) -> None:
    rough = rough_fit(known)
    problem, start = known.problem(rough.chain), rough.solution.state.copy()
    rough.chain.scans[5].geometry = 1.1 * rough.chain.scans[5].geometry
    before = assemble(problem, start)
    status = rough.status | {5: (Status.REFINED, Status.HELD)}
    found = rough.equations(rough.chain, rough.regime, problem, start, status)
    assert_like(found, before)


@pytest.mark.parametrize("what", ["another chain", "another regime", "other shared variables", "most scans"])
def test_equations_of_something_else_are_not_taken(known: stacks.KnownStack, what: str) -> None:
    rough = rough_fit(known)
    chain, regime, start = rough.chain, rough.regime, rough.solution.state.copy()
    if what == "another chain":
        chain = known.chain(known.counts(4))
    elif what == "another regime":
        regime = Regime(spread=np.array([0.1, 0.1]))
    elif what == "other shared variables":
        start.shared[0] += 1e-9
    else:
        start.local[:7, 0] += 1e-9
    assert rough.equations(chain, regime, known.problem(chain), start, rough.status) is None


def test_a_fit_that_begins_with_given_equations_ends_where_others_do(known: stacks.KnownStack) -> None:
    rough = rough_fit(known)
    problem, start = known.problem(rough.chain), rough.solution.state.copy()
    start.local[[3, 9], rough.chain.layout.scale.start] *= 1.1
    straight = minimise_joint(problem, start)
    begun = rough.equations(rough.chain, rough.regime, problem, start, rough.status)
    resumed = minimise_joint(problem, start, begun=begun)
    assert resumed.converged
    esd = np.sqrt(np.linalg.inv(straight.blocks.diagonal).diagonal(axis1=1, axis2=2))
    assert (np.abs(resumed.state.local - straight.state.local) / esd).max() < 3e-3


@pytest.mark.parametrize("seed", range(6))
def test_after_a_last_step_that_was_not_looked_at_the_merit_is_what_it_says(
    known: stacks.KnownStack, seed: int
) -> None:
    chain = known.chain(known.counts(seed))
    problem, start = known.problem(chain), known.truth.copy()
    start.local[:, chain.layout.scale] *= 1.2
    found = minimise_joint(problem, start)
    looked_at = assemble(problem, found.state)
    assert found.converged
    assert found.blocks.total == pytest.approx(looked_at.total, abs=1e-4)
    assert found.blocks.quasi_deviance == pytest.approx(looked_at.quasi_deviance, abs=1e-4)
    # Its errors are those of the answer, too.
    for one, other in ((found.blocks.diagonal, looked_at.diagonal), (found.blocks.corner, looked_at.corner)):
        np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-3 * np.abs(other).max())


def test_equations_that_are_let_go_of_leave_the_merits(known: stacks.KnownStack) -> None:
    blocks = rough_fit(known).solution.blocks
    left = blocks.without_equations()
    assert left.total == blocks.total
    assert replace(left, merit=blocks.merit - 1.0).total == pytest.approx(blocks.total - 12.0)
    assert left.lowered(np.full(13, 0.5)).total == pytest.approx(blocks.total - 6.5)
