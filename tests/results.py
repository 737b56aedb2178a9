"""Results directories without a refinement: LFP turns into FP and back, as far as pages and tables can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xrdfit.data import Curves, Outcome, PhaseLabel, PhaseLines, ScanResult, SeriesResult
from xrdfit.io import SeriesFile, atomic_write, write_trajectories_csv

CELLS = {"LFP": (10.329, 6.0065, 4.6908), "FP": (9.8142, 5.7893, 4.782)}
LINES = np.array([[2, 0, 0], [1, 0, 1], [2, 1, 0], [0, 1, 1]], dtype=np.int32)
LOCK = """
[data]
weights = "auto"
range = [20.0, 38.0]

[refine]
mode = "series"
intensities = "shared"
esd_scaling = "berar-lelann"

[fractions]
method = "auto"

[lock.inputs]
"stack.h5" = "30ffeadf"
"""
# With what other programs want to know of the recipe.
FULL_LOCK = (
    LOCK
    + """
[instrument]
radiation = "Cu"
lines = [[1.5405929, 2.0], [1.5444274, 1.0]]

[background]
type = "chebyshev"
terms = 6

[[phase]]
name = "LFP"
space_group = "Pnma"
formula = "LiFePO4"

[[phase]]
name = "FP"
space_group = "Pnma"
formula = "FePO4"
"""
)


def label(name: str, cell: Sequence[float], *, color: str | None = None) -> PhaseLabel:
    return PhaseLabel(
        name=name,
        color=color,
        role="active",
        cell_names=("a", "b", "c"),
        reference=dict(zip("abc", cell, strict=True)),
        reference_source="Andersson 2000",
    )


def results_columns(names: Sequence[str], n_scans: int) -> dict[str, np.ndarray]:
    """Columns of a run: the second phase is absent in the first two scans; charge, then discharge."""
    scan = np.arange(n_scans, dtype=float)
    phase = np.linspace(0.0, 1.0, n_scans) if n_scans > 1 else np.zeros(1)
    share = np.where(scan < 2, 0.0, np.sin(np.pi * phase))
    columns: dict[str, np.ndarray] = {
        "scan": scan,
        "source": np.array([f"stack.h5[{row}]" for row in range(n_scans)], dtype=object),
        "time_s": 3600.0 * (scan + 0.5),
        "voltage_V": 3.2 + 0.4 * np.sin(np.pi * phase),
        "capacity_mAh": 0.2 * phase,
        "soc": share.copy(),
    }
    for name, cell, fraction in zip(names, CELLS.values(), (1.0 - share, share), strict=False):
        there = fraction > 0.0
        columns[f"{name}_present"] = there.astype(float)
        for axis, length in zip("abc", cell, strict=True):
            columns[f"{name}_{axis}"] = np.where(there, length * (1.0 + 1e-4 * np.sin(scan)), np.nan)
            columns[f"{name}_{axis}_esd"] = np.where(there, 0.0007, np.nan)
        columns[f"{name}_volume"] = np.where(there, float(np.prod(cell)), np.nan)
        columns[f"{name}_volume_esd"] = np.where(there, 0.04, np.nan)
        columns[f"{name}_fraction"] = fraction
        columns[f"{name}_fraction_esd"] = np.where(there, 0.0025, np.nan)
        columns[f"{name}_fraction_upper95"] = np.where(there, fraction + 0.004, 0.0064)
        columns[f"{name}_apparent_share"] = fraction
    columns["r_wp"], columns["r_exp"] = np.full(n_scans, 0.0494), np.full(n_scans, 0.048)
    columns["gof"], columns["nfev"] = np.full(n_scans, 1.03), np.full(n_scans, 6.0)
    columns["outcome"] = np.array(["converged"] * n_scans, dtype=object)
    columns["direction"] = np.where(phase < 0.5, 1.0, -1.0)
    return columns


def scan_result(names: Sequence[str], scan: int, n_points: int) -> ScanResult:
    """A scan with four lines a phase, its heights and counts different in every scan."""
    rng = np.random.default_rng(scan)
    two_theta = 20.0 + 18.0 * np.arange(n_points) / (n_points - 1)
    background = 200.0 + 5.0 * np.cos(two_theta)
    calculated = background.copy()
    lines = []
    for place, name in enumerate(names):
        positions = np.array([21.0, 25.5, 30.0, 35.5]) + 0.7 * place + 0.001 * scan
        for position in positions:
            calculated += (1000.0 + 20.0 * scan) * np.exp(-(((two_theta - position) / 0.12) ** 2))
        area = np.full(positions.size, 100.0)
        lines.append(PhaseLines(phase=name, hkl=LINES, two_theta=positions, area=area, area_esd=0.01 * area))
    used = (two_theta < 27.0) | (two_theta > 27.4)
    curves = Curves(
        two_theta=two_theta,
        observed=rng.poisson(calculated).astype(float),
        sigma=np.sqrt(calculated),
        calculated=np.where(used, calculated, np.nan),
        background=background,
        used=used,
    )
    numbers = dict.fromkeys(("r_p", "r_wp", "r_wp_background_subtracted", "r_exp", "gof", "durbin_watson"), 1.0)
    return ScanResult(
        outcome=Outcome.CONVERGED,
        message="",
        values={},
        esd={},
        names=(),
        covariance=np.empty((0, 0)),
        lines=tuple(lines),
        curves=curves,
        nfev=1,
        **numbers,
    )


def write_results(
    directory: Path,
    *,
    n_scans: int = 12,
    n_points: int = 301,
    names: Sequence[str] = ("LFP", "FP"),
    changed: Mapping[str, np.ndarray] | None = None,
    messages: Sequence[str] = (),
    warnings: Sequence[str] = (),
    notes: Sequence[str] = ("esds: marginal covariance of the whole series; scaling: berar-lelann",),
    log: str = "",
    lock: str = LOCK,
) -> Path:
    """A results directory as ``xrdfit refine`` leaves it, without figures and page; scans without R_wp have no fit."""
    columns = results_columns(names, n_scans) | dict(changed or {})
    phases = [label(name, cell, color=c) for name, cell, c in zip(names, CELLS.values(), ("red", "blue"), strict=False)]
    series = SeriesResult(
        columns=columns,
        units={f"{name}_{axis}": "Å" for name in names for axis in "abc"} | {"time_s": "s", "voltage_V": "V"},
        phases=tuple(phases),
        messages=tuple(messages),
        warnings=tuple(warnings),
        notes=tuple(notes),
    )
    with SeriesFile(
        directory, recipe_text="# recipe", recipe_hash="abc", versions={"xrdfit": "0.1.0", "numpy": "2.0"}
    ) as file:
        for scan in range(n_scans):
            if np.isfinite(columns["r_wp"][scan]):
                file.write_scan(scan, scan_result(names, scan, n_points))
        file.finish(series)
    write_trajectories_csv(directory / "trajectories.csv", series)
    atomic_write(directory / "recipe.lock.toml", lock)
    atomic_write(directory / "run.log", log)
    return directory
