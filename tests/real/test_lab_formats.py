"""Files as diffractometers wrote them, against what other programs and the files themselves say."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from xrdfit.data import Pattern
from xrdfit.io import open_stack, read_pattern, write_stack

# File: points, first and last 2theta, first intensities, highest intensity. Independent: an unpacked XML or text looked
# at by eye, and for RAW and GSAS another reader.
NUMBERS = {
    "TiOF.brml": (2469, 9.998839261, 60.012776015, (4471, 4545, 4595), 8170),
    "fairmat_23-012-AG_2thomegascan_long.brml": (2001, 44.0, 48.0, (3, 1, 1), 495559.8),
    "TiO2.raw": (1647, 10.0, 70.041142, (557, 602, 625), 11493),
    "geddes_bruker_raw_bruker4_diffrac_eva.raw": (
        7134,
        10.0,
        85.0412992,
        (283.76920, -164.53447, -164.53447),
        11330.587,
    ),
    "Scan_C1.xrdml": (7181, 5.00475563, 124.99166689, (374, 401, 382), 24224),
    "fairmat_XRD-918-16_10.xrdml": (5027, 4.00656514, 69.99936587, (1305, 1310, 1345), 100168),
    "rietx_rigaku_nims.ras": (3501, 25.0, 60.0, (13, 7, 12), 4551),
    "JO_KL_16_ZF_3_60deg_0.02step_12degpermin_001.rasx": (2851, 3.0, 60.0, (2589, 2684, 2505), 34423),
    "fairmat_TwoTheta_scan_powder.rasx": (2726, 10.0, 119.0, (170.55354, 170.54173, 150.78575), 1698.5085),
    "geddes_gsas_raw_gsas.raw": (4941, 16.0, 99.98, (1163, 1092, 1079), 7959),
}
# Start, end and time of a point as stated; wavelengths; radius in mm.
HEADERS = {
    "TiOF.brml": (
        "2025-02-26T10:47:52.870879+00:00",
        "2025-02-26T11:17:47.177402+00:00",
        124.8,
        1.5406,
        1.54439,
        141.0,
    ),
    "TiO2.raw": ("2018-07-11T15:55:31", "2018-07-11T16:08:33.325000", 77.9, 1.5406, 1.54439, 141.0),
    "Scan_C1.xrdml": ("2020-11-06T18:09:37+00:00", "2020-11-06T18:24:18+00:00", 15.24, 1.540598, 1.544426, 240.0),
    "fairmat_XRD-918-16_10.xrdml": (
        "2021-03-16T13:10:14+03:00",
        "2021-03-16T13:24:36+03:00",
        39.27,
        1.540598,
        1.544426,
        240.0,
    ),
    "rietx_rigaku_nims.ras": ("2017-11-21T08:32:31", "2017-11-21T08:37:42", 0.075, 1.540593, 1.544414, None),
    "fairmat_TwoTheta_scan_powder.rasx": (
        "2021-05-05T10:35:31+00:00",
        "2021-05-05T12:24:50+00:00",
        2.4,
        1.540593,
        1.544414,
        300.0,
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_of_the_file(real_data: Path, name: str) -> None:
    n_points, first, last, begin, highest = NUMBERS[name]
    pattern = read_pattern(real_data / "lab-formats" / name)
    assert pattern.two_theta.size == n_points
    assert pattern.two_theta[[0, -1]] == pytest.approx([first, last], abs=1e-6)
    assert pattern.intensity[:3] == pytest.approx(begin, rel=1e-6)
    assert pattern.intensity.max() == pytest.approx(highest, rel=1e-7)


@pytest.mark.parametrize("name", HEADERS)
def test_times_and_wavelengths_are_those_of_the_file(real_data: Path, name: str) -> None:
    start, end, step_time, alpha_1, alpha_2, radius = HEADERS[name]
    header = read_pattern(real_data / "lab-formats" / name).header
    assert header is not None and header.anode == "Cu"
    assert header.start_time == datetime.fromisoformat(start)
    assert header.end_time == (None if end is None else datetime.fromisoformat(end))
    assert header.step_time_s == pytest.approx(step_time)
    assert header.wavelengths == (alpha_1, alpha_2) and header.goniometer_radius_mm == radius


def test_points_behind_an_absorber_have_the_error_of_the_counts_behind_it(real_data: Path) -> None:
    pattern = read_pattern(real_data / "lab-formats" / "fairmat_23-012-AG_2thomegascan_long.brml")
    assert pattern.sigma is not None
    behind = pattern.intensity > 2e5
    np.testing.assert_allclose(pattern.sigma[behind], np.sqrt(8.3 * pattern.intensity[behind]), rtol=1e-6)
    open_to_beam = (pattern.intensity > 10.0) & (pattern.intensity < 1e4)
    np.testing.assert_allclose(pattern.sigma[open_to_beam], np.sqrt(pattern.intensity[open_to_beam]))


def test_the_standard_of_nist_is_read_with_its_weights_and_gaps(real_data: Path) -> None:
    pattern = read_pattern(real_data / "lab6-srm660c" / "nist_srm660c_100a.cif")
    assert pattern.two_theta.size == 5332 and pattern.sigma is not None
    assert pattern.two_theta[[0, -1]].tolist() == [20.3, 150.908]
    assert np.diff(pattern.two_theta).max() > 1.0
    assert pattern.sigma[0] == pytest.approx(1.03e-1**-0.5)
    assert pattern.header is not None and pattern.header.goniometer_radius_mm == 217.5


def as_text(folder: Path, pattern: Pattern) -> Pattern:
    """The same scan through a file of columns."""
    columns = [pattern.two_theta, pattern.intensity]
    if pattern.sigma is not None:
        columns.append(pattern.sigma)
    rows = (" ".join(repr(float(value)) for value in row) for row in zip(*columns, strict=True))
    path = folder / "twin.xye"
    path.write_text("\n".join(rows))
    return read_pattern(path)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_same_scan_in_a_stack_and_in_columns_is_the_same(real_data: Path, tmp_path: Path, name: str) -> None:
    pattern = read_pattern(real_data / "lab-formats" / name)
    write_stack(tmp_path / "twin.h5", [pattern])
    for twin in (open_stack("twin.h5", base=tmp_path).read(0), as_text(tmp_path, pattern)):
        assert np.array_equal(twin.two_theta, pattern.two_theta)
        assert np.array_equal(twin.intensity, pattern.intensity)
        if pattern.sigma is None:
            assert twin.sigma is None
        else:
            assert twin.sigma is not None and np.array_equal(twin.sigma, pattern.sigma)


def test_a_structure_is_no_pattern(real_data: Path) -> None:
    with pytest.raises(Exception, match="E104 a crystal structure"):
        read_pattern(next((real_data / "cif").glob("*.cif")))


def test_a_log_gives_the_scans_of_a_beamline_their_times(real_data: Path) -> None:
    cell = real_data / "lmfp-operando"
    log = next((cell / "Log").glob("*.csv"))
    stack = open_stack("xrd_data/*.xye", base=cell, times=str(log), time_zone="Europe/Copenhagen")
    assert stack.times is not None and stack.times.origin == "2025-07-02T19:05:59.614000+02:00"
    assert stack.times.end_s[0] == pytest.approx(56.553)
    np.testing.assert_allclose(np.diff(stack.times.start_s), 544.0, atol=2.0)
