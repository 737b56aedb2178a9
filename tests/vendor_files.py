"""Small files of every instrument format, written from one scan, for tests of the readers."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass

import numpy as np

START, STEP, N_POINTS = 20.0, 0.25, 40
COUNTS = np.random.default_rng(7).poisson(300.0, N_POINTS).astype(np.float64)
TWO_THETA = START + STEP * np.arange(N_POINTS)
STEP_TIME = 4.0
LINES = (1.5406, 1.54439)


@dataclass(frozen=True)
class Written:
    """A file: its suffix, its bytes, and what of the header it can tell."""

    suffix: str
    raw: bytes
    has_times: bool = True
    has_lines: bool = True


def zipped(members: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def xrdml(
    *,
    values: str | None = None,
    tag: str = "intensities",
    extra: str = "<commonCountingTime>4.0</commonCountingTime>",
    n_scans: int = 1,
    axis: str = "2Theta",
    zone: str = "+02:00",
) -> bytes:
    values = values or " ".join(f"{count:.0f}" for count in COUNTS)
    scans = "".join(
        f"""<scan scanAxis="Gonio" status="Completed"><header>
        <startTimeStamp>2026-05-02T0{8 + scan}:00:00{zone}</startTimeStamp>
        <endTimeStamp>2026-05-02T0{8 + scan}:30:00{zone}</endTimeStamp></header>
        <dataPoints><positions axis="{axis}" unit="deg"><startPosition>{START}</startPosition>
        <endPosition>{TWO_THETA[-1]}</endPosition></positions>{extra}
        <{tag} unit="counts">{values}</{tag}></dataPoints></scan>"""
        for scan in range(n_scans)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5"><xrdMeasurement>
    <usedWavelength><kAlpha1>{LINES[0]}</kAlpha1><kAlpha2>{LINES[1]}</kAlpha2>
    <ratioKAlpha2KAlpha1>0.5</ratioKAlpha2KAlpha1></usedWavelength>
    <diffractedBeamPath><radius unit="mm">240.0</radius></diffractedBeamPath>
    {scans}</xrdMeasurement></xrdMeasurements>""".encode()


def brml(*, factor: float = 1.0, n_scans: int = 1) -> bytes:
    rows = "".join(
        f"<Datum>{STEP_TIME},{f},{angle},{angle / 2},{count * f}</Datum>"
        for angle, count, f in zip(TWO_THETA, COUNTS, np.where(np.arange(N_POINTS) < 5, 1.0, factor), strict=True)
    )
    scan = """<RawData><MeasurementStatus>Measured</MeasurementStatus>
    <TimeStampStarted>2026-05-02T0{hour}:00:00.1234567+02:00</TimeStampStarted>
    <TimeStampFinished>2026-05-02T0{hour}:30:00+02:00</TimeStampFinished>
    <DataRoutes><DataRoute RouteFlag="Measured"><ScanInformation><TimePerStepEffective>4</TimePerStepEffective>
    </ScanInformation>{rows}<DataViews>
    <RawDataView Start="0" Length="1" LogicName="MeasuredTime" />
    <RawDataView Start="1" Length="1" LogicName="AbsorptionFactor" />
    <RawDataView Start="2" Length="2"><Varying><FieldDefinitions AxisId="TwoTheta" /><FieldDefinitions AxisId="Theta" />
    </Varying></RawDataView>
    <RawDataView Start="4" Length="1"><Recording><Unit Base="Counts" /></Recording></RawDataView>
    </DataViews></DataRoute></DataRoutes>
    <Tube><WaveLengthAlpha1 Value="1.5406" /><WaveLengthAlpha2 Value="1.54439" /><TubeMaterial>Cu</TubeMaterial></Tube>
    </RawData>"""
    members: dict[str, str | bytes] = {
        f"Experiment0/RawData{number}.xml": scan.format(hour=8 + number, rows=rows) for number in range(n_scans)
    }
    return zipped({"experimentCollection.xml": "<a/>", **members})


