"""Records of cyclers are read as they are, or refused with the reason."""

from __future__ import annotations

import sys
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cyclers import cell, mpt, table
from xrdfit.echem import ColumnNames, CyclerRecord, Reading, count_charge, read_cycler
from xrdfit.errors import DataError

CELL = cell()
NAMES = ["Test_Time(s)", "Voltage(V)", "Current(A)"]
COLUMNS = [CELL.time, CELL.voltage, 1e-3 * CELL.current]


def written(folder: Path, text: str, name: str = "cell.mpt", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def refused(path: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read_cycler(path, **options)  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    return str(problem)


def same_as_cell(record: CyclerRecord) -> None:
    np.testing.assert_allclose(record.time_s, CELL.time, atol=1e-4)
    np.testing.assert_allclose(record.voltage_V, CELL.voltage, rtol=1e-7)
    np.testing.assert_allclose(record.current_A, 1e-3 * CELL.current, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_eclab_text_is_read_in_any_encoding_of_instrument_computers(tmp_path: Path, encoding: str) -> None:
    record = read_cycler(written(tmp_path, mpt(CELL, comments="Surface : 1 cm², 25 °C"), encoding=encoding))
    same_as_cell(record)
    assert record.start == datetime(2022, 5, 26, 15, 59, 30, 758000)
    assert record.technique == "Galvanostatic Cycling with Potential Limitation"


def test_decimal_commas_are_read_as_decimals(tmp_path: Path) -> None:
    text = mpt(CELL, decimal=",", start="26.05.2022 15:59:30,758")
    assert "3,000000000E+00" in text
    record = read_cycler(written(tmp_path, text))
    same_as_cell(record)
    assert record.start == datetime(2022, 5, 26, 15, 59, 30, 758000)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("34,228,721", "separators of thousands"),
        ("34 228 721", "separators of thousands"),
        ("34'228'721", "separators of thousands"),
        ("3,422.8721", "separators of thousands"),
        ("3.422,8721", "separators of thousands"),
        ("34228721", "implausible voltage"),
        ("3,4228721", "points and commas are mixed"),
        ("3;42", "not a number"),
        ("nan", "not a number"),
        ("", "not a number"),
        ("1e400", "not a number"),
    ],
)
def test_a_number_that_could_mean_34_million_volts_is_refused(tmp_path: Path, number: str, says: str) -> None:
    lines = mpt(CELL).splitlines()
    fields = lines[-5].split("\t")
    lines[-5] = "\t".join([*fields[:2], number, *fields[3:]])
    assert says in refused(written(tmp_path, "\n".join(lines)))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_numbers_written_in_any_locale_are_right_or_refused(data: st.DataObject) -> None:
    from xrdfit.echem.read import TEXT_FORMATS
    from xrdfit.echem.tables import Reading as Options

    decimal, thousands = data.draw(
        st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'")])
    )
    digits = data.draw(st.integers(min_value=0, max_value=6))
    unit, factor = data.draw(st.sampled_from([("V", 1.0), ("mV", 1e3), ("uV", 1e6)]))

    def local(value: float) -> str:
        return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): decimal})

    picked = slice(None, None, 7)
    rows = [
        f"{local(t)};{local(v * factor)};{local(i)}"
        for t, v, i in zip(CELL.time[picked], CELL.voltage[picked], CELL.current[picked], strict=True)
    ]
    text = "\n".join([f"time/s;Ewe/{unit};I/mA", *rows, ""])
    try:
        record = TEXT_FORMATS[-1].read(text, "cell.csv", Options())
    except DataError:
        return
    error = 10.0**-digits
    np.testing.assert_allclose(record.time_s, CELL.time[picked], atol=error)
    np.testing.assert_allclose(record.voltage_V, CELL.voltage[picked], atol=error / factor + 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(min_value=0, max_value=len(mpt(CELL))), st.sampled_from([".", ","]))
def test_a_file_cut_anywhere_is_a_shorter_record_or_a_clear_refusal(length: int, decimal: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), mpt(CELL, decimal=decimal)[:length])
        try:
            record = read_cycler(path)
        except DataError:
            return
        # The last number of a file that is cut may be cut, too, but it is none of those that are read.
        np.testing.assert_allclose(record.voltage_V, CELL.voltage[: len(record)], rtol=1e-7)
        np.testing.assert_allclose(record.time_s, CELL.time[: len(record)], atol=1e-4)


