"""``xrdfit plot`` and ``xrdfit curves``: figures and tables of a results directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xrdfit.cli.problems import input_error
from xrdfit.io import StoredResults, read_results
from xrdfit.report import (
    SeriesImage,
    curves_figure,
    drawn_columns,
    fit_table,
    map_figure,
    representative_scan,
    residual_figure,
    save_figure,
    scan_table,
    series_image,
    stored_fit_figure,
    stored_patterns,
    trajectory_figure,
)

# Columns that tell the state of the battery in a scan.
_STATE = (
    *("scan", "time_s", "time_begin_s", "time_end_s", "half_cycle", "direction", "voltage_V", "voltage_low_V"),
    *("voltage_high_V", "current_mA", "capacity_mAh", "capacity_low_mAh", "capacity_high_mAh", "capacity_mAh_g"),
    *("net_charge_mAh", "soc", "soc_low", "soc_high", "x_from_charge"),
)
WRITTEN, UNWRITTEN = (".png", ".svg", ".csv"), (".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".tif", ".tiff", ".html")


def plot_results(
    kind: str,
    results: Path,
    output: Path | None,
    *,
    x: str = "scan",
    scan: int | None = None,
    ranges: Sequence[str] = (),
) -> int:
    """Draw one figure, as PNG and SVG with a CSV beside; `output` names the files without or with a suffix."""
    stored = read_results(results)
    stem = results / "figures" / kind if output is None else _stem(output)
    if kind == "trajectory":
        written = _save_trajectory(stored, stem, x=x)
    elif kind == "fit":
        written = _save_fit(stored, stem, representative_scan(stored) if scan is None else scan)
    elif kind == "patterns":
        figure, table = stored_patterns(stored, [_range(text) for text in ranges])
        written = save_figure(figure, stem, table=table)
    else:
        written = _save_image(kind, stored, series_image(stored), stem)
    for path in written:
        print(path)
    return 0


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = np.nan, np.nan
    if not ends[0] < ends[1] < np.inf:
        raise input_error(
            "E198",
            "no such range",
            where="--range",
            found=f"found {text!r} against A:B with A < B",
            todo="give both ends in deg 2theta, such as 28.5:32",
        )
    return ends


def _stem(output: Path) -> Path:
    """The name of a figure without the suffix that tells its kind; a dot within the name stays."""
    if output.suffix.lower() in UNWRITTEN:
        raise input_error(
            "E188",
            "no such kind of figure",
            where="-o",
            found=f"found {output.suffix} against {', '.join(WRITTEN)}, which are all written",
            todo="leave the suffix out",
        )
    return output.with_suffix("") if output.suffix.lower() in WRITTEN else output


def results_figures(results: Path) -> None:
    """The figures that every run leaves: trajectories, curves against state of charge, a fit, maps, patterns."""
    stored, folder = read_results(results), results / "figures"
    _save_trajectory(stored, folder / "trajectory", x="scan")
    if np.isfinite(stored.columns["soc"]).any():
        save_figure(
            curves_figure(stored.columns, stored.phases, x="soc"), folder / "curves_soc", table=_state_table(stored)
        )
    scan = representative_scan(stored)
    _save_fit(stored, folder / f"fit_scan_{scan}", scan)
    if len(stored.columns["scan"]) > 1:
        image = series_image(stored)
        _save_image("map", stored, image, folder / "map")
        _save_image("residuals", stored, image, folder / "residuals")
        figure, table = stored_patterns(stored)
        save_figure(figure, folder / "patterns", table=table)


def _save_trajectory(stored: StoredResults, stem: Path, *, x: str) -> list[Path]:
    figure = trajectory_figure(stored.columns, stored.phases, x=x)
    return save_figure(figure, stem, table=drawn_columns(stored.columns, stored.phases, x=x))


def _save_fit(stored: StoredResults, stem: Path, scan: int) -> list[Path]:
    return save_figure(stored_fit_figure(stored, scan), stem, table=fit_table(stored.curves(scan)))


def _save_image(kind: str, stored: StoredResults, image: SeriesImage, stem: Path) -> list[Path]:
    draw, values = (map_figure, image.observed) if kind == "map" else (residual_figure, image.residual)
    figure = draw(image, stored.columns, colors={phase.name: phase.color for phase in stored.phases})
    return save_figure(figure, stem, table=scan_table(image.two_theta, image.scans, values))


def write_curves(results: Path, *, x: str | None, output: Path | None) -> int:
    """Cells, volumes and fractions against the state of the battery: a CSV with those columns only, and the figure."""
    stored = read_results(results)
    if x is None:
        x = "soc" if np.isfinite(stored.columns["soc"]).any() else "scan"
    figure = curves_figure(stored.columns, stored.phases, x=x)
    folder = results / "curves" if output is None else output
    for path in save_figure(figure, folder / f"curves_{x}", table=_state_table(stored)):
        print(path)
    return 0


def _state_table(stored: StoredResults) -> dict[str, NDArray]:
    """The columns that tell the state of the battery, cells, volumes and fractions."""
    keep = [name for name in _STATE if name in stored.columns]
    for phase in stored.phases:
        for name in (*phase.cell_names, "volume", "fraction", "apparent_share"):
            keep += [
                column for column in (f"{phase.name}_{name}", f"{phase.name}_{name}_esd") if column in stored.columns
            ]
    return {name: stored.columns[name] for name in keep}
