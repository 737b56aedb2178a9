"""How long one scan takes, begun from a neighbour's answer, by each driver."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests import scans
from xrdfit.data import RefineSettings
from xrdfit.fit import fit_scan, prepare_scan


@pytest.fixture(scope="session")
def warm(scan: scans.KnownScan) -> np.ndarray:
    """The answer of a neighbouring scan, its cells moved by as much as a C/20 charge moves them from scan to scan."""
    values = scans.refine(scan, scan.counts(1)).values.copy()
    for name, by in {"LFP_a": -0.002, "FP_a": -0.002, "LFP_c": 0.001}.items():
        values[scan.model.table.index(name)] += by
    return values


@pytest.mark.parametrize(
    ("solver", "extraction"), [("compiled", "joint"), ("leastsq", "joint"), ("compiled", "partition")]
)
def test_warm_scan(
    benchmark: BenchmarkFixture, scan: scans.KnownScan, warm: np.ndarray, solver: str, extraction: str
) -> None:
    settings = RefineSettings(solver=solver, extraction=extraction)  # type: ignore[arg-type]
    prepared = prepare_scan(scans.pattern(scan.counts(0)), settings)
    fit = benchmark(
        fit_scan,
        scan.model,
        prepared,
        settings,
        start=warm,
        present=(True, True),
        vary=scans.usual(scan.model),
    )
    assert fit.success
