"""PbSO4, laboratory Cu K-alpha: a Le Bail fit by JANA2006 is the reference (see the data's README)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import xrdfit
from xrdfit.data import ScanResult
from xrdfit.recipe import Job

JANA = {"a": (8.466523, 643e-6), "b": (5.395564, 405e-6), "c": (6.952746, 513e-6)}
JANA_R_WP = 0.2315


class Keep:
    last: ScanResult

    def write_scan(self, index: int, result: ScanResult) -> None:
        self.last = result


# The crowd of lines beyond 80 deg costs most of the time; JANA's R_wp is of the whole range.
@pytest.mark.parametrize(("weights", "last"), [("estimated", 80.0), ("poisson", 80.0), ("unit", 100.0)])
def test_cell_agrees_with_jana_whatever_the_weights(real_job: Callable[[str], Job], weights: str, last: float) -> None:
    job = real_job("pbso4")
    keep = Keep()
    settings = replace(job.settings, weights=weights, two_theta_range=(5.0, last))
    result = xrdfit.refine_series(replace(job, settings=settings), writer=keep)
    for name, (value, esd) in JANA.items():
        own = result.columns[f"PbSO4_{name}_esd"][0]
        assert abs(result.columns[f"PbSO4_{name}"][0] - value) < 2.0 * np.hypot(own, esd)
        # Not by an error so large that anything agrees.
        assert own < 2e-3
    # JANA's zero has the opposite sign: +0.0488(40) deg in ours.
    assert keep.last.values["zero_shift"] == pytest.approx(0.049, abs=0.012)
    curves = keep.last.curves
    assert curves is not None
    counted = curves.used & (curves.observed > 0.0)
    y, difference = curves.observed[counted], (curves.observed - curves.calculated)[counted]
    assert np.sqrt(np.sum(difference**2 / y) / np.sum(y)) < JANA_R_WP
