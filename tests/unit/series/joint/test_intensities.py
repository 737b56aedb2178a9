"""Relative intensities that the scans of a series have in common."""

import numpy as np
import pytest

from tests import scans, stacks
from xrdfit.crystal import (
    Phase,
    Site,
    SpaceGroup,
    Structure,
    UnitCell,
    generate_reflections,
    structure_factors_squared,
)
from xrdfit.model import Background, Instrument, LineChoice, PatternModel
from xrdfit.series.joint.intensities import ExtractedIntensities, StructureIntensities, geometry_factors

COPPER = Instrument.k_alpha("Cu")
X = np.linspace(15.0, 70.0, 1101)


def metal(group: str, a: float, element: str, axis: tuple[int, int, int] | None = None, *more: Site) -> Phase:
    cell = UnitCell(a, a, a, 90.0, 90.0, 90.0)
    sites = (Site(label=element, element=element, position=(0.0, 0.0, 0.0)), *more)
    crystal = Structure(group=SpaceGroup.from_name(group), cell=cell, sites=sites)
    return Phase(name="M", group=crystal.group, cell=cell, structure=crystal, march_dollase=axis)


def lines_of(*phases: Phase, d_min: float = 1.3, d_max: float = 20.0) -> LineChoice:
    listed = [generate_reflections(phase.group, phase.cell, d_min=d_min, d_max=d_max) for phase in phases]
    return LineChoice(
        hkl=np.concatenate([each.hkl for each in listed]),
        phase=np.repeat(np.arange(len(phases)), [len(each) for each in listed]),
    )


def march(r: float, squared: np.ndarray) -> np.ndarray:
    """Dollase (1986): density of poles at this squared cosine to the axis."""
    return (r**2 * squared + (1.0 - squared) / r) ** -1.5


def test_extracted_intensities_of_each_phase_sum_to_one_whatever_their_unit() -> None:
    lines = lines_of(scans.LFP, scans.FP, d_min=2.5)
    first = np.random.default_rng(0).uniform(0.0, 900.0, lines.phase.size)
    extracted = ExtractedIntensities.of(lines, (scans.LFP, scans.FP), first)
    for phase in range(2):
        own = lines.phase == phase
        assert extracted.start[own].sum() == pytest.approx(1.0, rel=1e-14)
        np.testing.assert_allclose(extracted.start[own] / extracted.start[own][0], first[own] / first[own][0])
    np.testing.assert_allclose(extracted.gauge @ extracted.start, 1.0)
    assert np.array_equal(extracted.relative(extracted.start), extracted.start)
    assert np.array_equal(extracted.derivative(extracted.start), np.eye(first.size))
    assert (extracted.lower == 0.0).all() and np.isinf(extracted.upper).all()


def test_a_phase_of_which_nothing_is_known_begins_with_equal_intensities() -> None:
    lines = lines_of(scans.LFP, scans.FP, d_min=2.5)
    first = np.where(lines.phase == 0, 5.0, 0.0)
    start = ExtractedIntensities.of(lines, (scans.LFP, scans.FP), first).start
    own = start[lines.phase == 1]
    np.testing.assert_allclose(own, 1.0 / own.size)


def test_a_phase_without_lines_is_no_matter() -> None:
    lines = lines_of(scans.LFP, d_min=2.5)
    extracted = ExtractedIntensities.of(lines, (scans.LFP, scans.FP), np.zeros(lines.phase.size))
    assert np.isfinite(extracted.start).all()
    assert extracted.gauge.shape == (2, lines.phase.size) and not extracted.gauge[1].any()


def test_every_line_has_a_name_of_its_own() -> None:
    lines = lines_of(scans.LFP, scans.FP, d_min=1.5)
    names = ExtractedIntensities.of(lines, (scans.LFP, scans.FP), np.ones(lines.phase.size)).names
    assert len(set(names)) == len(names) == lines.phase.size
    assert names[0] == "LFP intensity (2 0 0)"


