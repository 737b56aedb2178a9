"""From a recipe to the objects of a refinement, and the contradictions found on the way."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from xrdfit.data import Drift
from xrdfit.errors import DataError, InputError, RecipeError
from xrdfit.recipe import Job, build_job, load_recipe, lock_text

RECIPE = """
[data]
files = "scan*.xy"
range = [20.0, 38.0]
exclude = [[30.0, 30.5]]
times = { start = 2026-05-02T09:14:00+02:00, interval_s = 7200 }

[instrument]
radiation = "Cu"
[instrument.profile]
u = 0.004
v = -0.002
w = 0.0035

[[phase]]
name = "LFP"
space_group = "Pnma"
cell = [10.329, 6.0065, 4.6908]
reference = { cell = [10.329, 6.0065, 4.6908], source = "Andersson 2000" }

[[phase]]
name = "FP"
space_group = "Pnma"
cell = [9.8142, 5.7893, 4.782]

[[phase]]
name = "Al"
space_group = "Fm-3m"
cell = [4.0496]
role = "inert"

[[phase]]
name = "LATP"
space_group = "R-3c"
cell = [8.5004, 20.8156]

[background]
humps = [{ position = 22.0, fwhm = 6.0 }]

[refine.scope]
zero_shift = "scan"
[refine.parameters]
LFP_a = { min = 10.1 }
"""
SCOPES = """
zero_shift = { scope = "drift", order = 2 }
sample_displacement = { scope = "drift", knots = 2 }
transparency = "drift"
"""
FRACTIONS = """
[fractions]
method = "anchored"
anchor = { LFP = 5 }
amount = "constant"
"""
NO_ALUMINIUM = RECIPE.replace('[[phase]]\nname = "Al"\nspace_group = "Fm-3m"\ncell = [4.0496]\nrole = "inert"\n', "")


def job_of(folder: Path, text: str = NO_ALUMINIUM, n_scans: int = 2) -> Job:
    two_theta = np.arange(15.0, 60.0, 0.05)
    for number in range(1, n_scans + 1):
        (folder / f"scan{number}.xy").write_text("\n".join(f"{x:.3f} 100" for x in two_theta))
    (folder / "recipe.toml").write_text(text, encoding="utf-8")
    return build_job(load_recipe(folder / "recipe.toml"))


def test_a_recipe_becomes_a_job(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    assert len(job.stack) == 2 and job.stack.times is not None
    assert job.stack.times.origin == "2026-05-02T09:14:00+02:00"
    assert [weight for _, weight in job.instrument.lines] == [2.0, 1.0]
    assert job.instrument.profile is not None and job.instrument.profile.w == 0.0035
    assert job.instrument.detector == "point"
    assert [phase.name for phase in job.phases] == ["LFP", "FP", "LATP"]
    assert job.phases[0].label().reference["a"] == 10.329
    assert job.phases[2].group.free_parameters == ("a", "c")
    assert job.background.terms == 6 and job.background.humps[0].position == 22.0
    assert job.settings.two_theta_range == (20.0, 38.0) and job.settings.exclude == ((30.0, 30.5),)
    assert job.settings.scope == {"zero_shift": "scan"}
    assert job.settings.overrides["LFP_a"].min == 10.1 and job.settings.overrides["LFP_a"].value is None
    assert job.recipe_hash == hashlib.sha256(NO_ALUMINIUM.encode()).hexdigest()
    assert job.directory == tmp_path


def test_active_phases_get_colours_that_the_user_has_not_taken(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace('name = "LFP"', 'name = "LFP"\ncolor = "blue"')
    colors = [phase.color for phase in job_of(tmp_path, text).phases]
    assert colors == ["blue", "red", "#E69F00"]
    inert = NO_ALUMINIUM.replace('name = "LATP"', 'name = "LATP"\nrole = "inert"')
    assert [phase.color for phase in job_of(tmp_path, inert).phases] == ["red", "blue", None]


def test_a_synchrotron_reads_all_angles_at_once_unless_said_otherwise(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace('radiation = "Cu"', 'geometry = "debye-scherrer"\nwavelength = 1.5')
    job = job_of(tmp_path, text)
    assert job.instrument.detector == "area" and job.instrument.lines == ((1.5, 1.0),)
    assert job_of(tmp_path, text.replace("wavelength", 'detector = "point"\nwavelength')).instrument.detector == "point"


def test_the_profile_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    head, tail = NO_ALUMINIUM.split("[instrument.profile]")
    text = head + 'file = "instrument.toml"\n' + tail[tail.index("[[phase]]") :]
    (tmp_path / "instrument.toml").write_text("[instrument.profile]\nu = 0.0\nv = 0.0\nw = 0.01\n")
    profile = job_of(tmp_path, text).instrument.profile
    assert profile is not None and (profile.u, profile.w) == (0.0, 0.01)
    (tmp_path / "instrument.toml").write_text("[profile]\nu = 0.0\nv = 0.0\n")
    with pytest.raises(RecipeError, match=r"E153 w is missing · instrument.toml: profile.w"):
        job_of(tmp_path, text)


def test_a_cif_stands_for_group_and_cell(tmp_path: Path, real_data: Path) -> None:
    given = 'space_group = "Pnma"\ncell = [10.329, 6.0065, 4.6908]\n'
    text = NO_ALUMINIUM.replace(given, f'cif = "{real_data / "cif" / "4001848.cif"}"\n', 1)
    phase = job_of(tmp_path, text).phases[0]
    assert phase.cell.a == pytest.approx(10.3244) and phase.structure is not None


def test_the_lock_spells_out_defaults_versions_and_hashes(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    lock = tomllib.loads(lock_text(job))
    assert lock["refine"]["solver"] == "compiled" and lock["instrument"]["detector"] == "point"
    assert (lock["refine"]["mode"], lock["refine"]["intensities"]) == ("series", "shared")
    assert lock["refine"]["scope"]["zero_shift"] == "scan" and lock["refine"]["scope"]["LFP_a"] == "scan"
    assert lock["refine"]["scope"]["sample_displacement"] == {"scope": "drift", "order": 1}
    assert lock["refine"]["scope"]["LFP_lorentz_size"] == "series"
    assert lock["fractions"] == {"method": "auto", "anchor": {}, "amount": "drifting"}
    assert lock["refine"]["parameters"]["LFP_a"]["min"] == 10.1
    assert lock["refine"]["parameters"]["LFP_a"]["value"] == 10.329
    assert lock["data"]["times"]["start"] == datetime.fromisoformat("2026-05-02T09:14:00+02:00")
    assert lock["lock"]["recipe_sha256"] == job.recipe_hash
    assert lock["lock"]["inputs"] == {
        name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("scan1.xy", "scan2.xy")
    }
    assert {"xrdfit", "numpy", "lmfit"} <= set(lock["lock"]["versions"])


def test_the_lock_of_a_sequential_run_has_its_defaults(tmp_path: Path) -> None:
    lock = job_of(
        tmp_path, NO_ALUMINIUM.replace("[refine.scope]", '[refine]\nmode = "sequential"\n[refine.scope]')
    ).locked
    assert lock["refine"]["intensities"] == "lebail"
    assert lock["refine"]["scope"]["sample_displacement"] == lock["refine"]["scope"]["LFP_lorentz_size"] == "scan"


def test_drifts_priors_and_anchors_reach_the_settings(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace('zero_shift = "scan"', SCOPES).replace("[refine.scope]", FRACTIONS + "[refine.scope]")
    text = text.replace("LFP_a = {", "FP_lorentz_size = { prior = [0.10, 0.02] }\nLFP_a = {")
    settings = job_of(tmp_path, text, n_scans=6).settings
    assert (settings.mode, settings.intensities) == ("series", "shared")
    assert settings.scope == {"zero_shift": "drift", "sample_displacement": "drift", "transparency": "drift"}
    assert settings.drift == {
        "zero_shift": Drift(order=2),
        "sample_displacement": Drift(knots=2),
        "transparency": Drift(order=1),
    }
    assert settings.overrides["FP_lorentz_size"].prior == (0.10, 0.02)
    assert (settings.fractions, settings.anchors, settings.amount) == ("anchored", {"LFP": 5}, "constant")
    lock = job_of(tmp_path, text, n_scans=6).locked
    assert lock["refine"]["scope"]["sample_displacement"] == {"scope": "drift", "knots": 2}
    assert tomllib.loads(tomli_w.dumps(lock))["refine"]["parameters"]["FP_lorentz_size"]["prior"] == [0.10, 0.02]


def test_an_axis_of_preferred_orientation_reaches_its_phase(tmp_path: Path, real_data: Path) -> None:
    head, tail = NO_ALUMINIUM.split("[[phase]]", 1)
    cif = real_data / "cif" / "4001848.cif"
    phase = f'[[phase]]\nname = "LFP"\ncif = "{cif}"\nmarch_dollase = [0, 1, 0]\n'
    rest = '[refine]\nintensities = "structure"\n' + tail[tail.index("[refine.scope]") :]
    job = job_of(tmp_path, head + phase + rest)
    assert job.phases[0].march_dollase == (0, 1, 0) and job.settings.intensities == "structure"
    assert job.locked["phase"][0]["march_dollase"] == [0, 1, 0]


def test_an_inert_phase_may_have_one_cell_for_the_series(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace('name = "LATP"', 'name = "LATP"\nrole = "inert"')
    scopes = 'zero_shift = "scan"\nLATP_a = "series"\nLATP_c = "drift"\nLFP_b = "fixed"'
    assert job_of(tmp_path, text.replace('zero_shift = "scan"', scopes)).settings.scope["LATP_c"] == "drift"


def test_a_single_scan_is_taken_whatever_is_said_to_drift(tmp_path: Path) -> None:
    scope = 'zero_shift = { scope = "drift", order = 3 }'
    assert len(job_of(tmp_path, NO_ALUMINIUM.replace('zero_shift = "scan"', scope), n_scans=1).stack) == 1


@pytest.mark.parametrize(
    ("n_scans", "drift", "message"),
    [
        (4, "order = 4", r"E156 more drift than scans · refine.scope.zero_shift · .*5 values, against 4 .*order = 3$"),
        (6, "knots = 3", r"E156 more drift than scans · refine.scope.zero_shift · .*7 values, against 6 .*knots = 2$"),
        (4, "knots = 1", r"5 values, against 4 scans · write at most order = 3$"),
    ],
)
def test_a_drift_has_no_more_values_than_there_are_scans(
    tmp_path: Path, n_scans: int, drift: str, message: str
) -> None:
    text = NO_ALUMINIUM.replace('zero_shift = "scan"', f'zero_shift = {{ scope = "drift", {drift} }}')
    with pytest.raises(RecipeError, match=message):
        job_of(tmp_path, text, n_scans)
    assert len(job_of(tmp_path, text, n_scans + 1).stack) == n_scans + 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'zero_shift = "scan"',
            'LFP_a = "series"',
            r"E157 .* · refine.scope.LFP_a · found series .*role = \"inert\" for LFP",
        ),
        ('zero_shift = "scan"', 'FP_c = "drift"', r"E157 .* · refine.scope.FP_c · found drift against scan or fixed"),
        ('zero_shift = "scan"', 'background_c0 = "series"', r"E157 the background belongs to its scan"),
        ('zero_shift = "scan"', 'hump0_area = "drift"', r"E157 the background .* · refine.scope.hump0_area"),
        ("LFP_a = { min = 10.1 }", "caglioti_u = { prior = [0.1, 0.1] }", r"caglioti_u.prior · .*whose scope is fixed"),
        (
            "[refine.scope]",
            "[fractions]\nanchor = { FP = 2 }\n[refine.scope]",
            r"fractions.anchor.FP · found 2 against 0 to 1",
        ),
        ("range = [20.0, 38.0]", "range = [29.9, 30.2]", r"E160 too few points are left · data.range"),
        ("range = [20.0, 38.0]", "range = [70.0, 80.0]", r"E156 excluded part lies outside the range"),
        ("exclude = [[30.0, 30.5]]", "exclude = [[1.0, 2.0]]", r"outside the range"),
        ("zero_shift =", "zero_shft =", r"E161 unknown parameter · refine.scope.zero_shft .*did you mean zero_shift\?"),
        ("LFP_a =", "LFP_alpha =", r"E161 unknown parameter · refine.parameters.LFP_alpha"),
        ("w = 0.0035", "w = -0.0035", r"E156 the resolution is no width · instrument.profile"),
        ("[data]", '[data]\nweights = "file"', r"E157 the files give no sigma · data.weights"),
    ],
)
def test_contradictions_between_recipe_and_data_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        job_of(tmp_path, NO_ALUMINIUM.replace(old, new))


def test_the_mean_of_a_polynomial_has_a_prior_and_a_spline_has_none(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace("LFP_a = {", "zero_shift = { prior = [0.0, 0.1] }\nLFP_a = {")
    line = text.replace('zero_shift = "scan"', 'zero_shift = { scope = "drift", order = 1 }')
    assert job_of(tmp_path, line, 5).settings.overrides["zero_shift"].prior == (0.0, 0.1)
    spline = text.replace('zero_shift = "scan"', 'zero_shift = { scope = "drift", knots = 1 }')
    with pytest.raises(RecipeError, match=r"E157 .*spline .* · refine.parameters.zero_shift.prior"):
        job_of(tmp_path, spline, 5)


def test_an_active_phase_needs_a_line_in_the_range(tmp_path: Path) -> None:
    active = RECIPE.replace('\nrole = "inert"', "")
    with pytest.raises(RecipeError, match=r"E160 no reflection in the range · phase\[2\] · no line of Al"):
        job_of(tmp_path, active)
    assert len(job_of(tmp_path, active.replace("38.0", "46.0")).phases) == 4
    with pytest.raises(RecipeError, match="no line of Al"):
        job_of(tmp_path, active.replace("38.0", "44.0").replace("[[30.0, 30.5]]", "[[37.0, 40.0]]"))


def test_an_inert_phase_without_a_line_in_the_range_is_left_out_and_told(tmp_path: Path) -> None:
    said = RECIPE.replace('zero_shift = "scan"', 'zero_shift = "scan"\nAl_a = "series"') + "Al_a = { min = 4.0 }\n"
    twin = '[[phase]]\nname = "Al_foil"\nspace_group = "Im-3m"\ncell = [3.5]\nrole = "inert"\n\n[background]'
    said = said.replace("[background]", twin) + "Al_foil_a = { min = 3.1 }\n"
    job = job_of(tmp_path, said)
    (warning,) = (problem for problem in job.warnings if problem.code == "W110")
    assert str(warning).startswith("W110 ") and "phase[2]" in warning.where and "no line of Al " in warning.found
    assert [phase.name for phase in job.phases] == ["LFP", "FP", "LATP", "Al_foil"]
    assert "Al_a" not in job.settings.scope and set(job.settings.overrides) == {"LFP_a", "Al_foil_a"}
    locked = tomllib.loads(lock_text(job))
    assert [phase["name"] for phase in locked["phase"]] == ["LFP", "FP", "LATP", "Al_foil"]
    alone = RECIPE[: RECIPE.index("[[phase]]")] + RECIPE[RECIPE.index('[[phase]]\nname = "Al"') :]
    alone = alone.replace('[[phase]]\nname = "LATP"\nspace_group = "R-3c"\ncell = [8.5004, 20.8156]\n', "")
    with pytest.raises(RecipeError, match=r"E160 .* no line of Al"):
        job_of(tmp_path, alone.replace("LFP_a = { min = 10.1 }", ""))


def test_a_constraint_on_a_phase_that_is_left_out_says_so_and_why(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        job_of(tmp_path, RECIPE + 'FP_b = { expr = "1.43 * Al_a" }\n')
    (problem,) = caught.value.problems
    assert str(problem).startswith("E161 the constraint needs a phase that is left out · refine.parameters.FP_b.expr")
    assert "Al_a, but no line of Al with 1.5" in problem.found
    job_of(tmp_path, RECIPE + 'Al_a = { expr = "0.4 * LFP_a" }\n')


def test_mistakes_in_files_and_in_structures_are_told_together(tmp_path: Path) -> None:
    text = NO_ALUMINIUM.replace("scan*.xy", "scan*.xye")
    text = text.replace('space_group = "R-3c"\ncell = [8.5004, 20.8156]', 'cif = "missing.cif"')
    with pytest.raises(InputError) as caught:
        job_of(tmp_path, text)
    codes = [problem.code for problem in caught.value.problems]
    assert codes == ["E103", "E125"]
    assert caught.value.problems[1].where.startswith("phase[2]")


def test_a_bad_last_scan_is_told_before_the_first_is_refined(tmp_path: Path) -> None:
    (tmp_path / "scan9.xy").write_text("20 1\n20 2\n" * 20)
    with pytest.raises(DataError, match=r"E107 .*scan9.xy"):
        job_of(tmp_path)
