"""Axes in the order of another setting are told, with what to write instead."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from xrdfit.crystal import Phase, SpaceGroup, UnitCell, generate_reflections, other_settings
from xrdfit.recipe.setting_check import setting_warnings

LFP, FP = (10.329, 6.0065, 4.6908), (9.8142, 5.7893, 4.782)
SETTINGS = {(1, 0, 2): "Pmnb", (1, 2, 0): "Pmcn", (2, 0, 1): "Pbnm", (2, 1, 0): "Pcmn", (0, 2, 1): "Pnam"}


def phase(lengths: tuple[float, ...], *, name: str = "LFP", group: str = "Pnma", reference: bool = False) -> Phase:
    return Phase(
        name=name,
        group=SpaceGroup.from_name(group),
        cell=UnitCell(*lengths),
        reference_cell=UnitCell(*LFP) if reference else None,
    )


@pytest.mark.parametrize("order", SETTINGS)
def test_lines_of_a_relabelled_cell_are_those_of_the_setting_it_was_in(order: tuple[int, int, int]) -> None:
    cell = UnitCell(*(LFP[axis] for axis in order))
    settings = {group.name: back for group, back in other_settings(SpaceGroup.from_name("Pnma"), cell)}
    back = settings[SETTINGS[order]]
    assert (back.a, back.b, back.c) == LFP
    for group, there in ((SETTINGS[order], cell), ("Pnma", back)):
        lines = generate_reflections(SpaceGroup.from_name(group), there, d_min=1.0, d_max=20.0).d_spacing
        right = generate_reflections(SpaceGroup.from_name("Pnma"), UnitCell(*LFP), d_min=1.0, d_max=20.0).d_spacing
        np.testing.assert_allclose(lines, right, rtol=1e-12)


@pytest.mark.parametrize("order", SETTINGS)
def test_a_cell_in_other_axes_than_its_reference_is_offered_both_ways_out(order: tuple[int, int, int]) -> None:
    (problem,) = setting_warnings([phase(tuple(LFP[axis] for axis in order), reference=True)])
    assert problem.code == "W117"
    assert f'space_group = "{SETTINGS[order]}"' in problem.todo
    assert "cell = [10.329, 6.0065, 4.6908]" in problem.todo


def test_of_two_like_phases_in_two_settings_the_second_is_told() -> None:
    problems = list(setting_warnings([phase(LFP), phase((FP[1], FP[0], FP[2]), name="FP")]))
    (problem,) = problems
    assert problem.where == "phase[1].cell (FP)" and "Å of LFP" in problem.found and '"Pmnb"' in problem.todo


def test_right_settings_and_groups_without_others_are_not_told() -> None:
    assert not list(setting_warnings([phase(LFP, reference=True), phase(FP, name="FP")]))
    assert not list(setting_warnings([phase((6.0065, 10.329, 4.6908), group="Pmnb"), phase(FP, name="FP")]))
    for order in permutations(LFP):
        # The axes of this group are alike.
        assert not list(setting_warnings([phase(order, group="P212121", reference=True)]))
    assert not list(other_settings(SpaceGroup.from_name("P4/mmm"), UnitCell(4.0, 4.0, 6.0)))
