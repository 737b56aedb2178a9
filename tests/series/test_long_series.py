"""What a scan more takes of memory while a series is refined as one experiment."""

import tracemalloc
from pathlib import Path

import pytest

import xrdfit
from xrdfit.series.criticism import unexplained
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

# From here on no more scans are surveyed, which are remembered in full.
LENGTHS = 240, 480
N_POINTS = 607


def peaks_of(folder: Path, n_scans: int) -> tuple[int, int]:
    """Most bytes in use up to the last fit of the series, and in all."""
    simulated = simulate_stack(WELL_BEHAVED, seed=1, n_scans=n_scans)
    stack = folder / f"{n_scans}.h5"
    write_simulated(stack, simulated)
    recipe = folder / f"{n_scans}.toml"
    recipe.write_text(simulated.recipe_text.replace("stack.h5", stack.name), encoding="utf-8")
    job = xrdfit.build_job(xrdfit.load_recipe(recipe))
    del simulated
    peaks = []
    tracemalloc.start()
    xrdfit.refine_series(job, progress=lambda done, total, word: peaks.append(tracemalloc.get_traced_memory()[1]))
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    return peaks[-2], peaks[-1]


def test_a_scan_more_takes_memory_for_its_normal_equations_and_what_they_leave_over_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexplained, "_NUMBERS_AT_ONCE", 1 << 12)
    short, long = (peaks_of(tmp_path, n_scans) for n_scans in LENGTHS)
    fits, everything = ((more - less) / (LENGTHS[1] - LENGTHS[0]) for less, more in zip(short, long, strict=True))
    # 14 variables of a scan and 33 that all share, at two places; residuals, their errors and what is looked for
    # in them, in five numbers of four bytes a point.
    equations = 2 * 8 * 14 * (14 + 33)
    assert fits < equations + 8000
    assert everything < 5 * 4 * N_POINTS + 9500
