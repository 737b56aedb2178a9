"""The parameter table and the lines that a model chooses."""

from dataclasses import replace

import numpy as np
import pytest

from tests import scans, twins
from xrdfit.kernels import problem as slot
from xrdfit.model import Background, Contaminant, Hump, Instrument, InstrumentProfile, LineChoice, PatternModel
from xrdfit.model.instrument import Geometry


def test_table_names_every_refinable_quantity_once() -> None:
    names = scans.two_phase_model(background=Background(terms=2, humps=(Hump(position=24.0, fwhm=5.0),))).table.names
    assert len(set(names)) == len(names)
    assert names[:3] == ("zero_shift", "sample_displacement", "transparency")
    assert {"LFP_a", "FP_c", "LFP_lorentz_size", "FP_gauss_strain", "background_c1", "hump0_area"} <= set(names)
    assert "LFP_alpha" not in names


def test_every_slot_of_the_kernels_is_fed_by_one_parameter_or_a_constant() -> None:
    both = (Contaminant.of("k_beta", "Cu"), Contaminant.of("w_l_alpha", "Cu"))
    for geometry, unused in (
        ("bragg-brentano", {slot.CAPILLARY_PARALLEL, slot.CAPILLARY_PERPENDICULAR}),
        ("debye-scherrer", {slot.SAMPLE_DISPLACEMENT, slot.TRANSPARENCY, slot.EQUATORIAL_DIVERGENCE}),
    ):
        model = PatternModel.of(
            Instrument.k_alpha("Cu", geometry=geometry, contaminants=both),
            (scans.phase("M", "P2_1/c", 7.1, 9.3, 5.8, 90.0, 101.0, 90.0), scans.LFP),
            Background(terms=3, humps=(Hump(position=24.0, fwhm=5.0),)),
        )
        fed = (model.table.slot_mapping != 0.0).sum(axis=1) + (model.table.slot_base != 0.0)
        # Phases without a place of their own stand where the sample does.
        unused |= {slot.N_GLOBAL + slot.N_PHASE * number + slot.DISPLACEMENT for number in range(2)}
        # Nor do their widths depend on the direction.
        unused |= {
            slot.N_GLOBAL + slot.N_PHASE * number + more
            for number in range(2)
            for more in range(slot.N_ISOTROPIC, slot.N_PHASE)
        }
        assert (np.delete(fed, list(unused)) == 1).all()
        assert not fed[list(unused)].any()


@pytest.mark.parametrize(
    ("geometry", "sample"), [("bragg-brentano", "sample_displacement"), ("debye-scherrer", "capillary_parallel")]
)
def test_a_window_does_not_move_with_the_sample_but_by_its_own_displacement(geometry: Geometry, sample: str) -> None:
    window = replace(scans.phase("Al", "Fm-3m", 4.05, 4.05, 4.05, 90.0, 90.0, 90.0), own_displacement=True)
    instrument = Instrument.k_alpha("Cu", geometry=geometry, goniometer_radius_mm=200.0)
    model = PatternModel.of(instrument, (scans.LFP, window), Background(terms=1))
    lines = model.choose_lines(model.table.defaults(), np.linspace(20.0, 80.0, 2001), (True, True))
    before = model.place(model.table.defaults(), lines).position
    windows = lines.phase == 1
    for name, moves in ((sample, ~windows), ("Al_displacement", windows)):
        values = model.table.defaults()
        values[model.table.index(name)] = 0.3
        shift = model.place(values, lines).position - before
        assert not shift[~moves].any()
        angle = np.radians(before[moves])
        per_mm = 2.0 * np.cos(angle / 2.0) if geometry == "bragg-brentano" else np.sin(angle)
        np.testing.assert_allclose(shift[moves], -np.degrees(0.3 / 200.0 * per_mm), rtol=1e-9)


def test_defaults_lie_within_their_limits() -> None:
    table = scans.two_phase_model(background=Background(terms=2, humps=(Hump(position=24.0, fwhm=5.0),))).table
    for spec in table:
        assert spec.lower <= spec.default <= spec.upper, spec.name
        assert spec.lower < spec.upper, spec.name


