"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from xrdfit.io import atomic_path
from xrdfit.report.style import STYLE

PNG_DPI = 300


def save_figure(figure: Figure, stem: Path, *, dpi: int = PNG_DPI) -> list[Path]:
    """Write a figure as ``stem.png`` and ``stem.svg`` (text stays text), each whole or not at all.

    The same figure makes the same bytes: no date is written, and ids in the SVG follow from the content.

    Returns
    -------
    list of Path
        What was written. A missing directory is made.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    kinds: dict[str, dict[str, Any]] = {"png": {"dpi": dpi}, "svg": {"dpi": dpi, "metadata": {"Date": None}}}
    with matplotlib.rc_context(STYLE):
        for kind, options in kinds.items():
            # Not `with_suffix`: a stem such as "fit_0.5" has a dot of its own.
            path = stem.with_name(f"{stem.name}.{kind}")
            with atomic_path(path) as partial:
                figure.savefig(partial, format=kind, **options)
            written.append(path)
    return written
