"""``xrdfit export``: files of other programs that hold the numbers of the run, or one message and nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import gemmi
import h5py
import numpy as np
import pytest
from typer.testing import Result

import xrdfit
from tests.recipes import sequential
from tests.results import FULL_LOCK, LOCK, write_results
from xrdfit.io import read_patterns, read_results
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

Xrdfit = Callable[..., Result]
KINDS = ("csv", "origin", "cif", "pdcif")
NAMES = {"csv": "trajectories.csv", "origin": "trajectories_origin.csv", "cif": "cif", "pdcif": "series.cif"}
CELL = {"a": "_cell_length_a", "b": "_cell_length_b", "c": "_cell_length_c", "volume": "_cell_volume"}
# Core dictionary (IUCr, cif_core.dic 2.4.5).
CORE = """
_audit_creation_method _audit_creation_date _computing_structure_refinement _chemical_formula_sum _cell_length_a
_cell_length_b _cell_length_c _cell_angle_alpha _cell_angle_beta _cell_angle_gamma _cell_volume
_cell_measurement_temperature _space_group_crystal_system _space_group_IT_number _space_group_name_H-M_alt
_space_group_name_Hall _space_group_symop_id _space_group_symop_operation_xyz _diffrn_ambient_temperature
_diffrn_radiation_probe _diffrn_radiation_type _diffrn_radiation_wavelength_id _diffrn_radiation_wavelength
_diffrn_radiation_wavelength_wt _refine_ls_goodness_of_fit_all _refine_special_details _refln_index_h _refln_index_k
_refln_index_l _refln_d_spacing _refln_intensity_meas _refln_intensity_calc _refln_intensity_sigma
"""
# Powder dictionary (IUCr, cif_pd.dic 1.0.1; B. H. Toby, International Tables G (2005), ch. 4.2).
POWDER = """
_pd_block_id _pd_block_diffractogram_id _pd_phase_id _pd_phase_name _pd_phase_block_id _pd_phase_mass_%
_pd_meas_special_details _pd_meas_number_of_points _pd_meas_2theta_scan _pd_meas_counts_total _pd_meas_intensity_total
_pd_proc_info_datetime _pd_proc_info_excluded_regions _pd_proc_number_of_points _pd_proc_ls_weight
_pd_proc_intensity_bkg_calc _pd_proc_ls_background_function _pd_proc_ls_profile_function _pd_proc_ls_prof_R_factor
_pd_proc_ls_prof_wR_factor _pd_proc_ls_prof_wR_expected _pd_proc_ls_special_details _pd_calc_method
_pd_calc_intensity_total _pd_refln_phase_id
"""
# What the dictionaries have no name for.
OWN = "_xrdfit_phase_mole_fraction"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Twelve scans; FP is absent in the first two, LFP in the last, scan 4 is flagged and scan 7 failed."""
    outcome = np.array(["converged"] * 12, dtype=object)
    outcome[4], outcome[7] = "flagged", "failed"
    r_wp = np.full(12, 0.0494)
    r_wp[7] = np.nan
    return write_results(
        tmp_path / "results",
        lock=FULL_LOCK,
        changed={"outcome": outcome, "r_wp": r_wp},
        messages=["scan 4: R_wp stands out · 3 σ", "scan 7: no peak"],
    )


def exported(xrdfit: Xrdfit, results: Path, kind: str) -> Path:
    run = xrdfit("export", results, kind)
    assert run.exit_code == 0, run.stderr
    return results / "export" / NAMES[kind]


def blocks_of(path: Path) -> dict[str, gemmi.cif.Block]:
    document = gemmi.cif.read_file(str(path))  # which refuses names given twice
    return {block.name: block for block in document}


def measured(text: str) -> tuple[float, float]:
    """Value and half a unit of its last digit, or of the tens that brackets of several digits stand for."""
    digits = re.fullmatch(r"-?\d+\.?(\d*)\((\d+)\)", text)
    assert digits is not None, text
    unit = 10.0 ** -len(digits[1]) if digits[1] else 10.0 ** max(len(digits[2]) - 2, 0)
    return gemmi.cif.as_number(text), 0.5 * unit


