"""The reference scan that all benchmarks run on."""

import pytest

from tests.scans import KnownScan, reference_scan


@pytest.fixture(scope="session")
def scan() -> KnownScan:
    """607 points, two Pnma phases, 27 lines of two wavelengths, 15 refined parameters beside the line areas."""
    return reference_scan()
