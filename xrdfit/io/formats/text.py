"""The text formats of powder patterns: one function a format, and the registry of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, PatternHeader
from xrdfit.io.abscissa import Abscissa, two_theta_of
from xrdfit.io.check import MINIMUM_POINTS, checked_pattern
from xrdfit.io.content import CUT, ColumnName, Content
from xrdfit.io.problems import Code, data_error
from xrdfit.io.table import COMMENT_MARKS, Table, read_table

_TWO_THETA_NAME = re.compile(r"(2|two)[\W_]*(th|θ)|tth|angle|pos", re.IGNORECASE)
_INTENSITY_NAME = re.compile(r"int|count|cps|^y|^i$", re.IGNORECASE)
_SIGMA_NAME = re.compile(r"sig|esd|err|std|unc", re.IGNORECASE)
_Q_UNIT = re.compile(r"\bq[\s_(\[]*(?:1\s*/\s*|inverse\s+)?(nm|nano|å|a(?![a-z])|ang)", re.IGNORECASE)
_WAVELENGTH = re.compile(r"wavelength\"?\s*(?:\([^)]*\))?\s*[:=]?\s*(\d+\.?\d*(?:e[+-]?\d+)?)", re.IGNORECASE)
_OTHER_ABSCISSA = re.compile(r"q_(nm|a)\^-1|\bq\s*[\[(]|radial distance|d[- ]?spacing|\bradius\b", re.IGNORECASE)
_SAY_COLUMNS = 'write columns = ["two_theta", "intensity"] under [data] (import: --columns)'
# Relative difference up to which something is as large as something else, and squares of errors in proportion.
_AS_LARGE, _IN_PROPORTION = 0.4, 0.02
_STRONG = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFormat:
    """A text format: how it is recognised and how its lines become a pattern."""

    name: str
    recognise: Callable[[list[str]], bool]
    read: Callable[[Content], Pattern]


def read_text_pattern(content: Content) -> tuple[str, Pattern]:
    """Name of the format and the pattern in the lines of a file, whichever text format they are in."""
    entry = next(entry for entry in FORMATS if entry.recognise(content.lines))
    pattern = entry.read(content)
    if content.may_be_cut:
        header = pattern.header or PatternHeader(format=entry.name)
        pattern = replace(pattern, header=replace(header, remarks=(*header.remarks, CUT)))
    return entry.name, pattern


def read_xydata(content: Content) -> Pattern:
    """FullProf XYDATA (INSTRM = 10): header lines, then 2theta, intensity and sigma.

    The factors of the ``INTER`` line multiply 2theta, and intensity with sigma (FullProf manual, data file formats).
    """
    source = content.source
    table = read_table(content.lines[1:], source=source)
    factor_x, factor_y = 1.0, 1.0
    for line in table.header:
        if line.upper().startswith("INTER"):
            factors = _leading_numbers(line.split()[1:])
            if len(factors) >= 2:
                factor_x, factor_y = factors[:2]
    columns = table.columns
    sigma = columns[:, 2] * factor_y if columns.shape[1] > 2 else None
    cut = content.may_be_cut
    return checked_pattern(columns[:, 0] * factor_x, columns[:, 1] * factor_y, sigma, source=source, cut=cut)


def read_chi(content: Content) -> Pattern:
    """The ``.chi`` of fit2d and GSAS-II: title, name of the abscissa, name of the ordinate, number of points, rows."""
    lines, source = content.lines, content.source
    over_q = None
    if not re.search(r"2[- ]?theta", lines[1], re.IGNORECASE):
        over_q = _q_in(lines[1])
        if over_q is None:
            raise _not_two_theta(lines[1].strip(), f"{source}:2")
    columns = read_table(lines[4:], source=source).columns
    announced = int(lines[3].split()[0])
    if columns.shape[0] != announced:
        raise data_error(
            Code.SHAPE,
            "the file is cut short",
            where=source,
            found=f"{columns.shape[0]} rows against {announced} announced in line 4",
            todo="export the pattern again",
        )
    two_theta, header = _two_theta(columns[:, 0], over_q, "fit2d chi", lines[:4], content)
    return checked_pattern(two_theta, columns[:, 1], None, source=source, header=header, cut=content.may_be_cut)


def read_instrm(content: Content) -> Pattern:
    """FullProf's free format (INSTRM = 0): start, step, end of 2theta, then intensities, any number a line."""
    lines, source = content.lines, content.source
    first = _first_content(lines)
    start, step, end = _leading_numbers(lines[first].split())[:3]
    n_points = round((end - start) / step) + 1
    words = " ".join(lines[first + 1 :]).split()
    intensity = np.array(_leading_numbers(words))
    if len(intensity) < len(words):
        raise data_error(
            Code.NOT_A_NUMBER,
            "an intensity is not a number",
            where=source,
            found=f"{words[len(intensity)][:40]!r} against a number",
            todo="correct the file or export it again",
        )
    if intensity.size != n_points:
        raise data_error(
            Code.SHAPE,
            "wrong number of intensities",
            where=source,
            found=f"{intensity.size} against {n_points} from {start:g} to {end:g} in steps of {step:g} deg",
            todo="export the pattern again",
        )
    two_theta = start + step * np.arange(n_points, dtype=np.float64)
    return checked_pattern(two_theta, intensity, None, source=source, cut=content.may_be_cut)


