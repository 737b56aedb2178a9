"""Simulated series as jobs, their scans refined one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import xrdfit
from tests.recipes import sequential
from xrdfit.data import ScanStack, SeriesResult
from xrdfit.recipe import Job
from xrdfit.simulate import SimulatedStack, write_simulated


@pytest.fixture
def job_of(tmp_path: Path) -> Callable[[SimulatedStack], Job]:
    def make(simulated: SimulatedStack) -> Job:
        write_simulated(tmp_path / "stack.h5", simulated)
        (tmp_path / "recipe.toml").write_text(sequential(simulated.recipe_text))
        return xrdfit.build_job(xrdfit.load_recipe(tmp_path / "recipe.toml"))

    return make


@pytest.fixture
def refine(job_of: Callable[[SimulatedStack], Job]) -> Callable[..., SeriesResult]:
    def run(simulated: SimulatedStack, *, stack: ScanStack | None = None, **settings: Any) -> SeriesResult:
        job = job_of(simulated)
        return xrdfit.refine_series(replace(job, stack=stack or job.stack, settings=replace(job.settings, **settings)))

    return run
