# ruff: noqa: E741 - h, k, l are what the field calls them
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrdfit.crystal import ReflectionList, SpaceGroup, UnitCell, cell_from_values, generate_reflections
from xrdfit.errors import CrystalError

LENGTHS = {"a": 7.3, "b": 8.1, "c": 9.7, "alpha": 78.0, "beta": 99.0, "gamma": 106.0}
# The Pnma axes that become a, b, c of each setting (International Tables A, table 1.5.4.4).
PNMA_SETTINGS = {"Pnma": "abc", "Pmnb": "bac", "Pbnm": "cab", "Pcmn": "cba", "Pmcn": "bca", "Pnam": "acb"}


def lines(name: str, *values: float, d_min: float, d_max: float = 100.0) -> ReflectionList:
    group = SpaceGroup.from_name(name)
    return generate_reflections(group, cell_from_values(group, values), d_min=d_min, d_max=d_max)


def by_index(reflections: ReflectionList) -> dict[tuple[int, ...], int]:
    return {
        tuple(hkl): int(m) for hkl, m in zip(reflections.hkl.tolist(), reflections.multiplicity.tolist(), strict=True)
    }


def every_hkl(limit: int) -> list[tuple[int, int, int]]:
    return [hkl for hkl in itertools.product(range(-limit, limit + 1), repeat=3) if hkl != (0, 0, 0)]


def members(reflections: ReflectionList) -> set[tuple[int, ...]]:
    return {tuple(hkl) for hkl in reflections.member_hkl.tolist()}


def test_lfp_between_20_and_38_deg_of_copper_has_the_lines_of_the_reference_case() -> None:
    d_max, d_min = (1.5405929 / 2 / math.sin(math.radians(angle / 2)) for angle in (20.0, 38.0))
    assert by_index(lines("Pnma", 10.3290, 6.0065, 4.6908, d_min=d_min, d_max=d_max)) == {
        (1, 0, 1): 4, (2, 1, 0): 4, (0, 1, 1): 4, (1, 1, 1): 8, (2, 0, 1): 4, (2, 1, 1): 8, (0, 2, 0): 2,
        (3, 0, 1): 4, (2, 2, 0): 4, (4, 0, 0): 2, (3, 1, 1): 8, (1, 2, 1): 8, (4, 1, 0): 4,
    }  # fmt: skip


def test_multiplicities_of_a_cubic_crystal_are_the_textbook_ones() -> None:
    found = by_index(lines("Pm-3m", 4.0, d_min=4.0 / math.sqrt(14.5)))
    assert found == {
        (1, 0, 0): 6, (1, 1, 0): 12, (1, 1, 1): 8, (2, 0, 0): 6, (2, 1, 0): 24, (2, 1, 1): 24, (2, 2, 0): 12,
        (3, 0, 0): 30, (3, 1, 0): 24, (3, 1, 1): 24, (2, 2, 2): 8, (3, 2, 0): 24, (3, 2, 1): 48,
    }  # fmt: skip


def test_multiplicities_of_a_hexagonal_crystal_are_the_textbook_ones() -> None:
    found = by_index(lines("P6/mmm", 3.0, 5.0, d_min=0.9))
    expected = {(0, 0, 1): 2, (1, 0, 0): 6, (1, 1, 0): 6, (2, 1, 0): 12, (1, 0, 1): 12, (1, 1, 1): 12, (2, 1, 1): 24}
    assert {hkl: found[hkl] for hkl in expected} == expected


def test_cubic_333_and_511_are_one_line_of_two_members() -> None:
    reflections = lines("Fm-3m", 4.0496, d_min=0.75)
    line = reflections.hkl.tolist().index([5, 1, 1])
    assert reflections.multiplicity[line] == 32
    chosen = reflections.member_line == line
    assert reflections.member_hkl[chosen].tolist() == [[5, 1, 1], [3, 3, 3]]
    assert reflections.member_multiplicity[chosen].tolist() == [24, 8]


