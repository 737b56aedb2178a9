"""Rigaku ``.ras`` (text) and ``.rasx`` (zip of text and XML): 2theta, intensity, attenuator factor.

Both hold the same header; intensities are as detected, to be multiplied by the factor in the third column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader, instant_or_none
from xrdfit.io.content import Content
from xrdfit.io.instants import american_instant_or_none
from xrdfit.io.measured import MeasuredScan, patterns_of
from xrdfit.io.paths import natural_key
from xrdfit.io.problems import Code, data_error
from xrdfit.io.safe_xml import number, parse_xml, text_of
from xrdfit.io.safe_zip import SafeZip
from xrdfit.io.table import text_lines

RAS, RASX = "Rigaku ras", "Rigaku rasx"
_PROFILE = re.compile(r"(.*/)?Data\d+/Profile\d+\.txt", re.IGNORECASE)
_CONDITIONS = re.compile(r"(.*/)?Data\d+/Mea?surementConditions\d+\.xml", re.IGNORECASE)
_KEY = re.compile(r'\*(\S+)\s+"(.*)"\s*$')
# Key of a .ras header and place in the XML of a .rasx, of what is wanted from both.
_PLACES = {
    "MEAS_SCAN_AXIS_X_INTERNAL": "ScanInformation/AxisName",
    "MEAS_SCAN_MODE": "ScanInformation/Mode",
    "MEAS_SCAN_STEP": "ScanInformation/Step",
    "MEAS_SCAN_SPEED": "ScanInformation/Speed",
    "MEAS_SCAN_SPEED_UNIT": "ScanInformation/SpeedUnit",
    "MEAS_SCAN_UNIT_X": "ScanInformation/PositionUnit",
    "MEAS_SCAN_UNIT_Y": "ScanInformation/IntensityUnit",
    "MEAS_SCAN_START_TIME": "ScanInformation/StartTime",
    "MEAS_SCAN_END_TIME": "ScanInformation/EndTime",
    "HW_XG_TARGET_NAME": "HWConfigurations/XrayGenerator/TargetName",
    "HW_XG_WAVE_LENGTH_ALPHA1": "HWConfigurations/XrayGenerator/WavelengthKalpha1",
    "HW_XG_WAVE_LENGTH_ALPHA2": "HWConfigurations/XrayGenerator/WavelengthKalpha2",
}


def is_ras(content: Content) -> bool:
    """Whether the file begins as a .ras does."""
    return content.head.startswith(b"*RAS_")


def read_ras(content: Content) -> tuple[Pattern, ...]:
    """All scans of the file, each a pattern."""
    scans = [_scan(RAS, keys, rows, content.source) for keys, rows in _blocks(content.lines, content.source)]
    return patterns_of(scans, source=content.source)


def profile_names(archive: SafeZip) -> list[str]:
    """The members that hold scans, in natural order; none if this is another archive."""
    return sorted(filter(_PROFILE.fullmatch, archive.names), key=natural_key)


def read_rasx(content: Content, archive: SafeZip) -> tuple[Pattern, ...]:
    """All scans of the archive, each a pattern."""
    scans = []
    conditions = {name.rpartition("/")[0]: name for name in archive.names if _CONDITIONS.fullmatch(name)}
    for name in profile_names(archive):
        where = f"{content.source}:{name}"
        described = conditions.get(name.rpartition("/")[0])
        keys: dict[str, str] = {}
        if described is not None:
            root = parse_xml(archive.read(described).removeprefix(b"\xef\xbb\xbf"), source=where)
            found = {key: text_of(root, place) for key, place in _PLACES.items()}
            keys = {key: value for key, value in found.items() if value is not None}
            keys["radius"] = _distance(root)
        scans.append(_scan(RASX, keys, text_lines(archive.read(name)), where))
    return patterns_of(scans, source=content.source)


def _blocks(lines: list[str], source: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Header keys and rows of every scan of a .ras file."""
    keys: dict[str, str] = {}
    rows: list[str] | None = None
    for line in lines:
        word = line.strip()
        if word == "*RAS_HEADER_START":
            keys = {}
        elif word == "*RAS_INT_START":
            rows = []
        elif word == "*RAS_INT_END":
            yield keys, rows or []
            rows = None
        elif rows is not None:
            rows.append(word)
        elif match := _KEY.match(word):
            keys[match[1]] = match[2]
    if rows is not None:
        raise _damaged("no *RAS_INT_END", source)