def raw3(*, n_ranges: int = 1, record: int = 4, extra: int = 16, scan_type: int = 0, duration: float = 0.0) -> bytes:
    head = bytearray(712)
    head[:7] = b"RAW1.01"
    struct.pack_into("<II", head, 8, 1, n_ranges)
    head[16:26], head[26:36] = b"05/02/26\0\0", b"08:00:00\0\0"
    struct.pack_into("<f", head, 564, 217.5)
    head[608:610] = b"Cu"
    struct.pack_into("<5d", head, 616, 1.5418, *LINES, 1.3922, 0.5)
    struct.pack_into("<f", head, 664, duration)
    ranges = bytearray()
    for _ in range(n_ranges):
        block = bytearray(304)
        struct.pack_into("<II3d", block, 0, 304, N_POINTS, START / 2, START, 0.0)
        struct.pack_into("<d", block, 176, STEP)
        struct.pack_into("<fI", block, 192, STEP_TIME, scan_type)
        struct.pack_into("<III", block, 248, 1 if record == 12 else 0, record, extra)
        points = b"".join(
            (struct.pack("<f", count) + struct.pack("<d", angle) + b"\0" * 8)[:record]
            for count, angle in zip(COUNTS, TWO_THETA, strict=True)
        )
        ranges += block + b"\xff" * extra + points
    return bytes(head + ranges)


def raw4(*, n_ranges: int = 1, record: int = 4, drive_at: float = START, duration: float = 0.0) -> bytes:
    head = bytearray(61)
    head[:7] = b"RAW4.00"
    head[12:22], head[24:32] = b"05/02/2026", b"08:00:00"
    struct.pack_into("<f", head, 48, duration)
    note = struct.pack("<III24s", 10, 40, 0, b"SAMPLEID") + b"LFP\0"
    source = bytearray(136)
    struct.pack_into("<II", source, 0, 30, 136)
    struct.pack_into("<f", source, 24, 435.0)
    struct.pack_into("<5d", source, 72, 1.5418, *LINES, 1.3922, 0.5)
    source[116:118] = b"Cu"
    ranges = bytearray()
    for _ in range(n_ranges):
        block = bytearray(160)
        block[32:46] = b"Locked Coupled"
        struct.pack_into("<ddIf", block, 72, START, STEP, N_POINTS, STEP_TIME)
        struct.pack_into("<II", block, 136, record, 64)
        drive = bytearray(64)
        struct.pack_into("<III24s", drive, 0, 50, 64, 2, b"2Theta")
        struct.pack_into("<d", drive, 56, drive_at)
        points = b"".join((struct.pack("<f", count) + b"\1\0\0\0")[:record] for count in COUNTS)
        ranges += block + drive + points
    return bytes(head + note + source + ranges)


def ras(*, unit: str = "counts", scale: float = 1.0, attenuator: float = 1.0, n_scans: int = 1) -> bytes:
    rows = "".join(
        f"{angle:.4f} {count * scale:.6f} {attenuator if number >= 5 else 1.0}\r\n"
        for number, (angle, count) in enumerate(zip(TWO_THETA, COUNTS, strict=True))
    )
    scan = (
        '*RAS_HEADER_START\r\n*MEAS_SCAN_AXIS_X "TwoThetaTheta"\r\n*MEAS_SCAN_UNIT_X "deg"\r\n'
        f'*MEAS_SCAN_UNIT_Y "{unit}"\r\n*MEAS_SCAN_STEP "0.25"\r\n*MEAS_SCAN_SPEED "3.75"\r\n'
        '*MEAS_SCAN_SPEED_UNIT "deg/min"\r\n*MEAS_SCAN_START_TIME "05/02/2026 0{hour}:00:00"\r\n'
        '*MEAS_SCAN_END_TIME "05/02/2026 0{hour}:30:00"\r\n*HW_XG_TARGET_NAME "Cu"\r\n'
        '*HW_XG_WAVE_LENGTH_ALPHA1 "1.5406"\r\n*HW_XG_WAVE_LENGTH_ALPHA2 "1.54439"\r\n'
        "*RAS_HEADER_END\r\n*RAS_INT_START\r\n" + rows.replace("{", "") + "*RAS_INT_END\r\n"
    )
    scans = "".join(scan.replace("{hour}", str(8 + number)) for number in range(n_scans))
    return ("*RAS_DATA_START\r\n" + scans + "*RAS_DATA_END\r\n").encode()


