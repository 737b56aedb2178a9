"""Parameters that expressions tie to others, in the normal equations and errors of a joint fit."""

from dataclasses import replace

import numpy as np
import pytest

from tests import stacks
from xrdfit.data import ParameterOverride
from xrdfit.fit import TiedParameters
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.errors import joint_errors, parameter_covariance
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import assemble
from xrdfit.series.joint.scan import JointScan
from xrdfit.series.joint.solver import minimise_joint

DETECTORS = ["point", "area"]
RATIO = 6.0065 / 10.3290
MIXED = {
    "LFP_b": f"LFP_a * {RATIO}",
    "FP_lorentz_size": "1.2 * LFP_lorentz_size * sqrt(LFP_a / 10.329) + 0.1 * sample_displacement",
}


def with_ties(expressions: dict[str, str], detector: str = "area", n_scans: int = 3) -> tuple[stacks.KnownStack, Chain]:
    """A stack, and its scans at the truth under these expressions, which the truth obeys."""
    overrides = {name: ParameterOverride(expr=expression) for name, expression in expressions.items()}
    overrides["LFP_lorentz_size"] = ParameterOverride(value=0.1)
    known = stacks.known_stack(n_scans, detector=detector, settings=replace(stacks.SETTINGS, overrides=overrides))
    untied = known.chain()
    moving = np.zeros(len(known.model.table), dtype=bool)
    moving[untied.layout.rows] = True
    layout = replace(untied.layout, tied=TiedParameters.of(known.model.table, overrides, moving))
    rows: list[JointScan] = []
    for scan in untied.scans:
        rows.append(scan.with_layout(layout, rows[-1] if rows else None))
    chain = replace(untied, layout=layout, scans=rows)
    expected = np.array([stacks.pattern(chain, known.truth, s) for s in range(n_scans)])
    for row, counts in zip(rows, expected, strict=True):
        stacks.measure_again(row, counts)
    chain.settle(known.truth)
    return known, chain


@pytest.mark.parametrize("detector", DETECTORS)
def test_slope_of_the_merit_is_that_of_difference_quotients(detector: str) -> None:
    known, chain = with_ties(MIXED, detector)
    rng = np.random.default_rng(1)
    for scan in chain.scans:
        stacks.measure_again(scan, rng.poisson(scan.kept.intensity).astype(np.float64))
    problem = known.problem(chain)
    truth = known.truth
    step = stacks.steps(chain)

    def merit(variables: np.ndarray) -> np.ndarray:
        return np.array([assemble(problem, stacks.state_of(variables, truth)).total])

    slope = stacks.differences(merit, stacks.vector(truth), 0.1 * step)[:, 0]
    matrix, right = stacks.dense(assemble(replace(problem), truth))
    n = right.size - chain.layout.intensities.start.size
    expected = -2.0 * right[:n]
    esd = 1.0 / np.sqrt(np.diag(matrix)[:n])
    np.testing.assert_allclose(slope[:n] * esd, expected * esd, atol=2e-3)
    assert np.abs(expected * esd).max() > 0.5


