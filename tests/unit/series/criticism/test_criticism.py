"""Residuals made by hand, with what is wrong in them known."""

from collections.abc import Callable

import numpy as np
import pytest

from xrdfit.series.criticism.between import BetweenLines
from xrdfit.series.criticism.critic import ResidualCritic
from xrdfit.series.criticism.jumps import jumps
from xrdfit.series.criticism.unexplained import UnexplainedLine

FWHM = 0.12
GRID = 20.0 + 0.03 * np.arange(400)
LINES = np.array([21.0, 22.4, 22.7, 25.1, 27.0, 29.3])
HEIGHTS = np.array([900.0, 4000.0, 1500.0, 2500.0, 300.0, 5000.0])
LEVEL = 250.0
EMISSION = ((1.5405929, 2.0), (1.5444274, 1.0))

Change = Callable[[int], np.ndarray | float]


def line(two_theta: np.ndarray, position: float, fwhm: float = FWHM, eta: float = 0.85) -> np.ndarray:
    """Pseudo-Voigt of height 1."""
    x = ((two_theta - position) / fwhm) ** 2
    return eta / (1.0 + 4.0 * x) + (1.0 - eta) * np.exp(-4.0 * np.log(2.0) * x)


def pattern(
    two_theta: np.ndarray, *, shift: float = 0.0, broader: float = 1.0, eta: float = 0.85, skew: float = 0.0
) -> np.ndarray:
    """The known lines, without background; skewed lines are broader below their summit than above."""
    return sum(
        height * line(two_theta, position + shift, FWHM * (broader + skew * np.sign(position - two_theta)), eta)
        for position, height in zip(LINES, HEIGHTS, strict=True)
    )


def critic_of(
    n_scans: int, extra: Change, *, seed: int = 0, grid: np.ndarray = GRID, model: bool = True
) -> ResidualCritic:
    """Scans with counting noise whose truth is the model plus `extra`."""
    rng = np.random.default_rng(seed)
    critic = ResidualCritic()
    calculated = LEVEL + (pattern(grid) if model else np.zeros(grid.size))
    for scan in range(n_scans):
        truth = calculated + extra(scan)
        sigma = np.sqrt(truth)
        critic.add(
            scan,
            two_theta=grid,
            residual=truth + sigma * rng.normal(size=grid.size) - calculated,
            sigma=sigma,
            calculated=calculated,
            background=np.full(grid.size, LEVEL),
        )
    return critic


def unexplained(critic: ResidualCritic, n_scans: int, *, known: np.ndarray = LINES) -> tuple[UnexplainedLine, ...]:
    return critic.unexplained_lines(fwhm=FWHM, emission=EMISSION, known_positions=np.tile(known, (n_scans, 1)))


def test_a_foreign_line_is_found_where_it_is_with_its_d_spacing_its_height_and_its_scans() -> None:
    shown = range(8, 15)
    critic = critic_of(20, lambda scan: 120.0 * line(GRID, 23.5) * (scan in shown))
    (found,) = unexplained(critic, 20)
    assert found.two_theta == pytest.approx(23.5, abs=0.02)
    assert found.d_spacing == pytest.approx(EMISSION[0][0] / (2.0 * np.sin(np.radians(23.5 / 2.0))), rel=1e-3)
    assert found.height == pytest.approx(120.0, rel=0.1)
    assert found.scans == tuple(shown)
    assert (found.first, found.last) == (8, 14)


def test_a_line_too_weak_for_any_one_scan_is_found_in_the_series() -> None:
    def weak(scan: int) -> np.ndarray:
        return 16.0 * line(GRID, 23.5)

    (found,) = unexplained(critic_of(40, weak), 40)
    assert found.two_theta == pytest.approx(23.5, abs=0.03)
    assert found.height == pytest.approx(16.0, rel=0.5)
    assert all(not unexplained(critic_of(1, weak, seed=seed), 1) for seed in range(10))


