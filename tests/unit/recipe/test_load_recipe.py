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

# A recipe whose two phases come from structures; None takes a key away.
WITH_CIF = {
    f"phase.{number}.{key}": value
    for number, cif in enumerate(("lfp.cif", "fp.cif"))
    for key, value in {"space_group": None, "cell": None, "cif": cif}.items()
}


def sequential(**said: object) -> dict[str, object]:
    """``[refine]`` in sequential mode."""
    return {"mode": "sequential", **said}


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
    refine = tables.refine
    assert (refine.mode, refine.chosen_intensities, refine.extraction) == ("series", "shared", "joint")
    assert (tables.fractions.method, tables.fractions.anchor, tables.fractions.amount) == ("auto", {}, "drifting")
    one_by_one = load_recipe(recipe(tmp_path, {"refine.mode": "sequential"})).tables.refine
    assert one_by_one.chosen_intensities == "lebail"
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
        "refine.intensities": "hierarchical",
        "refine.direction": "backward",
        "refine.esd_scaling": "berar-lelann",
        "refine.scope": {
            "sample_displacement": {"scope": "drift", "knots": 4},
            "zero_shift": {"scope": "fixed"},
            "transparency": "drift",
        },
        "refine.parameters": {
            "LFP_a": {"min": 10.1, "max": 10.5},
            "LFP_b": {"expr": "LFP_a - 4"},
            "LFP_lorentz_size": {"prior": [0.10, 0.02]},
        },
        "fractions": {"method": "anchored", "anchor": {"LFP": 0}, "amount": "constant"},
    }
    tables = load_recipe(recipe(tmp_path, changes)).tables
    assert tables.refine.scope["sample_displacement"].knots == 4 and tables.refine.scope["transparency"].order is None
    assert tables.refine.parameters["LFP_a"].max == 10.5
    assert tables.refine.parameters["LFP_lorentz_size"].prior == (0.10, 0.02)
    assert tables.background.humps[0].fwhm == 6.0
    assert tables.fractions.anchor == {"LFP": 0}


@pytest.mark.parametrize("intensities", ["shared", "hierarchical", "lebail", "structure"])
def test_every_kind_of_intensities_is_taken_in_series_mode(tmp_path: Path, intensities: str) -> None:
    changes = {"refine.intensities": intensities, **WITH_CIF}
    assert load_recipe(recipe(tmp_path, changes)).tables.refine.chosen_intensities == intensities


def test_sequential_mode_takes_lmfit_solvers_and_the_classical_partition(tmp_path: Path) -> None:
    changes = {"refine": {"mode": "sequential", "solver": "leastsq", "extraction": "partition"}}
    refine = load_recipe(recipe(tmp_path, changes)).tables.refine
    assert (refine.solver, refine.extraction) == ("leastsq", "partition")
    changes = {"refine": {"mode": "sequential", "intensities": "structure"}, **WITH_CIF}
    assert load_recipe(recipe(tmp_path, changes)).tables.refine.chosen_intensities == "structure"


