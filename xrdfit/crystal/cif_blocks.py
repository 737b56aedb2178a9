"""The plain contents of a CIF, for readers of measured patterns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gemmi

from xrdfit.errors import DataError, Problem


@dataclass(frozen=True, slots=True)
class CifBlock:
    """One ``data_`` block.

    Attributes
    ----------
    values : by tag in small letters: one text for a pair, all of its column for a tag of a loop; quotes taken off.
    """

    name: str
    values: Mapping[str, tuple[str, ...]]


def read_cif_blocks(text: str, *, source: str) -> tuple[CifBlock, ...]:
    """All blocks of a CIF.

    Raises
    ------
    DataError
        The text is no CIF, or is cut short.
    """
    try:
        document = gemmi.cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        problem = Problem(
            code="E117",
            what="the CIF is cut short or damaged",
            where=source,
            found=" ".join(str(error).split()),
            todo="download or export it again",
        )
        raise DataError(problem) from None
    return tuple(CifBlock(block.name, _values(block)) for block in document)


def _values(block: gemmi.cif.Block) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for item in block:
        pair: Any = item.pair
        if pair is not None:
            values[pair[0].lower()] = (gemmi.cif.as_string(pair[1]),)
        elif item.loop is not None:
            loop, width = item.loop, item.loop.width()
            for place, name in enumerate(loop.tags):
                values[name.lower()] = tuple(map(gemmi.cif.as_string, loop.values[place::width]))
    return values
