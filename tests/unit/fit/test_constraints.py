"""Constraint expressions: values, derivatives, and esds by the chain rule."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import ParameterOverride, RefineSettings
from xrdfit.errors import InputError
from xrdfit.fit import lmfit_parameters, start_values
from xrdfit.fit.parameters import Constraints
from xrdfit.model import Background, Instrument, PatternModel

SOLVERS = ("compiled", "leastsq")
X = np.linspace(10.0, 30.0, 41)
T = (X - 20.0) / 10.0


def straight_line(expression: str, course: np.ndarray, solver: str) -> tuple[dict, np.ndarray]:
    """Fit ``c0 + c1 t`` with c1 tied, sigma 2 at every point; returns {name: (value, esd)}."""
    model = PatternModel.of(Instrument.k_alpha("Cu"), (), Background(terms=2))
    scan = scans.KnownScan(
        model=model,
        values=scans.parameters(model, background_c0=3.0),
        lines=model.choose_lines(model.table.defaults(), X, ()),
        areas=np.empty(0),
        expected=course,
        two_theta=X,
    )
    settings = RefineSettings(
        solver=solver, esd_scaling="none", overrides={"background_c1": ParameterOverride(expr=expression)}
    )
    fit = scans.refine(scan, course, settings, sigma=np.full(X.size, 2.0), vary=model.table.where("background"))
    assert fit.success
    return {n: (v, e) for n, v, e in zip(model.table.names, fit.values, fit.esd, strict=True)}, fit.covariance


@pytest.mark.parametrize("solver", SOLVERS)
def test_linear_constraint_gives_the_esds_of_the_case_worked_by_hand(solver: str) -> None:
    # y = c0 (1 + 3 t), so 1 / var(c0) = sum (1 + 3 t)^2 / sigma^2 and esd(c1) = 3 esd(c0).
    noise = np.random.default_rng(4).normal(scale=2.0, size=X.size)
    found, _ = straight_line("3 * background_c0", 5.0 * (1.0 + 3.0 * T) + noise, solver)
    row = 1.0 + 3.0 * T
    esd = 2.0 / np.sqrt(np.sum(row**2))
    assert found["background_c0"][0] == pytest.approx(5.0 + noise @ row / (row @ row), abs=1e-3 * esd)
    assert found["background_c0"][1] == pytest.approx(esd, rel=1e-8)
    assert found["background_c1"][1] == pytest.approx(3.0 * esd, rel=1e-8)
    # At face value, the constraint not differentiated, the esd would be that of a constant: more than twice as large.
    assert 2.0 / np.sqrt(X.size) > 1.9 * esd


@pytest.mark.parametrize("solver", SOLVERS)
def test_quadratic_constraint_gives_the_esds_of_the_case_worked_by_hand(solver: str) -> None:
    # y = c0 + c0^2 t with c0 = 4: dy/dc0 = 1 + 8 t, esd(c1) = 8 esd(c0).
    found, covariance = straight_line("background_c0**2", 4.0 + 16.0 * T, solver)
    esd = 2.0 / np.sqrt(np.sum((1.0 + 8.0 * T) ** 2))
    assert found["background_c0"][0] == pytest.approx(4.0, abs=1e-3 * esd)
    assert found["background_c1"][0] == pytest.approx(16.0, abs=8e-3 * esd)
    assert found["background_c0"][1] == pytest.approx(esd, rel=1e-4)
    assert found["background_c1"][1] == pytest.approx(8.0 * esd, rel=1e-4)
    assert covariance.shape == (1, 1)


def tied(**expressions: str) -> tuple[PatternModel, Constraints]:
    model = scans.two_phase_model()
    overrides = {name: ParameterOverride(expr=expression) for name, expression in expressions.items()}
    values = scans.parameters(model, **scans.TRUE)
    return model, Constraints(lmfit_parameters(model.table, values, scans.usual(model), overrides))


@pytest.mark.parametrize(
    ("expression", "slope"),
    [
        ("1.2 * LFP_a", 1.2),
        ("sqrt(LFP_a)", 0.5 / np.sqrt(10.329)),
        ("LFP_a**2 / 20", 10.329 / 10.0),
        ("abs(-LFP_a)", 1.0),
        ("max(LFP_a, 3)", 1.0),
        ("LFP_a if LFP_a > 3 else 3", 1.0),
        ("5.0", 0.0),
    ],
)
def test_derivative_through_an_expression_is_the_analytic_one(expression: str, slope: float) -> None:
    model, constraints = tied(FP_a=expression)
    derivative = constraints.derivative()
    row, column = model.table.index("FP_a"), constraints.varied_names.index("LFP_a")
    assert derivative[row, column] == pytest.approx(slope, rel=1e-9)
    others = np.delete(derivative[row], column)
    assert not others.any()


def test_derivative_runs_through_a_chain_of_expressions() -> None:
    model, constraints = tied(FP_a="FP_b * 1.7", FP_b="LFP_b**2 / 6")
    column = constraints.varied_names.index("LFP_b")
    derivative = constraints.derivative()[:, column]
    assert derivative[model.table.index("FP_b")] == pytest.approx(2.0 * 6.0065 / 6.0, rel=1e-9)
    assert derivative[model.table.index("FP_a")] == pytest.approx(1.7 * 2.0 * 6.0065 / 6.0, rel=1e-9)


def test_taking_a_derivative_leaves_the_parameters_as_they_were() -> None:
    _, constraints = tied(FP_a="0.95 * LFP_a")
    before = constraints.values()
    constraints.derivative()
    np.testing.assert_array_equal(constraints.values(), before)


def test_tied_parameter_of_something_held_is_not_printed_as_measured() -> None:
    scan = scans.reference_scan()
    vary = scans.usual(scan.model)
    vary[scan.model.table.index("FP_a")] = False
    settings = RefineSettings(overrides={"FP_c": ParameterOverride(expr="FP_a * 0.4872")})
    fit = scans.refine(scan, scan.counts(0), settings, vary=vary)
    assert np.isnan(fit.esd[scan.model.table.index("FP_c")])


@pytest.mark.parametrize(
    ("expressions", "reason"),
    [
        ({"LFP_b": "0.58 * nowhere"}, "nowhere"),
        ({"LFP_b": "0.58 * ("}, "E132"),
        ({"LFP_b": "sqrt(-LFP_a)"}, "E132"),
        ({"LFP_b": "LFP_b * 1.0"}, "depends on itself"),
        ({"FP_b": "LFP_b * 0.96", "LFP_b": "FP_b / 0.96"}, "depends on itself"),
    ],
)
def test_expression_that_cannot_be_evaluated_is_an_input_error(expressions: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        tied(**expressions)


def test_limits_that_leave_no_room_are_an_input_error() -> None:
    model = scans.two_phase_model()
    overrides = {"LFP_a": ParameterOverride(min=11.0, max=10.0)}
    with pytest.raises(InputError, match="E131"):
        lmfit_parameters(model.table, model.table.defaults(), scans.usual(model), overrides)


def test_unknown_parameter_and_start_outside_its_limits_are_named_together() -> None:
    table = scans.two_phase_model().table
    overrides = {"LFP_q": ParameterOverride(value=1.0), "LFP_a": ParameterOverride(value=20.0)}
    with pytest.raises(InputError, match=r"(?s)E133.*E134|E134.*E133") as caught:
        start_values(table, overrides)
    assert len(caught.value.problems) == 2


def test_start_values_of_the_recipe_replace_the_defaults() -> None:
    table = scans.two_phase_model().table
    values = start_values(table, {"LFP_a": ParameterOverride(value=10.3)})
    assert values[table.index("LFP_a")] == 10.3
    assert values[table.index("FP_a")] == 9.8142


def test_parameter_that_enters_squared_starts_off_zero_only_if_it_is_free() -> None:
    model = scans.two_phase_model()
    name = "LFP_gauss_strain"
    free = np.array([known == name for known in model.table.names])
    assert lmfit_parameters(model.table, model.table.defaults(), free, {})[name].value > 0.0
    assert lmfit_parameters(model.table, model.table.defaults(), ~free, {})[name].value == 0.0