def test_an_axis_of_preferred_orientation_goes_with_a_structure(tmp_path: Path) -> None:
    changes = {"refine.intensities": "structure", **WITH_CIF, "phase.0.march_dollase": [0, 1, 0]}
    assert load_recipe(recipe(tmp_path, changes)).tables.phase[0].march_dollase == [0, 1, 0]


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
        ({"phase.0.strain": "Stephens"}, "E155", "phase[0].strain", "stephens"),
        (
            {"phase.1.space_group": "R-3c", "phase.1.cell": [8.5, 20.8], "phase.1.strain": "stephens"},
            "E127",
            "phase[1].strain",
            "Laue class",
        ),
        (
            {"phase.1.space_group": "Fm-3m", "phase.1.cell": [4.05], "phase.1.size": "anisotropic"},
            "E127",
            "phase[1].size",
            "crystal system",
        ),
        ({"phase.0.cif": "lfp.cif"}, "E157", "phase[0].cif", "space_group and cell"),
        ({"refine": sequential(scope={"zero_shift": "drift"})}, "E157", "refine.scope.zero_shift", "sequential"),
        (
            {"refine": sequential(parameters={"LFP_a": {"prior": [10.3, 0.1]}})},
            "E157",
            "refine.parameters.LFP_a.prior",
            'write mode = "series"',
        ),
        ({"refine": sequential(intensities="shared")}, "E157", "refine.intensities", 'write mode = "series"'),
        ({"refine": sequential(intensities="hierarchical")}, "E157", "refine.intensities", "hierarchical"),
        ({"refine.solver": "leastsq"}, "E157", "refine.solver", 'write mode = "sequential"'),
        ({"refine.extraction": "partition"}, "E157", "refine.extraction", 'intensities = "lebail"'),
        (
            {"refine": {"intensities": "lebail", "extraction": "partition"}},
            "E157",
            "refine.extraction",
            'mode = "sequential"',
        ),
        (
            {"refine": sequential(intensities="structure", extraction="partition"), **WITH_CIF},
            "E157",
            "refine.extraction",
            'with mode = "sequential" and intensities = "structure"',
        ),
        ({"refine.intensities": "structure"}, "E157", "refine.intensities", "found LFP, FP without cif"),
        (
            {"refine.scope": {"zero_shift": {"scope": "drift", "order": 2, "knots": 4}}},
            "E157",
            "refine.scope.zero_shift.knots",
            "order for a polynomial",
        ),
        (
            {"refine.scope": {"zero_shift": {"scope": "series", "order": 2}}},
            "E157",
            "refine.scope.zero_shift.order",
            "only a drift",
        ),
        (
            {"refine.scope": {"zero_shift": {"scope": "drift", "order": 0}}},
            "E156",
            "refine.scope.zero_shift.order",
            ">= 1",
        ),
        (
            {"refine.scope": {"zero_shift": {"scope": "drift", "knots": 0}}},
            "E156",
            "refine.scope.zero_shift.knots",
            ">= 1",
        ),
        (
            {"refine.parameters": {"x": {"prior": [1.0, 0.0]}}},
            "E156",
            "refine.parameters.x.prior[1]",
            "found 0 against > 0",
        ),
        (
            {"refine.parameters": {"x": {"prior": [1.0, 0.1], "expr": "y"}}},
            "E157",
            "refine.parameters.x.prior",
            "prior with expr",
        ),
        (
            {"refine.parameters": {"x": {"prior": [1.0, 0.1], "vary": False}}},
            "E157",
            "refine.parameters.x.prior",
            "vary = false",
        ),
        ({"refine.parameters": {"x": {"prior": [1.0]}}}, "E153", "refine.parameters.x.prior[1]", "add prior[1]"),
        ({"refine.fractions": "conservaton"}, "E152", "refine.fractions", "it is a table of its own: [fractions]"),
        ({"refine.fraction": "anchored"}, "E152", "refine.fraction", "it is a table of its own: [fractions]"),
        ({"refine.phase": "LFP"}, "E152", "refine.phase", "it is a table of its own: [[phase]]"),
        ({"refine.method": "anchored"}, "E152", "refine.method", "it belongs in [fractions]"),
        ({"refine.amounts": "constant"}, "E152", "refine.amounts", "it belongs in [fractions], as amount"),
        ({"fractions": "anchored"}, "E154", "fractions", "write [fractions]"),
        ({"fractions.methd": "auto"}, "E152", "fractions.methd", "did you mean method?"),
        ({"fractions.method": "conserve"}, "E155", "fractions.method", "did you mean conservation?"),
        ({"fractions.amount": "drift"}, "E155", "fractions.amount", "did you mean drifting?"),
        ({"fractions.method": "anchored"}, "E153", "fractions.anchor", "add anchor = { NAME = 0 }"),
        (
            {"fractions": {"method": "conservation", "anchor": {"LFP": 0}}},
            "E157",
            "fractions.anchor",
            "against auto or anchored",
        ),
        ({"fractions.method": "structure"}, "E157", "fractions.method", "found LFP, FP without cif"),
        ({"fractions.anchor": {"LFPO": 0}}, "E155", "fractions.anchor.LFPO", "did you mean LFP?"),
        ({"fractions.anchor": {"FP": 0}, "phase.1.role": "inert"}, "E155", "fractions.anchor.FP", "against LFP"),
        ({"fractions.anchor": {"LFP": -1}}, "E156", "fractions.anchor.LFP", ">= 0"),
        ({"fractions.anchor": {"LFP": 3, "FP": 3}}, "E157", "fractions.anchor.FP", "found scan 3 again, as for LFP"),
        (
            {"fractions.method": "conservation", "refine.intensities": "lebail"},
            "E157",
            "fractions.method",
            "free intensities",
        ),
        ({"phase.0.march_dollase": [0, 1, 0]}, "E157", "phase[0].march_dollase", "'shared' against 'structure'"),
        (
            {"phase.0.march_dollase": [0, 1], "refine.intensities": "structure", **WITH_CIF},
            "E156",
            "phase[0].march_dollase",
            "at least 3",
        ),
        (
            {"phase.0.march_dollase": [0, 0, 0], "refine.intensities": "structure", **WITH_CIF},
            "E156",
            "phase[0].march_dollase",
            "such as [0, 1, 0]",
        ),
        ({"refine.parameters": {"x": {"expr": "y", "value": 1.0}}}, "E157", "refine.parameters.x.expr", "keep expr"),
        ({"phase.0.name": "2LFP"}, "E158", "phase[0].name", "a letter first"),
        ({"phase.0.name": "LFP-rich"}, "E158", "phase[0].name", "letters, digits and _"),
        ({"phase.0.name": "lambda"}, "E158", "phase[0].name", "a word of Python"),
        ({"phase.0.name": "sample"}, "E158", "phase[0].name", "sample_displacement"),
        ({"phase.1.name": "LFP"}, "E158", "phase[1].name", "as in phase[0]"),
        ({"refine.mode": "serial"}, "E155", "refine.mode", "did you mean series?"),
        ({"refine": sequential(mode="sequental", solver="leastsq")}, "E155", "refine.mode", "did you mean sequential?"),
        ({"refine.intensities": "sharing"}, "E155", "refine.intensities", "did you mean shared?"),
        ({"cycler.files": "cell.mpt"}, "E152", "cycler.files", "did you mean file?"),
        ({"cycler": {"file": "c.mpt", "active_mass_mg": 0.0}}, "E156", "cycler.active_mass_mg", "> 0"),
        (
            {"cycler": {"file": "c.mpt", "theoretical_capacity_mAh_g": 170.0}},
            "E153",
            "cycler.active_mass_mg",
            "add active_mass_mg",
        ),
        ({"cycler": {"file": "c.csv", "units": {"voltage": "kV"}}}, "E155", "cycler.units.voltage", "did you mean"),
        ({"cycler": {"file": "c.csv", "columns": {"volt": "U"}}}, "E152", "cycler.columns.volt", "voltage"),
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
        "refine": {
            "mode": "sequential",
            "intensities": "shared",
            "scope": {"zero_shift": "drifting", "transparency": {"scope": "scan", "order": 2}},
            "parameters": {"LFP_a": {"min": 2.0, "max": 1.0}},
        },
        "fractions": {"method": "anchord", "anchor": {"Al": 0}},
    }
    found = mistakes(recipe(tmp_path, changes))
    assert sorted(message.split(" · ")[1] for message in found) == [
        "background.terms",
        "data.fils",
        "data.range",
        "fractions.anchor.Al",
        "fractions.method",
        "phase[0].cell[0]",
        "phase[0].formla",
        "phase[1].name",
        "refine.intensities",
        "refine.parameters.LFP_a.min",
        "refine.scope.transparency.order",
        "refine.scope.zero_shift",
    ]


