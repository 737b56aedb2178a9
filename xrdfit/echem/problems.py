"""The mistakes found in cycler records, each with its code."""

from __future__ import annotations

from enum import StrEnum

from xrdfit.errors import DataError, Problem


class Code(StrEnum):
    """What ``xrdfit explain`` looks up; one code a kind of mistake."""

    DATES = "E115"
    FILE = "E142"
    FORMAT = "E143"
    EXTRA = "E144"
    COLUMNS = "E145"
    NUMBER = "E146"
    IMPLAUSIBLE = "E147"
    TIMES = "E148"
    CLOCKS = "E149"
    PULSES = "E193"


def cycler_error(code: Code, what: str, *, where: object, found: str, todo: str) -> DataError:
    """A `DataError` with one problem, ready to be raised."""
    return DataError(Problem(code=code.value, what=what, where=str(where), found=found, todo=todo))
