"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from xrdfit.io import atomic_path
from xrdfit.report.style import STYLE

PNG_DPI = 300
_KINDS: dict[str, dict[str, Any]] = {"png": {}, "svg": {"metadata": {"Date": None}}}


def figure_paths(stem: Path) -> list[Path]:
    """The files that `save_figure` writes."""
    # Not `with_suffix`: a stem such as "fit_0.5" has a dot of its own.
    return [stem.with_name(f"{stem.name}.{kind}") for kind in _KINDS]


def save_figure(figure: Figure, stem: Path, *, dpi: int = PNG_DPI) -> list[Path]:
    """Write a figure as ``stem.png`` and ``stem.svg`` (text stays text), each whole or not at all.

    The same figure makes the same bytes: no date is written, and ids in the SVG follow from the content.

    Returns
    -------
    list of Path
        What was written. A missing directory is made.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = figure_paths(stem)
    with matplotlib.rc_context(STYLE):
        for path, (kind, options) in zip(paths, _KINDS.items(), strict=True):
            with atomic_path(path) as partial:
                figure.savefig(partial, format=kind, dpi=dpi, **options)
    return paths
