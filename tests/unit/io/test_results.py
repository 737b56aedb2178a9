"""What a refinement writes, and that it is read back as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from xrdfit.data import Curves, Outcome, Pattern, PhaseLabel, PhaseLines, ScanResult, SeriesResult
from xrdfit.errors import DataError
from xrdfit.io import Hdf5Stack, SeriesFile, read_results, write_stack, write_trajectories_csv

NAN = float("nan")
VERSIONS = {"xrdfit": "0.1.0", "numpy": "2.0"}


def make_result(scan: int, *, n_points: int = 30, n_lines: int = 2) -> ScanResult:
    two_theta = np.linspace(20.0, 30.0, n_points)
    observed = 100.0 * scan + np.arange(n_points)
    curves = Curves(
        two_theta=two_theta,
        observed=observed,
        sigma=np.full(n_points, 3.0),
        calculated=observed - 0.5,
        background=np.full(n_points, 7.0),
        used=np.arange(n_points) > 2,
    )
    lines = PhaseLines(
        phase="LFP",
        hkl=np.array([[2, 0, 0], [0, 1, 1], [1, 1, 1]][:n_lines], dtype=np.int32),
        two_theta=np.linspace(21.0, 25.0, n_lines) + scan,
        area=np.linspace(1.0, 9.0, n_lines),
        area_esd=np.full(n_lines, 0.1),
    )
    return ScanResult(
        outcome=Outcome.CONVERGED,
        message="",
        values={},
        esd={},
        names=(),
        covariance=np.empty((0, 0)),
        lines=(lines,) if n_lines else (),
        curves=curves,
        r_p=0.1,
        r_wp=0.1,
        r_wp_background_subtracted=0.2,
        r_exp=0.1,
        gof=1.0,
        durbin_watson=2.0,
        nfev=3,
    )


def make_series() -> SeriesResult:
    return SeriesResult(
        columns={
            "scan": np.array([0, 1, 2]),
            "source": np.array(["a, b.xy", "2.xy", "3.xy"], dtype=object),
            "time_s": np.array([30.0, 90.0, 150.0]),
            "LFP_present": np.array([1.0, 1.0, 0.0]),
            "LFP_a": np.array([10.32904321987, 10.3, NAN]),
            "LFP_a_esd": np.array([1.5e-4, 0.1 + 0.2, NAN]),
            "nfev": np.array([12.0, 9.0, NAN]),
            "outcome": np.array(["converged", "flagged", "failed"], dtype=object),
        },
        units={"LFP_a": "Å", "LFP_a_esd": "Å", "time_s": "s"},
        phases=(
            PhaseLabel(
                name="LFP",
                color="red",
                role="active",
                cell_names=("a", "b", "c"),
                reference={"a": 10.329, "volume": 291.02},
                reference_source="Andersson 2000",
            ),
            PhaseLabel(name="Al", color=None, role="inert", cell_names=("a",), reference={}, reference_source=None),
        ),
        messages=("scan 2 failed",),
        notes=(),
    )


def write_results(folder: Path) -> Path:
    with SeriesFile(folder, recipe_text="[data]\n", recipe_hash="abc", versions=VERSIONS) as file:
        file.write_scan(2, make_result(2, n_points=25, n_lines=3))
        file.write_scan(0, make_result(0))
        file.finish(make_series())
    return folder


def test_what_was_not_measured_is_an_empty_field_and_whole_numbers_stay_whole(tmp_path: Path) -> None:
    write_trajectories_csv(tmp_path / "t.csv", make_series())
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "scan,source,time_s,LFP_present,LFP_a,LFP_a_esd,nfev,outcome"
    assert lines[1] == '0,"a, b.xy",30,1,10.32904322,0.00015,12,converged'
    assert lines[3] == "2,3.xy,150,0,,,,failed"
    with (tmp_path / "t.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["source"] == "a, b.xy"


def test_the_origin_table_has_long_names_units_and_comments_above_the_numbers(tmp_path: Path) -> None:
    write_trajectories_csv(tmp_path / "t.csv", make_series(), origin=tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0][4:6] == ["LFP a", "LFP a esd"]
    assert rows[1][4] == "Å" and rows[1][2] == "s"
    assert rows[2][4] == "reference 10.329 (Andersson 2000)"
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert rows[3:] == list(csv.reader(file))[1:]


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    results = read_results(write_results(tmp_path))
    series = make_series()
    assert list(results.columns) == list(series.columns)
    for name, values in series.columns.items():
        if values.dtype == object:
            assert results.columns[name].tolist() == values.tolist()
        else:
            np.testing.assert_array_equal(results.columns[name], values)
    assert (results.phases, results.units) == (series.phases, series.units)
    assert (results.messages, results.notes) == (series.messages, series.notes)
    assert (results.recipe_text, results.recipe_hash, results.versions) == ("[data]\n", "abc", VERSIONS)


@pytest.mark.parametrize(("scan", "n_points", "n_lines"), [(0, 30, 2), (2, 25, 3)])
def test_curves_and_lines_come_back_per_scan_on_their_own_grid(
    tmp_path: Path, scan: int, n_points: int, n_lines: int
) -> None:
    results = read_results(write_results(tmp_path))
    expected = make_result(scan, n_points=n_points, n_lines=n_lines)
    curves, (lines,) = results.curves(scan), results.lines(scan)
    assert expected.curves is not None
    for name in ("two_theta", "observed", "sigma", "calculated", "background", "used"):
        np.testing.assert_array_equal(getattr(curves, name), getattr(expected.curves, name), err_msg=name)
    for name in ("hkl", "two_theta", "area", "area_esd"):
        np.testing.assert_array_equal(getattr(lines, name), getattr(expected.lines[0], name), err_msg=name)


def test_a_scan_that_was_refined_again_replaces_its_first_result(tmp_path: Path) -> None:
    with SeriesFile(tmp_path, recipe_text="", recipe_hash="", versions=VERSIONS) as file:
        file.write_scan(0, make_result(1, n_lines=3))
        file.write_scan(0, make_result(0, n_lines=1))
        file.finish(make_series())
    results = read_results(tmp_path)
    assert results.curves(0).observed[0] == 0.0
    assert len(results.lines(0)[0].area) == 1


def test_a_scan_without_a_fit_has_no_curves(tmp_path: Path) -> None:
    results = read_results(write_results(tmp_path))
    for scan in (1, 7, -1):
        with pytest.raises(DataError, match="no fitted pattern"):
            results.curves(scan)
        assert results.lines(scan) == ()


def test_defaults_lead_to_a_figure_of_the_first_cell_parameter_with_errors(tmp_path: Path) -> None:
    with h5py.File(write_results(tmp_path) / "series.h5") as file:
        group = file[file.attrs["default"]]
        group = group[group.attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata"
        assert (group.attrs["signal"], list(group.attrs["axes"])) == ("LFP_a", ["time_s"])
        assert group["LFP_a_errors"].shape == group["LFP_a"].shape
        residual = file["entry/patterns/residual"][0]
        assert np.all(residual == 0.5)


def test_raw_patterns_of_a_stack_are_linked_wherever_the_folders_move_together(tmp_path: Path) -> None:
    pattern = Pattern(
        two_theta=np.linspace(20, 30, 20), intensity=np.ones(20), sigma=None, mask=np.ones(20, np.bool_), source="s"
    )
    (tmp_path / "here").mkdir()
    stack = Hdf5Stack(write_stack(tmp_path / "here" / "stack.h5", [pattern]))
    with SeriesFile(tmp_path / "here/out", recipe_text="", recipe_hash="", versions=VERSIONS, stack=stack) as file:
        file.finish(make_series())
    (tmp_path / "here").rename(tmp_path / "there")
    with h5py.File(tmp_path / "there/out/series.h5") as file:
        assert file["entry/raw/intensity"].shape == (1, 20)


def test_an_aborted_series_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), SeriesFile(tmp_path, recipe_text="", recipe_hash="", versions=VERSIONS) as file:
        file.write_scan(0, make_result(0))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_or_with_damaged_results_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results here"):
        read_results(tmp_path / "nowhere")
    path = write_results(tmp_path) / "series.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"E1\d\d"):
        read_results(tmp_path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file["entry/phases"]
    with pytest.raises(DataError, match="damaged"):
        read_results(tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["xrdfit_format"] = 99
    with pytest.raises(DataError, match="another version"):
        read_results(tmp_path)


def test_many_scans_at_once_are_those_read_one_by_one(tmp_path: Path) -> None:
    stored = read_results(write_results(tmp_path))
    for scan, (curves, lines) in zip((2, 0), stored.each((2, 0)), strict=True):
        one = stored.curves(scan)
        assert all(np.array_equal(getattr(curves, name), getattr(one, name)) for name in one.__slots__)
        (found,), (expected,) = lines, stored.lines(scan)
        assert found.phase == expected.phase and np.array_equal(found.two_theta, expected.two_theta)


def test_many_scans_read_in_any_order_are_what_they_are_one_by_one(tmp_path: Path) -> None:
    scans = [149, 0, 75, 1, 148, 75]
    with SeriesFile(tmp_path, recipe_text="[data]\n", recipe_hash="abc", versions=VERSIONS) as file:
        for scan in range(150):
            file.write_scan(scan, make_result(scan, n_points=1000, n_lines=3 if scan % 2 else 2))
        file.finish(make_series())
    stored = read_results(tmp_path)

    for scan, (curves, lines) in zip(scans, stored.each(scans), strict=True):
        alone = stored.curves(scan)
        assert curves.observed[0] == 100.0 * scan
        for name in Curves.__slots__:
            np.testing.assert_array_equal(getattr(curves, name), getattr(alone, name))
        for one, other in zip(lines, stored.lines(scan), strict=True):
            assert one.two_theta[0] == 21.0 + scan
            np.testing.assert_array_equal(one.hkl, other.hkl)
            np.testing.assert_array_equal(one.area, other.area)