def test_times_that_go_back_are_refused(tmp_path: Path) -> None:
    text = table(["time/s", "Ewe/V", "I/mA"], [CELL.time[::-1], CELL.voltage, CELL.current], separator="\t")
    assert refused(written(tmp_path, text)).startswith("E148 ")


def test_techniques_of_one_file_and_of_a_settings_file_follow_each_other(tmp_path: Path) -> None:
    half = CELL.time.size // 2
    first, second = (
        type(CELL)(*(values[part] for values in (CELL.time, CELL.voltage, CELL.current, CELL.charge)))
        for part in (slice(0, half), slice(half, None))
    )
    together = read_cycler(written(tmp_path, mpt(first) + mpt(second)))
    same_as_cell(together)
    written(tmp_path, mpt(first), "run_01_OCV_C09.mpt")
    written(tmp_path, mpt(second), "run_02_GCPL_C09.mpt")
    written(tmp_path, mpt(CELL), "running_C09.mpt")
    settings_file = written(tmp_path, "EC-LAB SETTING FILE\r\n\r\nNumber of linked techniques : 2\r\n", "run.mps")
    listed = read_cycler(settings_file)
    same_as_cell(listed)
    assert count_charge(listed).half_cycles == count_charge(together).half_cycles
    assert "run_01_OCV_C09.mpt" in listed.source


def test_an_open_circuit_technique_without_current_is_a_rest(tmp_path: Path) -> None:
    header = mpt(CELL, technique="Open Circuit Voltage").split("mode\t")[0]
    rows = table(["mode", "time/s", "Ewe/V"], [CELL.time, CELL.time, 3.0 + 0.0 * CELL.time], separator="\t")
    assert not read_cycler(written(tmp_path, header + rows)).current_A.any()
    header = mpt(CELL).split("mode\t")[0]
    assert "no column of current" in refused(written(tmp_path, header + rows))


def test_the_same_hours_twice_are_no_record(tmp_path: Path) -> None:
    paths = [written(tmp_path, mpt(CELL), name) for name in ("one.mpt", "other.mpt")]
    with pytest.raises(DataError, match="two records of the same time"):
        read_cycler(paths)


def test_arbin_and_bdf_give_the_cell_with_its_start(tmp_path: Path) -> None:
    arbin = table([*NAMES, "Step_Index"], [*COLUMNS, np.ones(CELL.time.size)], separator=",")
    record = read_cycler(written(tmp_path, arbin, "arbin.csv"))
    assert record.format == "Arbin"
    same_as_cell(record)
    unix = 1653580770.0 + CELL.time
    for names in (
        ["Test Time / s", "Voltage / V", "Current / A", "Unix Time / s"],
        ["test_time_second", "voltage_volt", "current_ampere", "unix_time_second"],
    ):
        bdf = table(names, [*COLUMNS, unix], separator=",", form=".10f")
        record = read_cycler(written(tmp_path, bdf, "cell.bdf.csv"))
        assert record.format == "BDF"
        same_as_cell(record)
        assert record.start == datetime(2022, 5, 26, 15, 59, 30, tzinfo=UTC)


def test_maccor_currents_get_the_sign_of_their_state(tmp_path: Path) -> None:
    states = np.select([CELL.current > 0.0, CELL.current < 0.0], ["C", "D"], "R")
    rows = [
        f"{n}\t0\t1\t{t / 60.0:.8f}\t{1e-3 * abs(i):.10f}\t{v:.8f}\t{state}\t11:49:32"
        for n, (t, i, v, state) in enumerate(zip(CELL.time, CELL.current, CELL.voltage, states, strict=True))
    ]
    head = (
        "Today's Date 01/15/2025\tDate of Test:\t01/15/2025\nRec#\tCyc#\tStep\tTest (Min)\tAmps\tVolts\tState\tDPt Time"
    )
    record = read_cycler(written(tmp_path, "\n".join([head, *rows]), "maccor.txt"))
    same_as_cell(record)
    assert record.start == datetime(2025, 1, 15, 11, 49, 32)
    stateless = head.replace("State", "ES")
    assert "the current has no sign" in refused(written(tmp_path, "\n".join([stateless, *rows]), "maccor.txt"))


