"""Ti-6Al-4V refined as a series: coarse grains whose intensities jump, phases that come and go."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import xrdfit
from xrdfit.data import Intensities, SeriesResult
from xrdfit.recipe import Job

PHASES = ("alpha", "beta", "steel")
CELLS = ("alpha_a", "alpha_c", "beta_a", "steel_a")
# One scan of each stage of the cycle, twice over.
EVERY_THIRD = range(2, 28, 3)

Runs = dict[str, SeriesResult]


@pytest.fixture(scope="module")
def runs(real_job: Callable[[str], Job]) -> Runs:
    job = real_job("ti64")
    # Widths of a specimen that recrystallises are its own in every scan.
    scope = dict(job.settings.scope)
    for phase in PHASES:
        scope |= {f"{phase}_lorentz_size": "scan", f"{phase}_lorentz_strain": "fixed"}

    def refine(intensities: Intensities) -> SeriesResult:
        settings = replace(job.settings, mode="series", intensities=intensities, scope=scope)
        return xrdfit.refine_series(replace(job, settings=settings), scans=list(EVERY_THIRD))

    return {"shared": refine("shared"), "hierarchical": refine("hierarchical")}


def test_the_program_says_that_shared_intensities_do_not_hold(runs: Runs) -> None:
    said = {w.split(" · ")[1]: w for w in runs["shared"].warnings if w.startswith("W401")}
    assert set(said) == set(PHASES)
    for warning in said.values():
        spread = float(re.findall(r"at least ([\d.]+)%", warning)[0])
        # By eye, strong lines change by a tenth and weak ones by half.
        assert 3.0 < spread < 40.0
        assert 'write intensities = "hierarchical"' in warning
    assert not any(w.startswith("W401") for w in runs["hierarchical"].warnings)


@pytest.mark.parametrize("intensities", ["shared", "hierarchical"])
def test_phases_are_present_where_the_eye_sees_them(runs: Runs, intensities: str) -> None:
    columns = runs[intensities].columns
    number = np.array([int(source[10:14]) for source in columns["source"]])
    pure_alpha, pure_beta = number < 4340, (number >= 4445) & (number < 4460)
    np.testing.assert_array_equal(columns["alpha_present"], np.where(pure_beta, 0, 1))
    np.testing.assert_array_equal(columns["beta_present"], np.where(pure_alpha, 0, 1))
    np.testing.assert_array_equal(columns["steel_present"], 1)
    for phase in ("alpha", "beta"):
        assert np.isnan(columns[f"{phase}_a"][columns[f"{phase}_present"] == 0]).all()


def test_intensities_that_may_spread_give_the_cells_that_free_ones_give(
    runs: Runs, ti64_scan_by_scan: SeriesResult
) -> None:
    one, other = runs["hierarchical"].columns, ti64_scan_by_scan.columns
    for name in CELLS:
        apart = one[name] - other[name][list(EVERY_THIRD)]
        combined = np.hypot(one[f"{name}_esd"], other[f"{name}_esd"][list(EVERY_THIRD)])
        assert np.isfinite(apart).sum() >= 6
        assert np.nanmax(np.abs(apart) / combined) < 1.0