def test_tetragonal_hkl_and_khl_are_one_line_even_where_symmetry_tells_them_apart() -> None:
    low, high = lines("P4/m", 5.0, 7.0, d_min=1.5), lines("P4/mmm", 5.0, 7.0, d_min=1.5)
    assert by_index(low) == by_index(high)
    assert len(low.member_hkl) > len(high.member_hkl) == len(high)


def test_lines_that_a_particular_cell_makes_coincide_stay_apart() -> None:
    # An orthorhombic cell that happens to be cubic: the next scan's may not be.
    assert len(lines("Pmmm", 4.0, 4.0, 4.0, d_min=3.9)) == 3


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("Im-3m", lambda h, k, l: (h + k + l) % 2),
        ("Fm-3m", lambda h, k, l: len({h % 2, k % 2, l % 2}) > 1),
        ("Fd-3m", lambda h, k, l: len({h % 2, k % 2, l % 2}) > 1 or (h == 0 and (k + l) % 4) or _diamond(h, k, l)),
        ("P63/mmc", lambda h, k, l: (h == k or h == -2 * k or k == -2 * h) and l % 2),
        ("R-3c", lambda h, k, l: (-h + k + l) % 3 or ((h == 0 or k == 0 or h == -k) and l % 2)),
        ("Pnma", lambda h, k, l: (h == 0 and (k + l) % 2) or (l == 0 and h % 2) or _screws(h, k, l)),
        ("Pbnm", lambda h, k, l: (h == 0 and k % 2) or (k == 0 and (h + l) % 2) or _screws(h, k, l)),
        ("Pmnb", lambda h, k, l: (k == 0 and (h + l) % 2) or (l == 0 and k % 2) or _screws(h, k, l)),
        ("Pbna", lambda h, k, l: (h == 0 and k % 2) or (k == 0 and (h + l) % 2) or (l == 0 and h % 2)),
        ("C2/c", lambda h, k, l: (h + k) % 2 or (k == 0 and l % 2)),
        ("P21/c", lambda h, k, l: (k == 0 and l % 2) or (h == 0 and l == 0 and k % 2)),
        ("P 1 1 21/b", lambda h, k, l: (l == 0 and k % 2) or (h == 0 and k == 0 and l % 2)),
    ],
)
def test_systematic_absences_follow_the_international_tables(name, absent) -> None:
    group = SpaceGroup.from_name(name)
    cell = cell_from_values(group, [LENGTHS[p] for p in group.free_parameters])
    d_min = 1.6
    reflections = generate_reflections(group, cell, d_min=d_min, d_max=100.0)
    hkl = np.array([hkl for hkl in every_hkl(7) if not absent(*hkl)])
    d_spacing = cell.d_spacing(hkl)
    present = {tuple(index) for index in hkl[d_spacing >= d_min].tolist()}
    assert members(reflections) <= present
    assert reflections.multiplicity.sum() == len(present)


def _screws(h: int, k: int, l: int) -> bool:
    axes = ((h, k, l), (k, h, l), (l, h, k))
    return any(along % 2 == 1 and p == q == 0 for along, p, q in axes)


def _diamond(h: int, k: int, l: int) -> bool:
    return any(zero == 0 and (p + q) % 4 for zero, p, q in ((k, h, l), (l, h, k)))


def test_both_settings_of_a_rhombohedral_crystal_give_the_same_pattern() -> None:
    a, c = 8.5004, 20.8156
    a_r = math.sqrt(3 * a * a + c * c) / 3
    alpha = 2 * math.degrees(math.asin(3 / (2 * math.sqrt(3 + (c / a) ** 2))))
    hexagonal, rhombohedral = lines("R-3c", a, c, d_min=1.5), lines("R-3c:R", a_r, alpha, d_min=1.5)
    np.testing.assert_allclose(rhombohedral.d_spacing, hexagonal.d_spacing, rtol=1e-12)
    order = [np.lexsort((r.multiplicity, np.round(r.d_spacing, 8))) for r in (hexagonal, rhombohedral)]
    np.testing.assert_array_equal(rhombohedral.multiplicity[order[1]], hexagonal.multiplicity[order[0]])