def read_columns(content: Content) -> Pattern:
    """Columns of 2theta, intensity and, if there, sigma (``.xy .xye .dat .csv``), found by name or else by place.

    Q in a unit that the heading names becomes 2theta, if the wavelength is known.
    """
    source = content.source
    table = read_table(content.lines, source=source)
    names = _column_names(table)
    heading = " ".join(names) if names else " ".join(table.header[-3:])
    over_q = None
    if _OTHER_ABSCISSA.search(heading) and not _TWO_THETA_NAME.search(heading):
        over_q = _q_in(heading)
        if over_q is None or len(names) > 3:
            raise _not_two_theta(heading.strip()[:60], source)
    two_theta, intensity, sigma = _choose_columns(table, names, content)
    two_theta, header = _two_theta(two_theta, over_q, "columns", table.header, content)
    return checked_pattern(two_theta, intensity, sigma, source=source, header=header, cut=content.may_be_cut)


def _q_in(heading: str) -> Abscissa | None:
    """The unit of Q that a heading names, such as ``q_nm^-1`` or ``Q (1/A)``."""
    match = _Q_UNIT.search(heading)
    return None if match is None else Abscissa(True, 0.1 if match[1].lower().startswith("n") else 1.0)


def _two_theta(
    values: NDArray[np.float64], over_q: Abscissa | None, name: str, header: Sequence[str], content: Content
) -> tuple[NDArray[np.float64], PatternHeader]:
    """2theta, and the header with the wavelength that the text states, if it does."""
    match = _WAVELENGTH.search("\n".join(header)[:100_000])
    stated = float(match[1]) if match else 0.0
    stated = stated * 1e10 if stated < 1e-7 else stated
    wavelengths = (stated,) if 0.01 < stated < 10.0 else ()
    if over_q is None:
        return values, PatternHeader(format=name, wavelengths=wavelengths)
    wavelength = content.wavelength or (stated if wavelengths else None)
    two_theta = two_theta_of(values, over_q, wavelength, source=content.source)
    said = (f"2theta from Q with {wavelength} Å",)
    used = () if wavelength is None else (wavelength,)
    return two_theta, PatternHeader(format=name, wavelengths=used, remarks=said)


