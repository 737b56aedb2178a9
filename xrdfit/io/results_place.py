"""Where results are written before they are whole, and how they come to their place: all of them, or none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xrdfit.io.atomic import sync
from xrdfit.io.journal import Journal
from xrdfit.io.series_file import SERIES_FILE


class ResultsPlace:
    """A results directory in the making; all that is unfinished lies hidden beside it.

    `publish` makes what has been written outlive a power cut and says so by giving it another name. From there on it
    is complete, and if this program does not live to bring it to its place, the next one does (`settle`). Of what is
    there, only xrdfit's own is replaced.

    Parameters
    ----------
    target : the results directory.
    own : names in it that are xrdfit's.
    """

    def __init__(self, target: Path, own: Sequence[str]) -> None:
        self.target = target.resolve()
        self._own = own
        self._work, self._complete, self._arriving, self._replaced, self._journal = (
            self.target.with_name(f".{self.target.name}.{word}")
            for word in ("unfinished", "complete", "arriving", "replaced", "journal")
        )

    @property
    def is_begun(self) -> bool:
        """Whether a run was begun here that has not come to its end, or is at work."""
        return any(path.exists() for path in (self._journal, self._complete, self._arriving))

    @property
    def way_on(self) -> str:
        """What to do when the system has refused to write."""
        if self._complete.exists():
            return f"all results are in {self._complete}; allow it, and --resume brings them to their place"
        return "allow it or make room, then go on with --resume"

    @contextmanager
    def journal(self) -> Iterator[Journal]:
        """The journal of the run, which keeps other runs away; what is complete is brought to its place first.

        Raises
        ------
        DataError
            Another run is at work here.
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with Journal(self._journal) as journal:
            try:
                self.settle()
                yield journal
            finally:
                if journal.lineage is None:
                    journal.remove()

    @contextmanager
    def writing(self) -> Iterator[Path]:
        """A new directory to write results to; it is gone after the block unless they were published."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        try:
            yield self._work
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def publish(self) -> None:
        """Declare what has been written complete and bring it to its place."""
        for path in (*self._work.rglob("*"), self._work):
            sync(path)
        self._work.rename(self._complete)
        self.settle()

    def settle(self) -> None:
        """Bring complete results to their place, however far they have got.

        Raises
        ------
        OSError
            The place refuses them: they stay beside it, and what was there stays there.
        """
        if self._complete.exists():
            if not self.target.exists():
                self._complete.rename(self.target)
            else:
                self._make_room()
        if self._arriving.exists():
            self._move_in()
        if self.target.exists():
            sync(self.target.parent)
        shutil.rmtree(self._replaced, ignore_errors=True)

    def _make_room(self) -> None:
        self._replaced.mkdir(exist_ok=True)
        try:
            for name in self._own:
                if (self.target / name).exists():
                    shutil.move(self.target / name, self._replaced / name)
            self._complete.rename(self._arriving)
        except BaseException:
            self._put_back()
            raise

    def _move_in(self) -> None:
        # By the last of them one sees that results are there.
        names = sorted((path.name for path in self._arriving.iterdir()), key=lambda name: (name == SERIES_FILE, name))
        try:
            for name in names:
                shutil.move(self._arriving / name, self.target / name)
            self._arriving.rmdir()
        except BaseException:
            for name in self._own:
                if (self.target / name).exists():
                    shutil.move(self.target / name, self._arriving / name)
            self._arriving.rename(self._complete)
            self._put_back()
            raise

    def _put_back(self) -> None:
        for path in sorted(self._replaced.iterdir()):
            shutil.move(path, self.target / path.name)
        self._replaced.rmdir()