def rasx(*, n_scans: int = 1) -> bytes:
    rows = "".join(f"{angle:.4f}\t{count:.0f}\t1\r\n" for angle, count in zip(TWO_THETA, COUNTS, strict=True))
    members: dict[str, str | bytes] = {}
    for number in range(n_scans):
        members[f"Data{number}/Profile{number}.txt"] = ("\ufeff" + rows).encode()
        members[f"Data{number}/MesurementConditions{number}.xml"] = (
            "\ufeff<MeasurementConditions><HWConfigurations><XrayGenerator><TargetName>Cu</TargetName>"
            "<WavelengthKalpha1>1.5406</WavelengthKalpha1><WavelengthKalpha2>1.54439</WavelengthKalpha2>"
            "</XrayGenerator></HWConfigurations><ScanInformation><AxisName>TwoThetaTheta</AxisName><Step>0.25</Step>"
            "<Speed>3.75</Speed><SpeedUnit>deg/min</SpeedUnit><PositionUnit>deg</PositionUnit>"
            f"<IntensityUnit>counts</IntensityUnit><StartTime>2026-05-02T0{6 + number}:00:00Z</StartTime>"
            f"<EndTime>2026-05-02T0{6 + number}:30:00Z</EndTime></ScanInformation></MeasurementConditions>"
        ).encode()
    return zipped(members)


def gsas(kind: str = "STD") -> bytes:
    head = f"title\nBANK 1 {N_POINTS} 4 CONST {START * 100:.1f} {STEP * 100:.1f} 0 0 {kind}\n"
    if kind == "STD":
        fields = [f"{count:8.0f}" for count in COUNTS]
        rows = ["".join(fields[at : at + 10]) for at in range(0, N_POINTS, 10)]
    elif kind == "ESD":
        fields = [f"{count:8.1f}{np.sqrt(count):8.3f}" for count in COUNTS]
        rows = ["".join(fields[at : at + 5]) for at in range(0, N_POINTS, 5)]
    else:
        columns = (TWO_THETA * 100.0, COUNTS, np.sqrt(COUNTS))[: 3 if kind == "FXYE" else 2]
        rows = [" ".join(f"{value:.5f}" for value in row) for row in zip(*columns, strict=True)]
    return (head + "\n".join(row.ljust(80) for row in rows) + "\n").encode()


def pdcif() -> bytes:
    rows = "\n".join(f"{angle:.3f} {count:.0f}" for angle, count in zip(TWO_THETA, COUNTS, strict=True))
    return (
        "data_instrument\nloop_\n_diffrn_radiation_wavelength\n_diffrn_radiation_wavelength_wt\n1.5406 1.0\n"
        "1.54439 0.5\ndata_scan\n_pd_meas_datetime_initiated 2026-05-02T08:00:00+02:00\nloop_\n"
        f"_pd_meas_2theta_scan\n_pd_meas_counts_total\n{rows}\n"
    ).encode()


WRITTEN = {
    "xrdml": Written(".xrdml", xrdml()),
    "brml": Written(".brml", brml()),
    "raw3": Written(".raw", raw3()),
    "raw4": Written(".raw", raw4()),
    "ras": Written(".ras", ras()),
    "rasx": Written(".rasx", rasx()),
    "gsas std": Written(".gsa", gsas(), has_times=False, has_lines=False),
    "gsas esd": Written(".gsa", gsas("ESD"), has_times=False, has_lines=False),
    "gsas fxy": Written(".fxye", gsas("FXY"), has_times=False, has_lines=False),
    "gsas fxye": Written(".fxye", gsas("FXYE"), has_times=False, has_lines=False),
    "pdcif": Written(".cif", pdcif()),
}
