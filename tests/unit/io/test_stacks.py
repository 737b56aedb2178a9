"""Stacks: order, laziness, times, and the round trip through the NeXus file."""

from __future__ import annotations

import pickle
import tracemalloc
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrdfit.data import Pattern, ScanTimes
from xrdfit.errors import DataError
from xrdfit.io import (
    FileStack,
    Hdf5Stack,
    RegularTimes,
    Truth,
    check_files,
    expand_files,
    natural_key,
    open_stack,
    read_truth,
    write_stack,
)

GRID = np.linspace(20.0, 38.0, 50)


def make_pattern(index: int = 0, *, grid: np.ndarray = GRID, sigma: bool = True) -> Pattern:
    intensity = 100.0 + index + np.arange(grid.size)
    return Pattern(
        two_theta=grid,
        intensity=intensity,
        sigma=np.sqrt(intensity) if sigma else None,
        mask=np.ones(grid.size, dtype=np.bool_),
        source=f"scan{index}",
    )


def write_scans(folder: Path, names: list[str], *, head: str = "") -> None:
    for index, name in enumerate(names):
        rows = "\n".join(f"{x:.3f} {100 + index}" for x in GRID)
        (folder / name).write_text(head.format(index) + rows)


def problem_of(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return str(caught.value)


def test_scan_2_comes_before_scan_10(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan10.xy", "scan2.xy", "Scan1.xy"])
    stack = open_stack("*.xy", base=tmp_path)
    assert stack.sources == ("Scan1.xy", "scan2.xy", "scan10.xy")
    assert stack.read(2).intensity[0] == 100


@given(st.lists(st.text("aB0129é².", max_size=8)))
def test_natural_order_is_an_order_of_any_names(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert sorted(reversed(names), key=natural_key) == ordered


def test_every_missing_file_is_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    write_scans(tmp_path / "scans", ["scan1.xye"])
    (tmp_path / "scans" / "empty.xye").touch()
    message = problem_of(
        expand_files, ["scan/*.xye", "scans/*.xy", "scans/scan2.xye", "scans", "scans/empty.xye"], base=tmp_path
    )
    lines = message.splitlines()
    assert [line[:4] for line in lines] == ["E103", "E103", "E101", "E103", "E102"]
    assert "did you mean scans?" in lines[0]
    assert "2 × .xye" in lines[1]
    assert "did you mean scan1.xye?" in lines[2]


def test_all_unreadable_files_of_a_series_are_reported_together(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy", "scan3.xy"])
    (tmp_path / "scan1.xy").write_text("not a pattern")
    (tmp_path / "scan3.xy").write_text("1 2\n" * 20)
    stack = open_stack("*.xy", base=tmp_path)
    message = problem_of(check_files, stack)
    assert "scan1.xy" in message and "scan3.xy" in message and len(message.splitlines()) == 2


def test_regular_times_follow_each_other_without_a_pause(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"])
    clock = RegularTimes(start=datetime.fromisoformat("2026-05-02T09:14:00+02:00"), interval_s=7200.0)
    stack = open_stack("*.xy", base=tmp_path, times=clock)
    assert stack.times is not None
    assert stack.times.end_s.tolist() == [7200.0, 14400.0]
    assert stack.times.origin == "2026-05-02T09:14:00+02:00"
    assert (stack.read(1).start_s, stack.read(1).end_s) == (7200.0, 14400.0)


def test_times_come_from_headers_only_if_every_file_has_one(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy", "scan3.xy"], head="# measured 2026-05-02 0{}:00:00\n")
    times = open_stack("*.xy", base=tmp_path).times
    assert times is not None
    assert times.start_s.tolist() == [0.0, 3600.0, 7200.0]
    assert times.end_s[-1] == 10800.0
    write_scans(tmp_path, ["scan4.xy"])
    assert open_stack("*.xy", base=tmp_path).times is None


def test_one_date_in_all_headers_is_that_of_a_conversion_and_no_time(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"], head="# converted 2026-05-02 08:00:00\n")
    assert open_stack("*.xy", base=tmp_path).times is None


def test_a_table_of_times_is_matched_by_scan_number(tmp_path: Path) -> None:
    write_scans(tmp_path, ["7_sum.xy", "12_sum.xy"])
    (tmp_path / "log.csv").write_text(
        "scan_number,start_time,end_time\n12,2026-01-01 00:10:00,2026-01-01 00:11:00\n"
        "7,2026-01-01 00:00:00,2026-01-01 00:01:30\n99,2026-01-02,2026-01-02\n"
    )
    times = open_stack("*.xy", base=tmp_path, times="log.csv").times
    assert times is not None
    assert times.start_s.tolist() == [0.0, 600.0] and times.end_s.tolist() == [90.0, 660.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("when,what\n1,2\n", "no column of start times"),
        ("time\n1\n", "1 rows against 2 scans"),
        ("time\n5\n1\n", "not in the order"),
        ("time\n5\nnoon\n", "'noon' against seconds"),
        ("time\n5\n2026-01-01\n", "all of one kind"),
        ("start,end\n5,4\n6,7\n", "ends 1 s before"),
        ("file,time\nscan1.xy,1\n", "no row for a scan"),
        ("file,time\nscan1.xy,1\nscan2.xy\n", "'' against seconds"),
        ("prüf;when\n1;2\n", "no column of start times"),
        ("\x89HDF\r\n\x1a\n\x00", "no column of start times"),
    ],
)
def test_a_table_of_times_that_does_not_fit_is_refused(tmp_path: Path, text: str, says: str) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"])
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    message = problem_of(open_stack, "*.xy", base=tmp_path, times="t.csv")
    assert message.startswith("E115") and says in message


def test_a_table_of_times_may_be_that_of_a_spreadsheet_with_decimal_commas(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"])
    (tmp_path / "t.csv").write_bytes("file;start;prüfer\nscan1.xy;5;ü\nscan2.xy;65;ü\n".encode("latin-1"))
    times = open_stack("*.xy", base=tmp_path, times="t.csv").times
    assert times is not None and times.start_s.tolist() == [0.0, 60.0]


@settings(max_examples=20, deadline=None)
@given(n_scans=st.integers(1, 5), with_sigma=st.booleans(), seed=st.integers(0, 1000), one_grid=st.booleans())
def test_a_stack_survives_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, n_scans: int, with_sigma: bool, seed: int, one_grid: bool
) -> None:
    rng = np.random.default_rng(seed)
    patterns = []
    for _ in range(n_scans):
        grid = GRID if one_grid else np.sort(rng.uniform(10.0, 60.0, int(rng.integers(10, 40))))
        mask = rng.random(grid.size) > 0.2
        patterns.append(
            Pattern(
                two_theta=grid,
                intensity=rng.normal(50.0, 9.0, grid.size),
                mask=mask,
                source="s",
                sigma=rng.uniform(1.0, 2.0, grid.size) if with_sigma else None,
            )
        )
    stack = Hdf5Stack(write_stack(tmp_path_factory.mktemp("s") / "stack.h5", iter(patterns)))
    assert len(stack) == n_scans and stack.times is None
    for index, expected in enumerate(patterns):
        found = stack.read(index)
        assert np.array_equal(found.two_theta, expected.two_theta)
        assert np.array_equal(found.mask, expected.mask)
        assert np.array_equal(found.intensity[found.mask], expected.intensity[expected.mask])
        if expected.sigma is not None and found.sigma is not None:
            assert np.array_equal(found.sigma[found.mask], expected.sigma[expected.mask])
        assert (found.sigma is None) == (expected.sigma is None)


def test_times_and_truth_travel_with_the_stack(tmp_path: Path) -> None:
    times = ScanTimes(start_s=np.array([0.0, 60.0]), end_s=np.array([50.0, 110.0]), origin="2026-05-02T09:14:00+02:00")
    truth = Truth(columns={"LFP_a": np.array([10.3, 10.2])}, units={"LFP_a": "Å"}, attributes={"seed": 7, "name": "x"})
    path = write_stack(tmp_path / "s.h5", [make_pattern(0), make_pattern(1)], times=times, truth=truth)
    stack = Hdf5Stack(path)
    assert stack.times is not None and stack.times.origin == times.origin
    assert stack.times.end_s.tolist() == [50.0, 110.0]
    assert stack.sources == ("s.h5[0]", "s.h5[1]")
    found = read_truth(path)
    assert found.columns["LFP_a"].tolist() == [10.3, 10.2]
    assert (found.units, found.attributes) == (truth.units, truth.attributes)


def test_a_stack_is_the_nxdata_of_the_contract(tmp_path: Path) -> None:
    with h5py.File(write_stack(tmp_path / "s.h5", [make_pattern()])) as file:
        group = file[file.attrs["default"]][file["entry"].attrs["default"]]
        assert group.attrs["NX_class"] == "NXdata" and group.attrs["signal"] == "intensity"
        assert list(group.attrs["axes"]) == [".", "two_theta"]
        assert group["two_theta"].attrs["units"] == "deg"
        assert group["intensity"].shape == group["intensity_errors"].shape == (1, 50)


def test_an_interrupted_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def patterns() -> object:
        yield make_pattern()
        raise KeyboardInterrupt

    (tmp_path / "s.h5").write_text("the old one")
    with pytest.raises(KeyboardInterrupt):
        write_stack(tmp_path / "s.h5", patterns())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["s.h5"]
    assert (tmp_path / "s.h5").read_text() == "the old one"


def test_a_stack_can_be_sent_to_a_worker_while_it_is_open(tmp_path: Path) -> None:
    stack = Hdf5Stack(write_stack(tmp_path / "s.h5", [make_pattern(0), make_pattern(1)]))
    before = stack.read(1).intensity
    again = pickle.loads(pickle.dumps(stack))
    assert np.array_equal(again.read(1).intensity, before)


def test_rows_that_are_packed_together_are_unpacked_once(tmp_path: Path) -> None:
    path = tmp_path / "stack.h5"
    counts = np.random.default_rng(1).poisson(100.0, (64, 5000)).astype(np.float64)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": [".", "two_theta"]})
        data.create_dataset("intensity", data=counts, chunks=(64, 5000), compression="gzip")
        data["two_theta"] = np.linspace(5.0, 60.0, 5000)
        data["two_theta"].attrs["units"] = "deg"
    stack = Hdf5Stack(path)
    stack.read(0)
    # What is not in memory by now is gone.
    path.write_bytes(bytes(path.stat().st_size))
    np.testing.assert_array_equal(stack.read(63).intensity, counts[63])


def test_memory_does_not_grow_with_the_number_of_scans(tmp_path: Path) -> None:
    grid = np.linspace(2.0, 60.0, 4000)
    path = write_stack(tmp_path / "s.h5", (make_pattern(i, grid=grid) for i in range(150)))
    stack = Hdf5Stack(path)
    stack.read(0)
    tracemalloc.start()
    for index in range(len(stack)):
        stack.read(index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * grid.nbytes


@pytest.mark.parametrize(
    ("units", "attribute", "scale"),
    [("rad", "units", np.pi / 180.0), ("2th_deg", "unit", 1.0), ("2th_rad", "unit", np.pi / 180)],
)
def test_foreign_axes_in_radians_or_with_pyfai_names_are_read(
    tmp_path: Path, units: str, attribute: str, scale: float
) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        group = file.create_group("entry/integrated")
        group.attrs.update({"NX_class": "NXdata", "signal": "I", "axes": [".", "radial_axis"]})
        group["I"] = np.ones((3, 50))
        group["I_errors"] = np.ones((3, 50))
        group["radial_axis"] = GRID * scale
        group["radial_axis"].attrs[attribute] = units
        group["time"] = np.array([10.0, 20.0, 40.0])
    stack = Hdf5Stack(tmp_path / "s.h5")
    np.testing.assert_allclose(stack.read(2).two_theta, GRID, rtol=1e-14)
    assert stack.read(2).sigma is not None
    assert stack.times is not None
    assert stack.times.end_s.tolist() == [10.0, 30.0, 45.0]


def damage(path: Path, change: str) -> None:
    with h5py.File(path, "r+") as file:
        group = file["entry/data"]
        if change == "folded":
            group["two_theta"][...] = np.roll(GRID, 5)
        elif change == "q":
            group["two_theta"].attrs["units"] = "1/angstrom"
        elif change == "no axis":
            del group["two_theta"]
        elif change == "two stacks":
            file.copy("entry/data", file, "second")
            file.copy("entry/data", file, "third")
            del file["entry"]
        elif change == "times":
            group["start_time"] = np.arange(7.0)


@pytest.mark.parametrize(
    ("change", "code"),
    [("folded", "E107"), ("q", "E114"), ("no axis", "E112"), ("two stacks", "E112"), ("times", "E115")],
)
def test_a_stack_that_makes_no_sense_is_refused(tmp_path: Path, change: str, code: str) -> None:
    path = write_stack(tmp_path / "s.h5", [make_pattern(0), make_pattern(1)])
    damage(path, change)
    assert problem_of(open_stack, "s.h5", base=tmp_path).startswith(code)


@pytest.mark.parametrize("own_grids", [False, True])
def test_a_stack_over_descending_angles_is_turned_round(tmp_path: Path, own_grids: bool) -> None:
    patterns = [make_pattern(0), make_pattern(1)]
    path = write_stack(tmp_path / "s.h5", patterns)
    with h5py.File(path, "r+") as file:
        group = file["entry/data"]
        for name in ("intensity", "intensity_errors"):
            group[name][...] = group[name][()][:, ::-1]
        axis = np.tile(GRID[::-1], (2, 1)) if own_grids else GRID[::-1]
        del group["two_theta"]
        group["two_theta"] = axis
        group["two_theta"].attrs["units"] = "deg"
    stack = open_stack("s.h5", base=tmp_path)
    for index, pattern in enumerate(patterns):
        for name in ("two_theta", "intensity", "sigma"):
            np.testing.assert_array_equal(getattr(stack.read(index), name), getattr(pattern, name))


def test_a_truncated_or_wrongly_addressed_file_is_one_problem(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "s.h5", [make_pattern(0)])
    assert "/entry/data" in problem_of(open_stack, "s.h5", base=tmp_path, dataset="/entry/dat")
    path.write_bytes(path.read_bytes()[:800])
    assert problem_of(open_stack, "s.h5", base=tmp_path).startswith("E111")


def test_a_row_of_nan_is_a_scan_without_data_not_an_error(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "s.h5", [make_pattern(0, sigma=False), make_pattern(1, sigma=False)])
    with h5py.File(path, "r+") as file:
        file["entry/data/intensity"][1] = np.nan
    stack = open_stack("s.h5", base=tmp_path)
    assert stack.read(0).mask.all() and not stack.read(1).mask.any()


def test_a_stack_and_other_files_do_not_mix(tmp_path: Path) -> None:
    write_stack(tmp_path / "s.h5", [make_pattern(0)])
    write_scans(tmp_path, ["scan1.xy"])
    assert problem_of(open_stack, ["s.h5", "scan1.xy"], base=tmp_path).startswith("E104")


def test_the_measured_series_open_in_order_and_with_their_times(real_data: Path) -> None:
    titanium = open_stack("ti64-heating/*.chi", base=real_data)
    assert isinstance(titanium, FileStack) and len(titanium) == 28 and "004329" in titanium.sources[0]
    check_files(titanium)
    log = "lmfp-operando/Log/log_operando_coincell8_LDE2_reduced.csv"
    olivine = open_stack("lmfp-operando/xrd_data/*.xye", base=real_data, times=log)
    assert olivine.times is not None
    assert olivine.times.end_s[0] == pytest.approx(56.553)
    assert olivine.times.origin == "2025-07-02T19:05:59.614000"


@pytest.mark.parametrize(
    ("dates", "hours"),
    [
        (["02.05.2026 09:14", "02.05.2026 11:14:30"], 2.0 + 30.0 / 3600.0),
        (["29/04/2026 23:00", "01/05/2026 01:00"], 26.0),
        (["04/29/2026 23:00", "05/01/2026 01:00"], 26.0),
        (["02.05.2026 09:14:00.6", "02.05.2026 09:14:36.9"], 36.3 / 3600.0),
        (["4/30/2026 9:00:00 AM", "5/1/2026 12:30:00 PM"], 27.5),
    ],
)
def test_dates_of_a_table_are_read_where_one_of_them_tells_which_is_the_day(
    tmp_path: Path, dates: list[str], hours: float
) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"])
    (tmp_path / "times.csv").write_text("\n".join(["start_time", *dates]))
    times = open_stack("scan*.xy", base=tmp_path, times="times.csv").times
    assert times is not None and times.start_s[1] == pytest.approx(3600.0 * hours)


def test_dates_that_may_be_day_or_month_first_are_settled_by_a_key(tmp_path: Path) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy"])
    (tmp_path / "times.csv").write_text("start_time\n02/05/2026 09:14\n02/06/2026 09:14\n")
    message = problem_of(open_stack, "scan*.xy", base=tmp_path, times="times.csv")
    assert message.startswith("E115 day and month") and 'dates = "day-first"' in message
    for dates, days in (("day-first", 31.0), ("month-first", 1.0)):
        times = open_stack("scan*.xy", base=tmp_path, times="times.csv", dates=dates).times
        assert times is not None and times.start_s[1] == 86400.0 * days


@pytest.mark.parametrize(
    ("rows", "dates", "found"),
    [
        (["01/05/2026 09:00", "13/05/2026 09:00", "05/14/2026 09:00"], None, "both in the table"),
        (["01/05/2026 09:00", "02/05/2026 09:00", "13/05/2026 09:00"], "month-first", "day-first in the table"),
    ],
)
def test_dates_of_a_table_that_contradict_each_other_or_the_key_are_refused(
    tmp_path: Path, rows: list[str], dates: str | None, found: str
) -> None:
    write_scans(tmp_path, ["scan1.xy", "scan2.xy", "scan3.xy"])
    (tmp_path / "times.csv").write_text("\n".join(["start_time", *rows]))
    message = problem_of(open_stack, "scan*.xy", base=tmp_path, times="times.csv", dates=dates)
    assert message.startswith("E115 dates with the day first and with the month first") and found in message


def test_a_dotted_date_in_the_header_of_a_text_is_a_time(tmp_path: Path) -> None:
    for hour in (9, 11):
        rows = "\n".join(f"{x:.3f} {100 + i}" for i, x in enumerate(GRID))
        (tmp_path / f"scan{hour}.xy").write_text(f"# measured 02.05.2026 {hour:02}:14:00\n{rows}\n")
    times = open_stack("scan*.xy", base=tmp_path).times
    assert times is not None and times.start_s.tolist() == [0.0, 7200.0]


@pytest.mark.parametrize("kind", ["c16", "S5", "?"])
def test_values_that_are_no_real_numbers_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stack.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data")
        group.attrs["NX_class"] = "NXdata"
        group["intensity"] = np.ones((2, 20)).astype(kind)
        group["two_theta"] = np.linspace(10.0, 20.0, 20)
    with pytest.raises(DataError, match="the data are no numbers"):
        Hdf5Stack(path)
