"""``xrdfit refine`` with workers: the same results, and plain words where it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Xrdfit = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "0"), "E163 no such number of workers · --workers · found 0 against 1 or more"),
        (("--workers", "-2"), "E163 no such number of workers · --workers · found -2 against 1 or more"),
        (("--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), "E183 two ways at once · --workers --scheduler"),
        (("--scheduler", "nowhere"), "E165 the scheduler cannot be reached · nowhere · "),
    ],
)
def test_workers_that_cannot_be_end_the_run_before_it_begins(
    words: tuple[str, ...], message: str, cell: Path, xrdfit: Xrdfit
) -> None:
    if "E165" in message:
        pytest.importorskip("distributed", reason="Dask is an extra")
    before = set(cell.rglob("*"))
    run = xrdfit("refine", cell / "recipe.toml", *words)
    assert run.exit_code == 2
    assert message in run.stderr
    assert set(cell.rglob("*")) == before


def test_more_workers_than_scans_are_a_note_and_the_results_are_the_same(cell: Path, xrdfit: Xrdfit) -> None:
    alone = xrdfit("refine", cell / "recipe.toml", "-o", cell / "alone")
    together = xrdfit("refine", cell / "recipe.toml", "-o", cell / "together", "--workers", "3")
    assert together.exit_code == alone.exit_code
    assert "3 workers for 2 scans: not all of them will find something to do" in together.stderr
    tables = [(cell / name / "trajectories.csv").read_text() for name in ("alone", "together")]
    assert tables[0] == tables[1]