def test_tables_are_byte_by_byte_those_of_the_run(tmp_path: Path, results: Path, xrdfit: Xrdfit) -> None:
    assert exported(xrdfit, results, "csv").read_bytes() == (results / "trajectories.csv").read_bytes()
    rows = exported(xrdfit, results, "origin").read_text(encoding="utf-8").splitlines()
    assert rows[3:] == (results / "trajectories.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert rows[0].split(",")[7] == "LFP a" and rows[1].split(",")[7] == "Å"
    assert "reference 10.329 (Andersson 2000)" in rows[2]


def test_a_cif_holds_the_refined_cells_of_its_scan_within_their_notation(results: Path, xrdfit: Xrdfit) -> None:
    folder = exported(xrdfit, results, "cif")
    columns = read_results(results).columns
    assert sorted(path.name for path in folder.iterdir()) == [f"scan_{n:04d}.cif" for n in range(12) if n != 7]
    compared = 0
    for path in sorted(folder.iterdir()):
        row = int(path.stem[5:])
        blocks = blocks_of(path)
        there = [name for name in ("LFP", "FP") if columns[f"{name}_present"][row] == 1.0]
        assert list(blocks) == [f"{path.stem}_{name}" for name in there]
        for name, block in zip(there, blocks.values(), strict=True):
            for quantity, tag in CELL.items():
                value, half = measured(block.find_value(tag))
                assert abs(value - columns[f"{name}_{quantity}"][row]) <= 1.000001 * half
                compared += 1
            small = gemmi.make_small_structure_from_block(block)
            assert small.spacegroup.hm == "P n m a"
            assert len(block.find_values("_space_group_symop_operation_xyz")) == 8
    assert compared == 80
    first = (folder / "scan_0000.cif").read_text(encoding="ascii")
    assert first.startswith("#\\#CIF_1.1\n") and "_cell_length_a 10.3290(7)" in first
    assert "_chemical_formula_sum 'Fe Li O4 P'" in first and "_cell_measurement_temperature ?" in first


def test_a_flagged_scan_says_so_in_its_cif(results: Path, xrdfit: Xrdfit) -> None:
    folder = exported(xrdfit, results, "cif")
    assert "flagged: R_wp stands out" in (folder / "scan_0004.cif").read_text(encoding="ascii")
    assert "flagged" not in (folder / "scan_0005.cif").read_text(encoding="ascii")


def test_a_phase_whose_cell_was_not_refined_has_no_block(tmp_path: Path, xrdfit: Xrdfit) -> None:
    nothing = np.full(12, np.nan)
    held = {f"FP_{name}{esd}": nothing for name in (*"abc", "volume") for esd in ("", "_esd")}
    results = write_results(tmp_path / "results", lock=FULL_LOCK, changed=held)
    folder = exported(xrdfit, results, "cif")
    assert not [path for path in folder.iterdir() if "9.8" in path.read_text(encoding="ascii")]
    blocks = blocks_of(exported(xrdfit, results, "pdcif"))
    assert "scan_0005_LFP" in blocks and "scan_0005_FP" not in blocks
    details = gemmi.cif.as_string(blocks["scan_0005"].find_value("_pd_proc_ls_special_details"))
    assert "FP: there, but its cell was not refined in this scan." in details
    (lfp, fp) = blocks["scan_0005"].find(["_pd_phase_id", "_pd_phase_block_id"])
    assert lfp[1].endswith("|abc") and (fp[0], fp[1]) == ("FP", ".")


def test_without_any_refined_cell_there_is_no_cif(tmp_path: Path, xrdfit: Xrdfit) -> None:
    nothing = np.full(12, np.nan)
    held = {f"{phase}_{name}_esd": nothing for phase in ("LFP", "FP") for name in "abc"}
    results = write_results(tmp_path / "results", lock=FULL_LOCK, changed=held)
    refused(xrdfit("export", results, "cif", "-o", tmp_path / "out"), "E190", "no cell was refined")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


def test_a_cell_parameter_that_was_not_measured_is_a_question_mark(tmp_path: Path, xrdfit: Xrdfit) -> None:
    nothing = np.full(12, np.nan)
    results = write_results(
        tmp_path / "results", lock=FULL_LOCK, changed={"LFP_c": nothing, "LFP_c_esd": nothing, "LFP_b_esd": nothing}
    )
    block = blocks_of(exported(xrdfit, results, "cif") / "scan_0000.cif")["scan_0000_LFP"]
    assert [block.find_value(tag) for tag in list(CELL.values())[:3]] == ["10.3290(7)", "?", "?"]


def test_every_name_is_one_of_the_dictionaries(results: Path, xrdfit: Xrdfit) -> None:
    text = exported(xrdfit, results, "pdcif").read_text(encoding="ascii")
    for path in exported(xrdfit, results, "cif").iterdir():
        text += path.read_text(encoding="ascii")
    used = set(re.findall(r"^(_\S+)", text, flags=re.MULTILINE))
    assert used <= set(f"{CORE} {POWDER} {OWN}".split())
    assert len(used) > 45


def test_the_pdcif_is_read_as_the_patterns_that_were_fitted(results: Path, xrdfit: Xrdfit) -> None:
    path = exported(xrdfit, results, "pdcif")
    patterns = read_patterns(path)
    assert len(patterns) == 11
    for scan in (0, 11):
        curves, pattern = read_results(results).curves(scan), patterns[min(scan, 10)]
        assert np.allclose(pattern.two_theta, curves.two_theta, rtol=0.0, atol=1e-8)
        assert np.array_equal(pattern.intensity, curves.observed)
        assert np.array_equal(pattern.mask, curves.used)
        assert pattern.sigma is not None
        assert np.allclose(pattern.sigma[curves.used], curves.sigma[curves.used], rtol=1e-6)
        assert pattern.header is not None and pattern.header.wavelengths == (1.5405929, 1.5444274)


def test_blocks_of_the_pdcif_point_to_each_other(results: Path, xrdfit: Xrdfit) -> None:
    blocks = blocks_of(exported(xrdfit, results, "pdcif"))
    ids = {block.find_value("_pd_block_id"): name for name, block in blocks.items()}
    assert len(ids) == len(blocks) and None not in ids
    assert all(re.fullmatch(r"[\w#&*.:,\-+/()\\\[\]]+(\|[\w#&*.:,\-+/()\\\[\]]+){3}", one) for one in ids)
    scans = [ids[one] for one in blocks["series"].find_values("_pd_block_diffractogram_id")]
    assert scans == [name for name in blocks if re.fullmatch(r"scan_\d+", name)]
    pointed = 0
    for scan in scans:
        for phase, block in blocks[scan].find(["_pd_phase_id", "_pd_phase_block_id"]):
            assert ids[block] == f"{scan}_{phase}"
            assert ids[blocks[ids[block]].find_values("_pd_block_diffractogram_id")[0]] == scan
            pointed += 1
    assert pointed == len(blocks) - 1 - len(scans)


def test_the_quality_of_a_scan_follows_from_the_pattern_beside_it(tmp_path: Path, xrdfit: Xrdfit) -> None:
    results = write_results(tmp_path / "results", lock=FULL_LOCK, n_scans=3)
    block = blocks_of(exported(xrdfit, results, "pdcif"))["scan_0002"]
    names = ["_pd_meas_counts_total", "_pd_proc_ls_weight", "_pd_calc_intensity_total", "_pd_proc_intensity_bkg_calc"]
    observed, weight, calculated, background = (
        np.array([gemmi.cif.as_number(text) for text in block.find_values(name)]) for name in names
    )
    used = weight > 0.0
    assert 0 < np.count_nonzero(~used) < 20 and np.isnan(calculated[~used]).all()
    r_p = np.abs(observed - calculated)[used].sum() / observed[used].sum()
    assert float(block.find_value("_pd_proc_ls_prof_R_factor")) == pytest.approx(r_p, rel=1e-5)
    assert float(block.find_value("_pd_proc_ls_prof_wR_factor")) == 0.0494
    assert (calculated[used] >= background[used]).all()


def test_reflections_carry_their_phase_and_the_spacing_of_its_cell(results: Path, xrdfit: Xrdfit) -> None:
    blocks = blocks_of(exported(xrdfit, results, "pdcif"))
    columns = read_results(results).columns
    rows = blocks["scan_0003"].find([*(f"_refln_index_{i}" for i in "hkl"), "_pd_refln_phase_id", "_refln_d_spacing"])
    spacings = {(row[3], row[0] + row[1] + row[2]): float(row[4]) for row in rows}
    assert len(spacings) == 8
    for phase in ("LFP", "FP"):
        assert spacings[phase, "200"] == pytest.approx(columns[f"{phase}_a"][3] / 2.0, rel=1e-6)
    assert set(blocks["scan_0000"].find_values("_pd_refln_phase_id")) == {"LFP"}


def test_weight_percentages_are_those_of_the_mole_fractions(results: Path, xrdfit: Xrdfit) -> None:
    blocks = blocks_of(exported(xrdfit, results, "pdcif"))
    fraction = read_results(results).columns["LFP_fraction"][3]
    # Molar masses by IUPAC: LiFePO4 157.757, FePO4 150.815 g/mol.
    expected = 100.0 * fraction * 157.757 / (fraction * 157.757 + (1.0 - fraction) * 150.815)
    loop = blocks["scan_0003"].find(["_pd_phase_id", "_xrdfit_phase_mole_fraction", "_pd_phase_mass_%"])
    (lfp, fp) = loop
    assert measured(lfp[1])[0] == pytest.approx(fraction, abs=0.0006)
    assert measured(lfp[2])[0] == pytest.approx(expected, abs=0.06)
    assert measured(lfp[2])[0] + measured(fp[2])[0] == pytest.approx(100.0, abs=0.11)
    assert "FP: not found; mole fraction below 0.0064" in gemmi.cif.as_string(
        blocks["scan_0000"].find_value("_pd_proc_ls_special_details")
    )


def test_fractions_that_were_not_determined_are_not_mentioned(tmp_path: Path, xrdfit: Xrdfit) -> None:
    nothing = np.full(12, np.nan)
    changed = {f"{phase}_fraction{rest}": nothing for phase in ("LFP", "FP") for rest in ("", "_esd", "_upper95")}
    lock = FULL_LOCK.replace('radiation = "Cu"\n', "")
    text = exported(xrdfit, write_results(tmp_path / "results", lock=lock, changed=changed), "pdcif").read_text("ascii")
    assert "raction" not in text and "mass_%" not in text and "FP: not found." in text
    # A wavelength alone may be that of neutrons.
    assert "x-ray" not in text and "Cu K" not in text and "1.5405929" in text


def refused(run: Result, *words: str) -> None:
    assert run.exit_code == 2, run.stdout
    assert run.stderr.count("\n") == 1
    assert all(word in run.stderr for word in words), run.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_results_without_a_converged_scan_are_not_passed_on(tmp_path: Path, xrdfit: Xrdfit, kind: str) -> None:
    outcome = np.array(["flagged"] * 11 + ["no_data"], dtype=object)
    results = write_results(tmp_path / "results", lock=FULL_LOCK, changed={"outcome": outcome})
    refused(xrdfit("export", results, kind), "E190", "11 flagged, 1 no_data")
    assert not (results / "export").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_results_cut_short_or_of_another_version_are_refused(results: Path, xrdfit: Xrdfit, kind: str) -> None:
    whole = (results / "series.h5").read_bytes()
    for part in (0.0, 0.4, 0.9):
        (results / "series.h5").write_bytes(whole[: int(part * len(whole))])
        refused(xrdfit("export", results, kind), "series.h5")
    (results / "series.h5").write_bytes(whole)
    with h5py.File(results / "series.h5", "a") as file:
        file.attrs["xrdfit_format"] = 99
    refused(xrdfit("export", results, kind), "E116", "another version")
    refused(xrdfit("export", results / "none", kind), "E116", "no results here")
    assert not (results / "export").exists()


@pytest.mark.parametrize("lock", [LOCK, FULL_LOCK[: len(LOCK) + 40], FULL_LOCK.replace("Pnma", "Pxyz"), ""])
@pytest.mark.parametrize("kind", ["cif", "pdcif"])
def test_a_recipe_that_is_not_that_of_the_results_is_refused(
    tmp_path: Path, xrdfit: Xrdfit, kind: str, lock: str
) -> None:
    results = write_results(tmp_path / "results", lock=lock)
    refused(xrdfit("export", results, kind, "-o", tmp_path / "out"), "E116", "recipe.lock.toml")
    (results / "recipe.lock.toml").unlink()
    refused(xrdfit("export", results, kind, "-o", tmp_path / "out"), "E116", "recipe.lock.toml")
    refused(xrdfit("export", results, kind), "E116")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]
    assert not (results / "export").exists()
    assert xrdfit("export", results, "csv").exit_code == 0


