"""``instrument.toml``: a calibrated instrument, and how it was found."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import tomli_w

from xrdfit import __version__
from xrdfit.calibration.outcome import Calibration
from xrdfit.model import Instrument

_HEAD = '# Written by xrdfit calibrate; read by a recipe\'s [instrument] file = "...".\n\n'


def instrument_text(found: Calibration, *, source: dict[str, Any], measured: Path) -> str:
    """The text of ``instrument.toml``.

    Parameters
    ----------
    source : the radiation as a recipe gives it: radiation and emission, or wavelength.
    measured : the pattern's file, whose name and hash are kept.
    """
    settings, standard = found.settings, found.standard
    calibration: dict[str, Any] = {
        "xrdfit": __version__,
        "file": measured.name,
        "file_sha256": _sha256(measured),
        "standard": standard.name,
        "cell": list(settings.cell),
        "cell_source": standard.source,
        "cell_refined": settings.free_cell,
        "r_wp": found.r_wp,
        "gof": found.gof,
        "points": found.n_points,
        "converged": found.converged,
        "notes": list(found.notes),
        "parameters": {name: _parameter(found, name) for name in found.values if _is_told(found, name)},
        "covariance": {"names": list(found.names), "matrix": found.covariance.tolist()},
    }
    return _HEAD + tomli_w.dumps({"instrument": _instrument(found.instrument, source), "calibration": calibration})


def _instrument(instrument: Instrument, source: dict[str, Any]) -> dict[str, Any]:
    profile = instrument.profile
    assert profile is not None
    table: dict[str, Any] = {"geometry": instrument.geometry, **source}
    if instrument.contaminants:
        table["contaminants"] = [other.name for other in instrument.contaminants]
    table["goniometer_radius_mm"] = instrument.goniometer_radius_mm
    table["zero_shift"] = instrument.zero_shift
    if instrument.geometry == "bragg-brentano":
        table["equatorial_divergence"] = instrument.equatorial_divergence
    table["profile"] = {name: getattr(profile, name) for name in profile.__slots__}
    return table


def _parameter(found: Calibration, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"value": found.values[name], "unit": found.units[name]}
    return row | ({"esd": found.esd[name]} if name in found.esd else {})


def _is_told(found: Calibration, name: str) -> bool:
    """Not what stands at nothing because it was left out."""
    return name in found.esd or (found.values[name] != 0.0 and not name.startswith("standard_lorentz"))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