@settings(max_examples=40, deadline=None)
@given(*[st.floats(4.0, 12.0)] * 3)
def test_renaming_the_axes_of_pnma_moves_no_line(a: float, b: float, c: float) -> None:
    values = {"a": a, "b": b, "c": c}
    reference = lines("Pnma", a, b, c, d_min=1.9)
    for name, axes in PNMA_SETTINGS.items():
        renamed = lines(name, *(values[axis] for axis in axes), d_min=1.9)
        np.testing.assert_allclose(renamed.d_spacing, reference.d_spacing, rtol=1e-12)
        assert renamed.multiplicity.sum() == reference.multiplicity.sum()


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["P-1", "C2/c", "B112/b", "Pbcn", "I41/a", "P-3", "R-3:R", "R-3:H", "P63/m", "Pa-3", "Ia-3d"]),
    scale=st.floats(0.7, 1.3),
    d_min=st.floats(1.9, 3.0),
    d_max=st.floats(3.0, 9.0),
)
def test_a_list_is_complete_sorted_and_consistent(name: str, scale: float, d_min: float, d_max: float) -> None:
    group = SpaceGroup.from_name(name)
    values = [LENGTHS[p] * (scale if p in "abc" else 1.0) for p in group.free_parameters]
    cell = cell_from_values(group, values)
    reflections = generate_reflections(group, cell, d_min=d_min, d_max=d_max)
    hkl = np.array(every_hkl(7), dtype=np.int32)
    d_spacing = cell.d_spacing(hkl)
    absent = np.array(group.gemmi_group.operations().systematic_absences(hkl))
    inside = (d_spacing >= d_min) & (d_spacing <= d_max) & ~absent
    assert reflections.multiplicity.sum() == inside.sum()
    assert (np.diff(reflections.d_spacing) <= 0.0).all()
    totals = np.bincount(reflections.member_line, weights=reflections.member_multiplicity, minlength=len(reflections))
    np.testing.assert_array_equal(totals, reflections.multiplicity)
    own = cell.d_spacing(reflections.member_hkl) if len(reflections) else np.empty(0)
    np.testing.assert_allclose(own, reflections.d_spacing[reflections.member_line], rtol=1e-9)


def test_a_line_exactly_at_a_limit_is_in_the_list() -> None:
    for length in np.round(np.arange(3.0, 9.0, 0.1), 1).tolist():
        for order in range(1, 9):
            d_spacing = float(UnitCell(length, length, length).d_spacing([[order, 0, 0]])[0])
            assert len(lines("Pm-3m", length, d_min=d_spacing, d_max=d_spacing)) == 1


def test_lines_are_named_by_the_indices_in_common_use() -> None:
    assert [-1, 1, 1] in lines("C2/c", 9.0, 8.0, 5.0, 106.0, d_min=3.0).hkl.tolist()
    assert lines("R-3c", 8.5004, 20.8156, d_min=3.6).hkl.tolist() == [[0, 1, 2], [1, 1, 0], [1, 0, 4], [1, 1, 3]]


def test_a_range_without_lines_gives_an_empty_list() -> None:
    reflections = lines("Fm-3m", 4.0496, d_min=2.5)
    assert len(reflections) == len(reflections.member_hkl) == 0
    assert reflections.hkl.shape == (0, 3)


def test_millions_of_reflections_are_refused_with_the_likely_cause() -> None:
    with pytest.raises(CrystalError, match="wavelength and cell are in Å"):
        lines("Pnma", 10.3, 6.0, 4.7, d_min=0.02)
    with pytest.raises(CrystalError, match="too many"):
        lines("Pmmm", 1.0, 1e6, 1.0, d_min=2.0)


def test_groups_cells_and_lists_can_be_sent_to_another_process() -> None:
    reflections = lines("Pnma", 10.3, 6.0, 4.7, d_min=2.5)
    group = SpaceGroup.from_name("Pnma")
    copied_group, copied = pickle.loads(pickle.dumps((group, reflections)))
    assert copied_group == group
    np.testing.assert_array_equal(copied.hkl, reflections.hkl)
