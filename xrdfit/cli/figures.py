"""``xrdfit plot`` and ``xrdfit curves``: figures and tables of a results directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xrdfit.cli.problems import input_error
from xrdfit.data import SeriesResult
from xrdfit.io import StoredResults, read_results, write_trajectories_csv
from xrdfit.report import curves_figure, fit_figure, map_figure, save_figure, trajectory_figure

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
        figure = _fit_figure(stored, chosen)
    else:
        figure = _map_figure(stored)
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
    save_figure(_fit_figure(stored, scan), folder / f"fit_scan_{scan}")
    if len(stored.columns["scan"]) > 1:
        save_figure(_map_figure(stored), folder / "map")


def representative_scan(result: SeriesResult | StoredResults) -> int:
    """Of the fitted scans with most phases, the one whose weakest phase is strongest."""
    fitted = np.flatnonzero(np.isfinite(result.columns["r_wp"]))
    shares = np.array([result.columns[f"{phase.name}_apparent_share"][fitted] for phase in result.phases])
    shares = np.where(shares > 0.0, shares, np.nan)
    phases = np.isfinite(shares).sum(axis=0)
    weakest = np.where(phases == phases.max(), np.min(shares, axis=0, initial=1.0, where=np.isfinite(shares)), -1.0)
    return int(result.columns["scan"][fitted[np.argmax(weakest)]])


def _fit_figure(stored: StoredResults, scan: int):  # type: ignore[no-untyped-def]
    curves = stored.curves(scan)
    row = int(np.flatnonzero(stored.columns["scan"] == scan)[0])
    title = f"scan {scan}, R$_\\mathrm{{wp}}$ = {100.0 * stored.columns['r_wp'][row]:.2f} %"
    colors = {phase.name: phase.color for phase in stored.phases}
    return fit_figure(curves, stored.lines(scan), title=title, colors=colors)


def _map_figure(stored: StoredResults):  # type: ignore[no-untyped-def]
    fitted = [int(s) for s, r in zip(stored.columns["scan"], stored.columns["r_wp"], strict=True) if np.isfinite(r)]
    curves = [stored.curves(scan) for scan in fitted]
    grid = curves[0].two_theta
    intensity = np.array([np.interp(grid, c.two_theta, c.observed) for c in curves])
    rows = [int(np.flatnonzero(stored.columns["scan"] == scan)[0]) for scan in fitted]
    times: NDArray[np.float64] = stored.columns["time_s"][rows] / 3600.0
    return map_figure(grid, intensity, times if np.isfinite(times).all() else None)


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
