"""Files that are either complete or not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def partial_path(path: Path) -> Path:
    """Where a file is written before it is whole: beside its final place, so that renaming it is atomic."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def publish(partial: Path, path: Path) -> None:
    """Make a closed partial file durable and give it its final name."""
    sync(partial)
    os.replace(partial, path)
    sync(path.parent)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write to; on success it becomes ``path``, on an exception nothing is left behind."""
    partial = partial_path(path)
    # Whatever lies there is not ours: it may be a link that leads elsewhere.
    partial.unlink(missing_ok=True)
    try:
        yield partial
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a new directory to write to; on success it becomes ``path``, whatever that was, else it is removed.

    Of a link it is what the link leads to.
    """
    path = path.resolve()
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield work
        work.chmod(0o755)
        if not path.exists():
            work.rename(path)
            return
        old = work.with_name(f"{work.name}.old")
        path.rename(old)
        try:
            work.rename(path)
        except OSError:
            old.rename(path)
            raise
        shutil.rmtree(old)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def atomic_write(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    atomic_write_blocks(path, (text,))


def atomic_write_blocks(path: Path, blocks: Iterable[str]) -> None:
    """The same of a text of which only one block at a time is in memory."""
    with atomic_text(path) as file:
        file.writelines(blocks)


@contextmanager
def atomic_text(path: Path) -> Iterator[TextIO]:
    """Yield a UTF-8 text file to write to, which comes to be whole or not at all."""
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        yield file


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
