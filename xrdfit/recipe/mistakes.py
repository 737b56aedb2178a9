"""The mistakes found in a recipe, each with its code, place and the nearest thing that would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticCustomError

from xrdfit.errors import Problem


class Code(StrEnum):
    """What ``xrdfit explain`` looks up; one code a kind of mistake."""

    NO_RECIPE = "E150"
    NOT_TOML = "E151"
    UNKNOWN_KEY = "E152"
    MISSING_KEY = "E153"
    WRONG_TYPE = "E154"
    NOT_A_CHOICE = "E155"
    OUT_OF_RANGE = "E156"
    CONFLICT = "E157"
    BAD_NAME = "E158"
    NOTHING_IN_RANGE = "E160"
    UNKNOWN_PARAMETER = "E161"
    TOO_MANY_LINES = "E162"


def mistake(code: Code, what: str, *, where: str = "", found: str, todo: str) -> Problem:
    """A problem whose place is relative to the table or key that is being checked."""
    return Problem(code=code.value, what=what, where=where, found=found, todo=todo)


def refuse(problems: Iterable[Problem]) -> None:
    """Within a pydantic validator: turn problems, if there are any, into one error of this place."""
    found = list(problems)
    if found:
        raise PydanticCustomError("mistakes", "{count} mistakes", {"count": len(found), "problems": found})


def nearest(word: str, choices: Iterable[str]) -> str:
    """What to do about a word that is not among the choices."""
    known = list(choices)
    folded = {choice.lower(): choice for choice in known}
    near = difflib.get_close_matches(word.lower(), folded, n=1)
    return f"did you mean {folded[near[0]]}?" if near else f"known are {', '.join(known)}"


def located(prefix: str, problem: Problem) -> Problem:
    """The problem with its relative place put behind a prefix."""
    joint = "." if prefix and problem.where and not problem.where.startswith("[") else ""
    return replace(problem, where=f"{prefix}{joint}{problem.where}")


def problems_of(error: ErrorDetails, raw: Mapping[str, Any], tables: Mapping[str, type[BaseModel]]) -> list[Problem]:
    """One pydantic error as the user is told it.

    Parameters
    ----------
    raw : the TOML document, which tells real places from the branches of a union.
    tables : model by place, as in ``phase[].reference``, to find the nearest known key.
    """
    steps = _steps(error, raw)
    place = _written(steps)
    kind, context = error["type"], error.get("ctx", {})
    value = repr(error["input"])[:60]
    if kind == "mistakes":
        return [located(place, problem) for problem in context["problems"]]
    if kind == "extra_forbidden":
        return [_unknown_key(place, _table(steps), tables)]
    if kind == "missing":
        key = place.rsplit(".", 1)[-1]
        known = "a table" if place in tables or f"{place}[]" in tables else "a value"
        return [
            mistake(
                Code.MISSING_KEY, f"{key} is missing", where=place, found=f"nothing against {known}", todo=f"add {key}"
            )
        ]
    if kind == "literal_error":
        choices = _choices(error)
        todo = nearest(str(error["input"]), choices)
        found = f"found {value} against {', '.join(choices)}"
        return [mistake(Code.NOT_A_CHOICE, "not one of the choices", where=place, found=found, todo=todo)]
    expected = _EXPECTED.get(kind, error["msg"]).format_map(context)
    todo = "write [[phase]] with double brackets" if place == "phase" else "correct the value"
    if kind == "model_type" and place in tables:
        todo = f"write [{place}], and below it what is to be said"
    code = Code.OUT_OF_RANGE if kind in _RANGE_KINDS else Code.WRONG_TYPE
    what = "value out of range" if code is Code.OUT_OF_RANGE else "value of the wrong kind"
    return [mistake(code, what, where=place, found=f"found {value} against {expected}", todo=todo)]


def _choices(error: ErrorDetails) -> list[str]:
    """The words that a ``literal_error`` would have taken."""
    return [choice.strip("' ") for choice in error["ctx"]["expected"].replace(" or ", ", ").split(",")]


# Tables whose keys are names of parameters.
_NAMED_AT_WILL = ("refine.scope.", "refine.parameters.")
# From which likeness on a key is taken for another, or for one of another table if it is by so much less like its own.
_LEAST_LIKENESS = 0.6
_ALMOST, _CLEARLY = 0.9, 0.15
_RANGE_KINDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "too_short", "too_long")
_DATE = "a date and time such as 2026-05-02T09:14:00+02:00"
_EXPECTED = {
    "greater_than": "> {gt}",
    "greater_than_equal": ">= {ge}",
    "less_than": "< {lt}",
    "less_than_equal": "<= {le}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a table",
    "dict_type": "a table",
    "datetime_type": _DATE,
    "datetime_parsing": _DATE,
    "datetime_from_date_parsing": _DATE,
}


def mend(error: ErrorDetails, raw: dict[str, Any], tables: Mapping[str, type[BaseModel]]) -> str:
    """Put the nearest known word for an unknown one, remove any other wrong value; return the place that is gone."""
    steps = _steps(error, raw)
    if error["type"] == "missing" or (error["type"] == "mistakes" and not _written(steps).startswith(_NAMED_AT_WILL)):
        return ""
    last_key = max((i for i, step in enumerate(steps) if isinstance(step, str)), default=0)
    holder: Any = raw
    for step in steps[:last_key]:
        holder = holder[step]
    value = holder.pop(steps[last_key], None)
    if error["type"] == "extra_forbidden":
        key, table = str(steps[last_key]), _table(steps)
        near = difflib.get_close_matches(key.lower(), list(tables[table].model_fields), n=1)
        if near and _home(key, table, tables) is None:
            holder.setdefault(near[0], value)
    elif error["type"] == "literal_error":
        near = difflib.get_close_matches(str(value).lower(), _choices(error), n=1)
        if near:
            holder[steps[last_key]] = near[0]
    return _written(steps[: last_key + 1])


def _unknown_key(place: str, table: str, tables: Mapping[str, type[BaseModel]]) -> Problem:
    """Name the nearest key of the table, or the table that has this key."""
    key = place.rsplit(".", 1)[-1]
    known = list(tables[table].model_fields)
    home = _home(key, table, tables)
    todo = nearest(key, known) if home is None else home
    found = f"found {key} against {', '.join(known)}"
    return mistake(Code.UNKNOWN_KEY, "unknown key", where=place, found=found, todo=todo)


def _home(key: str, table: str, tables: Mapping[str, type[BaseModel]]) -> str | None:
    """Where a key belongs that is clearly more like one of another table than like its own; None if it is not."""
    own = max(_likeness(key, name) for name in tables[table].model_fields)
    elsewhere = [
        (_likeness(key, name), name, place)
        for place, model in tables.items()
        if place != table
        for name in model.model_fields
    ]
    like, name, place = max(elsewhere, key=lambda found: found[0])
    if like < _ALMOST or like < max(own, _LEAST_LIKENESS) + _CLEARLY:
        return None
    if name in tables or f"{name}[]" in tables:
        return f"it is a table of its own: {f'[{name}]' if name in tables else f'[[{name}]]'}"
    return f"it belongs in [{place.replace('[]', '')}]" + ("" if name == key else f", as {name}")


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other).ratio()


def _steps(error: ErrorDetails, raw: Mapping[str, Any]) -> list[str | int]:
    """The keys and indices that lead to the mistake, without the branches of unions that pydantic names between."""
    current: Any = raw
    steps: list[str | int] = []
    for position, step in enumerate(error["loc"]):
        is_last = position == len(error["loc"]) - 1
        in_list = isinstance(current, list) and isinstance(step, int) and step < len(current)
        if in_list or (isinstance(current, Mapping) and step in current):
            current = current[step]
        elif not (is_last and error["type"] == "missing"):
            continue
        steps.append(step)
    return steps


def _written(steps: Sequence[str | int]) -> str:
    """``phase[0].cell[0]``."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _table(steps: Sequence[str | int]) -> str:
    """The place of the table that the last step is in, ``[]`` for any index and ``*`` for a name of one's choice."""
    table = "".join("[]" if isinstance(step, int) else f".{step}" for step in steps[:-1]).removeprefix(".")
    for prefix in _NAMED_AT_WILL:
        if table.startswith(prefix):
            return f"{prefix}*"
    return table
