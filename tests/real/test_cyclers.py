"""Records of real cyclers: twins agree, and the scans of an operando cell find their place."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from xrdfit.data import ScanTimes
from xrdfit.echem import CyclerSettings, align_scans, count_charge, read_cycler
from xrdfit.errors import DataError
from xrdfit.io.times import times_from_csv

FORMATION = "020-formation_CB5"


@pytest.fixture(scope="module")
def cyclers(real_data: Path) -> Path:
    return real_data / "cycler"


def test_a_binary_file_and_its_text_are_one_record(cyclers: Path) -> None:
    pytest.importorskip("galvani", reason="galvani is an optional extra")
    text, binary = (read_cycler(cyclers / f"{FORMATION}.{suffix}") for suffix in ("mpt", "mpr"))
    assert len(text) == len(binary) == 1323
    assert text.start == binary.start == datetime(2022, 5, 26, 15, 59, 30, 758000)
    # Printed with eight digits, and times with sixteen.
    np.testing.assert_allclose(text.time_s, binary.time_s, rtol=1e-14, atol=1e-12)
    np.testing.assert_allclose(text.voltage_V, binary.voltage_V, rtol=6e-8)
    np.testing.assert_allclose(text.current_A, binary.current_A, rtol=6e-8, atol=1e-15)


def test_the_count_of_a_formation_agrees_with_the_cycler(cyclers: Path) -> None:
    count = count_charge(read_cycler(cyclers / f"{FORMATION}.mpt"))
    assert [half.sign for half in count.half_cycles] == [1, -1, 1, -1]
    for half in count.half_cycles:
        assert half.capacity_mAh == pytest.approx(half.own_mAh, rel=4e-3)


@pytest.mark.parametrize("decimal", [",", "."])
def test_the_formation_with_decimal_commas_is_the_same_record(cyclers: Path, tmp_path: Path, decimal: str) -> None:
    text = (cyclers / f"{FORMATION}.mpt").read_bytes().decode("latin-1")
    header, table = text.split("mode\tox/red")
    path = tmp_path / "cell.mpt"
    path.write_bytes((header + "mode\tox/red" + table.replace(".", decimal)).encode("latin-1"))
    original, other = read_cycler(cyclers / f"{FORMATION}.mpt"), read_cycler(path)
    np.testing.assert_array_equal(original.voltage_V, other.voltage_V)
    np.testing.assert_array_equal(original.time_s, other.time_s)


def test_a_settings_file_leads_to_its_data(cyclers: Path) -> None:
    pytest.importorskip("galvani", reason="galvani is an optional extra")
    record = read_cycler(cyclers / "jdb11-1.mps")
    assert record.derived_current
    halves = count_charge(record).half_cycles
    assert len(halves) == 13
    # 88.796 uA, as the settings say.
    for half in halves[1:]:
        hours = (half.end_s - half.begin_s) / 3600.0
        assert half.capacity_mAh == pytest.approx(0.088796 * hours, rel=1e-3)


def test_maccor_text_whose_clock_runs_twice_as_fast_as_its_capacity_is_told(cyclers: Path) -> None:
    record = read_cycler(cyclers / "navani_maccor_example.txt")
    assert record.start == datetime(2025, 1, 15, 11, 49, 32)
    count = count_charge(record)
    assert [half.sign for half in count.half_cycles] == [1, -1, 1, -1]
    assert "counted from the current" in count.notes[0]


def test_neware_counts_what_its_current_says(cyclers: Path, real_data: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda is an optional extra")
    for path in (cyclers / "navani_test.ndax", real_data / "lmfp-operando" / "Echem" / "cc8.ndax"):
        for half in count_charge(read_cycler(path)).half_cycles:
            assert half.capacity_mAh == pytest.approx(half.own_mAh, rel=2.5e-3)


@pytest.mark.parametrize(("library", "name"), [("galvani", f"{FORMATION}.mpr"), ("fastnda", "navani_test.ndax")])
def test_a_binary_file_cut_anywhere_is_a_shorter_record_or_refused(
    cyclers: Path, tmp_path: Path, library: str, name: str
) -> None:
    pytest.importorskip(library, reason=f"{library} is an optional extra")
    whole, original = (cyclers / name).read_bytes(), read_cycler(cyclers / name)
    for length in np.linspace(0, len(whole) - 1, 25).astype(int):
        path = tmp_path / name
        path.write_bytes(whole[:length])
        try:
            record = read_cycler(path)
        except DataError:
            continue
        np.testing.assert_array_equal(record.voltage_V, original.voltage_V[: len(record)])


def test_scans_of_the_operando_cell_find_voltage_and_current_by_time(real_data: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda is an optional extra")
    folder = real_data / "lmfp-operando"
    names = [path.name for path in sorted((folder / "xrd_data").glob("*.xye"))]
    times: ScanTimes = times_from_csv(next((folder / "Log").glob("*.csv")), names)
    found = align_scans(read_cycler(folder / "Echem" / "cc8.ndax"), times, CyclerSettings())
    voltage = found.columns["voltage_V"]
    # The first scan was taken 1 min 43 s before the cycler began, the next three at rest, the last while charging.
    assert np.isnan(voltage[0])
    np.testing.assert_allclose(voltage[1:], [3.0977, 3.0977, 3.0974, 3.5801], atol=1e-4)
    np.testing.assert_allclose(found.columns["current_mA"][1:], [0.0, 0.0, 0.0, 0.306], atol=1e-3)
    np.testing.assert_array_equal(found.columns["direction"][1:], [0, 0, 0, 1])
    # 0.306 mA, as the step file says, from 19:38:11 to the scan's mid-time 19:42:45.7.
    assert found.columns["capacity_mAh"][4] == pytest.approx(0.306 * 274.7 / 3600.0, rel=2e-3)
