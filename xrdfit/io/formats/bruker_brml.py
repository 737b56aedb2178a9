"""Bruker ``.brml``: a zip of XML; one ``RawData*.xml`` a scan, one ``Datum`` a point.

The columns of a Datum are described by the ``RawDataView`` elements behind the data. Counts are stored multiplied by
the absorption factor that stands beside them.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader, instant_or_none
from xrdfit.io.content import Content
from xrdfit.io.measured import MeasuredScan, patterns_of
from xrdfit.io.paths import natural_key
from xrdfit.io.problems import Code, data_error
from xrdfit.io.safe_xml import number, number_of, parse_xml, text_of
from xrdfit.io.safe_zip import SafeZip

NAME = "Bruker brml"
_RAW_DATA = re.compile(r"(.*/)?Experiment\d+/RawData\d+\.xml", re.IGNORECASE)


def raw_data_names(archive: SafeZip) -> list[str]:
    """The members that hold scans, in natural order; none if this is another archive."""
    return sorted(filter(_RAW_DATA.fullmatch, archive.names), key=natural_key)


def read_brml(content: Content, archive: SafeZip) -> tuple[Pattern, ...]:
    """All scans of the archive, each a pattern."""
    scans: list[MeasuredScan] = []
    for name in raw_data_names(archive):
        where = f"{content.source}:{name}"
        root = parse_xml(archive.read(name), source=where)
        scans += [_scan(root, route, where) for route in _measured_routes(root)]
    return patterns_of(scans, source=content.source)


def _measured_routes(root: Element) -> list[Element]:
    """What was measured; routes that hold processed copies of it are left alone."""
    routes = list(root.iter("DataRoute"))
    return [route for route in routes if route.get("RouteFlag", "Measured") == "Measured"] or routes[:1]


def _scan(root: Element, route: Element, where: str) -> MeasuredScan:
    table = _table(route, where)
    columns = _columns(route)
    if "TwoTheta" not in columns:
        axes = [axis.get("AxisId", "?") for axis in route.iter("ScanAxisInfo")]
        raise data_error(
            Code.UNITS,
            "the scan is not over 2theta",
            where=where,
            found=f"a scan of {', '.join(axes) or 'no axis'} against 2theta or theta-2theta",
            todo="give powder patterns only",
        )
    at, length = columns.get("detector", (table.shape[1] - 1, 1))
    if length != 1:
        raise data_error(
            Code.SHAPE,
            "the scan has a row of detector channels at every point",
            where=where,
            found=f"{length} channels against one intensity",
            todo="integrate it with the instrument's program and export that",
        )
    needed = max(at, *(first for first, _ in columns.values()))
    if needed >= table.shape[1]:
        raise _damaged(f"{table.shape[1]} numbers a point against at least {needed + 1}", where)
    stored, factor = table[:, at], None
    if "AbsorptionFactor" in columns:
        factor = table[:, columns["AbsorptionFactor"][0]]
        factor = factor if np.all(factor > 0.0) else None
    return MeasuredScan(
        two_theta=table[:, columns["TwoTheta"][0]],
        detected=stored if factor is None else stored / factor,
        header=_header(root, route),
        unit=_unit(route),
        factor=factor,
    )


def _table(route: Element, where: str) -> NDArray[np.float64]:
    rows = [(datum.text or "").split(",") for datum in route.iter("Datum")]
    if not rows:
        raise data_error(
            Code.EMPTY,
            "the scan holds no points",
            where=where,
            found="no Datum against a pattern",
            todo="export it as .xy with the instrument's program",
        )
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise _damaged(str(error), where) from None


def _columns(route: Element) -> dict[str, tuple[int, int]]:
    """First column and number of columns of every quantity; axes by their id, the intensity as ``detector``."""
    columns: dict[str, tuple[int, int]] = {}
    for view in route.iter("RawDataView"):
        start, length = int(number(view.get("Start")) or 0), int(number(view.get("Length")) or 0)
        if name := view.get("LogicName"):
            columns[name] = (start, length)
        for place, field in enumerate(view.iter("FieldDefinitions")):
            columns[field.get("AxisId", field.get("FieldName", "?"))] = (start + place, 1)
        if view.find("Recording") is not None:
            columns.setdefault("detector", (start, length))
    if not columns:  # older files describe their columns only by the order: time, absorption factor, axes, intensity
        axes = [axis.get("AxisId", "?") for axis in route.findall("ScanInformation/ScanAxes/ScanAxisInfo")]
        columns = {axis: (2 + place, 1) for place, axis in enumerate(axes)}
    return columns


def _unit(route: Element) -> str:
    recording = route.find(".//Recording/Unit")
    return "counts" if recording is None else recording.get("Base", "counts")


def _header(root: Element, route: Element) -> PatternHeader:
    lines = (_value(root, "WaveLengthAlpha1"), _value(root, "WaveLengthAlpha2"))
    status = text_of(root, "MeasurementStatus")
    return PatternHeader(
        format=NAME,
        start_time=instant_or_none(text_of(root, "TimeStampStarted")),
        end_time=instant_or_none(text_of(root, "TimeStampFinished")),
        step_time_s=number_of(route, "ScanInformation/TimePerStepEffective")
        or number_of(route, "ScanInformation/TimePerStep"),
        wavelengths=tuple(line for line in lines if line),
        alpha2_ratio=_value(root, "WaveLengthRatio"),
        anode=_anode(root),
        goniometer_radius_mm=_value(root, "SecondaryTracks/TrackInfoData/Radius"),
        remarks=() if status in (None, "Measured") else (f"status of the scan: {status}",),
    )


def _anode(root: Element) -> str | None:
    material = root.find(".//TubeMaterial")
    return None if material is None else material.get("Value") or (material.text or "").strip() or None


def _value(root: Element, path: str) -> float | None:
    """The number in the attribute ``Value`` of the first such element; None if it is missing or not positive."""
    element = root.find(f".//{path}")
    value = None if element is None else number(element.get("Value"))
    return value if value and value > 0.0 else None


def _damaged(found: str, where: str) -> Exception:
    return data_error(Code.DAMAGED, "the scan is incomplete", where=where, found=found, todo="export the file again")
