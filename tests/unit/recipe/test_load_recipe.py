"""A recipe says everything that is wrong with it, at once and in the user's terms."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from xrdfit.errors import RecipeError
from xrdfit.recipe import load_recipe

GOOD = """
[data]
files = "scans/*.xye"
range = [20.0, 38.0]

[instrument]
radiation = "Cu"

[[phase]]
name = "LFP"
space_group = "Pnma"
cell = [10.329, 6.0065, 4.6908]

[[phase]]
name = "FP"
space_group = "P n m a"
cell = [9.8142, 5.7893, 4.782, 90, 90, 90]
"""


def recipe(tmp_path: Path, changes: dict[str, Any] | None = None) -> Path:
    """`GOOD` with values set (or, by None, removed) at places such as ``phase.0.cell``."""
    raw = tomllib.loads(GOOD)
    for place, value in (changes or {}).items():
        *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
        table: Any = raw
        for step in way:
            table = table[step] if isinstance(step, int) else table.setdefault(step, {})
        if value is None:
            del table[last]
        else:
            table[last] = value
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(raw), encoding="utf-8")
    return path


def mistakes(path: Path) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return str(caught.value).splitlines()


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    loaded = load_recipe(recipe(tmp_path))
    tables = loaded.tables
    assert tables.data.files == ["scans/*.xye"] and tables.data.weights == "auto" and tables.data.times == "header"
    assert tables.instrument.geometry == "bragg-brentano" and tables.instrument.goniometer_radius_mm == 217.5
    assert tables.background.terms == 6 and tables.phase[0].role == "active"
    assert (tables.refine.mode, tables.refine.intensities, tables.refine.extraction) == (
        "sequential",
        "lebail",
        "joint",
    )
    assert loaded.directory == tmp_path


def test_a_recipe_with_everything_in_it_is_taken(tmp_path: Path) -> None:
    changes = {
        "data.files": ["a.xy", "b.xy"],
        "data.exclude": [[25.0, 25.5]],
        "data.weights": "poisson",
        "data.times": {"start": "2026-05-02T09:14:00+02:00", "interval_s": 7200},
        "instrument.geometry": "debye-scherrer",
        "instrument.radiation": None,
        "instrument.wavelength": 0.49392,
        "instrument.polarization": 0.99,
        "instrument.profile": {"u": 0.004, "v": -0.002, "w": 0.0035, "lorentz_size": 0.015},
        "phase.0.formula": "LiFePO4",
        "phase.0.reference": {"cell": [10.329, 6.0065, 4.6908], "source": "Andersson 2000"},
        "phase.0.color": "#00ff00",
        "phase.1.role": "inert",
        "background.humps": [{"position": 22.0, "fwhm": 6.0}],
        "refine.solver": "leastsq",
        "refine.direction": "backward",
        "refine.esd_scaling": "berar-lelann",
        "refine.scope": {"sample_displacement": "scan", "zero_shift": {"scope": "fixed"}},
        "refine.parameters": {"LFP_a": {"min": 10.1, "max": 10.5}, "LFP_b": {"expr": "LFP_a - 4"}},
    }
    tables = load_recipe(recipe(tmp_path, changes)).tables
    assert tables.refine.scope["sample_displacement"].scope == "scan"
    assert tables.refine.parameters["LFP_a"].max == 10.5
    assert tables.background.humps[0].fwhm == 6.0


@pytest.mark.parametrize(
    ("changes", "code", "place", "says"),
    [
        ({"data.file": "x"}, "E152", "data.file", "did you mean files?"),
        ({"phase.0.spacegroup": "Pnma"}, "E152", "phase[0].spacegroup", "did you mean space_group?"),
        ({"refine.weights": "unit"}, "E152", "refine.weights", "it belongs in [data]"),
        ({"refine.parameters": {"LFP_a": {"mini": 1.0}}}, "E152", "refine.parameters.LFP_a.mini", "did you mean min?"),
        ({"instrument.radiation": None}, "E153", "instrument.radiation", "wavelength in Å"),
        ({"phase.1.cell": None}, "E153", "phase[1].cell", "add cell"),
        ({"data.files": None}, "E153", "data.files", "add files"),
        ({"phase": []}, "E156", "phase", "at least 1"),
        ({"phase": {"name": "LFP"}}, "E154", "phase", "write [[phase]] with double brackets"),
        ({"background.terms": 5.5}, "E154", "background.terms", "found 5.5 against a whole number"),
        ({"phase.0.cell": [10.0, "6", 4.0]}, "E154", "phase[0].cell[1]", "found '6' against a number"),
        ({"data.times": {"start": "noon", "interval_s": 1}}, "E154", "data.times.start", "noon"),
        ({"instrument.radiation": "Cuu"}, "E155", "instrument.radiation", "against Cu, Mo, Co, Ag, Cr, Fe"),
        ({"refine.solver": "leastsqr"}, "E155", "refine.solver", "did you mean leastsq?"),
        ({"phase.0.cell": [-2.87, 6.0, 4.0]}, "E156", "phase[0].cell[0]", "found -2.87 against > 0 Å"),
        ({"data.range": [38.0, 20.0]}, "E156", "data.range", "write [20, 38]"),
        ({"data.exclude": [[50.0, 51.0]]}, "E156", "data.exclude[0]", "against [20, 38]"),
        (
            {"instrument.radiation": None, "instrument.wavelength": 25.1},
            "E156",
            "instrument.wavelength",
            "energy in keV",
        ),
        ({"refine.parameters": {"LFP_a": {"min": 2.0, "max": 1.0}}}, "E156", "refine.parameters.LFP_a.min", "max = 1"),
        ({"refine.parameters": {"x": {"value": 3.0, "max": 1.0}}}, "E156", "refine.parameters.x.value", "-inf to 1"),
        ({"instrument.wavelength": 1.54}, "E157", "instrument.wavelength", "radiation and wavelength exclude"),
        ({"phase.0.cif": "lfp.cif"}, "E157", "phase[0].cif", "space_group and cell"),
        ({"refine.scope": {"zero_shift": "drift"}}, "E157", "refine.scope.zero_shift", "sequential"),
        ({"refine.parameters": {"x": {"expr": "y", "value": 1.0}}}, "E157", "refine.parameters.x.expr", "keep expr"),
        ({"phase.0.name": "2LFP"}, "E158", "phase[0].name", "a letter first"),
        ({"phase.0.name": "LFP-rich"}, "E158", "phase[0].name", "letters, digits and _"),
        ({"phase.0.name": "lambda"}, "E158", "phase[0].name", "a word of Python"),
        ({"phase.0.name": "sample"}, "E158", "phase[0].name", "sample_displacement"),
        ({"phase.1.name": "LFP"}, "E158", "phase[1].name", "as in phase[0]"),
        ({"refine.mode": "series"}, "E159", "refine.mode", 'write mode = "sequential"'),
        ({"refine.intensities": "shared"}, "E159", "refine.intensities", "not available in this version"),
        ({"cycler.file": "cell.mpt"}, "E159", "cycler", "not available in this version"),
        ({"phase.0.space_group": "Pnmb2"}, "E120", "phase[0].space_group", "did you mean"),
        ({"phase.0.cell": [10.0, 6.0]}, "E122", "phase[0].cell", "a, b, c"),
        ({"phase.1.cell": [9.8, 5.8, 4.8, 90, 91, 90]}, "E123", "phase[1].cell", "beta = 91"),
        ({"phase.0.formula": "LiFoPO4"}, "E126", "phase[0].formula", "Fo"),
    ],
)
def test_one_mistake_is_one_message_with_its_place(
    tmp_path: Path, changes: dict[str, Any], code: str, place: str, says: str
) -> None:
    (message,) = mistakes(recipe(tmp_path, changes))
    assert message.startswith(f"{code} ")
    assert f" · {place} · " in message
    assert says in message
    assert message.count(" · ") == 3


def test_all_mistakes_are_told_at_once_even_where_one_hides_another(tmp_path: Path) -> None:
    changes = {
        "data.range": [38.0, 20.0],
        "data.fils": "misspelt",
        "data.files": None,
        "phase.0.cell": [-2.87, 6.0, 4.0],
        "phase.0.formla": "LiFePO4",
        "phase.1.name": "LFP",
        "background.terms": "six",
        "refine.mode": "series",
        "refine.scope": {"zero_shift": "drifting"},
    }
    found = mistakes(recipe(tmp_path, changes))
    assert sorted(message.split(" · ")[1] for message in found) == [
        "background.terms",
        "data.fils",
        "data.range",
        "phase[0].cell[0]",
        "phase[0].formla",
        "phase[1].name",
        "refine.mode",
        "refine.scope.zero_shift",
    ]


def test_a_recipe_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[data]\nfiles = *.xye\n")
    (message,) = mistakes(path)
    assert message.startswith("E151") and "line 2" in message


def test_a_missing_recipe_suggests_the_one_that_is_there(tmp_path: Path) -> None:
    recipe(tmp_path)
    (message,) = mistakes(tmp_path / "recepi.toml")
    assert message.startswith("E150") and "did you mean recipe.toml?" in message
