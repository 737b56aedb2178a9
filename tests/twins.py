"""What the kernels compute, written a second time: plain numpy, straight from the formulas, slow and simple."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from xrdfit.crystal import Phase
from xrdfit.model import LineChoice, PatternModel

Array = NDArray[np.float64]


def mixed_width(gauss: float, lorentz: float) -> tuple[float, float]:
    """FWHM and eta of Thompson, Cox & Hastings (1987)."""
    g, lo = gauss, lorentz
    fwhm = (
        g**5 + 2.69269 * g**4 * lo + 2.42843 * g**3 * lo**2 + 4.47163 * g**2 * lo**3 + 0.07842 * g * lo**4 + lo**5
    ) ** 0.2
    q = lo / fwhm
    return fwhm, 1.36603 * q - 0.47719 * q**2 + 0.11116 * q**3


def gaussian(x: Array, fwhm: float) -> Array:
    sigma = fwhm / np.sqrt(8.0 * np.log(2.0))
    return np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))


def lorentzian(x: Array, fwhm: float) -> Array:
    half = 0.5 * fwhm
    return half / np.pi / (x**2 + half**2)


def pseudo_voigt(x: Array, position: float, gauss: float, lorentz: float) -> Array:
    fwhm, eta = mixed_width(gauss, lorentz)
    return eta * lorentzian(x - position, fwhm) + (1.0 - eta) * gaussian(x - position, fwhm)


def metric(cell: Array) -> Array:
    a, b, c = cell[:3]
    al, be, ga = np.radians(cell[3:])
    return np.array(
        [
            [a * a, a * b * np.cos(ga), a * c * np.cos(be)],
            [a * b * np.cos(ga), b * b, b * c * np.cos(al)],
            [a * c * np.cos(be), b * c * np.cos(al), c * c],
        ]
    )


def d_spacing(cell: Array, hkl: Array) -> float:
    return float(1.0 / np.sqrt(hkl @ np.linalg.inv(metric(cell)) @ hkl))


def cell(model: PatternModel, values: Mapping[str, float], phase: int) -> Array:
    """The six cell parameters from the named free ones, by the crystal system's own rules."""
    owner = model.phases[phase]
    free = {name: values[f"{owner.name}_{name}"] for name in owner.group.free_parameters}
    system = owner.group.crystal_system
    a = free["a"]
    if system == "cubic":
        return np.array([a, a, a, 90.0, 90.0, 90.0])
    if "alpha" in free and system == "trigonal":
        return np.array([a, a, a, *[free["alpha"]] * 3])
    if system in ("hexagonal", "trigonal"):
        return np.array([a, a, free["c"], 90.0, 90.0, 120.0])
    b = free.get("b", a)
    return np.array([a, b, free["c"], *[free.get(name, 90.0) for name in ("alpha", "beta", "gamma")]])


def line(
    model: PatternModel, values: Mapping[str, float], phase: int, hkl: Array, wavelength: float
) -> tuple[float, float, float]:
    """Position, Gaussian and Lorentzian FWHM (deg) of a line, METHODS of the docs written out."""
    name = model.phases[phase].name
    theta = np.arcsin(wavelength / 2.0 / d_spacing(cell(model, values, phase), hkl))
    radius = model.instrument.goniometer_radius_mm
    position = np.degrees(2.0 * theta) + values["zero_shift"]
    if model.instrument.geometry == "bragg-brentano":
        position -= np.degrees(2.0 * values["sample_displacement"] / radius * np.cos(theta))
        position -= values["transparency"] * np.sin(2.0 * theta)
    else:
        # The diffracted ray starts beside the axis: only the part of the offset across it shifts its angle.
        across = values["capillary_perpendicular"] * np.cos(2.0 * theta)
        across -= values["capillary_parallel"] * np.sin(2.0 * theta)
        position += np.degrees(across / radius)
    tan, cos = np.tan(theta), np.cos(theta)
    gauss = np.sqrt(
        values["caglioti_u"] * tan**2
        + values["caglioti_v"] * tan
        + values["caglioti_w"]
        + (values[f"{name}_gauss_strain"] * tan) ** 2
    )
    own = model.phases[phase]
    size = values[f"{name}_lorentz_size"] if own.size == "isotropic" else anisotropic_size(own, values, hkl)
    lorentz = (values["instrument_lorentz_size"] + size) / cos
    strain = values.get(f"{name}_lorentz_strain", 0.0)
    if own.strain == "stephens":
        strain = stephens(own, values, hkl, d_spacing(cell(model, values, phase), hkl))
    lorentz += (values["instrument_lorentz_strain"] + strain) * tan
    return float(position), float(gauss), float(lorentz)


def stephens(phase: Phase, values: Mapping[str, float], hkl: Array, d: float) -> float:
    """FWHM (deg) over tan(theta) by the six terms of an orthorhombic crystal, where their sum is well above zero."""
    h, k, l = (float(index) for index in hkl)  # noqa: E741
    s = {name: 1e-8 * values[f"{phase.name}_{name}"] for name in ("S400", "S040", "S004", "S220", "S202", "S022")}
    variance = s["S400"] * h**4 + s["S040"] * k**4 + s["S004"] * l**4
    variance += s["S220"] * (h * k) ** 2 + s["S202"] * (h * l) ** 2 + s["S022"] * (k * l) ** 2
    return float(np.degrees(np.sqrt(variance)) * d**2)


def anisotropic_size(phase: Phase, values: Mapping[str, float], hkl: Array) -> float:
    """FWHM (deg) times cos(theta) of an orthorhombic crystal."""
    own = phase.cell
    cosines = np.array(hkl) / [own.a, own.b, own.c]
    widths = [values[f"{phase.name}_lorentz_size_{axis}"] for axis in ("h00", "0k0", "00l")]
    return float(np.dot(cosines**2, widths) / np.dot(cosines, cosines))


def background(model: PatternModel, values: Mapping[str, float], x: Array) -> Array:
    t = 2.0 * (x - x[0]) / (x[-1] - x[0]) - 1.0
    # T_n(t) = cos(n arccos t).
    angle = np.arccos(np.clip(t, -1.0, 1.0))
    total = np.zeros_like(x)
    for term in range(model.background.terms):
        total += values[f"background_c{term}"] * np.cos(term * angle)
    for number in range(len(model.background.humps)):
        away = x - values[f"hump{number}_position"]
        total += values[f"hump{number}_area"] * gaussian(away, values[f"hump{number}_fwhm"])
    return total


def profiles(model: PatternModel, values: Mapping[str, float], lines: LineChoice, x: Array) -> Array:
    """(m, n) unit-area profiles, all emission lines together."""
    whole = sum(weight for _, weight in model.instrument.lines)
    rows = np.zeros((lines.phase.size, x.size))
    for row, (phase, hkl) in enumerate(zip(lines.phase, lines.hkl, strict=True)):
        for wavelength, weight in model.instrument.lines:
            rows[row] += weight / whole * pseudo_voigt(x, *line(model, values, int(phase), hkl, wavelength))
    return rows


def pattern(model: PatternModel, values: Mapping[str, float], lines: LineChoice, areas: Array, x: Array) -> Array:
    return background(model, values, x) + areas @ profiles(model, values, lines, x)


def partition(rows: Array, net: Array, area: Array) -> Array:
    """One Le Bail cycle."""
    ratio = net / (area @ rows)
    return np.maximum(area * (rows @ ratio) / rows.sum(axis=1), 0.0)