@pytest.mark.parametrize("detector", DETECTORS)
def test_errors_are_those_of_a_fit_with_fewer_variables(detector: str) -> None:
    known, chain = with_ties({"LFP_b": MIXED["LFP_b"], "FP_lorentz_size": "LFP_lorentz_size"}, detector)
    free = stacks.known_stack(3, detector=detector)
    # The same truth where everything moves by itself, and the map from the one's variables to the other's.
    whole, layout = free.chain(), chain.layout
    wide = whole.layout
    n, n_wide = layout.n_local, wide.n_local
    size = 3 * n + layout.n_shared
    values = [known.truth.values(layout, s) for s in range(3)]
    local = np.zeros((3, n_wide))
    local[:, : wide.local.size] = np.array(values)[:, wide.local]
    local[:, wide.scale] = known.truth.local[:, layout.scale]
    shared = np.concatenate([np.array(values)[0, wide.series], known.truth.shared[layout.series.size :]])
    state = SeriesState(local, shared, known.truth.fixed)
    through = np.zeros((3 * n_wide + wide.n_shared, size))
    places = [*wide.local, *(-1 - np.arange(2))]
    own = [*layout.local, *(-1 - np.arange(2))]
    for s in range(3):
        for i, row in enumerate(places):
            tied = known.model.table.names[row] == "LFP_b" and row >= 0
            source = known.model.table.index("LFP_a") if tied else row
            through[s * n_wide + i, s * n + own.index(source)] = RATIO if tied else 1.0
    for i, row in enumerate(wide.series):
        source = known.model.table.index("LFP_lorentz_size") if row not in layout.series else row
        through[3 * n_wide + i, 3 * n + list(layout.series).index(source)] = 1.0
    rest = layout.n_shared - layout.series.size
    through[3 * n_wide + wide.series.size :, 3 * n + layout.series.size :] = np.eye(rest)
    for scan, like in zip(whole.scans, chain.scans, strict=True):
        stacks.measure_again(scan, like.kept.intensity)
    whole.settle(state)
    everything, _ = stacks.dense(assemble(free.problem(whole), state))
    matrix, _ = stacks.dense(assemble(known.problem(chain), known.truth))
    expected = through.T @ everything @ through
    unit = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(matrix / unit, expected / unit, atol=1e-7)

    solution = minimise_joint(known.problem(chain), known.truth)
    errors = joint_errors(chain, solution, known.settings)
    covariance = np.linalg.inv(expected / unit) / unit
    for s in range(3):
        found = parameter_covariance(chain, s, solution, errors)
        wanted = through[s * n_wide : s * n_wide + wide.local.size] @ covariance
        wanted = wanted @ through[s * n_wide : s * n_wide + wide.local.size].T
        got = found[np.ix_(wide.local, wide.local)]
        esd = np.sqrt(np.diag(wanted))
        np.testing.assert_allclose(got / np.outer(esd, esd), wanted / np.outer(esd, esd), atol=1e-4)
        names = list(known.model.table.names)
        one, other = names.index("FP_lorentz_size"), names.index("LFP_lorentz_size")
        assert found[one, one] == pytest.approx(found[other, other]) and found[one, one] > 0.0


@pytest.mark.parametrize("detector", DETECTORS)
def test_fit_under_expressions_that_are_not_linear_comes_back_to_the_truth(detector: str) -> None:
    known, chain = with_ties(MIXED, detector)
    layout, names = chain.layout, known.model.table.names
    start = known.truth.copy()
    start.local[:, list(layout.local).index(names.index("LFP_a"))] += 3e-3
    start.shared[list(layout.series).index(names.index("LFP_lorentz_size"))] *= 1.3
    solution = minimise_joint(known.problem(chain), start)
    assert solution.converged
    esd = np.sqrt(1.0 / np.diag(stacks.dense(solution.blocks)[0]))
    apart = (stacks.vector(solution.state) - stacks.vector(known.truth)) * 1.0 / esd
    assert np.abs(apart).max() < 0.05


def test_a_step_to_where_an_expression_has_no_value_is_not_taken() -> None:
    known, chain = with_ties({"FP_lorentz_size": "0.12 * sqrt((LFP_lorentz_size - 0.0999) / 0.0001)"}, n_scans=2)
    row = list(chain.layout.series).index(known.model.table.index("LFP_lorentz_size"))
    beyond = known.truth.copy()
    beyond.shared[row] = 0.0998
    assert np.isinf(assemble(known.problem(chain), beyond).merit).all()
    start = known.truth.copy()
    start.shared[row] = 0.09991
    solution = minimise_joint(known.problem(chain), start)
    assert solution.converged and np.isfinite(solution.blocks.total)
    assert solution.state.shared[row] == pytest.approx(known.truth.shared[row], abs=2e-6)
    # Where it begins without a value, it ends without one, and says so.
    lost = minimise_joint(known.problem(chain), beyond)
    assert not lost.converged
