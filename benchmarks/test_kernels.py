"""How long the kernels take on one scan.

``python -m pytest benchmarks --benchmark-only`` prints the table; `benchmarks/README.md` holds one as measured.
"""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from xrdfit.bench.cases import Case
from xrdfit.bench.one_scan import Kernels
from xrdfit.kernels.coarse import FAR, alike, n_blocks, places_of
from xrdfit.kernels.evaluation import calculate, fill_profiles
from xrdfit.kernels.normal_equations import fill_jacobian, normal_equations
from xrdfit.kernels.partition import partition_cycle


@pytest.fixture(scope="session")
def kernels(case: Case) -> Kernels:
    return Kernels.of(case)


def test_pattern(benchmark: BenchmarkFixture, kernels: Kernels) -> None:
    benchmark(kernels.pattern)


def test_pattern_and_jacobian(benchmark: BenchmarkFixture, kernels: Kernels) -> None:
    benchmark(kernels.pattern_and_jacobian)


def test_lines_are_evaluated_at_few_places(case: Case, kernels: Kernels) -> None:
    """A count, not a time: points and nodes at which a line is calculated."""
    x = case.two_theta
    places = 0
    for row in kernels.work.position:
        block = 0
        while block < n_blocks(x):
            level, end = alike(x, block, row.min(), row.max(), FAR)
            start, stop = places_of(x, level, block, end)
            places, block = places + stop - start, end
    share = places / (x.size * case.lines.phase.size)
    assert share < {"laboratory": 0.5, "synchrotron": 0.15}[case.name]


def test_pattern_with_nonnegative_areas(benchmark: BenchmarkFixture, kernels: Kernels) -> None:
    benchmark(calculate, kernels.problem, kernels.slots, kernels.work, True)


def test_jacobian(benchmark: BenchmarkFixture, kernels: Kernels) -> None:
    benchmark(fill_jacobian, kernels.problem, kernels.slots, kernels.rows, kernels.work)


def test_normal_equations_with_areas_eliminated(benchmark: BenchmarkFixture, kernels: Kernels) -> None:
    k = kernels
    calculate(k.problem, k.slots, k.work, True)
    benchmark(normal_equations, k.problem, k.slots, k.rows, k.mapping, k.work, True)


def test_partition_cycle(benchmark: BenchmarkFixture, case: Case, kernels: Kernels) -> None:
    fill_profiles(kernels.problem, kernels.slots, kernels.work)
    out = np.empty_like(case.areas)
    benchmark(partition_cycle, kernels.work.profiles, case.expected - kernels.work.background, case.areas, out)
