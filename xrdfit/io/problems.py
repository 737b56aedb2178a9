"""The mistakes found in measured files and results directories, each with its code."""

from __future__ import annotations

from enum import StrEnum

from xrdfit.errors import DataError, Problem


class Code(StrEnum):
    """What ``xrdfit explain`` looks up; one code a kind of mistake."""

    MISSING = "E101"
    EMPTY = "E102"
    NO_MATCH = "E103"
    UNSUPPORTED_FORMAT = "E104"
    COLUMNS = "E105"
    NOT_A_NUMBER = "E106"
    TWO_THETA_ORDER = "E107"
    TOO_FEW_POINTS = "E108"
    SIGMA = "E109"
    DECIMAL_COMMA = "E110"
    HDF5_UNREADABLE = "E111"
    NO_SIGNAL = "E112"
    SHAPE = "E113"
    UNITS = "E114"
    TIMES = "E115"
    RESULTS = "E116"
    DAMAGED = "E117"
    LIMIT = "E118"
    NOT_FOLLOWED = "E119"
    BUSY = "E170"
    LOST = "E175"


def data_error(code: Code, what: str, *, where: object, found: str, todo: str) -> DataError:
    """A `DataError` with one problem, ready to be raised."""
    return DataError(Problem(code=code.value, what=what, where=str(where), found=found, todo=todo))