def _choose_columns(
    table: Table, names: list[str], content: Content
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    columns = table.columns
    if content.columns is not None:
        return _said_columns(columns, content.columns, content.source)
    sigma_at = _find(names, _SIGMA_NAME)
    two_theta_at, intensity_at = _find(names, _TWO_THETA_NAME), _find(names, _INTENSITY_NAME)
    if two_theta_at is None or intensity_at is None or two_theta_at == intensity_at:
        if columns.shape[1] > 3:
            raise data_error(
                Code.COLUMNS,
                "wrong number of columns",
                where=content.source,
                found=f"{columns.shape[1]} columns without names against 2theta, intensity and perhaps sigma",
                todo=f"{_SAY_COLUMNS}, or name them in a line above",
            )
        two_theta_at, intensity_at, sigma_at = 0, 1, 2 if columns.shape[1] == 3 else None
        if columns.shape[1] == 3 and _is_like(columns[:, 2], columns[:, 1]):
            raise data_error(
                Code.SIGMA,
                "the third column is hardly a standard deviation",
                where=content.source,
                found="as large as the intensity at most points, as a calculated pattern or a background is",
                todo=f'{_SAY_COLUMNS}, with "sigma" as third if it is that',
            )
    sigma = None if sigma_at is None else columns[:, sigma_at]
    return columns[:, two_theta_at], columns[:, intensity_at], sigma


def _said_columns(
    columns: NDArray[np.float64], said: Sequence[ColumnName], source: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    if len(said) > columns.shape[1]:
        raise data_error(
            Code.COLUMNS,
            "fewer columns than the recipe names",
            where=source,
            found=f"{columns.shape[1]} columns against {', '.join(said)}",
            todo="correct data.columns",
        )
    sigma = columns[:, said.index("sigma")] if "sigma" in said else None
    return columns[:, said.index("two_theta")], columns[:, said.index("intensity")], sigma


def _is_like(sigma: NDArray[np.float64], intensity: NDArray[np.float64]) -> bool:
    """Whether errors are as large as what they belong to, and not because there are hardly any counts.

    Errors of counts, whatever these were multiplied by, have squares in one proportion to them, strong lines included.
    """
    there = np.isfinite(sigma) & np.isfinite(intensity) & (sigma > 0.0) & (intensity > 0.0)
    y, s = intensity[there], sigma[there]
    if y.size < MINIMUM_POINTS or np.median(np.abs(y - s) / s) > _AS_LARGE:
        return False
    if np.median(np.abs(s / np.sqrt(np.maximum(y, 1.0)) - 1.0)) < _AS_LARGE:
        return False
    factor = s**2 / y
    off = np.abs(factor / np.median(factor) - 1.0)
    strong = y >= np.quantile(y, _STRONG)
    return bool(max(np.median(off), np.median(off[strong])) > _IN_PROPORTION)


def _column_names(table: Table) -> list[str]:
    """The fields of the last header line if it has one for every column."""
    heading = table.header[-1].lstrip("".join(COMMENT_MARKS) + " ") if table.header else ""
    names = [name.strip().strip("\"'") for name in heading.split(table.dialect.delimiter)]
    return names if len(names) == table.columns.shape[1] else []


def _find(names: list[str], pattern: re.Pattern[str]) -> int | None:
    """The first column whose name fits; a name that speaks of an error is never the value itself."""
    fits = (i for i, name in enumerate(names) if pattern.search(name))
    if pattern is not _SIGMA_NAME:
        fits = (i for i in fits if not _SIGMA_NAME.search(names[i]))
    return next(fits, None)


def _not_two_theta(found: str, where: str) -> Exception:
    return data_error(
        Code.UNITS,
        "the abscissa is not 2theta",
        where=where,
        found=f"{found!r} against 2theta in deg",
        todo="export the pattern over 2theta in deg",
    )


def _leading_numbers(words: list[str]) -> list[float]:
    numbers: list[float] = []
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError:
            break
    return numbers


def _first_content(lines: list[str]) -> int:
    return next((i for i, line in enumerate(lines) if line and not line.lstrip().startswith(COMMENT_MARKS)), 0)


def _is_xydata(lines: list[str]) -> bool:
    return bool(lines) and lines[0].upper().startswith("XYDATA")


def _is_chi(lines: list[str]) -> bool:
    if len(lines) < 5 or not lines[3].split() or not lines[3].split()[0].isdigit():
        return False
    return len(_leading_numbers(lines[4].split())) >= 2 and not any(
        _leading_numbers(line.split()) for line in lines[1:3]
    )


def _is_instrm(lines: list[str]) -> bool:
    first = _first_content(lines)
    limits = _leading_numbers(lines[first].split())[:3] if lines else []
    if len(limits) < 3 or len(lines) < first + 2:
        return False
    start, step, end = limits
    if not (step > 0.0 and start + (MINIMUM_POINTS - 1) * step <= end <= 180.0):
        return False
    # A row "2theta intensity sigma" may look like limits too, but then three numbers follow and 2theta ascends.
    following = _leading_numbers(lines[first + 1].split())
    is_next_row = len(following) == 3 and start < following[0] < end
    n_points = (end - start) / step + 1
    return not is_next_row and abs(n_points - round(n_points)) < 1e-2


FORMATS = (
    TextFormat(name="FullProf XYDATA", recognise=_is_xydata, read=read_xydata),
    TextFormat(name="fit2d chi", recognise=_is_chi, read=read_chi),
    TextFormat(name="FullProf INSTRM 0", recognise=_is_instrm, read=read_instrm),
    TextFormat(name="columns", recognise=lambda lines: True, read=read_columns),
)