def test_a_current_counted_positive_on_discharge_is_refused_until_the_recipe_says_so(tmp_path: Path) -> None:
    text = table(NAMES, [COLUMNS[0], COLUMNS[1], -COLUMNS[2]], separator=",")
    path = written(tmp_path, text, "arbin.csv")
    assert 'positive_current = "discharge"' in refused(path)
    same_as_cell(read_cycler(path, reading=Reading(positive_current="discharge")))


def test_columns_of_any_name_are_mapped_and_units_never_guessed(tmp_path: Path) -> None:
    minutes = [CELL.time / 60.0, 1e3 * CELL.voltage, CELL.current]
    path = written(tmp_path, table(["zeit", "Spannung", "Strom"], minutes, separator=";"), "cell.csv")
    assert "cycler.columns" in refused(path)
    names = {"time": "zeit", "voltage": "Spannung", "current": "Strom"}
    assert "unit of the time" in refused(path, reading=Reading(columns=ColumnNames(names=names)))
    units = {"time": "min", "voltage": "mV", "current": "mA"}
    same_as_cell(read_cycler(path, reading=Reading(columns=ColumnNames(names=names, units=units))))
    wrong = Reading(columns=ColumnNames(names=names | {"voltage": "Spanung"}))
    assert "[cycler.columns]" in refused(path, reading=wrong)


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "E142", "empty"),
        (b"<!DOCTYPE html><html></html>", "E143", "web page"),
        (b"PK\x03\x04 no archive", "E143", "Excel"),
        (b"\x89HDF\r\n\x1a\n", "E143", "HDF5"),
        (b"\x00\x01\x00\x00Standard Jet DB", "E143", "Access"),
        (b"2theta intensity\n20.0 100\n", "E145", "names of time, voltage and current"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path: Path, content: bytes, code: str, says: str) -> None:
    path = tmp_path / "cell.mpt"
    path.write_bytes(content)
    message = refused(path)
    assert message.startswith(f"{code} ")
    assert says in message


def test_a_neware_archive_that_was_cut_is_not_taken_for_a_spreadsheet(tmp_path: Path) -> None:
    path = archive(tmp_path / "cell.ndax", data_ndc=bytes(2000))
    path.write_bytes(path.read_bytes()[:-10])
    assert refused(path).startswith("E142 the archive is cut short or damaged")


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "no.mpt")
    written(tmp_path, mpt(CELL))
    assert '/*.mpt"' in refused(tmp_path)


@pytest.mark.parametrize(
    ("library", "content", "extra"),
    [("galvani", b"BIO-LOGIC MODULAR FILE\x1a", "[biologic]"), ("fastnda", b"NEWARE and more", "[neware]")],
)
def test_a_missing_library_is_told_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, content: bytes, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    path = tmp_path / "cell.nda"
    path.write_bytes(content)
    message = refused(path)
    assert message.startswith("E144 ")
    assert extra in message


@pytest.mark.parametrize(
    ("library", "content", "name"),
    [
        ("galvani", b"BIO-LOGIC MODULAR FILE\x1a" + bytes(200), "cell.mpr"),
        ("fastnda", b"NEWARE" + bytes(3000), "cell.nda"),
    ],
)
def test_damaged_binary_files_are_refused(tmp_path: Path, library: str, content: bytes, name: str) -> None:
    pytest.importorskip(library, reason=f"{library} is an optional extra")
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name).startswith("E142 ")


def test_reading_text_does_not_import_the_libraries_of_binary_formats(tmp_path: Path) -> None:
    import subprocess

    path = written(tmp_path, mpt(CELL))
    code = (
        "import sys; from xrdfit.echem import read_cycler; "
        f"read_cycler({str(path)!r}); print({{'galvani', 'fastnda'}} & set(sys.modules))"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout == "set()\n"


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("_", "."), content)
    return path


def test_an_archive_of_a_version_that_cannot_be_unpacked_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "cell.ndax", data_ndc=bytes(2000))
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 6] = 244
    path.write_bytes(raw)
    assert refused(path).startswith("E142 ")


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda is an optional extra")
    path = archive(tmp_path / "cell.ndax", data_ndc=bytes(2000))
    raw = bytearray(path.read_bytes())
    at = raw.index(b"PK\x01\x02") + 24
    raw[at : at + 4] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(raw)
    assert "unpacks to too much" in refused(path)