def test_a_line_growing_in_over_the_second_half_is_dated() -> None:
    critic = critic_of(40, lambda scan: 10.0 * max(scan - 19, 0) * line(GRID, 26.1))
    (found,) = unexplained(critic, 40)
    assert 20 <= found.first <= 26
    assert found.last == 39
    assert set(range(27, 40)) <= set(found.scans)


def test_every_line_of_a_foreign_phase_is_listed_once() -> None:
    places = (20.7, 23.5, 24.1, 26.1, 28.2)
    truth = sum(height * line(GRID, place) for place, height in zip(places, (90, 3000, 100, 800, 250), strict=True))
    found = unexplained(critic_of(12, lambda scan: truth), 12)
    assert [each.two_theta for each in found] == pytest.approx(places, abs=0.02)


def test_the_second_emission_line_of_a_foreign_line_is_not_listed_as_another() -> None:
    grid = 60.0 + 0.03 * np.arange(400)
    d_spacing = 1.4
    places = [2.0 * np.degrees(np.arcsin(wavelength / 2.0 / d_spacing)) for wavelength, _ in EMISSION]
    assert places[1] - places[0] > FWHM
    truth = 2000.0 * line(grid, places[0]) + 1000.0 * line(grid, places[1])
    critic = critic_of(6, lambda scan: truth, grid=grid, model=False)
    (found,) = unexplained(critic, 6, known=np.array([np.nan]))
    assert found.d_spacing == pytest.approx(d_spacing, rel=2e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"shift": 0.008}, id="shifted"),
        pytest.param({"broader": 1.08}, id="broader"),
        pytest.param({"broader": 0.92}, id="narrower"),
        pytest.param({"eta": 0.65}, id="another shape"),
        pytest.param({"skew": 0.08}, id="asymmetric"),
    ],
)
def test_lines_slightly_out_of_place_or_shape_are_not_unexplained(wrong: dict[str, float]) -> None:
    misfit = pattern(GRID, **wrong) - pattern(GRID)
    critic = critic_of(20, lambda scan: misfit)
    strength = float(np.nanmax(np.abs(critic.map().scaled_residual)))
    assert strength > 5.0
    assert unexplained(critic, 20) == ()


def test_even_gross_misfit_lists_no_line_twice_and_none_on_a_known_one() -> None:
    misfit = pattern(GRID, skew=0.2) - pattern(GRID)
    places = [each.two_theta for each in unexplained(critic_of(40, lambda scan: misfit), 40)]
    assert len(places) > 0
    assert np.diff(np.sort(np.append(places, LINES))).min() > 0.4 * FWHM


