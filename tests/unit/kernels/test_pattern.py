"""The calculated pattern and its Jacobian."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans, twins
from xrdfit.kernels import problem as slot
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.kernels.normal_equations import fill_jacobian
from xrdfit.kernels.pattern import line_profiles
from xrdfit.model import Background, Hump, Instrument, PatternModel, noise_model

# One cell of every crystal system, monoclinic with two unique axes, trigonal with both choices of axes.
SYSTEMS = {
    "triclinic": ("P-1", 6.1, 7.2, 5.3, 83.0, 97.0, 104.0),
    "monoclinic": ("P2_1/c", 7.1, 9.3, 5.8, 90.0, 101.0, 90.0),
    "monoclinic, c unique": ("P 1 1 2_1/b", 7.1, 5.8, 9.3, 90.0, 90.0, 101.0),
    "orthorhombic": ("Pnma", 10.329, 6.0065, 4.6908, 90.0, 90.0, 90.0),
    "tetragonal": ("I4_1/amd", 3.784, 3.784, 9.515, 90.0, 90.0, 90.0),
    "trigonal": ("R-3c", 4.759, 4.759, 12.992, 90.0, 90.0, 120.0),
    "rhombohedral": ("R-3c:R", 5.13, 5.13, 5.13, 55.3, 55.3, 55.3),
    "hexagonal": ("P6_3/mmc", 2.95, 2.95, 4.686, 90.0, 90.0, 120.0),
    "cubic": ("Fm-3m", 4.0495, 4.0495, 4.0495, 90.0, 90.0, 90.0),
}
GEOMETRIES = ("bragg-brentano", "debye-scherrer")


def random_scan(system: str, geometry: str, seed: int) -> scans.KnownScan:
    """Two phases, one hump, four background terms, every parameter somewhere off its default."""
    rng = np.random.default_rng(seed)
    group, *cell = SYSTEMS[system]
    model = PatternModel.of(
        Instrument.k_alpha("Cu", geometry=geometry),  # type: ignore[arg-type]
        (scans.phase("P", group, *cell), scans.phase("Al", "Fm-3m", 4.0495, 4.0495, 4.0495)),
        Background(terms=4, humps=(Hump(position=34.0, fwhm=6.0),)),
    )
    low = {"position": -0.1, "resolution": 0.005, "width": 0.02, "strain": 0.02, "background": 20.0}
    high = {"position": 0.1, "resolution": 0.02, "width": 0.15, "strain": 0.3, "background": 90.0}
    values = model.table.defaults()
    for i, spec in enumerate(model.table):
        if spec.kind == "cell":
            values[i] += rng.uniform(-0.004, 0.004) * values[i]
        elif spec.kind in low:
            values[i] = rng.uniform(low[spec.kind], high[spec.kind])
    values[model.table.index("caglioti_v")] *= -0.2
    values[model.table.index("hump0_area")] = 5000.0
    return scans.known_scan(model, values, seed=seed, two_theta=np.linspace(25.0, 60.0, 500))


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_pattern_agrees_with_plain_numpy(system: str, geometry: str, seed: int) -> None:
    scan = random_scan(system, geometry, seed)
    work = scans.filled_workspace(scan, scans.problem(scan))
    # The cell goes through a matrix inverse here and through cofactors there: 1e-14 of a position is 1e-12 of a slope.
    np.testing.assert_allclose(work.model, scan.expected, rtol=1e-11, atol=1e-11 * scan.expected.max())
    named = scans.by_name(scan.model, scan.values)
    course = twins.background(scan.model, named, scan.two_theta)
    np.testing.assert_allclose(work.background, course, rtol=1e-12, atol=1e-12 * course.max())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_line_profiles_agree_with_plain_numpy_given_the_same_lines(seed: int) -> None:
    scan = random_scan("triclinic", "bragg-brentano", seed)
    placed = scan.model.place(scan.values, scan.lines)
    found = np.empty((scan.lines.phase.size, scan.two_theta.size))
    slots = scan.model.table.slots(scan.values)
    line_profiles(scans.problem(scan), slots, placed.position, placed.gauss, placed.lorentz, found)
    expected = np.zeros_like(found)
    for row in range(found.shape[0]):
        for e, weight in enumerate((2.0 / 3.0, 1.0 / 3.0)):
            shape = placed.position[row, e], placed.gauss[row, e], placed.lorentz[row, e]
            expected[row] += weight * twins.pseudo_voigt(scan.two_theta, *shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def steps(scan: scans.KnownScan) -> np.ndarray:
    """(n_slots,) steps that move or widen lines by about a thousandth of their width."""
    step = np.full(scan.model.table.n_slots, 1e-4)
    step[slot.CAGLIOTI_U : slot.CAGLIOTI_W + 1] = 1e-6
    for number in range(len(scan.model.phases)):
        first = slot.N_GLOBAL + slot.N_PHASE * number
        step[first : first + 3] = 1e-5
        step[first + 3 : first + 6] = 3e-4
    return step


def difference(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray, index: int, step: float) -> np.ndarray:
    """Five-point difference quotient."""
    courses = []
    for by in (-2.0, -1.0, 1.0, 2.0):
        moved = at.copy()
        moved[index] += by * step
        courses.append(function(moved))
    return (courses[0] - 8.0 * courses[1] + 8.0 * courses[2] - courses[3]) / (12.0 * step)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("system", SYSTEMS)
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_jacobian_of_every_slot_agrees_with_finite_differences(system: str, geometry: str, seed: int) -> None:
    scan = random_scan(system, geometry, seed)
    given_problem = scans.problem(scan)
    table = scan.model.table
    slots = table.slots(scan.values)
    work = scans.filled_workspace(scan, given_problem, table.n_slots)
    fill_jacobian(given_problem, slots, np.arange(table.n_slots), work)
    analytic = work.jacobian.copy()

    def course(slots: np.ndarray) -> np.ndarray:
        calculate(given_problem, slots, work, False)
        return work.model.copy()

    for index, step in enumerate(steps(scan)):
        # A beam without divergence, and emission lines that are not there, have tests of their own.
        if slot.AXIAL_SAMPLE <= index < slot.N_GLOBAL:
            continue
        numeric = difference(course, slots, index, step)
        allowed = 1e-6 * np.abs(analytic[index]).max() + 1e-8 * scan.expected.max()
        np.testing.assert_allclose(analytic[index], numeric, rtol=0.0, atol=allowed, err_msg=f"slot {index}")


@pytest.mark.parametrize("system", SYSTEMS)
def test_jacobian_of_every_parameter_follows_the_ties_of_the_crystal_system(system: str) -> None:
    scan = random_scan(system, "bragg-brentano", 7)
    given_problem, table = scans.problem(scan), scan.model.table
    work = scans.filled_workspace(scan, given_problem, table.n_slots)
    fill_jacobian(given_problem, table.slots(scan.values), np.arange(table.n_slots), work)
    analytic = table.slot_mapping.T @ work.jacobian

    def course(values: np.ndarray) -> np.ndarray:
        return twins.pattern(scan.model, scans.by_name(scan.model, values), scan.lines, scan.areas, scan.two_theta)

    for i, spec in enumerate(table):
        if spec.kind == "divergence":
            continue
        numeric = difference(course, scan.values, i, steps(scan)[spec.slots[0][0]])
        allowed = 1e-6 * np.abs(analytic[i]).max() + 1e-8 * scan.expected.max()
        np.testing.assert_allclose(analytic[i], numeric, rtol=0.0, atol=allowed, err_msg=spec.name)


def test_chebyshev_background_is_free_of_the_wavelength_and_stands_on_the_used_range() -> None:
    model = PatternModel.of(Instrument.k_alpha("Cu"), (), Background(terms=3))
    x = np.linspace(10.0, 30.0, 21)
    values = scans.parameters(model, background_c0=5.0, background_c1=2.0, background_c2=1.0)
    lines = model.choose_lines(values, x, ())
    given_problem = model.problem(scans.points(x), noise_model(np.ones(21), None, weights="poisson"), lines)
    work = make_workspace(given_problem, 0)
    calculate(given_problem, model.table.slots(values), work, True)
    t = (x - 20.0) / 10.0
    np.testing.assert_allclose(work.model, 5.0 + 2.0 * t + (2.0 * t**2 - 1.0), rtol=1e-13)


def test_hump_is_a_gaussian_of_its_area() -> None:
    model = PatternModel.of(Instrument.k_alpha("Cu"), (), Background(terms=0, humps=(Hump(position=25.0, fwhm=5.0),)))
    x = np.linspace(5.0, 45.0, 2001)
    values = scans.parameters(model, hump0_area=700.0)
    given_problem = model.problem(
        scans.points(x), noise_model(np.ones(x.size), None, weights="poisson"), model.choose_lines(values, x, ())
    )
    work = make_workspace(given_problem, 0)
    calculate(given_problem, model.table.slots(values), work, True)
    assert np.trapezoid(work.model, x) == pytest.approx(700.0, rel=1e-6)
    half = x[work.model > 0.5 * work.model.max()]
    assert half[-1] - half[0] == pytest.approx(5.0, abs=0.05)
