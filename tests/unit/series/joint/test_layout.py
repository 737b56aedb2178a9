"""Which variable of a joint fit lives where."""

from dataclasses import replace

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.data import Drift, ParameterOverride, RefineSettings
from xrdfit.series.joint.layout import Layout, SeriesState

SETTINGS = replace(stacks.SETTINGS, drift={"sample_displacement": Drift(order=2)})


def layout_of(*, deviations: bool = False, settings: RefineSettings = SETTINGS) -> tuple[Layout, SeriesState]:
    known = stacks.known_stack(deviations=deviations, settings=settings)
    return known.chain().layout, known.truth


@pytest.mark.parametrize("deviations", [False, True])
def test_every_variable_has_a_place_of_its_own(deviations: bool) -> None:
    layout, _ = layout_of(deviations=deviations)
    local = [np.arange(layout.local.size), np.arange(layout.n_local)[layout.scale]]
    local.append(np.arange(layout.n_local)[layout.deviation])
    assert np.concatenate(local).tolist() == list(range(layout.n_local))
    shared = [np.arange(layout.series.size), *(np.arange(layout.n_shared)[where] for where in layout.drift_slices)]
    shared.append(np.arange(layout.n_shared)[layout.intensity])
    assert np.concatenate(shared).tolist() == list(range(layout.n_shared))
    assert layout.deviation.stop - layout.deviation.start == (layout.n_lines if deviations else 0)


def test_shared_variables_have_one_name_each_in_their_order() -> None:
    layout, _ = layout_of()
    names = layout.shared_names
    assert len(names) == len(set(names)) == layout.n_shared
    assert names[:2] == ("LFP_lorentz_size", "FP_lorentz_size")
    assert names[layout.drift_slices[0]] == tuple(f"sample_displacement[{j}]" for j in range(3))
    assert names[layout.intensity] == layout.intensities.names


def test_no_parameter_moves_in_two_scopes() -> None:
    layout, _ = layout_of()
    drifting = {row for row, _ in layout.drifts}
    assert not set(layout.local) & set(layout.series) and not drifting & (set(layout.local) | set(layout.series))


def test_values_of_a_scan_are_its_own_the_series_and_those_of_its_moment() -> None:
    layout, state = layout_of()
    index, table = layout.model.table.index, layout.model.table
    state.local[2, list(layout.local).index(index("FP_b"))] = 5.8
    state.shared[list(layout.series).index(index("LFP_lorentz_size"))] = 0.17
    state.shared[layout.drift_slices[0]] = [0.03, 0.006, -0.002]
    state.fixed[:, index("transparency")] = 0.04
    # Legendre over the record of four scans: the third stands at one third of its half.
    at = 1.0 / 3.0
    values = dict(zip(table.names, state.values(layout, 2), strict=True))
    assert values["FP_b"] == 5.8
    assert values["LFP_lorentz_size"] == 0.17
    assert values["sample_displacement"] == pytest.approx(0.03 + 0.006 * at - 0.002 * (1.5 * at**2 - 0.5), rel=1e-12)
    assert values["transparency"] == 0.04
    assert state.values(layout, 1)[index("FP_b")] != 5.8


def test_factors_are_what_the_variables_of_a_scan_do_to_its_values() -> None:
    layout, state = layout_of()
    n_table = layout.n_shared - layout.intensities.start.size
    for scan in range(4):
        factors, before = layout.factors(scan), state.values(layout, scan)
        assert factors.size == layout.rows.size == layout.local.size + n_table
        for variable, (row, factor) in enumerate(zip(layout.rows, factors, strict=True)):
            moved = state.copy()
            if variable < layout.local.size:
                moved.local[scan, variable] += 0.5
            else:
                moved.shared[variable - layout.local.size] += 0.5
            change = moved.values(layout, scan) - before
            assert change[row] == pytest.approx(0.5 * factor, abs=1e-12)
            assert np.count_nonzero(change) <= 1


def test_a_state_and_its_copy_move_apart() -> None:
    _, state = layout_of()
    copied = state.copy()
    before = stacks.vector(state)
    copied.local += 1.0
    copied.shared += 1.0
    assert np.array_equal(stacks.vector(state), before)


def test_a_phase_has_its_cell_its_scale_and_its_lines() -> None:
    layout, _ = layout_of(deviations=True)
    one, other = layout.of_phase(0), layout.of_phase(1)
    assert not (one & other).any()
    names = layout.model.table.names
    assert {names[row] for row in layout.local[one[: layout.local.size]]} == {"LFP_a", "LFP_b", "LFP_c"}
    assert one[layout.scale].tolist() == [True, False]
    assert np.array_equal(one[layout.deviation], layout.lines.phase == 0)
    neither = layout.local[~(one | other)[: layout.local.size]]
    assert {names[row] for row in neither} == {"background_c0", "background_c1"}


def test_limits_are_the_tables_unless_the_user_says_otherwise() -> None:
    layout, _ = layout_of(deviations=True)
    said = {
        "LFP_a": ParameterOverride(min=10.2),
        "FP_lorentz_size": ParameterOverride(min=0.05, max=0.3),
    }
    lower, upper, shared_lower, shared_upper = layout.limits(said)
    table, local, series = layout.model.table, list(layout.local), list(layout.series)
    first = local.index(table.index("LFP_a"))
    assert (lower[first], upper[first]) == (10.2, table.specs[table.index("LFP_a")].upper)
    second = series.index(table.index("FP_lorentz_size"))
    assert (shared_lower[second], shared_upper[second]) == (0.05, 0.3)
    third = series.index(table.index("LFP_lorentz_size"))
    assert shared_lower[third] == 0.0
    # A phase that is not there has a scale about zero, on either side of it; a line has no less than nothing.
    assert (lower[layout.scale] == -np.inf).all()
    assert (lower[layout.deviation] == 0.0).all() and (upper[layout.deviation] == np.inf).all()
    assert (shared_lower[layout.intensity] == 0.0).all()


def test_a_drift_keeps_its_mean_within_the_limits_and_swings_by_no_more_than_their_distance() -> None:
    layout, _ = layout_of()
    _, _, lower, upper = layout.limits({"sample_displacement": ParameterOverride(min=-0.1, max=0.3)})
    row = layout.model.table.index("sample_displacement")
    (where,) = [
        place for (drifting, _), place in zip(layout.drifts, layout.drift_slices, strict=True) if drifting == row
    ]
    np.testing.assert_allclose(lower[where], [-0.1, -0.2, -0.2])
    np.testing.assert_allclose(upper[where], [0.3, 0.2, 0.2])
    splines = replace(SETTINGS, drift={"sample_displacement": Drift(knots=1)})
    spline = stacks.known_stack(5, settings=splines).chain().layout
    _, _, lower, upper = spline.limits({"sample_displacement": ParameterOverride(min=-0.1, max=0.3)})
    assert (lower[spline.drift_slices[0]] == -0.1).all() and (upper[spline.drift_slices[0]] == 0.3).all()


def test_phase_without_lines_or_parameters_in_play_is_no_matter() -> None:
    known = stacks.known_stack(phases=(scans.LFP,))
    assert known.chain().layout.n_phases == 1
    assert known.chain().layout.of_phase(0).sum() == 4
