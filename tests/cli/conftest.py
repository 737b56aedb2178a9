"""A small series on disk, a recipe for it, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from xrdfit.cli.app import app

RECIPE = """
[data]
files = "scans/*.xy"

[instrument]
radiation = "Cu"

[instrument.profile]
u = 0.004
v = -0.002
w = 0.0035
lorentz_size = 0.015

[[phase]]
name = "LFP"
space_group = "Pnma"
cell = [10.329, 6.0065, 4.6908]

[refine]
mode = "sequential"
intensities = "lebail"
"""


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A directory with ``recipe.toml`` and two scans of noise about a flat background."""
    (tmp_path / "scans").mkdir()
    rng = np.random.default_rng(5)
    for number in (1, 2):
        two_theta = np.arange(20.0, 38.0, 0.05)
        table = np.column_stack((two_theta, rng.poisson(200.0, two_theta.size)))
        np.savetxt(tmp_path / "scans" / f"scan_{number}.xy", table, fmt="%.4f")
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def xrdfit() -> Callable[..., Result]:
    """Run ``xrdfit`` with these words in this process."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])
