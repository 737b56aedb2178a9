"""What `xrdfit bench` tells; its times themselves are nobody's promise here."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

TIMES = {"min_ms", "median_ms", "repeats"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    from typer.testing import CliRunner

    from xrdfit.cli.app import app

    path = tmp_path_factory.mktemp("bench") / "bench.json"
    run = CliRunner().invoke(app, ["bench", "--quick", "-o", str(path)])
    assert run.exit_code == 0, run.output
    return {"table": run.stdout} | json.loads(path.read_text(encoding="utf-8"))


def test_every_time_comes_with_its_minimum_its_median_and_the_repeats(told: dict) -> None:
    timings = [told["series"]]
    for case in told["cases"].values():
        timings += [case["pattern"], case["pattern_and_jacobian"], *case["warm_scan"].values()]
    assert len(timings) == 9
    for timing in timings:
        assert timing.keys() >= TIMES
        assert 0.0 < timing["min_ms"] <= timing["median_ms"]
        assert timing["repeats"] >= 1


def test_counts_that_do_not_depend_on_the_machine_stand_beside_the_times(told: dict) -> None:
    assert told["cases"].keys() == {"laboratory", "synchrotron"}
    for case in told["cases"].values():
        assert case["warm_scan"].keys() == {"compiled", "leastsq"}
        for fit in case["warm_scan"].values():
            assert fit["converged"]
            assert 2 < fit["evaluations"] < 60
            assert fit["chi2_reduced"] == pytest.approx(1.0, abs=0.2)
    series = told["series"]
    assert series["scans"] == 42
    assert series["outcomes"] == {"converged": 42}
    assert 1 < series["iterations"] < 30
    assert series["scans_per_second"] == pytest.approx(1e3 / series["min_ms"])


def test_the_machine_is_named(told: dict) -> None:
    machine = told["machine"]
    assert machine["cpu"]
    assert machine["cores"] >= 1
    assert machine["blas_threads"] in (1, None)
    assert machine["versions"].keys() >= {"xrdfit", "python", "numpy", "numba"}
    assert "peers" not in told


def test_the_table_names_what_was_measured(told: dict) -> None:
    for words in ("pattern and Jacobian", "warm scan, compiled", "warm scan, leastsq", "series of 42", "scans/s"):
        assert words in told["table"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, xrdfit: Callable[..., Result]) -> None:
    path = tmp_path / "bench.json"
    path.write_text("mine", encoding="utf-8")
    assert xrdfit("bench", "--quick", "-o", path).exit_code == 2
    assert path.read_text(encoding="utf-8") == "mine"