def test_a_table_without_what_matters_is_refused(tmp_path: Path, results: Path, xrdfit: Xrdfit) -> None:
    with h5py.File(results / "series.h5", "a") as file:
        file["entry/trajectories/scan"][3] = np.nan
    for kind in KINDS:
        refused(xrdfit("export", results, kind, "-o", tmp_path / "out"), "E116", "scans without a number")
    with h5py.File(results / "series.h5", "a") as file:
        del file["entry/trajectories/outcome"]
    for kind in KINDS:
        refused(xrdfit("export", results, kind, "-o", tmp_path / "out"), "E116", "no column outcome")


def test_texts_of_hostile_results_stay_texts(tmp_path: Path, xrdfit: Xrdfit) -> None:
    results = write_results(
        tmp_path / "results", lock=FULL_LOCK, n_scans=3, messages=["scan 1: x\n;\n_cell_length_a 9"]
    )
    with h5py.File(results / "series.h5", "a") as file:
        for name, text in (("date", "now\n_a 1\ndata_x"), ("recipe/sha256", "a b\n;\ndata_y")):
            del file[f"entry/process/{name}"]
            file[f"entry/process/{name}"] = text
    blocks = blocks_of(exported(xrdfit, results, "pdcif"))
    assert list(blocks)[:3] == ["series", "scan_0000", "scan_0000_LFP"]
    assert all(block.find_value("_a") is None for block in blocks.values())
    assert blocks["scan_0001"].find_value("_cell_length_a") is None
    for path in exported(xrdfit, results, "cif").iterdir():
        assert all(re.fullmatch(r"scan_\d{4}_L?FP", name) for name in blocks_of(path))
    with h5py.File(results / "series.h5", "a") as file:
        file["entry/phases"].move("LFP", "LFP\ndata_z")
    refused(xrdfit("export", results, "cif", "--fresh"), "E116", "recipe.lock.toml")


