"""LiMn1-yFeyPO4 in an operando coin cell, five scans about the start of its charge; the data's README has the cell."""

from collections.abc import Callable

import numpy as np
import pytest

import xrdfit
from xrdfit.data import SeriesResult
from xrdfit.recipe import Job

REFERENCE = {"LMFP_a": 10.391, "LMFP_b": 6.056, "LMFP_c": 4.719}
# Four scans before the current flows; in the last one it does (3.58 V).
AT_REST = slice(0, 4)


@pytest.fixture(scope="module")
def lmfp(real_job: Callable[[str], Job]) -> SeriesResult:
    return xrdfit.refine_series(real_job("lmfp"))


def test_cell_beside_casing_lines_three_hundred_times_as_strong(lmfp: SeriesResult) -> None:
    for name, expected in REFERENCE.items():
        assert np.abs(lmfp.columns[name] - expected).max() < 5e-3


def test_scans_at_rest_have_one_cell_within_its_errors(lmfp: SeriesResult) -> None:
    for name in REFERENCE:
        cells, esd = lmfp.columns[name][AT_REST], lmfp.columns[f"{name}_esd"][AT_REST]
        assert (np.abs(cells - cells.mean()) < esd).all()


def test_scans_have_the_times_of_the_log(lmfp: SeriesResult) -> None:
    # 19:05:59.614 to 19:06:56.167 is the first; the others follow every 9 minutes.
    assert lmfp.columns["time_s"][0] == pytest.approx(28.2765, abs=1e-3)
    np.testing.assert_allclose(np.diff(lmfp.columns["time_s"]), 544.5, atol=2.0)
