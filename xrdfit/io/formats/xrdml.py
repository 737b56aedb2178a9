"""PANalytical ``.xrdml``: XML by the public schemas XRDMeasurement 1.0 to 2.x (www.xrdml.com).

``intensities`` are counts already multiplied by the attenuation factor, ``counts`` (2.x) are as detected.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader, instant_or_none
from xrdfit.io.content import Content
from xrdfit.io.measured import MeasuredScan, patterns_of
from xrdfit.io.problems import Code, data_error
from xrdfit.io.safe_xml import number_of, parse_xml, text_of

NAME = "PANalytical xrdml"


def is_xrdml(content: Content) -> bool:
    """Whether the first element is that of the schema."""
    return b"<xrdMeasurements" in content.head[:4096]


def read_xrdml(content: Content) -> tuple[Pattern, ...]:
    """All scans of all measurements of the file, each a pattern."""
    root = parse_xml(content.raw, source=content.source)
    scans = [
        _scan(measurement, scan, content.source)
        for measurement in root.iter("xrdMeasurement")
        for scan in measurement.iter("scan")
    ]
    return patterns_of(scans, source=content.source)


def _scan(measurement: Element, scan: Element, source: str) -> MeasuredScan:
    points = scan.find("dataPoints")
    if points is None:
        raise _damaged("a scan without dataPoints", source)
    stored = points.find("intensities")
    raw = points.find("counts") if stored is None else stored
    if raw is None:
        raise _damaged("neither intensities nor counts", source)
    values = _numbers(raw, source)
    factor = _per_point(points, "commonBeamAttenuationFactor", "beamAttenuationFactors", values.size, source)
    detected = values if stored is None or factor is None else values / factor
    times = _per_point(points, "commonCountingTime", "countingTimes", values.size, source)
    remarks = []
    if times is not None and np.any(times != times[0]):
        # Points that were counted longer weigh more; on one scale they are as if all had been counted the longest.
        factor = times.max() / times * (1.0 if factor is None else factor)
    if points.find("divergenceCorrections") is not None:
        remarks.append("the file's divergence corrections are not applied")
    if (status := scan.get("status", "Completed")) != "Completed":
        remarks.append(f"status of the scan: {status}")
    return MeasuredScan(
        two_theta=_two_theta(points, values.size, scan.get("scanAxis", "?"), source),
        detected=detected,
        header=_header(measurement, scan, None if times is None else float(times.max()), remarks),
        unit=raw.get("unit", "counts"),
        factor=factor,
    )


def _two_theta(points: Element, n_points: int, axis: str, source: str) -> NDArray[np.float64]:
    positions = next((item for item in points.iter("positions") if item.get("axis") == "2Theta"), None)
    if positions is not None and (listed := positions.find("listPositions")) is not None:
        angles = _numbers(listed, source)
        if angles.size != n_points:
            raise _damaged(f"{angles.size} angles for {n_points} intensities", source)
        return angles
    start, end = number_of(positions, "startPosition"), number_of(positions, "endPosition")
    if start is None or end is None:
        raise data_error(
            Code.UNITS,
            "the scan is not over 2theta",
            where=source,
            found=f"a scan of {axis} against 2theta or theta-2theta",
            todo="give powder patterns only",
        )
    return np.linspace(start, end, n_points)


def _header(measurement: Element, scan: Element, step_time_s: float | None, remarks: list[str]) -> PatternHeader:
    used = measurement.find("usedWavelength")
    lines = (number_of(used, "kAlpha1"), number_of(used, "kAlpha2"))
    return PatternHeader(
        format=NAME,
        start_time=instant_or_none(text_of(scan, "header/startTimeStamp")),
        end_time=instant_or_none(text_of(scan, "header/endTimeStamp")),
        step_time_s=step_time_s,
        wavelengths=tuple(line for line in lines if line),
        alpha2_ratio=number_of(used, "ratioKAlpha2KAlpha1"),
        anode=text_of(measurement, "incidentBeamPath/xRayTube/anodeMaterial"),
        goniometer_radius_mm=number_of(measurement, "diffractedBeamPath/radius"),
        remarks=tuple(remarks),
    )


def _per_point(points: Element, common: str, listed: str, n_points: int, source: str) -> NDArray[np.float64] | None:
    """Values of every point, given as one for all or as a list; None if neither is there."""
    if (value := number_of(points, common)) is not None:
        values = np.full(n_points, value)
    elif (item := points.find(listed)) is not None:
        values = _numbers(item, source)
    else:
        return None
    if values.size != n_points or not np.all(values > 0.0):
        raise _damaged(f"{values.size} {listed} for {n_points} intensities, all to be positive", source)
    return values


def _numbers(item: Element, source: str) -> NDArray[np.float64]:
    try:
        return np.array((item.text or "").split(), dtype=np.float64)
    except ValueError as error:
        raise _damaged(f"{item.tag}: {error}", source) from None


def _damaged(found: str, source: str) -> Exception:
    return data_error(
        Code.DAMAGED,
        "the scan is incomplete",
        where=source,
        found=found,
        todo="export the file again",
    )
