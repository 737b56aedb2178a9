"""Whoever does the work, the same comes back."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import tasks
from xrdfit.errors import DataError, Problem
from xrdfit.series.workers import Here, LostWorkersError, Pool, Workers

ROOT = str(Path(__file__).parents[4])


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as two:
        yield two


@pytest.fixture(params=["here", "pool"])
def workers(request: pytest.FixtureRequest) -> Workers:
    return Here() if request.param == "here" else request.getfixturevalue("pool")


def test_results_come_in_the_order_of_the_tasks(workers: Workers) -> None:
    assert list(workers.map(tasks.slow_at_first, range(20), tasks.Shared())) == list(range(20))


def test_nothing_to_do_is_done_at_once(workers: Workers) -> None:
    assert list(workers.map(tasks.add, [], tasks.Shared())) == []


def test_one_process_or_two_give_the_same_bits(pool: Pool) -> None:
    here = list(Here().map(tasks.linear_algebra, range(8), tasks.Shared()))
    there = list(pool.map(tasks.linear_algebra, range(8), tasks.Shared()))
    assert [a.tobytes() for a in here] == [b.tobytes() for b in there]


def test_a_context_goes_to_each_process_once(pool: Pool) -> None:
    shared = tasks.Shared()
    first = list(pool.map(tasks.count_here, range(10), shared))
    again = list(pool.map(tasks.count_here, range(10), shared))
    assert len({process for process, _ in first}) == 2
    for process in {process for process, _ in first}:
        done = [count for worker, count in first + again if worker == process]
        assert sorted(done) == list(range(1, len(done) + 1))
    assert max(count for _, count in pool.map(tasks.count_here, range(2), tasks.Shared())) == 1


def test_another_context_takes_the_place_of_the_last(workers: Workers) -> None:
    assert [*workers.map(tasks.add, [1.0, 2.0], tasks.Shared(10.0))] == [11.0, 12.0]
    assert [*workers.map(tasks.add, [1.0, 2.0], tasks.Shared(20.0))] == [21.0, 22.0]


def test_only_a_few_tasks_are_done_ahead(pool: Pool, tmp_path: Path) -> None:
    results = pool.map(tasks.name_after_pause, range(100), tmp_path)
    assert next(results) == 0
    time.sleep(0.2)
    assert len(list(tmp_path.iterdir())) < 10
    assert [*results] == list(range(1, 100))


def test_a_map_that_is_left_does_not_disturb_the_next(pool: Pool) -> None:
    shared = tasks.Shared()
    assert next(pool.map(tasks.add, range(10), shared)) == 0.0
    assert [*pool.map(tasks.add, [5.0], shared)] == [5.0]


def test_tasks_larger_than_the_pipe_do_not_block_it(pool: Pool) -> None:
    assert [len(result) for result in pool.map(tasks.bytes_of, [3_000_000] * 6, None)] == [3_000_000] * 6
    echo = pool.map(tasks.add, [np.full(300_000, float(i)) for i in range(6)], tasks.Shared(1.0))
    assert [float(result[0]) for result in echo] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_a_process_that_is_killed_costs_no_result(tmp_path: Path) -> None:
    with Pool(2) as pool:
        assert [*pool.map(tasks.die_once, range(8), tmp_path / "killed")] == [10 * task for task in range(8)]
    assert (tmp_path / "killed").exists()


def test_a_process_that_is_killed_between_two_maps_is_replaced() -> None:
    shared = tasks.Shared()
    with Pool(2) as pool:
        processes = {process for process, _ in pool.map(tasks.count_here, range(4), shared)}
        pool._seats[0].process.kill()
        pool._seats[0].process.join()
        assert [*pool.map(tasks.add, [1.0, 2.0], shared)] == [1.0, 2.0]
        assert len(processes & {process for process, _ in pool.map(tasks.count_here, range(4), shared)}) == 1


def test_a_task_that_kills_every_process_is_given_up() -> None:
    with Pool(2) as pool, pytest.raises(LostWorkersError, match="3 worker processes died of one task"):
        list(pool.map(tasks.always_die, range(4), None))


def test_what_a_task_raises_comes_through(workers: Workers) -> None:
    with pytest.raises(ValueError, match="not two"):
        list(workers.map(tasks.refuse_two, range(4), None))
    assert [*workers.map(tasks.refuse_two, [0, 1], None)] == [0, 1]


def test_a_result_that_cannot_be_sent_is_told(pool: Pool) -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        list(pool.map(tasks.not_to_be_sent, [1], None))


def test_processes_end_with_the_pool() -> None:
    with Pool(2) as pool:
        list(pool.map(tasks.add, range(4), tasks.Shared()))
        processes = [seat.process for seat in pool._seats]
        assert all(process.is_alive() for process in processes)
    assert not any(process.is_alive() for process in processes)


def test_problems_survive_the_way_from_a_worker() -> None:
    problem = Problem(code="E101", what="missing", where="a.xy", found="nothing", todo="correct the path")
    assert pickle.loads(pickle.dumps(DataError(problem))).problems == (problem,)


def test_a_script_that_starts_with_a_refinement_is_not_run_by_its_workers(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    lines = ("from tests import tasks", "from xrdfit.series.workers import Pool", "print('begun', flush=True)")
    script.write_text("\n".join([*lines, "print(*Pool(2).map(tasks.add, [1.0, 2.0], tasks.Shared(10.0)))"]), "utf-8")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert done.stdout == "begun\n11.0 12.0\n", done.stderr
