"""``xrdfit plot`` and ``xrdfit curves``: figures and tables of a results directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xrdfit.cli.problems import input_error
from xrdfit.data import SeriesResult
from xrdfit.io import StoredResults, read_results, write_trajectories_csv
from xrdfit.report import (
    curves_figure,
    representative_scan,
    save_figure,
    stored_fit_figure,
    stored_map_figure,
    trajectory_figure,
)

# Columns that tell the state of the battery in a scan.
_STATE = (
    *("scan", "time_s", "time_begin_s", "time_end_s", "half_cycle", "direction", "voltage_V", "voltage_low_V"),
    *("voltage_high_V", "current_mA", "capacity_mAh", "capacity_low_mAh", "capacity_high_mAh", "capacity_mAh_g"),
    *("net_charge_mAh", "soc", "soc_low", "soc_high", "x_from_charge"),
)
WRITTEN, UNWRITTEN = (".png", ".svg"), (".pdf", ".eps", ".ps", ".jpg", ".jpeg", ".tif", ".tiff", ".html")


def plot_results(kind: str, results: Path, output: Path | None, *, x: str = "scan", scan: int | None = None) -> int:
    """Draw one figure, as PNG and SVG; `output` names the file without or with its suffix."""
    stored = read_results(results)
    stem = results / "figures" / kind if output is None else _stem(output)
    if kind == "trajectory":
        figure = trajectory_figure(stored.columns, stored.phases, x=x)
    elif kind == "fit":
        chosen = representative_scan(stored) if scan is None else scan
        figure = stored_fit_figure(stored, chosen)
    else:
        figure = stored_map_figure(stored)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for path in save_figure(figure, stem):
        print(path)
    return 0


def _stem(output: Path) -> Path:
    """The name of a figure without the suffix that tells its kind; a dot within the name stays."""
    if output.suffix.lower() in UNWRITTEN:
        raise input_error(
            "E188",
            "no such kind of figure",
            where="-o",
            found=f"found {output.suffix} against {' and '.join(WRITTEN)}, which are both written",
            todo="leave the suffix out",
        )
    return output.with_suffix("") if output.suffix.lower() in WRITTEN else output


def results_figures(stored: StoredResults, folder: Path) -> None:
    """The figures that every run leaves: trajectories, curves against state of charge, one fit, the map."""
    folder.mkdir(parents=True, exist_ok=True)
    save_figure(trajectory_figure(stored.columns, stored.phases), folder / "trajectory")
    if np.isfinite(stored.columns["soc"]).any():
        save_figure(curves_figure(stored.columns, stored.phases, x="soc"), folder / "curves_soc")
    scan = representative_scan(stored)
    save_figure(stored_fit_figure(stored, scan), folder / f"fit_scan_{scan}")
    if len(stored.columns["scan"]) > 1:
        save_figure(stored_map_figure(stored), folder / "map")


def write_curves(results: Path, *, x: str | None, output: Path | None) -> int:
    """Cells, volumes and fractions against the state of the battery: a CSV with those columns only, and the figure."""
    stored = read_results(results)
    if x is None:
        x = "soc" if np.isfinite(stored.columns["soc"]).any() else "scan"
    figure = curves_figure(stored.columns, stored.phases, x=x)
    folder = results / "curves" if output is None else output
    keep = [name for name in _STATE if name in stored.columns]
    for phase in stored.phases:
        for name in (*phase.cell_names, "volume", "fraction", "apparent_share"):
            keep += [
                column for column in (f"{phase.name}_{name}", f"{phase.name}_{name}_esd") if column in stored.columns
            ]
    table = SeriesResult(
        columns={name: stored.columns[name] for name in keep},
        units=stored.units,
        phases=stored.phases,
        messages=(),
        notes=(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_trajectories_csv(folder / f"curves_{x}.csv", table)
    print(folder / f"curves_{x}.csv")
    for path in save_figure(figure, folder / f"curves_{x}"):
        print(path)
    return 0