@pytest.mark.parametrize(
    ("group", "cell"),
    [
        ("P-1", (6.1, 7.2, 5.3, 83.0, 97.0, 104.0)),
        ("P2_1/c", (7.1, 9.3, 5.8, 90.0, 101.0, 90.0)),
        ("R-3c", (4.759, 4.759, 12.992, 90.0, 90.0, 120.0)),
        ("R-3c:R", (5.13, 5.13, 5.13, 55.3, 55.3, 55.3)),
        ("Fm-3m", (4.05, 4.05, 4.05, 90.0, 90.0, 90.0)),
    ],
)
def test_cell_of_free_parameters_obeys_the_crystal_system(group: str, cell: tuple[float, ...]) -> None:
    model = PatternModel.of(Instrument.k_alpha("Cu"), (scans.phase("P", group, *cell),), Background(terms=1))
    values = scans.by_name(model, model.table.defaults())
    np.testing.assert_allclose(model.table.cells(model.table.defaults(), 0), cell, rtol=1e-15)
    np.testing.assert_allclose(twins.cell(model, values, 0), cell, rtol=1e-15)


def test_known_resolution_is_fixed_and_unknown_one_is_refined_for_the_series() -> None:
    scopes = {spec.name: spec.scope for spec in scans.two_phase_model().table}
    unknown = PatternModel.of(Instrument.k_alpha("Cu"), (scans.LFP,), Background())
    assert scopes["caglioti_w"] == "fixed"
    assert {spec.name: spec.scope for spec in unknown.table}["caglioti_w"] == "series"


def test_measured_resolution_may_lie_outside_the_usual_signs() -> None:
    profile = InstrumentProfile(u=-0.001, v=0.002, w=-0.0001)
    table = PatternModel.of(Instrument.k_alpha("Cu", profile=profile), (scans.LFP,), Background()).table
    for name, value in {"caglioti_u": -0.001, "caglioti_v": 0.002, "caglioti_w": -0.0001}.items():
        spec = table.specs[table.index(name)]
        assert spec.lower <= value <= spec.upper


def hkl_in(two_theta: np.ndarray, present: tuple[bool, ...] = (True, True), **named: float) -> set[tuple]:
    model = scans.two_phase_model()
    lines = model.choose_lines(scans.parameters(model, **named), two_theta, present)
    return {(int(p), *h) for p, h in zip(lines.phase, lines.hkl.tolist(), strict=True)}


def test_lines_of_an_absent_phase_are_not_in_the_pattern() -> None:
    both, only = hkl_in(scans.TWO_THETA), hkl_in(scans.TWO_THETA, (False, True))
    assert {line for line in both if line[0] == 1} == only
    assert not hkl_in(scans.TWO_THETA, (False, False))


def test_lines_come_and_go_with_the_cell() -> None:
    # LFP (200) at 17.16 deg stands outside a pattern that begins at 19, and inside once a is small enough.
    x = np.linspace(19.0, 22.0, 200)
    assert (0, 2, 0, 0) not in hkl_in(x)
    assert (0, 2, 0, 0) in hkl_in(x, LFP_a=9.2)


def test_line_in_an_excluded_gap_is_left_out_unless_its_tail_reaches_the_points() -> None:
    narrow = {"LFP_lorentz_size": 0.02}
    whole = hkl_in(scans.TWO_THETA, (True, False), **narrow)
    wide_gap = scans.TWO_THETA[np.abs(scans.TWO_THETA - 25.56) > 1.0]
    small_gap = scans.TWO_THETA[np.abs(scans.TWO_THETA - 25.56) > 0.15]
    # (111) and (201) at 25.6 deg.
    gone = whole - hkl_in(wide_gap, (True, False), **narrow)
    assert gone == {(0, 1, 1, 1), (0, 2, 0, 1)}
    assert hkl_in(small_gap, (True, False), **narrow) == whole


def test_choice_of_lines_knows_itself_again() -> None:
    model = scans.two_phase_model()
    values = model.table.defaults()
    one = model.choose_lines(values, scans.TWO_THETA, (True, True))
    assert one.same_as(model.choose_lines(values, scans.TWO_THETA, (True, True)))
    assert not one.same_as(model.choose_lines(values, scans.TWO_THETA, (True, False)))


def test_choice_of_lines_knows_itself_in_another_order() -> None:
    model = scans.two_phase_model()
    one = model.choose_lines(model.table.defaults(), scans.TWO_THETA, (True, True))
    turned = LineChoice(hkl=one.hkl[::-1], phase=one.phase[::-1])
    assert not one.same_as(turned)
    assert one.same_but_for_order(turned)
    others = turned.hkl.copy()
    others[0, 0] += 1
    assert not one.same_but_for_order(LineChoice(hkl=others, phase=turned.phase))
    assert not one.same_but_for_order(LineChoice(hkl=one.hkl[1:], phase=one.phase[1:]))
