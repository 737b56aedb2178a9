"""What the scans around a scan say of it."""

import numpy as np

from xrdfit.series.joint.neighbours import between_neighbours

TIME = np.array([0.0, 1.0, 2.5, 4.0, 5.0, 9.0, 10.0, 11.0, 14.0])


def masks(*unknown: int) -> np.ndarray:
    known = np.ones(TIME.size, dtype=bool)
    known[list(unknown)] = False
    return known


def test_known_scans_keep_what_they_have() -> None:
    values = np.random.default_rng(0).standard_normal((TIME.size, 2))
    known = masks(2, 3, 7)
    assert np.array_equal(between_neighbours(TIME, values, known)[known], values[known])


def test_what_goes_evenly_with_time_is_put_exactly_where_it_would_be() -> None:
    true = np.column_stack([4.69 + 1e-3 * TIME, 10.3 - 2e-3 * TIME])
    for unknown in ((4,), (3, 4, 5), (1, 4, 7)):
        values = true.copy()
        values[list(unknown)] = 99.0
        np.testing.assert_allclose(between_neighbours(TIME, values, masks(*unknown)), true, rtol=1e-13)


def test_a_scan_between_two_known_ones_stands_nearer_to_the_nearer() -> None:
    time = np.array([0.0, 1.0, 4.0])
    found = between_neighbours(time, np.array([[0.0], [77.0], [8.0]]), np.array([True, False, True]))
    assert found[1, 0] == 2.0


def test_known_ones_on_one_side_leave_their_mean_and_are_not_run_on() -> None:
    values = np.arange(TIME.size, dtype=float)[:, None]
    found = between_neighbours(TIME, values, masks(7, 8))
    np.testing.assert_allclose(found[7:, 0], np.mean([4.0, 5.0, 6.0]))
    found = between_neighbours(TIME, values, masks(0))
    assert found[0, 0] == np.mean([1.0, 2.0, 3.0])


def test_an_unknown_scan_does_not_speak_for_another() -> None:
    values = np.zeros((TIME.size, 1))
    values[[3, 4]] = 1e6
    assert np.abs(between_neighbours(TIME, values, masks(3, 4))).max() == 0.0


def test_where_nothing_is_known_nothing_is_changed() -> None:
    values = np.random.default_rng(1).standard_normal((TIME.size, 3))
    assert np.array_equal(between_neighbours(TIME, values, np.zeros(TIME.size, dtype=bool)), values)


def test_what_was_given_is_left_alone() -> None:
    values = np.random.default_rng(2).standard_normal((TIME.size, 2))
    before = values.copy()
    between_neighbours(TIME, values, masks(1, 2, 8))
    assert np.array_equal(values, before)
