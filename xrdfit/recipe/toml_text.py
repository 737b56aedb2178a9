"""TOML from strangers: the parser of the standard library takes no limits."""

from __future__ import annotations

import re
import tomllib
from typing import Any

# More keys in a row than any table has; time goes with the square of their number.
_TOO_DEEP = re.compile(r"[\w\"'-](?:\s*\.\s*[\w\"'-]+){32}")


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a document.

    Raises
    ------
    tomllib.TOMLDecodeError
        No TOML, or tables and lists within each other beyond all measure.
    """
    if found := _TOO_DEEP.search(text):
        raise tomllib.TOMLDecodeError(f"too many keys in a row: {found[0][:40]} …")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("lists or tables too deep within each other") from None