def test_a_known_line_of_another_height_is_not_unexplained() -> None:
    misfit = 0.2 * HEIGHTS[3] * line(GRID, LINES[3])
    assert unexplained(critic_of(20, lambda scan: misfit * (-1.0) ** (scan // 10)), 20) == ()


def test_a_known_line_that_was_calculated_as_absent_is_not_unexplained() -> None:
    assert unexplained(critic_of(20, lambda scan: 0.2 * pattern(GRID), model=False), 20) == ()


def test_a_line_beside_a_strong_one_that_is_slightly_off_is_still_found() -> None:
    place = LINES[3] + 3.0 * FWHM
    truth = pattern(GRID, shift=0.004) - pattern(GRID) + 250.0 * line(GRID, place)
    found = unexplained(critic_of(20, lambda scan: truth), 20)
    assert [each.two_theta for each in found] == pytest.approx([place], abs=0.03)


def test_a_background_that_does_not_follow_is_no_line() -> None:
    waves = 60.0 * np.sin(2.0 * np.pi * (GRID - 20.0) / 5.0)
    assert unexplained(critic_of(20, lambda scan: waves), 20) == ()


def test_white_noise_shows_a_line_in_one_series_of_a_hundred() -> None:
    n_series, hits = 200, 0
    for seed in range(n_series):
        critic = critic_of(6, lambda scan: 0.0, seed=seed, model=False)
        hits += bool(unexplained(critic, 6, known=np.array([np.nan])))
    # Binomial (200, 0.01): 7 or more in 0.4 % of all cases.
    assert hits <= 6


def test_residuals_larger_than_their_sigma_are_trusted_less() -> None:
    rng = np.random.default_rng(3)
    critic = ResidualCritic()
    for scan in range(10):
        critic.add(
            scan,
            two_theta=GRID,
            residual=4.0 * rng.normal(size=GRID.size),
            sigma=np.ones(GRID.size),
            calculated=np.zeros(GRID.size),
            background=np.zeros(GRID.size),
        )
    assert unexplained(critic, 10, known=np.array([np.nan])) == ()


def test_missing_scans_and_points_are_left_out_and_scan_numbers_kept() -> None:
    rng = np.random.default_rng(4)
    critic = ResidualCritic()
    for scan in (2, 17, 5, 11):
        residual = 200.0 * line(GRID, 23.5) + 10.0 * rng.normal(size=GRID.size)
        residual[rng.choice(GRID.size, 20, replace=False)] = np.nan
        residual[250:] = 1e9
        sigma = np.full(GRID.size, 10.0)
        sigma[250:] = np.nan
        critic.add(
            scan,
            two_theta=GRID,
            residual=residual,
            sigma=sigma,
            calculated=np.full(GRID.size, 7.0),
            background=np.zeros(GRID.size),
        )
    (found,) = unexplained(critic, 20)
    assert found.scans == (2, 5, 11, 17)
    assert critic.map().scans.tolist() == [2, 5, 11, 17]
    assert np.isnan(critic.map().scaled_residual[:, 250:]).all()


def test_no_scans_show_nothing() -> None:
    assert ResidualCritic().unexplained_lines(fwhm=FWHM, emission=EMISSION, known_positions=[]) == ()


def test_the_map_holds_each_scan_on_the_grid_of_the_first() -> None:
    critic = ResidualCritic()
    nothing = {"calculated": np.zeros(400), "background": np.zeros(400)}
    critic.add(0, two_theta=GRID, residual=np.arange(400.0), sigma=np.full(400, 2.0), **nothing)
    critic.add(1, two_theta=GRID + 0.01, residual=np.arange(400.0), sigma=np.full(400, 4.0), **nothing)
    found = critic.map()
    np.testing.assert_array_equal(found.two_theta, GRID)
    assert found.scaled_residual.dtype == np.float32
    np.testing.assert_allclose(found.scaled_residual, [np.arange(400.0) / 2.0, np.arange(400.0) / 4.0])


def test_white_residuals_stay_white_on_a_coarser_grid() -> None:
    rng = np.random.default_rng(5)
    fine = 20.0 + 0.01 * np.arange(1200)
    critic = ResidualCritic()
    for grid in (GRID, fine):
        n = grid.size
        sigma = rng.uniform(1.0, 3.0, size=n)
        critic.add(
            len(critic),
            two_theta=grid,
            residual=sigma * rng.normal(size=n),
            sigma=sigma,
            calculated=np.zeros(n),
            background=np.zeros(n),
        )
    found = critic.map()
    assert np.std(found.scaled_residual[1]) == pytest.approx(1.0, abs=0.12)
    assert np.median(found.sigma[1]) < 0.7 * np.median(found.sigma[0])
    assert found.scaled_residual[1, 1:] @ found.scaled_residual[1, :-1] / 400 == pytest.approx(0.0, abs=0.15)


FIRST, SECOND = np.array([21.0, 25.1]), np.array([22.4, 27.0])
AREA = np.array([700.0, 500.0])


def between(
    n_scans: int, part: Callable[[int], float], *, seed: int = 0, extra: np.ndarray | float = 0.0
) -> BetweenLines:
    """Of a series in which this part of the pairs' area lies evenly between their lines."""
    bands = sum(
        area / (high - low) * ((low < GRID) & (high > GRID))
        for low, high, area in zip(FIRST, SECOND, AREA, strict=True)
    )
    critic = critic_of(n_scans, lambda scan: part(scan) * bands + extra, seed=seed)
    return critic.between_lines(
        fwhm=FWHM,
        first=np.tile(FIRST, (n_scans, 1)),
        second=np.tile(SECOND, (n_scans, 1)),
        area=np.tile(AREA, (n_scans, 1)),
        known_positions=np.tile(LINES, (n_scans, 1)),
    )


def test_intensity_between_the_lines_of_two_phases_is_measured() -> None:
    found = between(30, lambda scan: 0.04 * (scan >= 10))
    assert found.found
    assert found.net[10:].mean() == pytest.approx(0.04, abs=4.0 * found.esd[10:].mean() / np.sqrt(20))
    assert found.net[:10].mean() == pytest.approx(0.0, abs=4.0 * found.esd[:10].mean() / np.sqrt(10))


def test_the_esd_of_the_intensity_between_lines_is_honest() -> None:
    z = np.concatenate([between(50, lambda scan: 0.0, seed=seed).z for seed in range(4)])
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.15)
    assert not between(50, lambda scan: 0.0).found


def test_a_background_that_lies_too_low_is_not_taken_for_intensity_between_lines() -> None:
    found = between(30, lambda scan: 0.0, extra=15.0 + 3.0 * (GRID - 26.0))
    assert abs(found.series_z) < 4.0


@pytest.mark.parametrize("broader", [1.1, 1.2])
def test_a_width_that_is_wrong_is_not_taken_for_intensity_between_lines(broader: float) -> None:
    found = between(30, lambda scan: 0.0, extra=pattern(GRID, broader=broader) - pattern(GRID))
    assert not found.found


def test_intensity_missing_between_lines_is_not_reported() -> None:
    found = between(30, lambda scan: -0.04)
    assert found.series_z < -4.0
    assert not found.found


def test_intensity_too_small_to_tell_from_cut_tails_is_not_reported_however_significant() -> None:
    found = between(200, lambda scan: 0.006)
    assert found.series_z > 4.0
    assert not found.found


def test_without_any_tails_there_is_nothing_to_take_for_them() -> None:
    bands = sum(
        area / (high - low) * ((low < GRID) & (high > GRID))
        for low, high, area in zip(FIRST, SECOND, AREA, strict=True)
    )
    noise = np.random.default_rng(5).normal(0.0, 3.0, GRID.size)
    critic = ResidualCritic()
    for scan, tails in enumerate((0.0, 1e-9)):
        critic.add(
            scan,
            two_theta=GRID,
            residual=0.1 * bands + noise,
            sigma=np.full(GRID.size, 3.0),
            calculated=np.full(GRID.size, tails * (GRID - 20.0) ** 2),
            background=np.zeros(GRID.size),
        )
    found = critic.between_lines(
        fwhm=FWHM,
        first=np.tile(FIRST, (2, 1)),
        second=np.tile(SECOND, (2, 1)),
        area=np.tile(AREA, (2, 1)),
        known_positions=np.tile(LINES, (2, 1)),
    )
    assert np.isfinite(found.z).all() and (np.abs(found.net - 0.1) < 4.0 * found.esd).all()
    assert found.esd[1] > 1.001 * found.esd[0]


def test_scans_without_both_phases_say_nothing_of_what_lies_between() -> None:
    critic = critic_of(3, lambda scan: 0.0)
    second = np.tile(SECOND, (3, 1))
    second[1] = np.nan
    found = critic.between_lines(
        fwhm=FWHM,
        first=np.tile(FIRST, (3, 1)),
        second=second,
        area=np.tile(AREA, (3, 1)),
        known_positions=[LINES, LINES[:2], LINES],
    )
    assert np.isnan(found.net).tolist() == [False, True, False]
    assert np.isfinite(found.series_z)


def test_a_jump_in_mid_series_is_dated_and_measured() -> None:
    rng = np.random.default_rng(6)
    esd = rng.uniform(0.5, 1.5, size=42)
    found = jumps(3.0 + 4.0 * (np.arange(42) >= 17) + esd * rng.normal(size=42), esd)
    assert (found.kind, found.scan, found.changed, found.smooth) == ("jump", 17, True, False)
    assert found.size == pytest.approx(4.0, abs=4.0 * found.esd)


def test_a_jump_is_seen_through_the_drift_that_was_taken_out() -> None:
    rng = np.random.default_rng(7)
    scans = np.arange(42)
    course = 0.3 * scans + 6.0 * (scans >= 20) + rng.normal(size=42)
    drift = np.polyval(np.polyfit(scans, course, 1), scans)
    found = jumps(course - drift, np.ones(42), order=1)
    assert (found.kind, found.scan) == ("jump", 20)
    assert found.size == pytest.approx(6.0, abs=4.0 * found.esd)


def test_a_quantity_that_starts_to_grow_in_mid_series_bends() -> None:
    rng = np.random.default_rng(8)
    scans = np.arange(60)
    found = jumps(5.0 + 0.5 * np.maximum(scans - 30, 0) + rng.normal(size=60), np.ones(60))
    assert (found.kind, found.changed) == ("bend", True)
    assert abs(found.scan - 31) <= 3
    assert found.size == pytest.approx(0.5, abs=4.0 * found.esd + 0.05)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_smooth_course_is_called_changed_in_at_most_one_series_of_a_hundred(order: int) -> None:
    rng = np.random.default_rng(9)
    at = np.linspace(-1.0, 1.0, 30)
    course = 5.0 * np.polynomial.polynomial.polyval(at, np.ones(order + 1))
    found = [jumps(course + rng.normal(size=30), np.ones(30), order=order) for _ in range(1000)]
    # Binomial (1000, 0.01): 19 or more in 0.7 % of all cases.
    assert sum(each.changed for each in found) <= 18
    assert 2 <= sum(not each.smooth for each in found) <= 20


def test_esds_that_are_too_small_alone_are_no_jump() -> None:
    rng = np.random.default_rng(10)
    found = [jumps(2.0 * rng.normal(size=40), np.ones(40)) for _ in range(200)]
    assert sum(each.changed for each in found) <= 6
    assert all(not each.smooth for each in found[:20])


def test_a_change_agrees_with_plain_least_squares() -> None:
    rng = np.random.default_rng(11)
    scans, esd = np.arange(12.0), rng.uniform(0.5, 2.0, size=12)
    values = 3.0 * (scans >= 5) + esd * rng.normal(size=12) / 10.0
    found = jumps(values, esd / 10.0, order=1)
    assert found.scan == 5
    design = np.column_stack([np.ones(12), scans, scans >= 5]) / (esd[:, None] / 10.0)
    assert found.size == pytest.approx(np.linalg.lstsq(design, values / (esd / 10.0), rcond=None)[0][2])
    assert found.esd >= np.sqrt(np.linalg.inv(design.T @ design)[2, 2]) * (1.0 - 1e-9)


def test_missing_scans_keep_their_numbers_in_the_search_for_jumps() -> None:
    rng = np.random.default_rng(12)
    values = 5.0 * (np.arange(30) >= 14) + 0.3 * rng.normal(size=30)
    esd = np.full(30, 0.3)
    values[[3, 13, 14]] = np.nan
    esd[20] = np.nan
    assert jumps(values, esd).scan == 15


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_scans_show_no_jump(n: int) -> None:
    found = jumps(np.arange(float(n)), np.ones(n))
    assert found.kind is None
    assert not found.changed


def test_the_unit_of_intensity_does_not_matter() -> None:
    places = []
    for unit in (1.0, 1e-7, 1e7):
        rng = np.random.default_rng(13)
        critic = ResidualCritic()
        for scan in range(8):
            sigma = np.sqrt(LEVEL + pattern(GRID))
            critic.add(
                scan,
                two_theta=GRID,
                residual=unit * (60.0 * line(GRID, 26.1) + sigma * rng.normal(size=GRID.size)),
                sigma=unit * sigma,
                calculated=unit * (LEVEL + pattern(GRID)),
                background=np.full(GRID.size, unit * LEVEL),
            )
        (found,) = unexplained(critic, 8)
        places.append((found.two_theta, found.z, found.height / unit))
    np.testing.assert_allclose(places[1:], [places[0]] * 2, rtol=1e-4)
