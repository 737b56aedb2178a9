"""The scans that all benchmarks run on: those of ``xrdfit bench``."""

import pytest

from xrdfit.bench.cases import Case, laboratory, synchrotron


@pytest.fixture(scope="session", params=[laboratory, synchrotron], ids=["laboratory", "synchrotron"])
def case(request: pytest.FixtureRequest) -> Case:
    """A scan of two phases with 15 or 14 refined parameters beside the line areas."""
    made: Case = request.param()
    return made