def test_a_record_of_neware_leaves_python_its_own_unpacker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastnda", reason="fastnda is an optional extra")
    pytest.importorskip("isal", reason="fastnda replaces nothing without it")
    for name in [name for name in sys.modules if name.split(".")[0] == "fastnda"]:
        monkeypatch.delitem(sys.modules, name)
    before = zlib.decompress, zlib.decompressobj
    refused(archive(tmp_path / "cell.ndax", data_ndc=bytes(2000)))
    assert "fastnda.ndax" in sys.modules
    assert (zlib.decompress, zlib.decompressobj) == before


def test_an_archive_under_another_suffix_is_told_its_own(tmp_path: Path) -> None:
    pytest.importorskip("fastnda", reason="fastnda is an optional extra")
    assert "rename the file to cell.ndax" in refused(archive(tmp_path / "cell.zip", data_ndc=bytes(2000)))


@pytest.mark.parametrize("missing", [1, 2, 5])
def test_a_last_row_that_may_be_cut_in_mid_number_is_left_out(tmp_path: Path, missing: int) -> None:
    whole = mpt(CELL)
    record = read_cycler(written(tmp_path, whole[: -1 - missing]))
    assert len(record) == CELL.time.size - 1
    assert "the last row may be cut off in mid-number and was left out" in record.notes
    for ended in (whole, whole[:-1]):  # a line's end, or a number as long as all others, speaks for a whole row
        assert len(read_cycler(written(tmp_path, ended))) == CELL.time.size


def test_volts_under_a_heading_of_millivolts_are_refused_until_the_recipe_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, mpt(CELL).replace("Ewe/V", "Ewe/mV"))
    message = refused(path)
    assert message.startswith("E147 implausible voltage of a cell") and "at most 0.0035 V" in message
    assert 'voltage = "V" under [cycler.units]' in message
    same_as_cell(read_cycler(path, reading=Reading(columns=ColumnNames(units={"voltage": "V"}))))
    symmetric = read_cycler(path, reading=Reading(columns=ColumnNames(units={"voltage": "mV"})))
    np.testing.assert_allclose(symmetric.voltage_V, 1e-3 * CELL.voltage)


def test_a_stack_of_cells_is_refused_until_the_recipe_gives_the_unit(tmp_path: Path) -> None:
    path = written(tmp_path, table(NAMES, [CELL.time, 4.0 * CELL.voltage, 1e-3 * CELL.current], separator=","), "a.csv")
    assert "a median of 12." in refused(path)
    assert read_cycler(path, reading=Reading(columns=ColumnNames(units={"voltage": "V"}))).voltage_V.max() > 12.0


@pytest.mark.parametrize(
    ("heading", "factor", "right"), [("time/s", 3600.0, "h"), ("time/s", 60.0, "min"), ("time/h", 1.0 / 3600.0, "s")]
)
def test_times_in_another_unit_than_their_heading_are_told_by_the_charge(
    tmp_path: Path, heading: str, factor: float, right: str
) -> None:
    names = [heading, "Ewe/V", "I/mA", "(Q-Qo)/mA.h"]
    wrong = CELL.time / factor if heading == "time/s" else CELL.time
    path = written(tmp_path, table(names, [wrong, CELL.voltage, CELL.current, CELL.charge], separator=";"), "a.csv")
    message = refused(path)
    assert message.startswith("E147 the unit of time") and f'time = "{right}"' in message
    record = read_cycler(path, reading=Reading(columns=ColumnNames(units={"time": right})))
    np.testing.assert_allclose(record.time_s, CELL.time, rtol=1e-6)


def test_dates_of_a_column_are_all_read_as_the_one_that_leaves_no_choice(tmp_path: Path) -> None:
    begin = datetime(2026, 5, 12, 23, 30, tzinfo=UTC).timestamp()
    dates = [datetime.fromtimestamp(begin + t, UTC).strftime("%d/%m/%Y %H:%M:%S.%f") for t in CELL.time]
    assert {date[:2] for date in dates} == {"12", "13"}
    rows = [f"{d};{v};{i}" for d, v, i in zip(dates, CELL.voltage, CELL.current, strict=True)]
    record = read_cycler(written(tmp_path, "\n".join(["date;Ewe/V;I/mA", *rows, ""]), "a.csv"))
    same_as_cell(record)
    assert record.start == datetime(2026, 5, 12, 23, 30)


