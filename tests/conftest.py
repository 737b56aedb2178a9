"""What tests of all rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Matrices are small: threads of the linear algebra would wait for each other. Heard only if said before numpy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of measured data, read in place: ``XRDFIT_REAL_DATA``, or ``../shared/data`` beside the project."""
    project = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("XRDFIT_REAL_DATA", project.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}; set XRDFIT_REAL_DATA")
    return folder
