"""How long the kernels take on the reference scan.

``python -m pytest benchmarks --benchmark-only`` prints the table; `benchmarks/README.md` holds one as measured.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests import scans
from xrdfit.kernels.least_squares import Workspace, calculate, fill_jacobian, normal_equations
from xrdfit.kernels.partition import partition_cycle
from xrdfit.kernels.problem import Problem

Prepared = tuple[Problem, np.ndarray, np.ndarray, np.ndarray, Workspace]


@pytest.fixture
def prepared(scan: scans.KnownScan) -> Prepared:
    """Problem, parameter vector, Jacobian row of each slot, mapping of the variables, filled workspace."""
    table = scan.model.table
    mapping = table.slot_mapping[:, scans.usual(scan.model)]
    used = np.abs(mapping).sum(axis=1) > 0.0
    rows = np.where(used, np.cumsum(used) - 1, -1)
    given = scans.problem(scan, scan.counts(0))
    work = scans.filled_workspace(scan, given, int(used.sum()))
    work.weight[:] = 1.0 / scan.expected
    return given, table.slots(scan.values), rows, np.ascontiguousarray(mapping[used]), work


def test_pattern(benchmark: BenchmarkFixture, prepared: Prepared) -> None:
    given, slots, _, _, work = prepared
    benchmark(calculate, given, slots, work, False)


def test_pattern_with_nonnegative_areas(benchmark: BenchmarkFixture, prepared: Prepared) -> None:
    given, slots, _, _, work = prepared
    benchmark(calculate, given, slots, work, True)


def test_jacobian(benchmark: BenchmarkFixture, prepared: Prepared) -> None:
    given, slots, rows, _, work = prepared
    benchmark(fill_jacobian, given, slots, rows, work)


def test_normal_equations_with_areas_eliminated(benchmark: BenchmarkFixture, prepared: Prepared) -> None:
    given, slots, rows, mapping, work = prepared
    calculate(given, slots, work, True)
    benchmark(normal_equations, given, slots, rows, mapping, work, True)


def test_partition_cycle(benchmark: BenchmarkFixture, scan: scans.KnownScan, prepared: Prepared) -> None:
    work = prepared[-1]
    out = np.empty_like(scan.areas)
    benchmark(partition_cycle, work.profiles, scan.expected - work.background, scan.areas, out)
