"""Settings, errors and limits of a run in words, from the recipe with all its defaults."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_MODES = {
    "series": "series: all scans refined together, as one experiment",
    "sequential": "sequential: the scans one after the other",
}
_INTENSITIES = {
    "shared": "shared: the relative intensities of a phase are the same in all scans",
    "hierarchical": "hierarchical: each scan may deviate from common intensities by a spread that the data choose",
    "lebail": "lebail: every scan has intensities of its own",
    "structure": "structure: from the crystal structures",
}
_WEIGHTS = {
    "auto": "auto: errors of the files; else counting statistics for whole numbers; else estimated from the noise",
    "file": "errors of the files",
    "poisson": "counting statistics",
    "estimated": "estimated from the noise",
    "unit": "all points alike",
}
_SCALING = {
    "none": "Counting statistics alone: they are multiplied by nothing.",
    "chi2": "Counting statistics, multiplied by GoF in scans where GoF exceeds 1.",
    "berar-lelann": (
        "Counting statistics, multiplied by GoF in scans where GoF exceeds 1, and further where neighbouring residuals "
        "go the same way (serial correlation, after Bérar & Lelann 1991, J. Appl. Cryst. 24, 1)."
    ),
}
_MARGINAL = (
    "An esd is one standard deviation, from the marginal covariance: intensities, background and all other refined "
    "parameters are free in it."
)
# Notes of a run by what they are about; the first that fits.
_TOPICS = (
    ("Errors", r"^esds|correlate by|collinear|GoF"),
    ("Fractions and amount", r"^(fractions|irradiated amount|amount)"),
    ("What the scans share", r"one value for the series|drifts|a drift|refined once|refined together"),
    ("Intensities", r"^intensities of"),
    ("Size and strain", r"size_nm|strain ?[:=]|sizes and strains|instrument resolution|_strain ="),
    ("Cell and cycler", r"cycler|state of charge|half cycle|the record pauses|outside the cycler|active material"),
)


def settings_of(locked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a reader of the results wants to know of the recipe: names and values, in words."""
    refine, data = locked.get("refine", {}), locked.get("data", {})
    instrument, background = locked.get("instrument", {}), locked.get("background", {})
    wavelengths = [f"{line[0]:.7g} Å" for line in instrument.get("lines", ())]
    pairs = [
        ("Mode", _MODES.get(refine.get("mode", ""), refine.get("mode"))),
        ("Intensities", _INTENSITIES.get(refine.get("intensities", ""), refine.get("intensities"))),
        ("Weights", _WEIGHTS.get(data.get("weights", ""), data.get("weights"))),
        ("Range", _range(data)),
        ("Geometry", instrument.get("geometry")),
        ("Radiation", ", ".join(filter(None, [instrument.get("radiation"), *wavelengths]))),
        ("Detector", instrument.get("detector")),
        ("Background", f"{background['type']}, {background.get('terms', 0)} terms" if "type" in background else None),
        ("Fractions", locked.get("fractions", {}).get("method")),
        *((f"Phase {phase.get('name')}", _phase(phase)) for phase in locked.get("phase", ())),
    ]
    return [(name, str(value)) for name, value in pairs if value]


def errors_in_words(locked: Mapping[str, Any]) -> list[str]:
    """How the esds of this run came about."""
    refine = locked.get("refine", {})
    told = [_MARGINAL]
    if refine.get("esd_scaling") in _SCALING:
        told.append(_SCALING[refine["esd_scaling"]])
    if refine.get("mode") == "series":
        told.append("What the scans share is in the covariance: that part of the error is common to all scans.")
    elif refine.get("mode") == "sequential":
        told.append("What was refined once for the series and held in the scans is not in their esds.")
    return told


def limits_in_words(locked: Mapping[str, Any]) -> list[str]:
    """What the method cannot do, so that nobody reads more out of the numbers than is in them."""
    refine = locked.get("refine", {})
    told = [
        "Esds are errors of this model. A phase that is missing in the recipe, a wrong space group, wavelength or "
        "instrument profile shifts values by more than any esd says.",
        "A cell is an average over the irradiated sample and the time of the scan. A gradient or a solid solution "
        "shows as broad or asymmetric lines, not as two values.",
        "“Absent” means below the upper limit given (95 % confidence), not zero.",
    ]
    if refine.get("mode") == "series" and refine.get("intensities") == "shared":
        told.append(
            "Intensities are taken to be the same in all scans. Texture, beam damage or a changing structure break "
            "that; it is tested, and W401 says where it does not hold."
        )
    if refine.get("mode") == "sequential" or refine.get("intensities") == "lebail":
        told.append("Without shared intensities or structures there are no phase fractions; scales are areas as read.")
    if locked.get("fractions", {}).get("method") in ("auto", "conservation"):
        told.append(
            "Mole fractions without structures rest on conservation of matter: what leaves one active phase is in the "
            "others, crystalline and in the beam."
        )
    told.append("Sizes and strains are apparent ones, by the conventions in the notes, and need a known instrument.")
    return told


def topics_of(notes: Iterable[str]) -> dict[str, list[str]]:
    """Notes of the run by what they are about."""
    grouped: dict[str, list[str]] = {}
    for note in notes:
        topic = next((title for title, pattern in _TOPICS if re.search(pattern, note)), "Other")
        grouped.setdefault(topic, []).append(note)
    return grouped


def _range(data: Mapping[str, Any]) -> str:
    words = "all of the pattern"
    if data.get("range"):
        low, high = data["range"]
        words = f"{low:g} to {high:g}° 2θ"
    cut = [f"{low:g} to {high:g}°" for low, high in data.get("exclude", ())]
    return words + (f", without {', '.join(cut)}" if cut else "")


def _phase(phase: Mapping[str, Any]) -> str:
    words = [phase.get("space_group"), phase.get("formula"), phase.get("role")]
    reference = phase.get("reference", {})
    if "cell" in reference:
        lengths = ", ".join(f"{value:g}" for value in reference["cell"])
        words.append(f"reference cell {lengths} ({reference.get('source', 'recipe')})")
    return ", ".join(str(word) for word in words if word)
