"""Axial and equatorial divergence, against brute-force convolutions written from the papers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans, twins
from xrdfit.kernels import aberrations as node
from xrdfit.kernels import problem as slot
from xrdfit.kernels.aberrations import aberration_nodes, make_nodes
from xrdfit.kernels.evaluation import calculate
from xrdfit.kernels.normal_equations import fill_jacobian
from xrdfit.kernels.profiles import pseudo_voigt_shape
from xrdfit.kernels.spread import accumulate_spread
from xrdfit.model import Background, Contaminant, Instrument, PatternModel

# Part of a line's top by which quadrature and centroid may miss the convolution.
BOUND = 5e-4
OPENING = st.floats(0.002, 0.05)
BRAGG = st.one_of(st.floats(15.0, 85.0), st.floats(95.0, 150.0))
QUICK = settings(max_examples=8, deadline=None)


def copies(two_theta: float, *, sample=0.0, detector=0.0, soller=0.0, divergence=0.0, fwhm=0.06) -> np.ndarray:
    room = make_nodes()
    openings = np.array([sample, detector, soller, divergence])
    return room[: aberration_nodes(np.radians(two_theta) / 2.0, openings, fwhm, room) + 1]


def spread_line(x: np.ndarray, two_theta: float, gauss: float, lorentz: float, **openings: float) -> np.ndarray:
    fwhm, eta = pseudo_voigt_shape(gauss, lorentz)[:2]
    out = np.zeros_like(x)
    accumulate_spread(x, two_theta, fwhm, eta, 1.0, copies(two_theta, fwhm=fwhm, **openings), out)
    return out


def brute_force(
    x: np.ndarray, two_theta: float, offset: np.ndarray, weight: np.ndarray, gauss: float, lorentz: float
) -> np.ndarray:
    """Sum of shifted lines: offsets (deg) put into 600 bins, each at its centroid."""
    edges = np.linspace(offset.min() - 1e-9, offset.max() + 1e-9, 601)
    share, _ = np.histogram(offset, edges, weights=weight / weight.sum())
    moment, _ = np.histogram(offset, edges, weights=offset * weight / weight.sum())
    used = share > 0.0
    away = x[None, :] - two_theta - (moment[used] / share[used])[:, None]
    return share[used] @ twins.pseudo_voigt(away, 0.0, gauss, lorentz)


def finger_cox_jephcoat(two_theta: float, sample: float, detector: float) -> tuple[np.ndarray, np.ndarray]:
    """2phi - 2theta (deg) and weight, from the formulas of the paper: D = L W / (2 H S h cos 2phi)."""
    bragg = np.radians(two_theta)
    reach = np.arccos(np.cos(bragg) * np.hypot(sample + detector, 1.0))
    bend = np.arccos(np.cos(bragg) * np.hypot(sample - detector, 1.0))
    # Squares of evenly spaced numbers, for the singularity at the Bragg angle.
    p = (np.arange(40_000) + 0.5) / 40_000
    phi = bragg + (reach - bragg) * p**2
    height = np.sqrt(np.cos(phi) ** 2 / np.cos(bragg) ** 2 - 1.0)
    beyond = phi < bend if two_theta < 90.0 else phi > bend
    overlap = np.where(beyond, sample + detector - height, 2.0 * min(sample, detector))
    weight = np.maximum(overlap, 0.0) / (height * np.abs(np.cos(phi))) * p
    return np.degrees(phi - bragg), weight


@QUICK
@given(BRAGG, OPENING, OPENING, st.floats(0.02, 0.2), st.floats(0.005, 0.1))
def test_axial_divergence_is_the_convolution_of_finger_cox_and_jephcoat(
    two_theta: float, sample: float, detector: float, gauss: float, lorentz: float
) -> None:
    x = two_theta + np.linspace(-2.5, 1.5, 401)
    expected = brute_force(x, two_theta, *finger_cox_jephcoat(two_theta, sample, detector), gauss, lorentz)
    found = spread_line(x, two_theta, gauss, lorentz, sample=sample, detector=detector)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=BOUND * expected.max())


@QUICK
@given(st.floats(18.0, 150.0), st.floats(0.3, 3.0), st.floats(0.04, 0.2), st.floats(0.005, 0.1))
def test_soller_slits_spread_a_line_as_pairs_of_axial_angles_do(
    two_theta: float, soller: float, gauss: float, lorentz: float
) -> None:
    z = (np.arange(200) + 0.5) / 25.0 - 4.0
    sigma = np.radians(soller) / np.sqrt(8.0 * np.log(2.0))
    b, c = np.meshgrid(sigma * z, sigma * z)
    bragg = np.radians(two_theta)
    shift = (b * c - 0.5 * (b**2 + c**2) * np.cos(bragg)) / np.sin(bragg)
    weight = np.exp(-0.5 * (b**2 + c**2) / sigma**2)
    x = two_theta + np.linspace(-2.5, 1.5, 401)
    expected = brute_force(x, two_theta, np.degrees(shift).ravel(), weight.ravel(), gauss, lorentz)
    found = spread_line(x, two_theta, gauss, lorentz, soller=soller)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=BOUND * expected.max())


@QUICK
@given(st.floats(10.0, 150.0), st.floats(0.1, 2.0), st.floats(0.02, 0.2), st.floats(0.005, 0.1))
def test_flat_specimen_draws_a_line_to_lower_angles(
    two_theta: float, divergence: float, gauss: float, lorentz: float
) -> None:
    y = (np.arange(40_000) + 0.5) / 40_000
    offset = -0.5 * np.degrees(np.radians(divergence) ** 2 / np.tan(np.radians(two_theta) / 2.0)) * y**2
    x = two_theta + np.linspace(-2.5, 1.5, 401)
    expected = brute_force(x, two_theta, offset, np.ones_like(y), gauss, lorentz)
    found = spread_line(x, two_theta, gauss, lorentz, divergence=divergence)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=BOUND * expected.max())


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(("axial", "soller", "flat", "soller and flat")),
    BRAGG,
    st.floats(0.05, 1.0),
    st.floats(np.log(0.03), np.log(1.0)),
    st.floats(0.0, 0.95),
)
def test_few_copies_are_as_good_as_many(
    kind: str, two_theta: float, opened: float, log_fwhm: float, eta: float
) -> None:
    fwhm = float(np.exp(log_fwhm))
    openings = {
        "axial": {"sample": 0.03 * opened, "detector": 0.04 * opened**2},
        "soller": {"soller": 3.0 * opened},
        "flat": {"divergence": 2.0 * opened},
        "soller and flat": {"soller": 3.0 * opened, "divergence": opened},
    }[kind]
    few, many = copies(two_theta, fwhm=fwhm, **openings), copies(two_theta, fwhm=fwhm / 6.0, **openings)
    x = np.linspace(min(many[:, node.OFFSET].min(), -fwhm), max(many[:, node.OFFSET].max(), fwhm), 400)
    found, expected = sum_of(few, x, fwhm, eta), sum_of(many, x, fwhm, eta)
    assert np.abs(found - expected).max() <= BOUND * expected.max()
    # Where a line is, the cell hangs on: that is not a matter of how many copies stand for it.
    assert few[-1, node.OFFSET] == pytest.approx(many[-1, node.OFFSET], abs=3e-5 * fwhm)


def sum_of(spread: np.ndarray, x: np.ndarray, fwhm: float, eta: float) -> np.ndarray:
    u = 2.0 * (x[:, None] - spread[:-1, node.OFFSET]) / fwhm
    return (eta / (np.pi * (1.0 + u**2)) + (1.0 - eta) * np.sqrt(np.log(2.0) / np.pi) * 2.0 ** -(u**2)) @ spread[:-1, 1]


def test_line_much_broader_than_the_divergence_needs_hardly_a_copy() -> None:
    for openings in ({"sample": 0.01, "detector": 0.01}, {"soller": 0.7}, {"divergence": 0.3}):
        assert len(copies(30.0, fwhm=0.4, **openings)) - 1 <= 4
    # The reference case behind two Soller slits of a usual laboratory diffractometer, its specimen being flat.
    assert all(len(copies(angle, fwhm=0.17, soller=2.3)) - 1 <= 32 for angle in np.linspace(20.0, 38.0, 19))
    assert len(copies(25.0, fwhm=0.17, soller=2.3)) - 1 <= 15


def test_node_by_node_derivatives_are_those_of_the_copies() -> None:
    openings = np.array([0.012, 0.02, 1.7, 0.4])
    room = make_nodes()
    columns = ((node.OFFSET_BY_SAMPLE, 0), (node.OFFSET_BY_DETECTOR, 1), (node.OFFSET_BY_SOLLER, 2))
    for two_theta, fwhm in ((25.0, 0.3), (25.0, 0.05), (80.0, 0.1), (130.0, 0.2)):

        def at(theta: float, opened: np.ndarray, fwhm: float = fwhm) -> np.ndarray:
            return room[: aberration_nodes(theta, opened, fwhm, room) + 1].copy()

        for shut in (np.ones(4), np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])):
            opened, theta = openings * shut, np.radians(two_theta) / 2.0
            found = at(theta, opened)
            step = 1e-6
            numeric = (at(theta + step, opened) - at(theta - step, opened)) / (2.0 * step)
            for value, derivative in ((node.OFFSET, node.OFFSET_BY_THETA), (node.WEIGHT, node.WEIGHT_BY_THETA)):
                np.testing.assert_allclose(found[:, derivative], numeric[:, value], rtol=1e-6, atol=1e-8)
            for column, which in (*columns, (node.OFFSET_BY_DIVERGENCE, 3)):
                if opened[which] == 0.0:
                    continue
                step = 1e-5 * opened[which]
                change = step * np.eye(4)[which]
                numeric = (at(theta, opened + change) - at(theta, opened - change)) / (2.0 * step)
                np.testing.assert_allclose(found[:, column], numeric[:, node.OFFSET], rtol=1e-6, atol=1e-7)


def test_a_moving_line_does_not_jump_where_its_copies_are_no_longer_told_apart() -> None:
    # Points so close that some cross any border while the line moves, in steps of a thousandth of their distance.
    x = np.arange(28.0, 31.0, 1e-3)
    fwhm, spread = 0.1, copies(30.0, soller=2.0, fwhm=0.1)

    def line(position: float) -> np.ndarray:
        out = np.zeros_like(x)
        accumulate_spread(x, position, fwhm, 0.9, 1.0, spread, out)
        return out

    step = 1e-6
    courses = np.array([line(30.0 + k * step) for k in range(1200)])
    # The curvature of the line makes 8 (step / fwhm)^2 of its top.
    assert np.abs(np.diff(courses, n=2, axis=0)).max() < 1e-8 * courses.max()


def test_flat_specimen_moves_the_centroid_by_the_known_formula() -> None:
    # Klug & Alexander (1974): -alpha^2 cot(theta) / 343 deg with alpha in deg.
    centre = copies(30.0, divergence=1.0)[-1, node.OFFSET]
    assert centre == pytest.approx(-1.0 / np.tan(np.radians(15.0)) / 343.8, rel=1e-3)


@pytest.mark.parametrize(("two_theta", "sign"), [(25.0, -1.0), (90.0, 0.0), (140.0, 1.0)])
def test_axial_divergence_draws_lines_away_from_ninety_degrees(two_theta: float, sign: float) -> None:
    centre = copies(two_theta, sample=0.03, detector=0.03)[-1, node.OFFSET]
    # Mean square of the difference of two even distributions: (S^2 + H^2) / 3.
    plain = -0.5 * np.degrees((0.03**2 + 0.03**2) / 3.0) / np.tan(np.radians(two_theta))
    assert np.sign(np.round(centre, 9)) == sign
    assert centre == pytest.approx(plain, rel=0.01, abs=1e-9)


def test_soller_slits_broaden_a_line_at_ninety_degrees_on_both_sides() -> None:
    spread = copies(90.0, soller=3.0)
    assert spread[-1, node.OFFSET] == pytest.approx(0.0, abs=1e-12)
    assert spread[:-1, node.OFFSET].min() < -0.05 < 0.05 < spread[:-1, node.OFFSET].max()


# Closed, or open by more than rounding.
OPENING = st.just(0.0) | st.floats(1e-4, 0.06)


@QUICK
@given(BRAGG, OPENING, OPENING, st.just(0.0) | st.floats(1e-3, 3.0), st.just(0.0) | st.floats(1e-3, 2.0))
def test_spread_line_keeps_its_area(
    two_theta: float, sample: float, detector: float, soller: float, divergence: float
) -> None:
    found = copies(two_theta, sample=sample, detector=detector, soller=soller, divergence=divergence)[:-1]
    assert found[:, node.WEIGHT].sum() == pytest.approx(1.0, abs=1e-12)
    assert (found[:, node.WEIGHT] >= 0.0).all()
    for column in (node.WEIGHT_BY_THETA, node.WEIGHT_BY_SAMPLE, node.WEIGHT_BY_DETECTOR):
        assert found[:, column].sum() == pytest.approx(0.0, abs=1e-9 * np.abs(found[:, column]).sum() + 1e-9)


def test_closing_the_slits_brings_the_symmetric_line_back() -> None:
    x = np.linspace(28.0, 32.0, 401)
    plain = twins.pseudo_voigt(x, 30.0, 0.05, 0.03)
    for small in (1e-3, 1e-4, 1e-5):
        found = spread_line(x, 30.0, 0.05, 0.03, sample=small, detector=small, soller=small, divergence=small)
        # The shift goes with the square of the opening.
        np.testing.assert_allclose(found, plain, rtol=0.0, atol=(3e3 * small**2 + 1e-7) * plain.max())


def test_sample_and_slit_are_told_apart_by_nothing() -> None:
    one, other = copies(30.0, sample=0.01, detector=0.03), copies(30.0, sample=0.03, detector=0.01)
    np.testing.assert_allclose(one[:, : node.WEIGHT + 1], other[:, : node.WEIGHT + 1], rtol=1e-12)


def test_cones_that_close_before_the_slit_give_a_finite_line() -> None:
    x = np.linspace(1.0, 6.0, 501)
    found = spread_line(x, 4.0, 0.05, 0.03, sample=0.06, detector=0.06)
    assert np.isfinite(found).all()
    assert np.trapezoid(found, x) == pytest.approx(1.0, abs=0.02)


SPREAD = {
    "finger-cox-jephcoat": {"axial_sample": 0.021, "axial_detector": 0.034},
    "no sample height": {"axial_sample": 0.0, "axial_detector": 0.03},
    "soller": {"axial_soller": 2.3},
    "flat specimen": {"equatorial_divergence": 1.2},
    "all": {"axial_sample": 0.01, "axial_detector": 0.012, "axial_soller": 1.0, "equatorial_divergence": 0.6},
}


@pytest.mark.parametrize("spread", SPREAD)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_jacobian_of_a_spread_beam_agrees_with_finite_differences(spread: str, seed: int) -> None:
    model = PatternModel.of(
        Instrument.k_alpha("Cu", emission="hoelzer", contaminants=(Contaminant.of("k_beta", "Cu"),)),
        (scans.phase("S", "Pm-3m", 4.1568, 4.1568, 4.1568),),
        Background(terms=2),
    )
    values = scans.parameters(model, k_beta_weight=0.02, **SPREAD[spread])
    rng = np.random.default_rng(seed)
    values[model.table.index("S_a")] += rng.uniform(-0.01, 0.01)
    values[model.table.index("sample_displacement")] = rng.uniform(-0.1, 0.1)
    values[model.table.index("caglioti_w")] = rng.uniform(0.002, 0.01)
    x = np.linspace(18.0, 120.0, 1500)
    scan = scans.KnownScan(
        model=model,
        values=values,
        lines=(lines := model.choose_lines(values, x, (True,))),
        areas=rng.uniform(0.1, 1.0, lines.phase.size) * 500.0,
        expected=np.full(x.size, 100.0),
        two_theta=x,
    )
    problem, table = scans.problem(scan), model.table
    slots = table.slots(values)
    work = scans.filled_workspace(scan, problem, table.n_slots)
    fill_jacobian(problem, slots, np.arange(table.n_slots), work)
    analytic = work.jacobian.copy()

    def course(at: np.ndarray) -> np.ndarray:
        calculate(problem, at, work, False)
        return work.model.copy()

    top = course(slots).max()
    open_ = [slot.AXIAL_SAMPLE + i for i in range(4) if slots[slot.AXIAL_SAMPLE + i] > 0.0]
    for index in (
        slot.ZERO_SHIFT,
        slot.SAMPLE_DISPLACEMENT,
        slot.CAGLIOTI_W,
        slot.K_BETA_WEIGHT,
        slot.N_GLOBAL,
        *open_,
    ):
        step = 1e-6 if index in (slot.CAGLIOTI_W, slot.N_GLOBAL) else 1e-5
        numeric = (
            course(slots + step * np.eye(slots.size)[index]) - course(slots - step * np.eye(slots.size)[index])
        ) / (2.0 * step)
        # A wider line may take one node more: nothing that matters, but no derivative knows of it.
        off = np.abs(analytic[index] - numeric)
        allowed = 2e-4 * np.abs(analytic[index]).max() + 1e-6 * top
        assert np.quantile(off, 0.98) <= allowed, index


def test_hoelzer_lines_have_their_natural_width() -> None:
    model = PatternModel.of(Instrument.k_alpha("Cu", emission="hoelzer"), (), Background())
    assert len(model.instrument.lines) == 4
    assert sum(weight for _, weight in model.instrument.lines) == pytest.approx(1.0)
    # 2.285 eV at 8047.837 eV, in wavelength.
    assert model.instrument.natural_widths[0] == pytest.approx(1.5405902 * 2.285 / 8047.837, rel=1e-6)
    cubic = PatternModel.of(model.instrument, (scans.phase("S", "Pm-3m", 4.0, 4.0, 4.0),), Background())
    x = np.linspace(20.0, 140.0, 2000)
    bare = scans.parameters(cubic, S_lorentz_size=0.0)
    placed = cubic.place(bare, cubic.choose_lines(bare, x, (True,)))
    theta = np.radians(placed.position[:, 0] / 2.0)
    expected = np.degrees(2.0 * np.tan(theta)) * 2.285 / 8047.837
    np.testing.assert_allclose(placed.lorentz[:, 0], expected, rtol=1e-9)


def test_sum_of_the_hoelzer_lines_has_its_top_at_the_wavelength_of_the_doublet() -> None:
    model = Instrument.k_alpha("Cu", emission="hoelzer")
    grid = np.linspace(1.5400, 1.5412, 120_001)
    course = sum(
        weight * twins.lorentzian(grid - wavelength, width)
        for (wavelength, weight), width in zip(model.lines, model.natural_widths, strict=True)
    )
    assert grid[np.argmax(course)] == pytest.approx(Instrument.k_alpha("Cu").lines[0][0], abs=1e-6)


def test_contaminating_line_stands_beside_every_line_with_its_weight() -> None:
    model = PatternModel.of(
        Instrument(lines=((1.5405929, 1.0),), contaminants=(Contaminant.of("w_l_alpha", "Cu"),)),
        (scans.phase("S", "Pm-3m", 4.0, 4.0, 4.0),),
        Background(terms=1),
    )
    x = np.linspace(20.0, 24.0, 801)
    patterns = []
    for weight in (0.0, 0.1):
        values = scans.parameters(model, w_l_alpha_weight=weight)
        lines = model.choose_lines(values, x, (True,))
        work = scans.filled_workspace(
            scans.KnownScan(
                model=model, values=values, lines=lines, areas=np.array([50.0]), expected=np.ones_like(x), two_theta=x
            ),
            model.problem(scans.points(x), scans.noise_model(np.ones(x.size), None, weights="poisson"), lines),
        )
        patterns.append(work.model.copy())
    extra = patterns[1] - patterns[0]
    expected = 2.0 * np.degrees(np.arcsin(1.4764 / 8.0))
    assert x[np.argmax(extra)] == pytest.approx(expected, abs=0.005)
    # As wide as the line beside it, a tenth as high; widths differ a little with the angle.
    assert extra.max() == pytest.approx(0.1 * patterns[0].max(), rel=0.02)
