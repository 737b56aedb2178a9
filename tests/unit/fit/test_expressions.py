"""Parameters that expressions tie to others, scan after scan."""

import numpy as np
import pytest

from tests import scans
from xrdfit.data import ParameterOverride
from xrdfit.errors import InputError
from xrdfit.fit import TiedParameters
from xrdfit.model import PatternModel

MODEL = scans.two_phase_model(scans.LFP, scans.FP)
NAMES = MODEL.table.names


def tied(model: PatternModel = MODEL, *, moving: tuple[str, ...] = NAMES, **expressions: str) -> TiedParameters:
    overrides = {name: ParameterOverride(expr=expression) for name, expression in expressions.items()}
    made = TiedParameters.of(model.table, overrides, np.isin(model.table.names, moving))
    assert made is not None
    return made


def values(**changed: float) -> np.ndarray:
    return scans.parameters(MODEL, **{**scans.TRUE, **changed})


def test_no_expression_no_ties() -> None:
    overrides = {"LFP_a": ParameterOverride(min=10.0), "FP_a": ParameterOverride(value=9.8)}
    assert TiedParameters.of(MODEL.table, overrides, np.ones(len(NAMES), dtype=bool)) is None


def test_expressions_over_cells_sizes_displacement_and_numbers_are_evaluated_scan_by_scan() -> None:
    ties = tied(LFP_b="LFP_a * 0.5815", FP_lorentz_size="LFP_lorentz_size + 2 * sample_displacement ** 2")
    for a, size in ((10.3, 0.1), (10.4, 0.2), (10.3, 0.1)):
        given = values(LFP_a=a, LFP_lorentz_size=size)
        found = ties.values(given)
        assert found[NAMES.index("LFP_b")] == a * 0.5815
        assert found[NAMES.index("FP_lorentz_size")] == pytest.approx(size + 2.0 * 0.035**2, rel=1e-14)
        others = ~np.isin(NAMES, ["LFP_b", "FP_lorentz_size"])
        np.testing.assert_array_equal(found[others], given[others])


def test_parameters_that_do_not_move_count_with_the_values_of_their_scan() -> None:
    ties = tied(moving=("LFP_a",), LFP_b="LFP_a * 0.5 + zero_shift")
    for shift in (0.0, 0.3):
        given = values(zero_shift=shift)
        row = NAMES.index("LFP_b")
        assert ties.values(given)[row] == pytest.approx(given[NAMES.index("LFP_a")] * 0.5 + shift)
        assert ties.derivative(given)[row, NAMES.index("LFP_a")] == pytest.approx(0.5)


def test_derivative_goes_through_expressions_of_expressions() -> None:
    ties = tied(
        FP_lorentz_size="sqrt(LFP_lorentz_size) * LFP_a / 10", FP_gauss_strain="FP_lorentz_size ** 2 + zero_shift"
    )
    given = values()
    a, size = given[NAMES.index("LFP_a")], given[NAMES.index("LFP_lorentz_size")]
    own = 0.1 * np.sqrt(size) * a
    expected = np.eye(len(NAMES))
    expected[:, [NAMES.index("FP_lorentz_size"), NAMES.index("FP_gauss_strain")]] = 0.0
    by = {"LFP_lorentz_size": 0.05 * a / np.sqrt(size), "LFP_a": 0.1 * np.sqrt(size)}
    for name, slope in by.items():
        expected[NAMES.index("FP_lorentz_size"), NAMES.index(name)] = slope
        expected[NAMES.index("FP_gauss_strain"), NAMES.index(name)] = 2.0 * own * slope
    expected[NAMES.index("FP_gauss_strain"), NAMES.index("zero_shift")] = 1.0
    np.testing.assert_allclose(ties.derivative(given), expected, rtol=1e-7, atol=1e-9)
    sources = {
        NAMES[row]: {NAMES[i] for i in np.flatnonzero(s)} for row, s in zip(ties.rows, ties.sources, strict=True)
    }
    assert sources == {
        "FP_lorentz_size": {"LFP_lorentz_size", "LFP_a"},
        "FP_gauss_strain": {"LFP_lorentz_size", "LFP_a", "zero_shift"},
    }


@pytest.mark.parametrize("expression", ["sqrt(LFP_lorentz_size - 0.05)", "1 / max(LFP_lorentz_size - 0.05, 0) * 1e-3"])
def test_an_expression_without_a_value_is_no_number_and_comes_back(expression: str) -> None:
    overrides = {
        "LFP_lorentz_size": ParameterOverride(value=0.1),
        "FP_lorentz_size": ParameterOverride(expr=expression),
    }
    ties = TiedParameters(MODEL.table, overrides, np.ones(len(NAMES), dtype=bool))
    row = NAMES.index("FP_lorentz_size")
    before = ties.values(values(LFP_lorentz_size=0.1))[row]
    assert np.isfinite(before)
    assert np.isnan(ties.values(values(LFP_lorentz_size=0.04))[row])
    assert ties.values(values(LFP_lorentz_size=0.1))[row] == before


def test_slope_at_the_edge_of_where_an_expression_has_a_value_is_taken_from_inside() -> None:
    ties = tied(FP_lorentz_size="abs(LFP_lorentz_size - 0.05) + 0 * sqrt(LFP_lorentz_size - 0.05)")
    slope = ties.derivative(values(LFP_lorentz_size=0.05))
    assert slope[NAMES.index("FP_lorentz_size"), NAMES.index("LFP_lorentz_size")] == pytest.approx(1.0)


def test_an_expression_of_unknown_names_is_bad_input() -> None:
    with pytest.raises(InputError, match="cannot evaluate the constraint"):
        tied(FP_lorentz_size="LFP_size * 2")