def test_an_unknown_format_names_the_known_ones(results: Path, xrdfit: Xrdfit) -> None:
    refused(xrdfit("export", results, "pdciff"), "E198", "csv, origin, cif, pdcif", "pdcif?")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_replaced_on_demand_only(results: Path, xrdfit: Xrdfit, kind: str) -> None:
    path = exported(xrdfit, results, kind)
    refused(xrdfit("export", results, kind), "E180")
    (path / "scan_0000.cif" if path.is_dir() else path).write_text("old", encoding="utf-8")
    assert xrdfit("export", results, kind, "--fresh").exit_code == 0
    assert (path / "scan_0000.cif" if path.is_dir() else path).read_text(encoding="utf-8") != "old"
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_a_directory_with_files_of_others_is_left_alone(tmp_path: Path, results: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("words", encoding="utf-8")
    refused(xrdfit("export", results, "cif", "-o", tmp_path / "mine"), "E180")
    refused(xrdfit("export", results, "cif", "-o", tmp_path / "mine", "--fresh"), "E180", "did not write")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    assert xrdfit("export", results, "cif", "-o", tmp_path / "empty").exit_code == 0
    assert len(list((tmp_path / "empty").iterdir())) == 11


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path, results: Path, xrdfit: Xrdfit, kind: str) -> None:
    refused(xrdfit("export", results, kind, "-o", tmp_path / "nowhere" / "out"), "E182", "nowhere")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    refused(xrdfit("export", results, kind, "-o", tmp_path / "file" / "out"), "E182")


