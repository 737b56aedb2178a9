"""Simulated series as jobs, their scans refined one after the other or all together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import xrdfit
from tests.recipes import sequential
from xrdfit.crystal import Phase
from xrdfit.data import ScanStack, SeriesResult
from xrdfit.model.instrument import Detector, Instrument
from xrdfit.recipe import Job
from xrdfit.simulate import SCENARIOS, WELL_BEHAVED, SimulatedStack, simulate_stack, write_simulated


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


@pytest.fixture(scope="session")
def refine_jointly(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SeriesResult]:
    """Refine a simulated stack by the recipe that goes with it; what is given is changed."""
    here = tmp_path_factory.mktemp("jointly")
    first = simulate_stack(WELL_BEHAVED, seed=0, n_scans=1)
    write_simulated(here / "stack.h5", first)
    (here / "recipe.toml").write_text(first.recipe_text)
    job = xrdfit.build_job(xrdfit.load_recipe(here / "recipe.toml"))

    def run(
        simulated: SimulatedStack,
        *,
        stack: ScanStack | None = None,
        phases: tuple[Phase, ...] | None = None,
        detector: Detector | None = None,
        instrument: Instrument | None = None,
        **settings: Any,
    ) -> SeriesResult:
        settings["scope"] = {**job.settings.scope, **settings.get("scope", {})}
        return xrdfit.refine_series(
            replace(
                job,
                stack=simulated if stack is None else stack,
                phases=job.phases if phases is None else phases,
                instrument=replace(instrument or job.instrument, detector=detector or simulated.instrument.detector),
                settings=replace(job.settings, **settings),
            )
        )

    return run


Cycle = tuple[SimulatedStack, SeriesResult]


@pytest.fixture(scope="session")
def cycle(refine_jointly: Callable[..., SeriesResult]) -> Callable[[str], Cycle]:
    """A full cycle of a built-in scenario in 42 scans, refined once for all who ask."""

    @cache
    def of(scenario: str) -> Cycle:
        simulated = simulate_stack(SCENARIOS[scenario], seed=601)
        return simulated, refine_jointly(simulated)

    return of


@pytest.fixture(scope="session")
def sweeping(refine_jointly: Callable[..., SeriesResult]) -> Cycle:
    """A full cycle at C/20 in 22 scans, whose points follow each other in time."""
    simulated = simulate_stack(WELL_BEHAVED, seed=602, n_scans=22, sweep=True)
    return simulated, refine_jointly(simulated)