@pytest.mark.parametrize("name", ["LFP_x", "LFP_lorentz", "lfp"])
def test_phases_whose_columns_or_blocks_would_share_a_name_are_refused(tmp_path: Path, name: str) -> None:
    (message,) = mistakes(recipe(tmp_path, {"phase.1.name": name}))
    assert message.startswith("E158") and "phase[1].name" in message


def test_a_recipe_that_is_no_toml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[data]\nfiles = *.xye\n")
    (message,) = mistakes(path)
    assert message.startswith("E151") and "line 2" in message


def test_a_missing_recipe_suggests_the_one_that_is_there(tmp_path: Path) -> None:
    recipe(tmp_path)
    (message,) = mistakes(tmp_path / "recepi.toml")
    assert message.startswith("E150") and "did you mean recipe.toml?" in message


def test_a_start_may_be_written_with_dots_the_day_first(tmp_path: Path) -> None:
    times = {"start": "02.05.2026 09:14", "interval_s": 7200}
    said = load_recipe(recipe(tmp_path, {"data.times": times})).tables.data.times
    assert not isinstance(said, str) and said.start is not None and said.start.isoformat() == "2026-05-02T09:14:00"
    (ambiguous,) = mistakes(recipe(tmp_path, {"data.times": times | {"start": "02/05/2026 09:14"}}))
    assert "data.times.start" in ambiguous and "2026-05-02T09:14:00" in ambiguous


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["two_theta", "sigma"], "intensity is missing"),
        (["two_theta", "intensity", "intensity"], "two columns are intensity"),
        (["two_theta", "intensty"], "did you mean intensity?"),
        (["two_theta"], "at least 2"),
    ],
)
def test_columns_that_make_no_pattern_are_mistakes(tmp_path: Path, columns: list[str], says: str) -> None:
    assert any(
        says in line and "data.columns" in line for line in mistakes(recipe(tmp_path, {"data.columns": columns}))
    )


def test_data_in_the_place_of_the_recipe_are_told_apart_from_a_wrong_encoding(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n\0\0\0\0")
    assert "a binary file against TOML" in mistakes(path)[0]
    path.write_bytes("# Übung".encode("latin-1"))
    assert "save it as UTF-8" in mistakes(path)[0]
