"""A Dask cluster does the same as everybody else, and what is wrong with it is told at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import xrdfit
from tests import tasks
from tests.recipes import sequential
from xrdfit.data import MemoryStack, Pattern
from xrdfit.errors import InputError
from xrdfit.io import open_stack
from xrdfit.series.sequential import segments
from xrdfit.series.workers import Cluster, Here, LostWorkersError, cluster
from xrdfit.simulate import WELL_BEHAVED, simulate_stack, write_simulated

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster of two processes."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs=50
    ) as local:
        yield local.scheduler_address


@pytest.fixture
def workers(address: str) -> Iterator[Cluster]:
    with Cluster(address) as own:
        yield own


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_PATIENCE_S", 0.5)


def test_results_come_in_the_order_of_the_tasks(workers: Cluster) -> None:
    assert workers.count == 2
    assert list(workers.map(tasks.slow_at_first, range(20), tasks.Shared())) == list(range(20))
    assert [*workers.map(tasks.add, [1.0, 2.0], tasks.Shared(10.0))] == [11.0, 12.0]
    assert list(workers.map(tasks.add, [], tasks.Shared())) == []


def test_the_bits_are_those_of_this_process(workers: Cluster) -> None:
    here, there = (w.map(tasks.linear_algebra, range(6), tasks.Shared()) for w in (Here(), workers))
    assert [a.tobytes() for a in here] == [b.tobytes() for b in there]


def test_what_tasks_have_in_common_stays_with_a_worker_however_large_it_is(
    workers: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in (1 << 20, 0):
        monkeypatch.setattr(cluster, "_LITTLE", limit)
        counted = list(workers.map(tasks.count_here, range(12), tasks.Shared()))
        for process in {who for who, _ in counted}:
            its = sorted(number for who, number in counted if who == process)
            assert its == list(range(1, 1 + len(its)))


def test_a_worker_that_is_killed_costs_no_result(workers: Cluster, tmp_path: Path) -> None:
    assert [*workers.map(tasks.die_once, range(8), tmp_path / "killed")] == [10 * task for task in range(8)]
    assert (tmp_path / "killed").exists()


def test_what_a_task_raises_comes_through_and_the_next_map_is_not_disturbed(workers: Cluster) -> None:
    with pytest.raises(ValueError, match="not two"):
        list(workers.map(tasks.refuse_two, range(4), None))
    assert next(workers.map(tasks.add, range(10), tasks.Shared())) == 0.0
    assert [*workers.map(tasks.refuse_two, [0, 1], None)] == [0, 1]


def test_nobody_at_the_address_is_told(impatient: None) -> None:
    for nowhere in ("tcp://127.0.0.1:1", "nonsense", "ftp://somewhere:21"):
        with pytest.raises(InputError, match=f"^E165 the scheduler cannot be reached · {re.escape(nowhere)} · "):
            Cluster(nowhere)


def test_a_scheduler_without_workers_is_told() -> None:
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0", silence_logs=50) as empty,
        pytest.raises(InputError, match="E165 the scheduler has no workers"),
    ):
        Cluster(empty.scheduler_address)


def test_a_worker_with_another_version_or_none_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xrdfit, "__version__", "99.0")
    with pytest.raises(InputError, match=r"E166 a worker has another xrdfit · tcp.* against 99\.0 · install"):
        Cluster(address)
    monkeypatch.setattr(cluster, "_VERSION", "__import__('no_such_package').__version__")
    with pytest.raises(InputError, match=r"E166 a worker has no xrdfit · tcp.* No module named 'no_such_package'"):
        Cluster(address)


def test_missing_dask_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(InputError, match=r'E164 Dask is not installed .*pip install "operando-xrdfit\[dask\]"'):
        Cluster("tcp://127.0.0.1:1")


def test_scans_that_workers_do_not_see_are_told(workers: Cluster, tmp_path: Path) -> None:
    grid = np.linspace(20.0, 30.0, 50)
    pattern = Pattern(two_theta=grid, intensity=grid, sigma=None, mask=grid > 0.0, source="one")
    workers.check_scans(MemoryStack.of([pattern]))
    np.savetxt(tmp_path / "one.xy", np.column_stack([grid, grid]))
    stack = open_stack("one.xy", base=tmp_path)
    workers.check_scans(stack)
    (tmp_path / "one.xy").unlink()
    with pytest.raises(InputError, match="E167 a worker cannot read the scans · tcp"):
        workers.check_scans(stack)


def test_workers_that_are_all_gone_are_told(impatient: None) -> None:
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs=50
        ) as local,
        Cluster(local.scheduler_address) as workers,
        pytest.raises(LostWorkersError, match="no workers any more"),
    ):
        for task in workers.map(tasks.pause, range(20), None):
            if task == 2:
                local.scale(0)


def test_a_series_has_the_same_bits(workers: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LONGEST", 4)
    simulated = simulate_stack(WELL_BEHAVED, seed=90, n_scans=8)
    write_simulated(tmp_path / "stack.h5", simulated)
    (tmp_path / "recipe.toml").write_text(sequential(simulated.recipe_text))
    job = xrdfit.build_job(xrdfit.load_recipe(tmp_path / "recipe.toml"))
    here, there = (xrdfit.refine_series(job, workers=w).columns for w in (Here(), workers))
    assert {n: c.tobytes() for n, c in here.items() if c.dtype != object} == {
        n: c.tobytes() for n, c in there.items() if c.dtype != object
    }
