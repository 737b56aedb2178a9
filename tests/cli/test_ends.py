"""Ends of a run that nobody wanted: each has one message, and what was done is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from xrdfit.cli import refine as refine_verb
from xrdfit.errors import NoResultError
from xrdfit.series.workers import LostWorkersError

Xrdfit = Callable[..., Result]


@pytest.mark.parametrize(
    ("end", "exit_code", "message"),
    [
        (LostWorkersError("3 worker processes died of one task"), 3, "E176 the workers are lost · series · 3 worker"),
        (NoResultError("not one of 2 scans could be fitted"), 3, "E400 no result · series · not one of 2 scans"),
        (MemoryError(), 1, "E177 not enough memory · this machine · "),
        (PermissionError(13, "Permission denied"), 2, "E182 cannot read or write · "),
        (OSError(28, "No space left on device"), 2, "E169 no room left to write · "),
        (KeyboardInterrupt(), 130, "interrupted; "),
        (ZeroDivisionError("a fault"), 1, "E900 unexpected ZeroDivisionError · xrdfit · a fault"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_end_has_one_message_and_its_exit_code(
    cell: Path, xrdfit: Xrdfit, monkeypatch: pytest.MonkeyPatch, end: BaseException, exit_code: int, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise end

    monkeypatch.setattr(refine_verb, "refine_series", fail)
    before = set(cell.rglob("*"))
    run = xrdfit("refine", cell / "recipe.toml")
    assert run.exit_code == exit_code
    assert run.stderr.splitlines()[-1].startswith(message)
    assert len(run.stderr.splitlines()) == 1
    assert set(cell.rglob("*")) == before
