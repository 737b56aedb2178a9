"""The same scan in every instrument format is the same pattern, with what its file says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from tests import vendor_files as files
from xrdfit.errors import DataError
from xrdfit.io import open_stack, read_pattern, read_patterns, write_stack
from xrdfit.io.hdf5_stack import Hdf5Stack


def put(folder: Path, raw: bytes, name: str = "scan.dat") -> Path:
    path = folder / name
    path.write_bytes(raw)
    return path


def problem_of(folder: Path, raw: bytes, name: str = "scan.dat") -> str:
    with pytest.raises(DataError) as caught:
        read_patterns(put(folder, raw, name))
    assert str(caught.value).count(" · ") == 3
    return str(caught.value)


@pytest.mark.parametrize("name", files.WRITTEN)
@pytest.mark.parametrize("suffix", ["own", ".xy"])
def test_one_scan_in_every_format_is_one_pattern_whatever_the_suffix(tmp_path: Path, name: str, suffix: str) -> None:
    written = files.WRITTEN[name]
    pattern = read_pattern(put(tmp_path, written.raw, f"scan{written.suffix if suffix == 'own' else suffix}"))
    np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA, atol=1e-9)
    np.testing.assert_allclose(pattern.intensity, files.COUNTS, atol=1e-4)
    assert pattern.mask.all()
    header = pattern.header
    assert header is not None
    assert (header.start_time is not None) == written.has_times
    if header.start_time is not None:
        # Local time where the file has no zone.
        here = header.start_time.astimezone() if header.start_time.tzinfo is None else header.start_time
        assert here.replace(tzinfo=None, microsecond=0).minute == 0 and header.start_time.day == 2
    assert header.wavelengths == (files.LINES if written.has_lines else ())


@pytest.mark.parametrize("write", [files.raw3, files.raw4])
def test_the_end_of_a_bruker_raw_is_its_start_and_the_duration_in_its_head(
    tmp_path: Path, write: Callable[..., bytes]
) -> None:
    header = read_pattern(put(tmp_path, write(duration=782.5))).header
    assert header is not None and header.start_time is not None and header.end_time is not None
    assert (header.end_time - header.start_time).total_seconds() == 782.5
    # Points times time of a point would be 164 times too long with a detector of strips: better no end than that one.
    for raw in (write(), write(duration=-1.0), write(duration=float("nan")), write(duration=782.5, n_ranges=2)):
        header = read_patterns(put(tmp_path, raw))[0].header
        assert header is not None and header.start_time is not None and header.end_time is None


@pytest.mark.parametrize("name", ["xrdml", "brml", "ras", "rasx"])
def test_start_and_end_of_a_scan_come_from_its_file(tmp_path: Path, name: str) -> None:
    header = read_pattern(put(tmp_path, files.WRITTEN[name].raw)).header
    assert header is not None and header.start_time is not None and header.end_time is not None
    assert (header.end_time - header.start_time).total_seconds() == pytest.approx(1800.0, abs=1.0)
    utc = {"xrdml": "06:00", "brml": "06:00", "rasx": "06:00", "ras": "08:00"}[name]
    offset = header.start_time.utcoffset()
    in_utc = header.start_time if offset is None else (header.start_time - offset)
    assert f"{in_utc:%H:%M}" == utc
    assert (offset is None) == (name == "ras")
    assert header.step_time_s == files.STEP_TIME


@pytest.mark.parametrize("name", ["xrdml", "brml", "raw3", "raw4", "ras", "rasx"])
def test_all_scans_of_a_file_are_scans_of_the_series(tmp_path: Path, name: str) -> None:
    make = getattr(files, name)
    put(tmp_path, make(**{"n_ranges" if name.startswith("raw") else "n_scans": 2}), "scans.bin")
    stack = open_stack("scans.bin", base=tmp_path)
    assert stack.sources == ("scans.bin[0]", "scans.bin[1]")
    for scan in range(2):
        np.testing.assert_allclose(stack.read(scan).intensity, files.COUNTS, atol=1e-4)
    if name.startswith("raw"):  # one date for the whole file says nothing of the second range
        assert stack.times is None
    else:
        assert stack.times is not None and stack.times.start_s[1] == pytest.approx(3600.0, abs=1.0)
        assert stack.times.end_s[0] == pytest.approx(1800.0, abs=1.0)


def test_raw_records_may_be_longer_than_their_intensity_and_hold_the_angle(tmp_path: Path) -> None:
    for raw in (files.raw4(record=8), files.raw3(record=12), files.raw3(record=20, extra=0)):
        pattern = read_pattern(put(tmp_path, raw))
        np.testing.assert_allclose(pattern.intensity, files.COUNTS, atol=1e-4)
        np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA, atol=1e-9)


@pytest.mark.parametrize(
    "raw",
    [
        files.brml(factor=8.3),
        files.ras(attenuator=8.3),
        files.xrdml(
            tag="counts",
            extra=f"<beamAttenuationFactors>{'1 ' * 5 + '8.3 ' * 35}</beamAttenuationFactors>",
        ),
        files.xrdml(
            values=" ".join(f"{count * (1.0 if i < 5 else 8.3):.4f}" for i, count in enumerate(files.COUNTS)),
            extra=f"<beamAttenuationFactors>{'1 ' * 5 + '8.3 ' * 35}</beamAttenuationFactors>",
        ),
    ],
    ids=["brml", "ras", "xrdml 2 counts", "xrdml 1 intensities"],
)
def test_an_attenuator_scales_the_intensity_and_its_error_is_that_of_what_was_counted(
    tmp_path: Path, raw: bytes
) -> None:
    pattern = read_pattern(put(tmp_path, raw))
    factor = np.where(np.arange(files.N_POINTS) < 5, 1.0, 8.3)
    np.testing.assert_allclose(pattern.intensity, factor * files.COUNTS, rtol=1e-6)
    assert pattern.sigma is not None
    np.testing.assert_allclose(pattern.sigma, factor * np.sqrt(files.COUNTS), rtol=1e-6)
    assert pattern.header is not None and "8.3" in pattern.header.remarks[0]


def test_points_counted_longer_are_put_on_one_scale_with_smaller_relative_errors(tmp_path: Path) -> None:
    times = np.where(np.arange(files.N_POINTS) < 20, 1.0, 4.0)
    listed = " ".join(map(str, times))
    pattern = read_pattern(put(tmp_path, files.xrdml(extra=f"<countingTimes>{listed}</countingTimes>")))
    np.testing.assert_allclose(pattern.intensity, files.COUNTS * 4.0 / times)
    assert pattern.sigma is not None
    np.testing.assert_allclose(pattern.sigma, np.sqrt(files.COUNTS) * 4.0 / times)


def test_rates_become_whole_counts_with_the_counting_time_and_stay_rates_without(tmp_path: Path) -> None:
    counts = read_pattern(put(tmp_path, files.ras(unit="cps", scale=1.0 / files.STEP_TIME)))
    assert np.array_equal(counts.intensity, files.COUNTS) and counts.sigma is None
    rates = read_pattern(put(tmp_path, files.ras(unit="cps", scale=1.0 / 7.3)))
    np.testing.assert_allclose(rates.intensity, files.COUNTS / 7.3, atol=1e-5)
    assert rates.header is not None and "noise is estimated" in rates.header.remarks[0]


def test_errors_of_gsas_and_weights_of_cif_are_taken(tmp_path: Path) -> None:
    for kind in ("ESD", "FXYE"):
        sigma = read_pattern(put(tmp_path, files.gsas(kind))).sigma
        assert sigma is not None
        np.testing.assert_allclose(sigma, np.sqrt(files.COUNTS), atol=1e-3)
    rows = "\n".join(f"{x} {y:.0f} {0.0 if i == 3 else 0.25}" for i, (x, y) in enumerate(_points()))
    head = "data_a\nloop_\n_pd_proc_2theta_corrected\n_pd_proc_intensity_total\n_pd_proc_ls_weight\n"
    pattern = read_pattern(put(tmp_path, (head + rows).encode()))
    assert pattern.sigma is not None and pattern.sigma[0] == 2.0
    assert np.flatnonzero(~pattern.mask).tolist() == [3]


def _points() -> list[tuple[float, float]]:
    return list(zip(files.TWO_THETA.tolist(), files.COUNTS.tolist(), strict=True))


def test_cif_angles_may_be_a_range_and_esds_stand_in_brackets(tmp_path: Path) -> None:
    values = "\n".join(f"{y / 10:.1f}(25)" for _, y in _points())
    text = (
        f"data_a\n_pd_meas_2theta_range_min {files.START}\n_pd_meas_2theta_range_inc {files.STEP}\n"
        f"loop_\n_pd_meas_intensity_total\n{values}\n"
    )
    pattern = read_pattern(put(tmp_path, text.encode()))
    np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA)
    assert pattern.sigma is not None and pattern.sigma[0] == pytest.approx(2.5)


def test_the_calculated_pattern_of_a_cif_is_not_a_second_scan(tmp_path: Path) -> None:
    rows = "\n".join(f"{x} {y}" for x, y in _points())
    block = "data_{}\nloop_\n_pd_proc_2theta_corrected\n_pd_proc_intensity_total\n" + rows + "\n"
    assert len(read_patterns(put(tmp_path, (block.format("x_meas") + block.format("x_calc")).encode()))) == 1


def test_gsas_means_over_detectors_have_smaller_errors(tmp_path: Path) -> None:
    text = files.gsas().decode().replace("\n     ", "\n 4   ", 1)
    pattern = read_pattern(put(tmp_path, text.encode()))
    assert pattern.sigma is not None
    np.testing.assert_allclose(pattern.sigma[:2], np.sqrt(files.COUNTS[:2] / [4.0, 1.0]))


def test_descending_scans_are_turned_round(tmp_path: Path) -> None:
    raw = files.xrdml().replace(b"startPosition", b"x").replace(b"endPosition", b"startPosition")
    pattern = read_pattern(put(tmp_path, raw.replace(b"<x>", b"<endPosition>").replace(b"</x>", b"</endPosition>")))
    np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA)
    assert np.array_equal(pattern.intensity, files.COUNTS[::-1])


def test_columns_over_q_become_two_theta_with_a_wavelength(tmp_path: Path) -> None:
    q = 4.0 * np.pi * np.sin(np.radians(files.TWO_THETA / 2.0)) / 0.5
    for unit, factor in (("q_nm^-1", 10.0), ("q_A^-1", 1.0), ("Q (1/A)", 1.0)):
        rows = "\n".join(f"{x * factor:.10f} {y}" for x, y in zip(q, files.COUNTS, strict=True))
        path = put(tmp_path, f"# wavelength: 5.0e-11 m\n# {unit}  I\n{rows}".encode())
        for wavelength in (None, 0.5):
            pattern = read_pattern(path, wavelength=wavelength)
            np.testing.assert_allclose(pattern.two_theta, files.TWO_THETA, atol=1e-7)
    without = put(tmp_path, f"# q_A^-1  I\n{rows}".encode())
    np.testing.assert_allclose(read_pattern(without, wavelength=0.5).two_theta, files.TWO_THETA, atol=1e-7)
    with pytest.raises(DataError, match=r"beyond the reach .* check the wavelength"):
        read_pattern(without, wavelength=2.9)


@pytest.mark.parametrize(
    ("raw", "name", "code", "says"),
    [
        (b"RAW1.01", "a.raw", "E117", "cut short"),
        (b"RAW2" + b"\0" * 300, "a.raw", "E104", "version 2"),
        (b"RAW \0" * 300, "a.raw", "E104", "version 1"),
        (b"FI\0\0" + b"\0" * 300, "a.raw", "E104", "Rigaku binary"),
        (b"_FILEVERSION=2\n_2THETA=5\n", "a.uxd", "E104", ".uxd"),
        (b"SampleIdent,x\n", "a.udf", "E104", ".udf"),
        (b"10 20\n" * 30, "a.mdi", "E104", ".mdi"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a.xy", "E104", "PNG"),
        (b"%PDF-1.4 ...", "a.xy", "E104", "PDF"),
        (b"\x1f\x8b\x08" + b"\0" * 100, "a.xy.gz", "E104", "gzip"),
        (b"\n<!DOCTYPE html><html><body>log in</body></html>", "a.xye", "E104", "web page"),
        (b"<svg></svg>", "a.xy", "E104", "XML of another kind"),
        (b"data_x\n_cell_length_a 4.1\n", "a.cif", "E104", "crystal structure"),
        (b"data_x\n_cell_length_b\n", "a.cif", "E117", "CIF is cut short"),
        (files.zipped({"xl/workbook.xml": "<a/>"}), "a.xlsx", "E104", "Office"),
        (files.zipped({"notes.txt": "x"}), "a.brml", "E104", "without a scan"),
        (files.zipped({}), "a.brml", "E102", "archive is empty"),
        (b"PK\x03\x04 zip", "a.brml", "E117", "zip"),
        (b"t\nBANK 1 900 90 SLOG 1.0 2.0 3.0 0.0 FXYE\n", "a.fxye", "E104", "time-of-flight"),
        (b"t\nBANK 1 900 90 RALF 1.0 2.0 3.0 0.0 ALT\n", "a.fxye", "E104", "time-of-flight"),
        (files.gsas("FXYE").replace(b"2000.0", b"920000.0"), "a.fxye", "E104", "time-of-flight"),
        (files.gsas()[:-200], "a.gsa", "E113", "against 40 announced"),
        (files.xrdml(axis="Omega"), "a.xrdml", "E114", "not over 2theta"),
        (files.raw3(scan_type=3), "a.raw", "E114", "not over 2theta"),
        (files.raw4(drive_at=70.0), "a.raw", "E114", "not over 2theta"),
        (files.ras().replace(b"TwoThetaTheta", b"Omega"), "a.ras", "E114", "not over 2theta"),
        (files.xrdml(values="1 2 x"), "a.xrdml", "E117", "intensities"),
        (files.ras()[:-40], "a.ras", "E117", "no *RAS_INT_END"),
    ],
)
def test_what_is_not_read_is_told_by_name(tmp_path: Path, raw: bytes, name: str, code: str, says: str) -> None:
    message = problem_of(tmp_path, raw, name)
    assert message.startswith(code) and says in message


def test_files_without_a_zone_get_one_or_are_not_mixed_with_others(tmp_path: Path) -> None:
    put(tmp_path, files.ras(), "1.ras")
    put(tmp_path, files.xrdml().replace(b"T08", b"T09"), "2.xrdml")
    with pytest.raises(DataError, match=r"E115 only some .* time_zone = "):
        open_stack(["1.ras", "2.xrdml"], base=tmp_path)
    stack = open_stack(["1.ras", "2.xrdml"], base=tmp_path, time_zone="Europe/Berlin")
    assert stack.times is not None and stack.times.start_s.tolist() == [0.0, 3600.0]
    assert stack.times.origin == "2026-05-02T08:00:00+02:00"
    with pytest.raises(DataError, match="time zone is not known"):
        open_stack("1.ras", base=tmp_path, time_zone="Middle/Earth")


def test_an_hour_of_summer_time_is_no_hour_of_the_series(tmp_path: Path) -> None:
    # In Berlin clocks went from 02:00 to 03:00 on 2026-03-29.
    put(tmp_path, files.ras().replace(b"05/02/2026 08", b"03/29/2026 01"), "1.ras")
    put(tmp_path, files.ras().replace(b"05/02/2026 08", b"03/29/2026 04"), "2.ras")
    local = open_stack("*.ras", base=tmp_path).times
    berlin = open_stack("*.ras", base=tmp_path, time_zone="Europe/Berlin").times
    assert local is not None and local.start_s[1] == 3 * 3600.0
    assert berlin is not None and berlin.start_s[1] == 2 * 3600.0


def test_scans_out_of_the_order_of_their_times_are_refused_unless_times_are_not_wanted(tmp_path: Path) -> None:
    put(tmp_path, files.ras(), "1.ras")
    put(tmp_path, files.ras(), "2.ras")
    with pytest.raises(DataError, match="not in the order of their times"):
        open_stack("*.ras", base=tmp_path)
    assert open_stack("*.ras", base=tmp_path, times="none").times is None


def test_times_of_modification_are_taken_on_request(tmp_path: Path) -> None:
    import os

    for number in (1, 2, 3):
        os.utime(put(tmp_path, files.gsas(), f"{number}.gsa"), (0, 1_000_000 + 900 * number))
    assert open_stack("*.gsa", base=tmp_path).times is None
    times = open_stack("*.gsa", base=tmp_path, times="file-modification").times
    assert times is not None
    assert times.start_s.tolist() == [0.0, 900.0, 1800.0] and times.end_s.tolist() == [900.0, 1800.0, 2700.0]


def test_a_stack_keeps_numbers_times_and_what_was_measured_with(tmp_path: Path) -> None:
    put(tmp_path, files.xrdml(n_scans=2), "a.xrdml")
    stack = open_stack("a.xrdml", base=tmp_path)
    write_stack(tmp_path / "s.h5", (stack.read(scan) for scan in range(2)), times=stack.times)
    twin = Hdf5Stack(tmp_path / "s.h5")
    pattern = twin.read(1)
    assert np.array_equal(pattern.two_theta, stack.read(1).two_theta)
    assert np.array_equal(pattern.intensity, files.COUNTS)
    assert twin.times is not None and stack.times is not None and twin.times.origin == stack.times.origin
    assert np.array_equal(twin.times.start_s, stack.times.start_s)
    header = pattern.header
    assert header is not None
    assert header.wavelengths == files.LINES and header.step_time_s == files.STEP_TIME
    assert header.alpha2_ratio == 0.5


def test_short_scans_beside_others_are_left_out_and_said(tmp_path: Path) -> None:
    raw = files.ras(n_scans=2)
    second = raw.index(b"*RAS_HEADER_START", 100)
    rows = raw.index(b"*RAS_INT_START", second) + len(b"*RAS_INT_START\r\n")
    end = raw.index(b"*RAS_INT_END", second)
    cut = raw[:rows] + b"\r\n".join(raw[rows:end].split(b"\r\n")[:4]) + b"\r\n" + raw[end:]
    (pattern,) = read_patterns(put(tmp_path, cut))
    assert pattern.header is not None and "fewer than 10 points" in pattern.header.remarks[-1]


def test_a_date_of_zero_is_no_time(tmp_path: Path) -> None:
    raw = files.xrdml().replace(b"2026-05-02T08:00:00+02:00", b"0001-01-01T00:00:00")
    header = read_pattern(put(tmp_path, raw)).header
    assert header is not None and header.start_time is None
    assert header.end_time == datetime.fromisoformat("2026-05-02T08:30:00+02:00")


@pytest.mark.parametrize("kind", ["STD", "ESD", "FXYE"])
def test_the_last_number_of_a_gsas_file_without_its_end_is_not_used(tmp_path: Path, kind: str) -> None:
    whole = files.gsas(kind).rstrip()
    assert read_pattern(put(tmp_path, whole)).mask.all()
    pattern = read_pattern(put(tmp_path, whole[:-1]))
    assert np.flatnonzero(~pattern.mask).tolist() == [files.N_POINTS - 1]
    assert pattern.header is not None and "cut off" in pattern.header.remarks[-1]


def test_a_powder_cif_with_fewer_points_than_it_announces_is_refused(tmp_path: Path) -> None:
    said = files.pdcif().replace(b"loop_\n_pd_meas_2theta", b"_pd_meas_number_of_points 40\nloop_\n_pd_meas_2theta")
    assert read_pattern(put(tmp_path, said)).two_theta.size == 40
    lines = said.splitlines(keepends=True)
    assert problem_of(tmp_path, b"".join(lines[:-3])).startswith("E113 the file is cut short")