@pytest.mark.parametrize("monochromator", [None, 26.6])
def test_structure_intensities_are_multiplicity_structure_factor_and_lorentz_polarisation(
    monochromator: float | None,
) -> None:
    phases = (stacks.olivine("LFP", "LiFePO4.cif"), stacks.olivine("FP", "FePO4.cif"))
    instrument = Instrument.k_alpha("Cu", monochromator_two_theta=monochromator)
    lines = lines_of(*phases)
    relative = StructureIntensities.of(lines, phases, instrument).relative(np.empty(0))
    analyser = 1.0 if monochromator is None else np.cos(np.radians(monochromator)) ** 2
    for number, phase in enumerate(phases):
        own = np.flatnonzero(lines.phase == number)
        d = phase.cell.d_spacing(lines.hkl[own])
        theta = np.arcsin(1.5405929 / 2.0 / d)
        lp = (1.0 + analyser * np.cos(2.0 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
        assert phase.structure is not None
        squared = structure_factors_squared(phase.structure, lines.hkl[own], d, wavelength=1.5405929)
        # Orthorhombic: every index that is not zero doubles the reflections.
        multiplicity = 2.0 ** (lines.hkl[own] != 0).sum(axis=1)
        expected = multiplicity * squared * lp
        np.testing.assert_allclose(relative[own], expected / expected.sum(), rtol=1e-9)


def test_order_of_the_lines_is_theirs_and_not_that_of_the_reflections() -> None:
    phase = stacks.olivine("LFP", "LiFePO4.cif")
    lines = lines_of(phase)
    shuffled = np.random.default_rng(0).permutation(lines.phase.size)
    other = LineChoice(hkl=lines.hkl[shuffled], phase=lines.phase[shuffled])
    one, two = (StructureIntensities.of(each, (phase,), COPPER).base for each in (lines, other))
    np.testing.assert_allclose(one[shuffled], two, rtol=1e-12)


def test_random_powder_is_what_r_of_one_says() -> None:
    plain = StructureIntensities.of(*prepared(None)).relative(np.empty(0))
    oriented = StructureIntensities.of(*prepared((0, 1, 0)))
    assert oriented.names == ("LFP_march_dollase",)
    np.testing.assert_allclose(oriented.relative(np.ones(1)), plain, rtol=1e-13)
    assert np.array_equal(oriented.start, [1.0])


def prepared(axis: tuple[int, int, int] | None) -> tuple[LineChoice, tuple[Phase, ...], Instrument]:
    phase = stacks.olivine("LFP", "LiFePO4.cif", axis)
    return lines_of(phase), (phase,), COPPER


def test_plates_lying_flat_show_their_axis_and_hide_what_stands_across() -> None:
    oriented = StructureIntensities.of(*prepared((0, 1, 0)))
    hkl = [tuple(line) for line in prepared(None)[0].hkl.tolist()]
    # Plates in reflection: r < 1. Along the axis the poles are r^-3 times as dense, across it r^1.5 times.
    gain = oriented.relative(np.array([0.7])) / oriented.relative(np.ones(1))
    assert gain[hkl.index((0, 2, 0))] == pytest.approx(0.7**-3, rel=1e-12)
    for across in ((2, 0, 0), (1, 0, 1), (3, 0, 1)):
        assert gain[hkl.index(across)] == pytest.approx(0.7**1.5, rel=1e-12)


def test_orientation_of_one_phase_leaves_the_other_alone() -> None:
    phases = (stacks.olivine("LFP", "LiFePO4.cif", (0, 1, 0)), stacks.olivine("FP", "FePO4.cif", (1, 0, 0)))
    oriented = StructureIntensities.of(lines_of(*phases), phases, COPPER)
    moved = oriented.relative(np.array([0.8, 1.0])) != oriented.relative(np.ones(2))
    assert moved[lines_of(*phases).phase == 0].any() and not moved[lines_of(*phases).phase == 1].any()


@pytest.mark.parametrize("r", [0.5, 0.9, 1.0, 1.6])
def test_derivative_with_respect_to_marchs_r_is_that_of_the_intensities(r: float) -> None:
    oriented = StructureIntensities.of(*prepared((1, 1, 0)))
    step = 1e-3
    near = [oriented.relative(np.array([r + by * step])) for by in (-2, -1, 1, 2)]
    expected = (near[0] - 8.0 * near[1] + 8.0 * near[2] - near[3]) / (12.0 * step)
    found = oriented.derivative(np.array([r]))
    np.testing.assert_allclose(found[:, 0], expected, rtol=0.0, atol=1e-7 * np.abs(expected).max())


def axes_all_round(n: int) -> np.ndarray:
    """(n, 3) whole-numbered directions spread evenly over the sphere."""
    height = 1.0 - (2.0 * np.arange(n) + 1.0) / n
    angle = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(n)
    across = np.sqrt(1.0 - height**2)
    directions = np.column_stack([across * np.cos(angle), across * np.sin(angle), height])
    return np.round(2000.0 * directions).astype(int)


@pytest.mark.parametrize("r", [0.7, 1.4])
def test_orientation_moves_intensity_about_and_makes_none(r: float) -> None:
    # Seen from a line, axes all round the sphere are poles all round it.
    phase = metal("Fm-3m", 4.0495, "Al")
    lines = lines_of(phase, d_min=2.0)
    gains = []
    for axis in axes_all_round(400):
        oriented = StructureIntensities.of(lines, (metal("Fm-3m", 4.0495, "Al", tuple(axis.tolist())),), COPPER)
        gains.append(oriented.relative(np.array([r])) / oriented.base)
    np.testing.assert_allclose(np.mean(gains, axis=0), 1.0, atol=2e-3)


def test_coincident_lines_are_oriented_each_by_its_own_reflections() -> None:
    # 511 and 333 of a cubic crystal lie at one d; an axis 111 favours the latter.
    phase = metal("Fm-3m", 4.0495, "Al", (1, 1, 1))
    listed = generate_reflections(phase.group, phase.cell, d_min=0.75, d_max=0.80)
    lines = LineChoice(hkl=listed.hkl, phase=np.zeros(len(listed), dtype=np.int64))
    sums = (listed.hkl**2).sum(axis=1).tolist()
    instrument = Instrument.k_alpha("Mo")
    oriented = StructureIntensities.of(lines, (phase,), instrument)
    box = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    # All of them scatter alike: atoms at the corners and face centres alone.
    together = box[((box**2).sum(axis=1) == 27) & (np.ptp(box % 2, axis=1) == 0)]
    assert len(together) == 32
    squared = together.sum(axis=1) ** 2 / 27.0 / 3.0
    line = sums.index(27)
    gain = oriented.relative(np.array([0.6]))[line] / oriented.base[line]
    assert gain == pytest.approx(march(0.6, squared).mean(), rel=1e-12)


def test_coincident_lines_that_scatter_unlike_are_oriented_by_what_each_contributes() -> None:
    # 4/m: hk0 and kh0 lie at one d, but the atoms beside the axes tell them apart.
    cell = UnitCell(6.0, 6.0, 5.0, 90.0, 90.0, 90.0)
    group = SpaceGroup.from_name("P4/m")
    sites = (Site(label="Fe", element="Fe", position=(0.13, 0.29, 0.0)),)
    crystal = Structure(group=group, cell=cell, sites=sites)
    phase = Phase(name="T", group=group, cell=cell, structure=crystal, march_dollase=(2, 1, 0))
    lines = lines_of(phase, d_min=2.6, d_max=2.75)
    assert lines.hkl.tolist() == [[2, 1, 0]]
    oriented = StructureIntensities.of(lines, (phase,), COPPER)
    one, other = structure_factors_squared(
        crystal, [[2, 1, 0], [1, 2, 0]], [6.0 / np.sqrt(5.0)] * 2, wavelength=1.5405929
    )
    assert max(one / other, other / one) > 2.0
    # Cosines between (2 1 0) and the reflections of {2 1 0}, then of {1 2 0}.
    gains = [march(0.6, np.array(squares) / 25.0).mean() for squares in ([25.0, 0.0], [16.0, 9.0])]
    expected = (one * gains[0] + other * gains[1]) / (one + other)
    gain = oriented.relative(np.array([0.6]))[0] / oriented.base[0]
    assert gain == pytest.approx(expected, rel=1e-9)


def model_of(*phases: Phase, **instrument: float) -> PatternModel:
    return PatternModel.of(Instrument.k_alpha("Cu", **instrument), phases, Background())


def test_cells_as_they_start_leave_the_geometry_alone() -> None:
    model = model_of(scans.LFP, scans.FP)
    values = model.table.defaults()
    lines = model.choose_lines(values, X, (True, True))
    np.testing.assert_allclose(geometry_factors(model, lines, values[None]), 1.0, rtol=1e-13)


def test_swelling_cell_dilutes_its_scatterers_and_takes_its_lines_to_stronger_angles() -> None:
    model = model_of(scans.LFP, scans.FP)
    values = model.table.defaults()
    lines = model.choose_lines(values, X, (True, True))
    swollen = values.copy()
    for name in ("LFP_a", "LFP_b", "LFP_c"):
        swollen[model.table.index(name)] *= 1.01
    (factor,) = geometry_factors(model, lines, swollen[None])
    np.testing.assert_allclose(factor, stacks.geometry(model, lines, swollen), rtol=1e-10)
    assert np.array_equal(factor[lines.phase == 1], np.ones(np.count_nonzero(lines.phase == 1)))
    own = factor[lines.phase == 0]
    # V^-2 alone is 1.01^-6; at low angle the Lorentz factor goes as d^2 and gives 1.01^2 back.
    assert own[0] == pytest.approx(1.01**-4, rel=2e-3)
    assert (own > 1.01**-6).all()


def test_shear_of_a_cell_that_keeps_the_volume_changes_the_lorentz_factor_alone() -> None:
    model = model_of(scans.LFP)
    values = model.table.defaults()
    lines = model.choose_lines(values, X, (True,))
    values[model.table.index("LFP_a")] *= 1.02
    values[model.table.index("LFP_b")] /= 1.02
    (factor,) = geometry_factors(model, lines, values[None])
    hkl = [tuple(line) for line in lines.hkl.tolist()]
    assert factor[hkl.index((0, 1, 1))] < 1.0 < factor[hkl.index((2, 0, 0))]
    # (2 0 0) stands at 17.2 deg: (d / d0)^2 but for the polarisation.
    assert factor[hkl.index((2, 0, 0))] == pytest.approx(1.02**2, rel=3e-3)
