"""Results come to their place all or none, at whatever moment the program ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from xrdfit.io import ResultsPlace

OWN = ("series.h5", "table.csv", "figures", "curves")


class End(BaseException):
    """The end of the program."""


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def written(place: ResultsPlace) -> None:
    with place.writing() as work:
        (work / "series.h5").write_text("new")
        (work / "table.csv").write_text("new")
        (work / "figures").mkdir()
        (work / "figures" / "map.png").write_text("new")
        place.publish()


NEW = {"series.h5": "new", "table.csv": "new", "figures/map.png": "new"}
OLD = {"series.h5": "old", "table.csv": "old", "curves/a.csv": "old", "notes.txt": "mine"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    for name, text in OLD.items():
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / name).write_text(text)
    return tmp_path / "results"


def test_a_new_place_holds_what_was_written(tmp_path: Path) -> None:
    written(ResultsPlace(tmp_path / "results", OWN))
    assert contents(tmp_path / "results") == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_what_is_there_is_replaced_but_for_what_is_the_users(target: Path) -> None:
    written(ResultsPlace(target, OWN))
    assert contents(target) == NEW | {"notes.txt": "mine"}
    assert [path.name for path in target.parent.iterdir()] == ["results"]


def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch, error: BaseException, *, for_good: bool) -> None:
    """Let the program end, or fail, when it moves something for the step-th time."""
    moves = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def move(*paths: Path) -> object:
            nonlocal moves
            moves += 1
            if moves == step or (for_good and moves > step):
                raise error
            return real(*paths)

        return move

    for owner, name in ((shutil, "move"), (Path, "rename")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.parametrize("step", range(1, 9))
def test_the_next_run_finishes_what_a_killed_one_could_not(
    target: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        stopped_at(step, patch, End(), for_good=True)  # nothing can be moved any more, as after a kill
        with pytest.raises(End):
            written(ResultsPlace(target, OWN))
    place = ResultsPlace(target, OWN)
    if step > 1:
        assert place.is_begun
        with place.journal():
            pass
        assert contents(target) == NEW | {"notes.txt": "mine"}
    else:  # it had not yet been declared complete
        assert contents(target) == OLD
    assert not place.is_begun


@pytest.mark.parametrize("step", range(2, 9))
def test_a_place_that_refuses_leaves_old_results_whole_and_new_ones_beside_them(
    target: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    place = ResultsPlace(target, OWN)
    with monkeypatch.context() as patch:
        stopped_at(step, patch, PermissionError("not here"), for_good=False)
        with pytest.raises(PermissionError):
            written(place)
    assert contents(target) == OLD
    assert "all results are in" in place.way_on
    place.settle()
    assert contents(target) == NEW | {"notes.txt": "mine"}
