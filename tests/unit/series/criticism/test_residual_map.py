"""Where lines are, and what of a scan lies clear of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xrdfit.series.criticism.residual_map import clear_of, covering, side_by_side

GRID = np.linspace(20.0, 30.0, 101)
PLACES = st.lists(st.one_of(st.floats(18.0, 32.0), st.just(np.nan)), max_size=6)


@given(rows=st.lists(PLACES, min_size=1, max_size=4), reach=st.floats(0.01, 3.0))
def test_a_bin_is_clear_of_lines_that_are_further_away_than_their_reach(rows: list[list[float]], reach: float) -> None:
    table = side_by_side([np.array(row) for row in rows])
    found = clear_of(GRID, table, reach)
    for own, row in zip(found, rows, strict=True):
        lines = np.array([place for place in row if np.isfinite(place)])
        distance = np.abs(GRID[:, None] - lines).min(axis=1, initial=np.inf)
        sure = np.abs(distance - reach) > 1e-9
        np.testing.assert_array_equal(own[sure], (distance > reach)[sure])


@pytest.mark.parametrize("reach", [np.nan, np.inf])
def test_of_lines_whose_width_nobody_knows_nothing_is_clear(reach: float) -> None:
    table = side_by_side([np.array([25.0]), np.array([np.nan]), np.array([])])
    np.testing.assert_array_equal(clear_of(GRID, table, reach), np.array([[False], [True], [True]]).repeat(101, axis=1))


@given(
    stretches=st.lists(st.tuples(st.floats(18.0, 32.0), st.floats(-1.0, 8.0), st.floats(0.1, 1e6)), max_size=6),
)
def test_stretches_add_up_where_they_overlap_and_leave_nothing_beyond_their_ends(
    stretches: list[tuple[float, float, float]],
) -> None:
    first, length, height = (np.array([[s[i] for s in stretches]]) for i in range(3))
    found = covering(GRID, first, first + length, height)[0]
    count = covering(GRID, first, first + length)[0]
    inside = (first.T <= GRID) & ((first + length).T >= GRID)
    np.testing.assert_array_equal(count, inside.sum(axis=0))
    np.testing.assert_allclose(found, height[0] @ inside, rtol=1e-9, atol=1e-9 * height.sum())
