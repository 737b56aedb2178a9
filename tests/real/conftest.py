"""Jobs of the recipes in ``recipes/``, their measured data read where they lie."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import xrdfit
from xrdfit.data import SeriesResult
from xrdfit.recipe import Job

RECIPES = Path(__file__).parent / "recipes"


@pytest.fixture(scope="session")
def real_job(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Job]:
    def make(name: str) -> Job:
        folder = tmp_path_factory.mktemp(name)
        text = (RECIPES / f"{name}.toml").read_text()
        recipe = folder / f"{name}.toml"
        recipe.write_text(text.replace("../../../../shared/data", real_data.as_posix()))
        if name == "co2sio4":
            with zipfile.ZipFile(real_data / "co2sio4-temperature" / "ed-26.zip") as packed:
                packed.extractall(folder)
        return xrdfit.build_job(xrdfit.load_recipe(recipe))

    return make


@pytest.fixture(scope="session")
def ti64_scan_by_scan(real_job: Callable[[str], Job]) -> SeriesResult:
    """All scans of the titanium alloy one after the other, each from the answer of the one before."""
    job = real_job("ti64")
    return xrdfit.refine_series(replace(job, settings=replace(job.settings, direction="forward")))
