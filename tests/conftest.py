"""What tests of all rooms share."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Matrices are small: threads of the linear algebra would wait for each other. Heard only if said before numpy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

PROJECT = Path(__file__).resolve().parents[1]


def pytest_sessionstart() -> None:
    """Before the first tests of all, another process compiles kernels while this one runs what needs none."""
    kernels = PROJECT / "xrdfit" / "kernels" / "__pycache__"
    if "PYTEST_XDIST_WORKER" in os.environ or next(kernels.glob("*.nbi"), None):
        return
    nothing = subprocess.DEVNULL
    ahead = subprocess.Popen(
        [sys.executable, "-m", "xrdfit.cli.ahead"], cwd=PROJECT, stdin=nothing, stdout=nothing, stderr=nothing
    )
    atexit.register(ahead.kill)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of measured data, read in place: ``XRDFIT_REAL_DATA``, or ``../shared/data`` beside the project."""
    folder = Path(os.environ.get("XRDFIT_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}; set XRDFIT_REAL_DATA")
    return folder
