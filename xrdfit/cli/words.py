"""Words of the command line that stand for one of a few things."""

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
