"""The table ``[fractions]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from xrdfit.data import Amount, FractionMethod
from xrdfit.errors import Problem
from xrdfit.recipe.basics import Table, Whole
from xrdfit.recipe.mistakes import Code, mistake, refuse


class FractionsTable(Table):
    """``[fractions]``: how mole fractions follow from the scales."""

    method: FractionMethod = "auto"
    anchor: dict[str, Annotated[Whole, Field(ge=0)]] = Field(default_factory=dict)
    amount: Amount = "drifting"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if self.method == "anchored" and not self.anchor:
            yield mistake(
                Code.MISSING_KEY,
                "the anchor is missing",
                where="anchor",
                found="nothing against a phase and the scan in which it is pure",
                todo="add anchor = { NAME = 0 }, or choose another method",
            )
        if self.anchor and self.method in ("conservation", "structure"):
            yield mistake(
                Code.CONFLICT,
                "the method needs no anchor",
                where="anchor",
                found=f"found an anchor with {self.method} against auto or anchored",
                todo="remove the anchor, or choose one of those",
            )
        scans = list(self.anchor.values())
        for index, (name, scan) in enumerate(self.anchor.items()):
            if scan in scans[:index]:
                yield mistake(
                    Code.CONFLICT,
                    "two phases are pure in one scan",
                    where=f"anchor.{name}",
                    found=f"found scan {scan} again, as for {list(self.anchor)[scans.index(scan)]}",
                    todo="correct the scan, or remove one",
                )
