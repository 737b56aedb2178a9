"""The numbers that the page draws: the table as it is, fits and map as packed arrays."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Curves, Outcome, PhaseLabel, PhaseLines
from xrdfit.errors import InputError
from xrdfit.io import StoredResults, trajectories_text
from xrdfit.report.axis import AXES, series_axis
from xrdfit.report.strips import has_fractions, held_scans, is_fraction_known, shown_parameters, strip_limits, strips_of
from xrdfit.report.thinned import MOST_SCANS, every_kth, spread

# So that 200 scans stay below 10 MB with the drawing library: bytes of all fits before base64, and ends of the map.
_FIT_BYTES = 2_600_000
_MAP_SCANS, _MAP_POINTS = 400, 1000
_CURVES = ("observed", "calculated", "background", "sigma")
_LABELS = {"volume": "V (Å³)", "alpha": "α (°)", "beta": "β (°)", "gamma": "γ (°)"}
_BLANK = 65535


def rows_of_page(columns: Mapping[str, NDArray]) -> NDArray[np.intp]:
    """The rows of the table that the page holds: all, or of a long series those that stand for it.

    Those of the map are among them.
    """
    doubtful = columns["outcome"] != str(Outcome.CONVERGED)
    return np.union1d(spread(np.arange(len(doubtful)), doubtful, MOST_SCANS), map_rows(columns))


def map_rows(columns: Mapping[str, NDArray]) -> NDArray[np.intp]:
    """The rows of the table that are rows of the map."""
    return every_kth(np.flatnonzero(np.isfinite(columns["r_wp"])), _MAP_SCANS)


def payload_of(
    stored: StoredResults, mapped: NDArray[np.intp], shown: Mapping[str, list[str]], colors: Mapping[str, str]
) -> dict[str, Any]:
    """Everything that the page's script needs, ready for JSON.

    Parameters
    ----------
    stored : with the rows of the table that the page holds.
    mapped : which of these are in the map.
    colors : hexadecimal, by phase.
    """
    columns, phases = stored.columns, stored.phases
    rows = np.flatnonzero(np.isfinite(columns["r_wp"]))
    return {
        "csv": trajectories_text(columns),
        "units": {name: unit for name, unit in stored.units.items() if unit},
        "shown": {name: texts for name, texts in shown.items() if texts != [""] * len(texts)},
        "phases": [
            {
                "name": phase.name,
                "color": colors[phase.name],
                "role": phase.role,
                "reference": dict(phase.reference),
                "source": phase.reference_source or "recipe",
                "held": held_scans(columns, phase),
            }
            for phase in phases
        ],
        "messages": _by_scan(stored.messages),
        "axes": list(_axes(columns)),
        "panels": list(_panels(columns, phases)),
        **_patterns(stored, rows, mapped),
    }


def _by_scan(messages: Sequence[str]) -> dict[str, str]:
    split = (message.partition(": ") for message in messages)
    return {place.removeprefix("scan "): reason for place, colon, reason in split if colon}


def _axes(columns: Mapping[str, NDArray]) -> Iterator[dict[str, Any]]:
    """What the series can be drawn against; the first is where the page begins."""
    order = ("time", "scan", *(name for name in AXES if name not in ("time", "scan")))
    for name in order:
        try:
            axis = series_axis(columns, name)
        except InputError:
            continue
        values = [float(value) if np.isfinite(value) else None for value in axis.values]
        if name == "time" and None in values:
            continue
        yield {"name": name, "label": axis.label.replace("$^{-1}$", "⁻¹"), "values": values}


def _panels(columns: Mapping[str, NDArray], phases: Sequence[PhaseLabel]) -> Iterator[dict[str, Any]]:
    """Which phases share a vertical axis, and its ends, as in the figures."""
    for name in shown_parameters(columns, phases):
        strips = []
        for group in strips_of(columns, phases, name):
            low, high = strip_limits(columns, group, name)
            strips.append({"phases": [phase.name for phase in group], "low": low, "high": high})
        yield {"name": name, "label": _LABELS.get(name, f"{name} (Å)"), "strips": strips}
    if has_fractions(columns, phases):
        known = [phase.name for phase in phases if is_fraction_known(columns, phase)]
        strip = {"phases": known, "low": -0.06, "high": 1.06}
        yield {"name": "fraction", "label": "Mole fraction", "strips": [strip]}


def _patterns(stored: StoredResults, rows: NDArray[np.intp], mapped: NDArray[np.intp]) -> dict[str, Any]:
    """Fits, lines and map; the scans that are neither drawn nor held are not read."""
    if not rows.size:
        return {"fits": None, "lines": [], "map": None}
    scans = stored.columns["scan"].astype(int)
    whole, lines_of_first = next(stored.each([scans[rows[0]]]))
    first = _within_range(whole)
    n_lines = sum(lines.two_theta.size for lines in lines_of_first)
    most = max(_FIT_BYTES // (4 * (len(_CURVES) * first.two_theta.size + n_lines) + 1), 1)
    held = spread(rows, stored.columns["outcome"] != str(Outcome.CONVERGED), most)
    curves, lines = [], []
    image = _Image(first.two_theta)
    read = np.union1d(held, mapped)
    for row, (of_scan, its_lines) in zip(read.tolist(), stored.each(scans[read].tolist()), strict=True):
        if row in mapped:
            image.add(of_scan)
        if row in held:
            curves.append(_within_range(of_scan))
            lines.append(its_lines)
    return {
        "fits": {"rows": held.tolist(), **_packed_curves(curves)},
        "lines": _packed_lines(lines),
        "map": {"rows": mapped.tolist(), **image.packed()},
    }


def _within_range(curves: Curves) -> Curves:
    """From the first to the last point that was used."""
    used = np.flatnonzero(curves.used)
    part = slice(used[0], used[-1] + 1) if used.size else slice(None)
    return Curves(**{name: getattr(curves, name)[part] for name in Curves.__slots__})


def _packed_curves(curves: Sequence[Curves]) -> dict[str, Any]:
    """Curves one after the other, to 7 digits; the calculated pattern is NaN where a point was not used."""
    grid = curves[0].two_theta
    shared = all(np.array_equal(scan.two_theta, grid) for scan in curves)
    packed: dict[str, Any] = {
        "lengths": [scan.two_theta.size for scan in curves],
        "shared": shared,
        "counts": all(bool(np.all(scan.observed[scan.used] % 1.0 == 0.0)) for scan in curves),
        "two_theta": _base64(grid if shared else np.concatenate([scan.two_theta for scan in curves]), "<f8"),
    }
    for name in _CURVES:
        rows = [getattr(scan, name) for scan in curves]
        if name == "calculated":
            rows = [np.where(scan.used, row, np.nan) for scan, row in zip(curves, rows, strict=True)]
        packed[name] = _base64(np.concatenate(rows), "<f4")
    return packed


def _packed_lines(scans: Sequence[Sequence[PhaseLines]]) -> list[dict[str, Any]]:
    """By phase: the sets of hkl that occur, which of them each scan has (-1: none), and all positions in a row."""
    packed = []
    for phase in dict.fromkeys(lines.phase for scan in scans for lines in scan):
        sets: dict[bytes, int] = {}
        hkl: list[list[list[int]]] = []
        which, positions = [], [np.empty(0)]
        for scan in scans:
            lines = next((lines for lines in scan if lines.phase == phase), None)
            if lines is None:
                which.append(-1)
                continue
            if lines.hkl.tobytes() not in sets:
                sets[lines.hkl.tobytes()] = len(hkl)
                hkl.append(lines.hkl.tolist())
            which.append(sets[lines.hkl.tobytes()])
            positions.append(lines.two_theta)
        packed.append(
            {"phase": phase, "hkl": hkl, "which": which, "two_theta": _base64(np.concatenate(positions), "<f4")}
        )
    return packed


class _Image:
    """The observed patterns on the first one's grid, neighbouring points averaged where there are too many."""

    def __init__(self, two_theta: NDArray[np.float64]) -> None:
        self._grid = two_theta
        self._joined = -(-two_theta.size // _MAP_POINTS)
        self._starts = np.arange(0, two_theta.size, self._joined)
        self._rows: list[NDArray[np.float64]] = []

    def add(self, curves: Curves) -> None:
        there = np.isfinite(curves.observed)
        row = np.interp(self._grid, curves.two_theta[there], curves.observed[there]) if there.any() else None
        self._rows.append(np.full(self._starts.size, np.nan) if row is None else self._average(row))

    def packed(self) -> dict[str, Any]:
        """16 bits a value, finer at the weak end: value = low + (code / 65534)^2 (high - low)."""
        image = np.array(self._rows)
        known = np.isfinite(image)
        low, high = (float(image[known].min()), float(image[known].max())) if known.any() else (0.0, 1.0)
        share = (np.where(known, image, low) - low) / ((high - low) or 1.0)
        codes = np.where(known, np.rint(np.sqrt(share) * (_BLANK - 1)), _BLANK)
        ends = np.nanpercentile(image, [1.0, 99.9]).tolist() if known.any() else [low, high]
        return {
            "low": low,
            "high": high,
            "shown": ends,
            "joined": self._joined,
            "two_theta": [round(value, 6) for value in self._average(self._grid).tolist()],
            "intensity": _base64(codes, "<u2"),
        }

    def _average(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = np.diff(np.append(self._starts, row.size))
        return np.add.reduceat(row, self._starts) / sizes


def _base64(values: NDArray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")
