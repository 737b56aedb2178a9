"""Widths that depend on the direction: Stephens' strain and anisotropic sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import scans
from xrdfit.crystal import Phase, equivalent_reflections, quartic_terms, stephens_terms
from xrdfit.kernels import problem as slot
from xrdfit.kernels.evaluation import calculate
from xrdfit.kernels.lines import stephens_width
from xrdfit.kernels.normal_equations import fill_jacobian
from xrdfit.model import LineChoice, PatternModel
from xrdfit.model.parameter_rows import stephens_isotropic

SEED = st.integers(0, 2**32 - 1)
QUICK = settings(max_examples=5, deadline=None)
TERMS = ("S400", "S040", "S004", "S220", "S202", "S022")
STRAINED = replace(scans.LFP, strain="stephens", size="anisotropic")
CLASSES = {
    "monoclinic": scans.phase("P", "P2_1/c", 7.1, 9.3, 5.8, 90.0, 101.0, 90.0),
    "orthorhombic": replace(scans.LFP, name="P"),
    "tetragonal": scans.phase("P", "P4/mmm", 4.0, 4.0, 5.7, 90.0, 90.0, 90.0),
    "hexagonal": scans.phase("P", "P6_3/mmc", 2.95, 2.95, 4.686, 90.0, 90.0, 120.0),
    "cubic": scans.phase("P", "Fm-3m", 4.05, 4.05, 4.05, 90.0, 90.0, 90.0),
}


def random_scan(seed: int) -> scans.KnownScan:
    """LFP whose widths depend on the direction beside FP whose widths do not."""
    rng = np.random.default_rng(seed)
    model = scans.two_phase_model(STRAINED, scans.FP)
    values = scans.parameters(model, **{name: value for name, value in scans.TRUE.items() if name in model.table.names})
    for i, spec in enumerate(model.table):
        if spec.name.startswith("LFP_lorentz_size"):
            values[i] = rng.uniform(0.02, 0.15)
        elif spec.name.startswith("LFP_S"):
            values[i] = rng.uniform(0.5, 20.0) * spec.default
    return scans.known_scan(model, values, seed=seed % 1000)


def widths(model: PatternModel, hkl: np.ndarray, **named: float) -> np.ndarray:
    """(m,) Lorentzian FWHM of lines of the first phase at the first wavelength."""
    lines = LineChoice(hkl=np.atleast_2d(hkl).astype(np.int32), phase=np.zeros(len(np.atleast_2d(hkl)), dtype=np.int64))
    return model.place(scans.parameters(model, **named), lines).lorentz[:, 0]


@QUICK
@given(seed=SEED)
def test_pattern_agrees_with_plain_numpy(seed: int) -> None:
    scan = random_scan(seed)
    work = scans.filled_workspace(scan, scans.problem(scan))
    np.testing.assert_allclose(work.model, scan.expected, rtol=1e-10)


@QUICK
@given(seed=SEED)
def test_jacobian_of_every_parameter_agrees_with_finite_differences(seed: int) -> None:
    scan = random_scan(seed)
    given_problem, table = scans.problem(scan), scan.model.table
    work = scans.filled_workspace(scan, given_problem, table.n_slots)
    fill_jacobian(given_problem, table.slots(scan.values), np.arange(table.n_slots), work)
    analytic = table.slot_mapping.T @ work.jacobian
    for i, spec in enumerate(table):
        if spec.kind not in ("cell", "width", "strain"):
            continue
        step = 1e-5 if spec.kind == "cell" else 1e-3 * max(scan.values[i], 0.01)
        courses = []
        for by in (-2.0, -1.0, 1.0, 2.0):
            moved = scan.values.copy()
            moved[i] += by * step
            calculate(given_problem, table.slots(moved), work, False)
            courses.append(work.model.copy())
        numeric = (courses[0] - 8.0 * courses[1] + 8.0 * courses[2] - courses[3]) / (12.0 * step)
        allowed = 1e-6 * np.abs(analytic[i]).max() + 1e-8 * scan.expected.max()
        np.testing.assert_allclose(analytic[i], numeric, rtol=0.0, atol=allowed, err_msg=spec.name)


@settings(max_examples=50, deadline=None)
@given(terms=st.lists(st.floats(-5.0, 5.0), min_size=15, max_size=15), seed=SEED)
def test_variance_is_never_negative_and_answers_as_its_derivatives_say(terms: list[float], seed: int) -> None:
    at = np.array(terms)
    products = quartic_terms([np.random.default_rng(seed).integers(1, 5, 3)])[0]
    by_term, unused, inverse = np.empty(15), np.empty(15), 0.08
    width, by_inverse = stephens_width(at, products, inverse, by_term)
    assert np.isfinite(width) and width > 0.0
    assert np.isfinite(by_term).all()

    def course(change: np.ndarray, more: float = 0.0) -> float:
        return stephens_width(at + change, products, inverse + more, unused)[0]

    assert by_inverse == pytest.approx((course(0.0 * at, 1e-6) - course(0.0 * at, -1e-6)) / 2e-6, rel=1e-4)
    direction = np.random.default_rng(seed + 1).normal(size=15) * np.where(np.abs(at) > 1e-3, 1.0, 0.0)
    step = 1e-6
    numeric = (course(step * direction) - course(-step * direction)) / (2.0 * step)
    assert by_term @ direction == pytest.approx(numeric, rel=1e-3, abs=1e-3 * np.abs(by_term * direction).max())


def test_variance_keeps_value_and_slope_where_it_is_bent_away_from_zero() -> None:
    products = quartic_terms([[1, 0, 1]])[0]
    one, two = np.empty(15), np.empty(15)
    terms = np.zeros(15)
    terms[[0, 2]] = 1.0
    # One hundredth of the sum without signs is where the bend begins: 2 - s = 0.01 (2 + s).
    edge = 1.98 / 1.01
    found = []
    for shift, slope in ((-1e-7, one), (1e-7, two)):
        terms[4] = -edge + shift
        found.append(stephens_width(terms, products, 0.08, slope)[0])
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    np.testing.assert_allclose(one, two, rtol=1e-4)


@pytest.mark.parametrize("system", CLASSES)
def test_isotropic_terms_broaden_every_line_as_isotropic_strain_does(system: str) -> None:
    phase = CLASSES[system]
    isotropic = scans.two_phase_model(phase)
    stephens = scans.two_phase_model(replace(phase, strain="stephens"))
    values = stephens.table.defaults()
    terms = stephens_isotropic(phase.cell, 0.23)
    for name, tied in stephens_terms(phase.group):
        values[stephens.table.index(f"P_{name}")] = terms[tied[0][0]]
    lines = isotropic.choose_lines(isotropic.table.defaults(), np.linspace(20.0, 100.0, 1000), (True,))
    expected = isotropic.place(scans.parameters(isotropic, P_lorentz_strain=0.23), lines).lorentz
    np.testing.assert_allclose(stephens.place(values, lines).lorentz, expected, rtol=1e-9)


def test_three_equal_sizes_broaden_every_line_as_one_size_does() -> None:
    isotropic, anisotropic = (
        scans.two_phase_model(scans.LFP),
        scans.two_phase_model(replace(scans.LFP, size="anisotropic")),
    )
    lines = isotropic.choose_lines(isotropic.table.defaults(), np.linspace(20.0, 100.0, 1000), (True,))
    expected = isotropic.place(scans.parameters(isotropic, LFP_lorentz_size=0.12), lines).lorentz
    same = {f"LFP_lorentz_size_{axis}": 0.12 for axis in ("h00", "0k0", "00l")}
    np.testing.assert_allclose(anisotropic.place(scans.parameters(anisotropic, **same), lines).lorentz, expected)


@pytest.mark.parametrize("system", CLASSES)
@settings(max_examples=10, deadline=None)
@given(hkl=st.tuples(*[st.integers(-4, 4)] * 3).filter(any), seed=SEED)
def test_symmetry_equivalents_are_equally_broad(system: str, hkl: tuple[int, int, int], seed: int) -> None:
    phase = replace(CLASSES[system], strain="stephens")
    sized = "size" if system in ("orthorhombic", "tetragonal", "hexagonal") else None
    model = scans.two_phase_model(replace(phase, size="anisotropic") if sized else phase)
    rng = np.random.default_rng(seed)
    named = {
        spec.name: spec.default * rng.uniform(0.5, 2.0)
        for spec in model.table
        if spec.name.startswith(("P_S", "P_lorentz_size"))
    }
    found = widths(model, equivalent_reflections(phase.group, hkl), **named)
    np.testing.assert_allclose(found, found[0], rtol=1e-9)


def test_each_pure_term_broadens_the_lines_of_its_axis() -> None:
    model = scans.two_phase_model(replace(scans.LFP, strain="stephens"))
    nothing = {f"LFP_{term}": 0.0 for term in TERMS} | {"LFP_lorentz_size": 0.0}
    axes = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2]])
    bare = widths(model, axes, **nothing)
    for row, term in enumerate(TERMS[:3]):
        broader = widths(model, axes, **(nothing | {f"LFP_{term}": 1.0})) - bare
        assert broader[row] > 0.01
        assert (np.delete(broader, row) < 1e-6).all()


def test_size_along_an_axis_is_that_of_its_lines() -> None:
    model = scans.two_phase_model(replace(scans.LFP, size="anisotropic"))
    named = {"LFP_lorentz_size_h00": 0.02, "LFP_lorentz_size_0k0": 0.05, "LFP_lorentz_size_00l": 0.11}
    hkl = np.array([[4, 0, 0], [0, 2, 0], [0, 0, 2]])
    wavelength = model.instrument.lines[0][0]
    cosine = np.sqrt(1.0 - (wavelength / 2.0 / scans.LFP.cell.d_spacing(hkl)) ** 2)
    own = widths(model, hkl, **named) - scans.PROFILE.lorentz_size / cosine
    np.testing.assert_allclose(own * cosine, list(named.values()), rtol=1e-9)


@pytest.mark.parametrize("phase", [scans.LFP, replace(scans.LFP, strain="stephens")], ids=["isotropic", "stephens"])
def test_a_phase_without_it_has_no_slots_to_go_through(phase: Phase) -> None:
    scan = scans.known_scan(scans.two_phase_model(phase), scans.two_phase_model(phase).table.defaults())
    work = scans.filled_workspace(scan, scans.problem(scan))
    assert (work.by_slot.shape[2] == slot.N_GLOBAL + slot.N_ISOTROPIC) == (phase.strain == "isotropic")


def test_strain_has_either_one_parameter_or_the_terms() -> None:
    names = scans.two_phase_model(STRAINED).table.names
    assert {f"LFP_{term}" for term in TERMS} <= set(names)
    assert not {"LFP_lorentz_strain", "LFP_lorentz_size"} & set(names)