def _scan(name: str, keys: Mapping[str, str], rows: list[str], where: str) -> MeasuredScan:
    axis = keys.get("MEAS_SCAN_AXIS_X_INTERNAL", keys.get("MEAS_SCAN_AXIS_X", "TwoTheta"))
    if "twotheta" not in axis.lower().replace("2", "two") or keys.get("MEAS_SCAN_UNIT_X", "deg") != "deg":
        raise data_error(
            Code.UNITS,
            "the scan is not over 2theta",
            where=where,
            found=f"a scan of {axis} in {keys.get('MEAS_SCAN_UNIT_X', 'deg')} against 2theta in deg",
            todo="give powder patterns only",
        )
    table = _table(rows, where)
    count = number(keys.get("MEAS_DATA_COUNT"))
    if count is not None and count != table.shape[0]:
        raise _damaged(f"{table.shape[0]} points against {count:g} announced", where)
    return MeasuredScan(
        two_theta=table[:, 0],
        detected=table[:, 1],
        header=_header(name, keys),
        unit=keys.get("MEAS_SCAN_UNIT_Y", "counts"),
        factor=table[:, 2] if table.shape[1] > 2 and np.all(table[:, 2] > 0.0) else None,
    )


def _table(rows: list[str], where: str) -> NDArray[np.float64]:
    try:
        table = np.array([row.split() for row in rows if row], dtype=np.float64)
    except ValueError as error:
        raise _damaged(str(error), where) from None
    if table.ndim != 2 or table.shape[1] < 2:
        raise _damaged("no rows of 2theta, intensity and attenuator factor", where)
    return table


def _header(name: str, keys: Mapping[str, str]) -> PatternHeader:
    lines = (number(keys.get("HW_XG_WAVE_LENGTH_ALPHA1")), number(keys.get("HW_XG_WAVE_LENGTH_ALPHA2")))
    times = [
        american_instant_or_none(keys.get(key)) or instant_or_none(keys.get(key))
        for key in ("MEAS_SCAN_START_TIME", "MEAS_SCAN_END_TIME")
    ]
    return PatternHeader(
        format=name,
        start_time=times[0],
        end_time=times[1],
        step_time_s=_step_time(keys),
        wavelengths=tuple(line for line in lines if line),
        anode=keys.get("HW_XG_TARGET_NAME") or None,
        goniometer_radius_mm=number(keys.get("radius")),
    )


def _step_time(keys: Mapping[str, str]) -> float | None:
    """Continuous scans tell their speed, steps their time."""
    step, speed = number(keys.get("MEAS_SCAN_STEP")), number(keys.get("MEAS_SCAN_SPEED"))
    unit = keys.get("MEAS_SCAN_SPEED_UNIT", "").lower()
    if not speed or speed < 0.0:
        return None
    if unit == "deg/min":
        return None if not step else abs(step) / speed * 60.0
    return speed if unit.startswith("sec") or unit == "s" else None


def _distance(root: Element) -> str:
    """From the sample to the detector, mm, as text; empty if it is not said."""
    for item in root.iter("Distance"):
        if item.get("From") == "AttachmentStage" and item.get("To") == "ReceivingSlitBox2":
            return item.get("Value", "")
    return ""


def _damaged(found: str, where: str) -> Exception:
    return data_error(Code.DAMAGED, "the scan is incomplete", where=where, found=found, todo="export the file again")
