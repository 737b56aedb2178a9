"""xrdfit itself: scan by scan with the peers' parameters, and all scans together."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from xrdfit import __version__
from xrdfit.bench.peers.stack import AXES, START_SIZE, Answer, PeerStack, Program
from xrdfit.data import RefineSettings
from xrdfit.fit import fit_scan, prepare_scan, with_seeded_background
from xrdfit.recipe import build_job, load_recipe
from xrdfit.series import refine_series
from xrdfit.simulate import write_simulated


def scan_by_scan(stack: PeerStack) -> Answer:
    """Every scan from the answer of the one before, the intensities free."""
    model = stack.simulated.model
    table = model.table
    vary = table.where("cell", "width", "background") | (np.array(table.names) == "sample_displacement")
    values = table.defaults()
    for phase in ("LFP", "FP"):
        values[table.index(f"{phase}_lorentz_size")] = START_SIZE
        values[table.index(f"{phase}_lorentz_strain")] = stack.known(f"{phase}_lorentz_strain")
    settings = RefineSettings(weights="poisson", esd_scaling="none")
    rows = [table.index(name) for name in AXES]
    cells, esd, converged, seconds = [], [], [], []
    for number, scan in enumerate(stack.scans):
        began = perf_counter()
        prepared = prepare_scan(stack.simulated.read(scan), settings)
        if number == 0:
            values = with_seeded_background(model, prepared, values)
        found = fit_scan(model, prepared, settings, start=values, present=(True, True), vary=vary)
        values = found.values
        seconds.append(perf_counter() - began)
        cells.append(found.values[rows])
        esd.append(found.esd[rows])
        converged.append(found.success)
    return Answer(cells=np.array(cells), esd=np.array(esd), converged=np.array(converged), seconds=np.array(seconds))


def together(stack: PeerStack) -> Answer:
    """Series mode with its defaults: shared intensities and widths, a displacement that drifts."""
    with TemporaryDirectory(prefix="xrdfit-bench-") as folder:
        write_simulated(Path(folder) / "stack.h5", stack.simulated)
        recipe = Path(folder) / "recipe.toml"
        recipe.write_text(stack.simulated.recipe_text, encoding="utf-8")
        job = build_job(load_recipe(recipe))
        began = perf_counter()
        columns = refine_series(job, scans=list(stack.scans)).columns
        seconds = perf_counter() - began
    return Answer(
        cells=np.array([columns[name] for name in AXES]).T,
        esd=np.array([columns[f"{name}_esd"] for name in AXES]).T,
        converged=columns["outcome"] == "converged",
        seconds=np.array([seconds]),
    )


def _version() -> str:
    return __version__


SCAN_BY_SCAN = Program(name="xrdfit", mode="scan by scan, free intensities", version=_version, refine=scan_by_scan)
TOGETHER = Program(name="xrdfit", mode="series, shared intensities", version=_version, refine=together)
