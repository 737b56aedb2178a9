"""GSAS powder data (``.gsa .gda .fxye .raw``): a title, then ``BANK`` lines with fixed columns behind them.

Layout: GSAS Technical Manual, section on powder data files. Angles are in centidegrees. Time-of-flight banks are
refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.content import CUT, Content
from xrdfit.io.measured import MeasuredScan, patterns_of, regular_grid
from xrdfit.io.problems import Code, data_error

_BANK = re.compile(r"BANK\s+\d+", re.IGNORECASE)
_TIME_OF_FLIGHT = ("RALF", "SLOG", "LOG6", "TIME_MAP", "TIMEMAP", "EDS", "LPSD")
_TYPES = ("STD", "ESD", "FXYE", "FXY", "ALT")
_HIGHEST_CENTIDEGREES = 18000.0
_FIELD = 8


def is_gsas(content: Content) -> bool:
    """Whether one of the first lines is that of a bank."""
    return any(re.match(rb"BANK\s+\d+\s+\d+", line) for line in content.head[:16384].splitlines())


@dataclass(frozen=True, slots=True)
class _Bank:
    """What a ``BANK`` line says, and the lines behind it."""

    number: str
    n_points: int
    binning: str
    coefficients: list[float]
    kind: str
    rows: list[str]


def read_gsas(content: Content) -> tuple[Pattern, ...]:
    """All banks of the file, each a pattern."""
    places = [place for place, line in enumerate(content.lines) if _BANK.match(line)]
    ends = [*places[1:], len(content.lines)]
    scans = [
        _scan(_bank(content.lines[place], content.lines[place + 1 : end], content.source), content.source)
        for place, end in zip(places, ends, strict=True)
    ]
    if content.may_be_cut and scans[-1].detected.size:
        last = scans[-1]
        detected = np.append(last.detected[:-1], np.nan)
        scans[-1] = replace(last, detected=detected, header=replace(last.header, remarks=(*last.header.remarks, CUT)))
    return patterns_of(scans, source=content.source)


def _bank(line: str, rows: list[str], source: str) -> _Bank:
    words = line.upper().split()
    try:
        # BANK, its number, points, records, the binning, up to four coefficients, the type of data.
        n_points, binning = int(words[2]), words[4]
        kind = words[-1] if words[-1] in _TYPES else "STD"
        last = len(words) - 1 if words[-1] in _TYPES else len(words)
        coefficients = [float(word) for word in words[5:last]]
    except (IndexError, ValueError):
        raise _damaged(f"{line.strip()[:70]!r}", source) from None
    if binning.startswith(_TIME_OF_FLIGHT) or kind == "ALT":
        raise _time_of_flight(f"{binning} {kind}", source)
    if not binning.startswith("CONS"):
        raise data_error(
            Code.UNSUPPORTED_FORMAT,
            "this kind of GSAS bank is not read",
            where=source,
            found=f"{binning} against CONST",
            todo="export it as .xye",
        )
    rows = [row for row in rows if row.strip() and not row.startswith(("#", "Monitor"))]
    return _Bank(words[1], n_points, binning, coefficients, kind, rows)


def _scan(bank: _Bank, source: str) -> MeasuredScan:
    if bank.kind in ("FXYE", "FXY"):
        table = _table(bank, 3 if bank.kind == "FXYE" else 2, source)
        two_theta, detected = table[:, 0], table[:, 1]
        sigma = table[:, 2] if bank.kind == "FXYE" else None
    else:
        if len(bank.coefficients) < 2 or bank.coefficients[1] <= 0.0:
            raise _damaged(f"bank {bank.number} without start and step", source)
        detected, sigma = _std(bank, source) if bank.kind == "STD" else _esd(bank, source)
        two_theta = regular_grid(bank.coefficients[0], bank.coefficients[1], detected.size)
    if two_theta.size and two_theta.max() > _HIGHEST_CENTIDEGREES:
        raise _time_of_flight(f"abscissa up to {two_theta.max():g}", source)
    return MeasuredScan(
        two_theta=two_theta / 100.0, detected=detected, header=PatternHeader(format="GSAS"), sigma=sigma
    )


def _std(bank: _Bank, source: str) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Ten fields a line: two columns for the number of detectors, six for the counts, their mean."""
    fields = _fields(bank, source)
    try:
        detectors = np.array([float(field[:2].strip() or 1.0) for field in fields])
        detected = np.array([float(field[2:]) for field in fields])
    except ValueError:
        words = " ".join(bank.rows).split()[: bank.n_points]
        detected, detectors = _floats(words, bank, source), np.ones(bank.n_points)
    detectors = np.maximum(detectors, 1.0)
    if np.all(detectors == 1.0):
        return detected, None
    return detected, np.sqrt(np.maximum(detected, 1.0) / detectors)


def _esd(bank: _Bank, source: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Five pairs a line: intensity and its standard deviation."""
    fields = _fields(bank, source, per_point=2)
    try:
        values = np.array([float(field) for field in fields])
    except ValueError:
        values = _floats(" ".join(bank.rows).split()[: 2 * bank.n_points], bank, source)
    if values.size != 2 * bank.n_points:
        raise _cut_short(bank, values.size // 2, source)
    return values[0::2], values[1::2]


def _table(bank: _Bank, width: int, source: str) -> NDArray[np.float64]:
    if len(bank.rows) < bank.n_points:
        raise _cut_short(bank, len(bank.rows), source)
    try:
        table = np.array([row.split()[:width] for row in bank.rows[: bank.n_points]], dtype=np.float64)
    except ValueError as error:
        raise _damaged(str(error), source) from None
    if table.ndim != 2 or table.shape[1] != width:
        raise _damaged(f"rows of less than {width} numbers", source)
    return table


def _fields(bank: _Bank, source: str, *, per_point: int = 1) -> list[str]:
    """Fields of eight columns, as many as points need."""
    needed = bank.n_points * per_point
    fields = [row[at : at + _FIELD] for row in bank.rows for at in range(0, len(row.rstrip()), _FIELD)]
    if len(fields) < needed:
        words = sum(len(row.split()) for row in bank.rows)
        if words < needed:
            raise _cut_short(bank, words // per_point, source)
    return fields[:needed]


def _floats(words: list[str], bank: _Bank, source: str) -> NDArray[np.float64]:
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise _damaged(f"bank {bank.number}: {error}", source) from None
    if values.size < bank.n_points:
        raise _cut_short(bank, values.size, source)
    return values


def _cut_short(bank: _Bank, n_found: int, source: str) -> Exception:
    return data_error(
        Code.SHAPE,
        "the file is cut short",
        where=source,
        found=f"{n_found} points of bank {bank.number} against {bank.n_points} announced",
        todo="export the pattern again",
    )


def _time_of_flight(found: str, source: str) -> Exception:
    return data_error(
        Code.UNSUPPORTED_FORMAT,
        "time-of-flight data are not read",
        where=source,
        found=f"{found} against constant wavelength over 2theta",
        todo="give data of one wavelength",
    )


def _damaged(found: str, source: str) -> Exception:
    return data_error(
        Code.DAMAGED,
        "the GSAS file is damaged",
        where=source,
        found=found,
        todo="export the pattern again",
    )
