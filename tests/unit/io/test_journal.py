"""A journal keeps what was written whole, whatever happens to its end."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from xrdfit.errors import DataError
from xrdfit.io import Journal, atomic_write, journal
from xrdfit.io.atomic import partial_path

LINEAGE = {"recipe": "abc", "scans": [0, 9, 9]}


def filled(path: Path) -> Path:
    with Journal(path) as there:
        there.begin(LINEAGE)
        there.append(0, 4, b"first")
        there.append(0, 5, b"second")
        there.append(1, 4, b"third")
    return path


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with Journal(filled(tmp_path / "journal")) as there:
        assert there.lineage == LINEAGE
        assert list(there.of_stage(0)) == [b"first", b"second"]
        assert list(there.of_stage(1)) == [b"third"]
        assert (there.scans_of_stage(0), there.scans_of_stage(1), there.scans_of_stage(2)) == (9, 4, 0)


def test_cut_anywhere_it_keeps_the_records_before_the_cut_and_takes_others_behind_them(tmp_path: Path) -> None:
    whole = filled(tmp_path / "journal").read_bytes()
    kept = []
    for length in range(len(whole)):
        path = tmp_path / f"cut-{length}"
        path.write_bytes(whole[:length])
        with Journal(path) as there:
            before = list(there.of_stage(0))
            kept.append(len(before))
            if there.lineage is None:
                assert before == []
                continue
            there.append(0, 1, b"new")
        with Journal(path) as there:
            assert list(there.of_stage(0)) == [*before, b"new"]
    assert kept == sorted(kept)
    assert set(kept) == {0, 1, 2}


def test_a_record_whose_bytes_have_changed_ends_what_is_believed(tmp_path: Path) -> None:
    path = filled(tmp_path / "journal")
    path.write_bytes(path.read_bytes().replace(b"second", b"secund"))
    with Journal(path) as there:
        assert list(there.of_stage(0)) == [b"first"]
        assert list(there.of_stage(1)) == []


def test_a_full_disk_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(file: object, data: bytes) -> None:
        os.write(file.fileno(), data[: len(data) // 2])  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "No space left on device")

    path = filled(tmp_path / "journal")
    before = path.read_bytes()
    with Journal(path) as there:
        monkeypatch.setattr(journal, "_write", half)
        with pytest.raises(OSError, match="No space"):
            there.append(1, 1, b"x" * 100)
    assert path.read_bytes() == before


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        Journal(filled(tmp_path / "journal")),
        pytest.raises(DataError, match="E170 another run is writing"),
    ):
        Journal(tmp_path / "journal")


def test_beginning_anew_forgets_what_was_there(tmp_path: Path) -> None:
    with Journal(filled(tmp_path / "journal")) as there:
        there.begin({"recipe": "other"})
        assert there.lineage == {"recipe": "other"}
        assert list(there.of_stage(0)) == []


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links that are not followed")
def test_a_journal_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "journal").symlink_to(victim)
    with pytest.raises(OSError):
        Journal(tmp_path / "journal")
    assert victim.read_text() == "precious"


def test_a_file_is_not_written_through_a_link_that_lies_where_it_is_made(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    partial_path(tmp_path / "log").symlink_to(victim)
    (tmp_path / "report").symlink_to(victim)
    for name in ("log", "report"):
        atomic_write(tmp_path / name, "text")
    assert victim.read_text() == "precious"
    assert (tmp_path / "log").read_text() == (tmp_path / "report").read_text() == "text"
    assert not (tmp_path / "report").is_symlink()
