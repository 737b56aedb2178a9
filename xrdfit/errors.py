"""Every exception that xrdfit raises on purpose.

::

    XrdfitError
    ├── InputError        what the user gave cannot be used (exit code 2)
    │   ├── RecipeError   a mistake in the recipe
    │   ├── DataError     a pattern, stack or table that cannot be read as one
    │   ├── CrystalError  a cell, space group or CIF that makes no sense
    │   └── LostInputError  a file that has changed or gone since the run began
    └── NoResultError     not one scan could be fitted (exit code 3)

A scan that cannot be fitted is an outcome, not an exception: see `xrdfit.data.Outcome`.
"""

from __future__ import annotations

from dataclasses import dataclass

# Letters of each part of a message: whoever reads it needs no more of a damaged file.
_MOST_SAID = 2000
# Spaces that are no mere blanks, but do no harm on a terminal.
_SPACES = "\u00a0\u2009\u202f"


def in_one_line(text: str) -> str:
    r"""A text from a file, or a name of one, as it may go to a terminal: what would act there is written out.

    >>> in_one_line("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(c if c.isprintable() or c in _SPACES else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, as the user is told it.

    Printed as ``CODE what · where · found against expected · what to do``.
    """

    code: str
    what: str
    where: str
    found: str
    todo: str

    def __str__(self) -> str:
        parts = (self.what, self.where, self.found, self.todo)
        said = " · ".join(part if len(part) <= _MOST_SAID else f"{part[:_MOST_SAID]} …" for part in parts)
        return in_one_line(f"{self.code} {said}")


class XrdfitError(Exception):
    """Base of all deliberate exceptions."""

    exit_code = 1


class InputError(XrdfitError):
    """Input that cannot be used; carries one `Problem` or several."""

    exit_code = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class RecipeError(InputError):
    """The recipe says something that cannot be done."""


class DataError(InputError):
    """A measured file that cannot be used."""


class CrystalError(InputError):
    """A cell, space group or CIF that makes no sense."""


class LostInputError(InputError):
    """A file is not what it was when the run began: what was done before holds, if it comes back."""


class NoResultError(XrdfitError):
    """Not one scan of the series could be fitted; what is told of it, beside its text."""

    exit_code = 3
    code = "E400"
    what = "no result"
    todo = "see xrdfit check, and look at the patterns"