def test_nothing_is_left_of_an_export_that_breaks_off(
    tmp_path: Path, results: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(results / "series.h5", "a") as file:
        del file["entry/patterns/calculated"]
    for kind in ("cif", "pdcif"):
        refused(xrdfit("export", results, kind, "-o", tmp_path / "out"), "E116")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


@pytest.mark.parametrize("mode", ["series", "sequential"])
def test_series_h5_opens_on_a_figure(tmp_path: Path, mode: str) -> None:
    """``@default`` is followed from the root as viewers do, down to an NXdata that can be drawn."""
    simulated = simulate_stack(WELL_BEHAVED, seed=3, n_scans=5)
    write_simulated(tmp_path / "stack.h5", simulated)
    text = simulated.recipe_text if mode == "series" else sequential(simulated.recipe_text)
    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    results = xrdfit.load(tmp_path / "recipe.toml").refine()
    with h5py.File(results.directory / "series.h5") as file:
        group, steps = file, 0
        while "default" in group.attrs:
            group, steps = group[group.attrs["default"]], steps + 1
        assert steps == 2 and group.attrs["NX_class"] == "NXdata"
        signal = group[group.attrs["signal"]]
        axes = list(group.attrs["axes"])
        assert len(axes) == signal.ndim == 1
        assert group[axes[0]].shape == signal.shape == (5,)
        assert np.isfinite(signal[()]).any() and np.isfinite(group[axes[0]][()]).all()
        assert group[f"{group.attrs['signal']}_errors"].shape == signal.shape
        assert all(group[name].shape == signal.shape for name in group.attrs["auxiliary_signals"])
        patterns = file["entry/patterns"]
        assert patterns[patterns.attrs["signal"]].shape == (5, patterns["two_theta"].size)


def test_cifs_go_where_a_link_leads(tmp_path: Path, results: Path, xrdfit: Xrdfit) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to("share")
    for fresh in ((), ("--fresh",)):
        run = xrdfit("export", results, "cif", "-o", tmp_path / "link", *fresh)
        assert run.exit_code == 0, run.stderr
        assert (tmp_path / "link").is_symlink() and len(list((tmp_path / "share").iterdir())) == 11
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "results", "share"]


