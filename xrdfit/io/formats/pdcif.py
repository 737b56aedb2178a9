"""Powder CIF: patterns by the tags of the pdCIF dictionary (IUCr)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal.cif_blocks import CifBlock, read_cif_blocks
from xrdfit.data import Pattern, PatternHeader, instant_or_none
from xrdfit.io.content import Content
from xrdfit.io.measured import MeasuredScan, patterns_of, regular_grid
from xrdfit.io.problems import Code, data_error
from xrdfit.io.safe_xml import number

NAME = "powder CIF"
# What was counted comes before what was made of it.
_INTENSITIES = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_meas_intensity_net",
    "_pd_proc_intensity_net",
)
_ANGLES = ("_pd_meas_2theta_scan", "_pd_meas_2theta_corrected", "_pd_proc_2theta_corrected")
_RANGES = ("_pd_meas_2theta_range", "_pd_proc_2theta_range")
_OTHER_ABSCISSAE = ("_pd_meas_time_of_flight", "_pd_proc_d_spacing", "_pd_proc_recip_len_q", "_pd_proc_energy_incident")
# Some programs store the calculated pattern with the tags of a measured one, in a block of this name.
_CALCULATED = re.compile(r"calc(ulated)?$", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)(?:\((\d+)\))?")

Values = Mapping[str, tuple[str, ...]]


def is_cif(content: Content) -> bool:
    """Whether a line begins a data block."""
    return any(line.startswith(b"data_") for line in content.head.splitlines())


def read_pdcif(content: Content) -> tuple[Pattern, ...]:
    """All measured patterns of the file."""
    blocks = read_cif_blocks("\n".join(content.lines), source=content.source)
    with_pattern = [block for block in blocks if _intensity_tag(block.values) is not None]
    measured = [block for block in with_pattern if not _CALCULATED.search(block.name)] or with_pattern
    if not measured:
        raise _no_pattern(blocks, content.source)
    scans = [_scan(block, blocks, f"{content.source}:{block.name}") for block in measured]
    return patterns_of(scans, source=content.source)


def _intensity_tag(values: Values) -> str | None:
    return next((tag for tag in _INTENSITIES if len(values.get(tag, ())) > 1), None)


def _scan(block: CifBlock, blocks: Sequence[CifBlock], where: str) -> MeasuredScan:
    values = block.values
    tag = _intensity_tag(values) or ""
    detected, own_sigma = _numbers(values[tag], where)
    two_theta = _two_theta(values, detected.size, where)
    announced = _number(values.get("_pd_meas_number_of_points" if "_meas_" in tag else "_pd_proc_number_of_points"))
    if announced is not None and detected.size < announced:
        raise data_error(
            Code.SHAPE,
            "the file is cut short",
            where=where,
            found=f"{detected.size} points against {announced:.0f} announced",
            todo="copy or export it again",
        )
    weight = values.get("_pd_proc_ls_weight", ())
    sigma = own_sigma if np.any(own_sigma > 0.0) else None
    if len(weight) == detected.size:
        # A point without weight is one that was left out.
        numbers = _numbers(weight, where)[0]
        usable = numbers > 0.0
        sigma = np.where(usable, 1.0 / np.sqrt(np.where(usable, numbers, 1.0)), 0.0)
    return MeasuredScan(two_theta=two_theta, detected=detected, header=_header(block, blocks), sigma=sigma)


def _two_theta(values: Values, n_points: int, where: str) -> NDArray[np.float64]:
    for tag in _ANGLES:
        if len(values.get(tag, ())) == n_points:
            return _numbers(values[tag], where)[0]
    for tag in _RANGES:
        low, high, step = (_number(values.get(f"{tag}_{end}")) for end in ("min", "max", "inc"))
        if low is None or (high is None and step is None):
            continue
        if high is not None and step and abs((high - low) / step + 1.0 - n_points) > 0.5:
            raise data_error(
                Code.SHAPE,
                "wrong number of intensities",
                where=where,
                found=f"{n_points} against {(high - low) / step + 1.0:.0f} from {low:g} to {high:g} deg",
                todo="export the pattern again",
            )
        if high is not None:
            return np.linspace(low, high, n_points)
        return regular_grid(low, step or 0.0, n_points)
    other = next((tag for tag in _OTHER_ABSCISSAE if tag in values), None)
    raise data_error(
        Code.UNITS,
        "the pattern is not over 2theta" if other else "the pattern has no 2theta",
        where=where,
        found=f"{other or 'no angles for every intensity'} against {_ANGLES[0]} or {_RANGES[0]}_inc",
        todo="export it over 2theta in deg",
    )


def _header(block: CifBlock, blocks: Sequence[CifBlock]) -> PatternHeader:
    """From the block itself, else from others of the file, which share what is said once."""
    everywhere = [block.values, *(other.values for other in blocks if other is not block)]

    def first(tag: str) -> tuple[str, ...] | None:
        return next((values[tag] for values in everywhere if tag in values), None)

    wavelengths = first("_diffrn_radiation_wavelength") or ()
    known = tuple(value for value in map(number, (text.split("(")[0] for text in wavelengths)) if value)
    weights = [number(text) for text in first("_diffrn_radiation_wavelength_wt") or ()]
    return PatternHeader(
        format=NAME,
        start_time=instant_or_none((block.values.get("_pd_meas_datetime_initiated") or ("",))[0]),
        step_time_s=_number(first("_pd_meas_step_count_time")),
        wavelengths=known,
        alpha2_ratio=weights[1] / weights[0] if len(weights) == 2 and weights[0] and weights[1] else None,
        goniometer_radius_mm=_number(first("_pd_instr_dist_spec/detc")),
    )


def _number(texts: Sequence[str] | None) -> float | None:
    return number(texts[0].split("(")[0]) if texts else None


def _numbers(texts: Sequence[str], where: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and the standard uncertainties in brackets behind them, 0 where there is none; ``?`` and ``.`` are NaN."""
    values, sigmas = np.empty(len(texts)), np.zeros(len(texts))
    for place, text in enumerate(texts):
        match = _NUMBER.fullmatch(text)
        if match is None and text not in ("", "?", "."):
            raise data_error(
                Code.NOT_A_NUMBER,
                "a value is not a number",
                where=where,
                found=f"{text[:40]!r} against a number",
                todo="correct the file or export it again",
            )
        values[place] = float(match[1]) if match else np.nan
        if match and match[2]:
            mantissa = re.split("[eE]", match[1])
            decimals = len(mantissa[0].partition(".")[2]) - (int(mantissa[1]) if len(mantissa) > 1 else 0)
            sigmas[place] = float(match[2]) * 10.0**-decimals
    return values, sigmas


def _no_pattern(blocks: Sequence[CifBlock], source: str) -> Exception:
    is_structure = any("_cell_length_a" in block.values for block in blocks)
    return data_error(
        Code.UNSUPPORTED_FORMAT,
        "a crystal structure, not a pattern" if is_structure else "the CIF holds no pattern",
        where=source,
        found=f"no {_INTENSITIES[0]} or {_INTENSITIES[2]}",
        todo="name it as cif of a phase" if is_structure else "give a powder CIF with its pattern",
    )