def test_times_in_another_unit_are_told_by_the_dates_of_the_rows(tmp_path: Path) -> None:
    dates = [datetime.fromtimestamp(1.7e9 + t, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for t in CELL.time]
    rows = [
        f"{t / 3600.0:.7f};{d};{v};{i}" for t, d, v, i in zip(CELL.time, dates, CELL.voltage, CELL.current, strict=True)
    ]
    message = refused(written(tmp_path, "\n".join(["time/s;date;Ewe/V;I/mA", *rows, ""]), "a.csv"))
    assert "the dates of its rows: 3600 times" in message and 'time = "h"' in message


def test_a_current_in_another_unit_is_told_by_the_charge(tmp_path: Path) -> None:
    message = refused(written(tmp_path, mpt(CELL).replace("I/mA", "I/A").replace("P/W", "x")))
    assert "the unit of current and charge" in message


def dated(folder: Path, form: str, begin: datetime) -> Path:
    """The cell with dates of this form in place of times."""
    dates = [datetime.fromtimestamp(begin.timestamp() + t, UTC).strftime(form) for t in CELL.time]
    rows = [f"{d};{v};{i}" for d, v, i in zip(dates, CELL.voltage, CELL.current, strict=True)]
    return written(folder, "\n".join(["date;Ewe/V;I/mA", *rows, ""]), "a.csv")


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M:%S.%f", "%d-%m-%Y %I:%M:%S.%f %p"])
def test_dates_that_may_be_day_or_month_first_are_asked_about(tmp_path: Path, form: str) -> None:
    file = dated(tmp_path, form, datetime(2026, 5, 2, 9, 14, tzinfo=UTC))
    message = refused(file)
    assert message.startswith("E115 day and month cannot be told apart") and 'dates = "day-first"' in message
    assert read_cycler(file, reading=Reading(dates="day-first")).start == datetime(2026, 5, 2, 9, 14)
    assert read_cycler(file, reading=Reading(dates="month-first")).start == datetime(2026, 2, 5, 9, 14)


def test_a_date_whose_day_is_its_month_is_not_asked_about(tmp_path: Path) -> None:
    file = dated(tmp_path, "%d/%m/%Y %H:%M:%S.%f", datetime(2026, 5, 5, 9, 14, tzinfo=UTC))
    assert read_cycler(file).start == datetime(2026, 5, 5, 9, 14)


def test_dates_that_contradict_what_is_said_of_them_are_refused(tmp_path: Path) -> None:
    file = dated(tmp_path, "%d/%m/%Y %H:%M:%S.%f", datetime(2026, 5, 22, 9, 14, tzinfo=UTC))
    message = refused(file, reading=Reading(dates="month-first"))
    assert message.startswith("E115 dates with the day first") and "day-first in the record" in message


def test_eclab_writes_the_month_first_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    file = written(tmp_path, mpt(CELL, start="05/02/2026 09:14:00.5"))
    assert read_cycler(file).start == datetime(2026, 5, 2, 9, 14, 0, 500000)
    assert read_cycler(file, reading=Reading(dates="day-first")).start == datetime(2026, 2, 5, 9, 14, 0, 500000)


def test_eclab_writes_dots_as_the_locale_has_it_so_that_the_order_of_its_dates_is_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, mpt(CELL, start="05.02.2026 09:14:00.5"))
    assert refused(file).startswith("E115 day and month cannot be told apart")
    assert read_cycler(file, reading=Reading(dates="month-first")).start == datetime(2026, 5, 2, 9, 14, 0, 500000)
    assert read_cycler(file, reading=Reading(dates="day-first")).start == datetime(2026, 2, 5, 9, 14, 0, 500000)
    clear = written(tmp_path, mpt(CELL, start="05.22.2026 09:14:00.5"))
    assert read_cycler(clear).start == datetime(2026, 5, 22, 9, 14, 0, 500000)


def test_the_day_on_which_maccor_exported_tells_the_order_of_its_dates(tmp_path: Path) -> None:
    row = "{}\t0\t1\t{}\t0.1\t3.{}\tC\t11:49:32"
    rows = [row.format(n, n, n) for n in range(5)]
    names = "Rec#\tCyc#\tStep\tTest (Min)\tAmps\tVolts\tState\tDPt Time"
    for exported, start in (("15/02/2025", datetime(2025, 2, 1, 11, 49, 32)), ("03/02/2025", None)):
        text = "\n".join([f"Today's Date {exported}\tDate of Test:\t01/02/2025", names, *rows, ""])
        file = written(tmp_path, text, "maccor.txt")
        if start is None:
            assert refused(file).startswith("E115 ")
        else:
            assert read_cycler(file).start == start
