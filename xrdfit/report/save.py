"""Figures as files, with the numbers they draw beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from xrdfit.io import atomic_path, write_table
from xrdfit.report.style import STYLE

PNG_DPI = 300
_KINDS: dict[str, dict[str, Any]] = {"png": {}, "svg": {"metadata": {"Date": None}}}


def figure_paths(stem: Path) -> list[Path]:
    """The files that `save_figure` writes of a figure itself."""
    # Not `with_suffix`: a stem such as "fit_0.5" has a dot of its own.
    return [stem.with_name(f"{stem.name}.{kind}") for kind in _KINDS]


def save_figure(
    figure: Figure, stem: Path, *, dpi: int = PNG_DPI, table: Mapping[str, NDArray] | None = None
) -> list[Path]:
    """Write a figure as ``stem.png`` and ``stem.svg`` (text stays text), each whole or not at all.

    The same figure makes the same bytes: no date is written, and ids in the SVG follow from the content.

    Parameters
    ----------
    table : what is drawn, by column; written as ``stem.csv``, an empty field for what is not known.

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
    if table is not None:
        paths.append(stem.with_name(f"{stem.name}.csv"))
        write_table(paths[-1], table)
    return paths


def scan_table(
    two_theta: NDArray[np.float64], scans: NDArray[np.intp], rows: NDArray[np.float64]
) -> dict[str, NDArray]:
    """Columns of a figure of many patterns: ``two_theta_deg`` and one for every scan."""
    # Seven digits are more than a pattern has, and 0.1 + 0.2 is written as 0.3.
    return {"two_theta_deg": np.round(two_theta, 6)} | {
        f"scan_{scan}": row for scan, row in zip(scans.tolist(), rows, strict=True)
    }