def test_the_current_directory_is_not_replaced(
    tmp_path: Path, results: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    refused(xrdfit("export", results, "cif", "-o", "."), "E180", "current directory")
    assert not list((tmp_path / "here").iterdir())


def test_a_number_without_uncertainty_is_not_passed_on_as_measured(tmp_path: Path, xrdfit: Xrdfit) -> None:
    results = write_results(tmp_path / "results", lock=FULL_LOCK, changed={"LFP_b_esd": np.zeros(12)})
    block = blocks_of(exported(xrdfit, results, "cif") / "scan_0000.cif")["scan_0000_LFP"]
    assert [block.find_value(tag) for tag in list(CELL.values())[:2]] == ["10.3290(7)", "?"]


def test_no_line_is_longer_than_cif_allows(tmp_path: Path, xrdfit: Xrdfit) -> None:
    said = f"scan 1: {'much ado ' * 500}about nothing"
    results = write_results(tmp_path / "results", lock=FULL_LOCK, n_scans=3, messages=[said], warnings=["W" * 5000])
    text = exported(xrdfit, results, "pdcif").read_text(encoding="ascii")
    text += (exported(xrdfit, results, "cif") / "scan_0001.cif").read_text(encoding="ascii")
    assert max(map(len, text.splitlines())) <= 2048 and text.count("about nothing") >= 2
