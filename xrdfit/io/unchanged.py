"""Whether a file is still what it was when a run began."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from xrdfit.errors import LostInputError, Problem
from xrdfit.io.problems import Code


@dataclass(frozen=True, slots=True)
class FileState:
    """How long a file is, in bytes; -1 if it is not there.

    Its time of modification is left out, because a worker on another machine may have a copy.
    """

    path: Path
    size: int

    @classmethod
    def now(cls, path: Path) -> FileState:
        """As it is now."""
        try:
            return cls(path, os.stat(path).st_size)
        except OSError:
            return cls(path, -1)

    def check(self, *, open_as: int | None = None) -> None:
        """See that nothing has changed; of a file that is open under this descriptor, that nothing of it is gone.

        Raises
        ------
        LostInputError
            The file is not there any more, or has another length.
        """
        if open_as is not None and os.fstat(open_as).st_size >= self.size:
            return
        now = FileState.now(self.path)
        if now == self:
            return
        raise LostInputError(
            Problem(
                code=Code.LOST,
                what="the file changed while it was read",
                where=str(self.path),
                found=f"{'nothing there' if now.size < 0 else f'{now.size} bytes'} against {self.size} bytes before",
                todo="bring it back and go on with --resume; or begin again when it is complete",
            )
        )
