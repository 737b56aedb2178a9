"""Where lines stand and how wide they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans, twins
from xrdfit.kernels import problem as slot
from xrdfit.kernels.lines import UNREACHABLE, caglioti, inverse_d_squared, place_lines
from xrdfit.kernels.problem import Problem
from xrdfit.model import Background, Instrument, LineChoice, PatternModel

ANGLE = st.floats(70.0, 115.0)
LENGTH = st.floats(3.0, 15.0)
INDEX = st.integers(-6, 6)


@settings(max_examples=60, deadline=None)
@given(st.tuples(LENGTH, LENGTH, LENGTH, ANGLE, ANGLE, ANGLE), st.tuples(INDEX, INDEX, INDEX).filter(any))
def test_d_spacing_of_a_triclinic_cell_obeys_the_formula_of_the_international_tables(cell: tuple, hkl: tuple) -> None:
    a, b, c = cell[:3]
    ca, cb, cg = np.cos(np.radians(cell[3:]))
    h, k, l = hkl  # noqa: E741
    sines = 1.0 - np.array([ca, cb, cg]) ** 2
    expected = (
        h * h / a**2 * sines[0]
        + k * k / b**2 * sines[1]
        + l * l / c**2 * sines[2]
        + 2.0 * h * k / (a * b) * (ca * cb - cg)
        + 2.0 * k * l / (b * c) * (cb * cg - ca)
        + 2.0 * h * l / (a * c) * (ca * cg - cb)
    ) / (1.0 + 2.0 * ca * cb * cg - ca * ca - cb * cb - cg * cg)
    found = inverse_d_squared(np.array(cell), float(h), float(k), float(l), np.empty(6))
    assert found == pytest.approx(expected, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.tuples(LENGTH, LENGTH, LENGTH, ANGLE, ANGLE, ANGLE), st.tuples(INDEX, INDEX, INDEX).filter(any))
def test_d_spacing_answers_to_lengths_and_angles_as_its_gradient_says(cell: tuple, hkl: tuple) -> None:
    gradient = np.empty(6)
    here = inverse_d_squared(np.array(cell), *map(float, hkl), gradient)
    for i in range(6):
        step = np.zeros(6)
        step[i] = 1e-3
        values = [inverse_d_squared(np.array(cell) + by * step, *map(float, hkl), np.empty(6)) for by in (-2, -1, 1, 2)]
        numeric = (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * 1e-3)
        assert gradient[i] == pytest.approx(numeric, rel=1e-7, abs=1e-9 * here)


def test_right_angles_keep_the_axes_of_an_orthogonal_cell_apart() -> None:
    gradient = np.empty(6)
    cell = np.array([10.329, 6.0065, 4.6908, 90.0, 90.0, 90.0])
    assert inverse_d_squared(cell, 2.0, 0.0, 0.0, gradient) == pytest.approx(4.0 / 10.329**2, rel=1e-15)
    assert gradient[1:].tolist() == [0.0] * 5


def placed(model: PatternModel, values: np.ndarray, lines: LineChoice) -> tuple[np.ndarray, ...]:
    found = model.place(values, lines)
    return found.position, found.gauss, found.lorentz


@pytest.mark.parametrize("geometry", ["bragg-brentano", "debye-scherrer"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_positions_and_widths_agree_with_plain_numpy(geometry: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = PatternModel.of(
        Instrument.k_alpha("Cu", geometry=geometry),  # type: ignore[arg-type]
        (
            scans.phase("M", "P2_1/c", 7.1, 9.3, 5.8, 90.0, 101.0, 90.0),
            scans.phase("H", "R-3c", 4.76, 4.76, 12.99, 90, 90, 120),
        ),
        Background(terms=0),
    )
    values = model.table.defaults()
    for i, spec in enumerate(model.table):
        if spec.kind == "cell":
            values[i] *= 1.0 + 0.01 * rng.uniform(-1.0, 1.0)
        else:
            values[i] = rng.uniform(0.0, 0.2) if spec.kind != "position" else rng.uniform(-0.3, 0.3)
    values[model.table.index("caglioti_v")] *= -0.02
    values[model.table.index("caglioti_w")] += 0.01
    lines = model.choose_lines(values, np.linspace(15.0, 120.0, 2001), (True, True))
    found = placed(model, values, lines)
    named = scans.by_name(model, values)
    for row, (phase, hkl) in enumerate(zip(lines.phase, lines.hkl, strict=True)):
        for e, (wavelength, _) in enumerate(model.instrument.lines):
            expected = twins.line(model, named, int(phase), hkl, wavelength)
            np.testing.assert_allclose([values[row, e] for values in found], expected, rtol=1e-12)


def test_displacement_moves_low_angle_lines_more() -> None:
    model = scans.two_phase_model(scans.LFP)
    lines = model.choose_lines(model.table.defaults(), np.linspace(15.0, 140.0, 4001), (True,))
    still = placed(model, model.table.defaults(), lines)[0][:, 0]
    moved = placed(model, scans.parameters(model, sample_displacement=0.1), lines)[0][:, 0]
    shift = moved - still
    # A sample below the axis shifts every line down, by 2 s / R at vanishing angle.
    assert (shift < 0.0).all()
    assert (np.diff(shift[np.argsort(still)]) > 0.0).all()
    np.testing.assert_allclose(shift, -np.degrees(2.0 * 0.1 / 217.5) * np.cos(np.radians(still / 2.0)), rtol=1e-9)


def test_transparency_shifts_most_at_ninety_degrees() -> None:
    model = scans.two_phase_model(scans.LFP)
    lines = model.choose_lines(model.table.defaults(), np.linspace(15.0, 140.0, 4001), (True,))
    still = placed(model, model.table.defaults(), lines)[0][:, 0]
    shift = placed(model, scans.parameters(model, transparency=0.02), lines)[0][:, 0] - still
    assert abs(still[np.argmin(shift)] - 90.0) < 1.5
    assert shift.min() == pytest.approx(-0.02, rel=1e-3)


def test_capillary_beside_the_axis_shifts_by_the_part_of_the_offset_across_the_ray() -> None:
    instrument = Instrument(lines=((0.8, 1.0),), geometry="debye-scherrer", goniometer_radius_mm=200.0)
    model = PatternModel.of(instrument, (scans.phase("Si", "Fd-3m", 5.4309, 5.4309, 5.4309),), Background(terms=0))
    lines = model.choose_lines(model.table.defaults(), np.linspace(10.0, 120.0, 4001), (True,))
    still = placed(model, model.table.defaults(), lines)[0][:, 0]
    values = scans.parameters(model, capillary_parallel=0.3, capillary_perpendicular=0.2)
    seen = np.radians(placed(model, values, lines)[0][:, 0])
    # The ray leaves the capillary at (0.3, 0.2) mm under the true angle and meets the circle of 200 mm.
    direction = np.array([np.cos(np.radians(still)), np.sin(np.radians(still))])
    origin = np.array([0.3, 0.2])
    along = origin @ direction
    length = -along + np.sqrt(along**2 - origin @ origin + 200.0**2)
    hit = origin[:, None] + length * direction
    np.testing.assert_allclose(seen, np.arctan2(hit[1], hit[0]), atol=2e-6)


def test_k_alpha_splitting_grows_with_angle() -> None:
    model = scans.two_phase_model(scans.LFP)
    lines = model.choose_lines(model.table.defaults(), np.linspace(15.0, 150.0, 4001), (True,))
    position = placed(model, model.table.defaults(), lines)[0]
    order = np.argsort(position[:, 0])
    splitting = (position[:, 1] - position[:, 0])[order]
    assert (np.diff(splitting) > 0.0).all()
    # d(2 theta) = 2 tan(theta) d(lambda) / lambda.
    middle = np.radians(position.mean(axis=1)[order] / 2.0)
    relative = (1.5444274 - 1.5405929) / (0.5 * (1.5444274 + 1.5405929))
    np.testing.assert_allclose(splitting, np.degrees(2.0 * np.tan(middle) * relative), rtol=1e-3)


def test_line_beyond_the_reach_of_the_wavelength_is_nowhere() -> None:
    model = scans.two_phase_model(scans.LFP)
    lines = LineChoice(hkl=np.array([[14, 0, 0]], dtype=np.int32), phase=np.zeros(1, dtype=np.int64))
    assert (model.place(model.table.defaults(), lines).position == UNREACHABLE).all()


def slopes(values: np.ndarray) -> tuple[np.ndarray, ...]:
    model = scans.two_phase_model(scans.LFP)
    lines = LineChoice(hkl=np.array([[1, 0, 1]], dtype=np.int32), phase=np.zeros(1, dtype=np.int64))
    given: Problem = model.problem(
        scans.points(scans.TWO_THETA), scans.noise_model(np.ones(607), None, weights="unit"), lines
    )
    position, gauss, lorentz = np.empty((1, 2)), np.empty((1, 2)), np.empty((1, 2))
    by_theta, by_slot = np.zeros((1, 2, 3)), np.zeros((1, 2, slot.N_GLOBAL + slot.N_PHASE))
    place_lines(given, model.table.slots(values), position, gauss, lorentz, by_theta, by_slot)
    return gauss, lorentz, by_theta, by_slot


def test_gaussian_width_stays_real_and_flat_where_caglioti_dips_below_zero() -> None:
    model = scans.two_phase_model(scans.LFP)
    gauss, _, by_theta, by_slot = slopes(scans.parameters(model, caglioti_u=0.0, caglioti_v=0.0, caglioti_w=-0.01))
    assert (gauss == 1e-4).all()
    assert not by_theta[:, :, 1].any()
    assert not by_slot[:, :, slot.CAGLIOTI_U : slot.CAGLIOTI_W + 1].any()


def test_lorentzian_width_below_zero_is_zero_and_flat_but_at_zero_it_can_grow() -> None:
    model = scans.two_phase_model(scans.LFP)
    size = slot.N_GLOBAL + slot.LORENTZ_SIZE
    _, below, by_theta, by_slot = slopes(scans.parameters(model, instrument_lorentz_size=0.0, LFP_lorentz_size=-0.1))
    assert not below.any() and not by_theta[:, :, 2].any() and not by_slot[:, :, size].any()
    _, at, _, by_slot = slopes(scans.parameters(model, instrument_lorentz_size=0.0, LFP_lorentz_size=0.0))
    assert not at.any() and (by_slot[:, :, size] > 0.9).all()


@pytest.mark.parametrize("v", [-0.002, -0.03, -0.0278, -0.2, 0.0])
def test_resolution_stays_real_and_has_a_slope_where_v_takes_the_width_away(v: float) -> None:
    given = (0.0257, v, 0.0056, 0.54)
    value, *slopes = caglioti(*given)
    assert value > 0.0
    for i, slope in enumerate(slopes):
        step = 1e-6 * max(abs(given[i]), 1e-3)
        above, below = (caglioti(*[x + sign * step * (i == j) for j, x in enumerate(given)])[0] for sign in (1, -1))
        assert slope == pytest.approx((above - below) / (2.0 * step), rel=1e-5, abs=1e-12)


def test_resolution_is_the_caglioti_polynomial_for_any_real_instrument() -> None:
    # A laboratory diffractometer, and a neutron one whose v takes away four fifths of the width.
    for u, v, w, tangent in ((0.004, -0.002, 0.0035, 0.3), (0.19, -0.4235, 0.328, 1.1)):
        assert caglioti(u, v, w, tangent)[0] == u * tangent**2 + tangent * v + w
