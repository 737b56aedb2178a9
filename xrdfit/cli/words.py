"""Words of the command line: those that stand for one of a few things, and how scans are counted."""

from __future__ import annotations

from collections.abc import Sequence

from xrdfit.cli.problems import input_error
from xrdfit.recipe.mistakes import nearest


def one_of(option: str, word: str, choices: Sequence[str]) -> None:
    """Refuse a word that is not among the choices.

    Raises
    ------
    InputError
        Naming the nearest of them.
    """
    if word not in choices:
        raise input_error(
            "E198",
            "not one of the choices",
            where=option,
            found=f"found {word!r} against {', '.join(choices)}",
            todo=nearest(word, choices),
        )


def counted(scans: int) -> str:
    """How many scans, in words.

    >>> counted(1), counted(2)
    ('1 scan', '2 scans')
    """
    return f"{scans} {'scan' if scans == 1 else 'scans'}"
