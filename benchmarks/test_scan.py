"""How long one scan takes, begun from a neighbour's answer, by each driver."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from xrdfit.bench.cases import Case
from xrdfit.bench.one_scan import WarmScan

_MOST_EVALUATIONS = 20


@pytest.fixture(scope="session")
def warm(case: Case) -> WarmScan:
    return WarmScan(case)


@pytest.mark.parametrize(
    ("solver", "extraction"), [("compiled", "joint"), ("leastsq", "joint"), ("compiled", "partition")]
)
def test_warm_scan(benchmark: BenchmarkFixture, warm: WarmScan, solver: str, extraction: str) -> None:
    if extraction == "partition" and warm.case.name != "laboratory":
        pytest.skip("the classical scheme takes seconds there")
    fit = benchmark(warm.fit(solver, extraction=extraction))
    benchmark.extra_info["evaluations"] = fit.minimum.nfev
    # Evaluations do not depend on the machine.
    if (solver, extraction) == ("compiled", "joint"):
        assert fit.minimum.nfev <= _MOST_EVALUATIONS
    # The classical scheme ends where it stops getting better, which it does not call success.
    assert fit.agreement.chi2_reduced < 1.2
