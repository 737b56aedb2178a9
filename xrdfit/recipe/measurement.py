"""The tables ``[data]`` and ``[instrument]``: what was measured, and with what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from xrdfit.data import BadScans, DateOrder, Weights, instant_or_none
from xrdfit.errors import Problem
from xrdfit.io import ColumnName
from xrdfit.model import HOELZER_ELEMENTS, K_ALPHA
from xrdfit.model.emission import ContaminantName, Emission
from xrdfit.model.instrument import Detector, Geometry
from xrdfit.recipe.basics import Number, Span, Table, Text
from xrdfit.recipe.mistakes import Code, mistake, refuse

Radiation = Literal["Cu", "Mo", "Co", "Ag", "Cr", "Fe"]


class TimesTable(Table):
    """``times = { start = ..., interval_s = ... }``, or ``{ source = "header", time_zone = "Europe/Berlin" }``."""

    start: (
        Annotated[datetime, BeforeValidator(lambda v: instant_or_none(v) or v if isinstance(v, str) else v)] | None
    ) = None
    interval_s: Annotated[Number, Field(gt=0)] | None = None
    source: Text | None = None
    time_zone: Text | None = None
    dates: DateOrder | None = None

    @model_validator(mode="after")
    def _a_clock_or_a_source(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        for one, other in (("start", "interval_s"), ("interval_s", "start")):
            if getattr(self, one) is not None and getattr(self, other) is None:
                yield mistake(
                    Code.MISSING_KEY,
                    f"{other} is missing",
                    where=other,
                    found=f"{one} alone",
                    todo=f"add {other}",
                )
        if self.source is not None and self.start is not None:
            yield mistake(
                Code.CONFLICT,
                "source and start exclude each other",
                where="source",
                found="found both against one of them",
                todo="remove one",
            )


def _kind_of_times(value: object) -> str:
    return "text" if isinstance(value, str) else "table"


class DataTable(Table):
    """``[data]``."""

    files: Annotated[list[Text], Field(min_length=1), BeforeValidator(lambda v: [v] if isinstance(v, str) else v)]
    dataset: Text | None = None
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=2)] | None = None
    range: Span | None = None
    exclude: tuple[Span, ...] = ()
    weights: Weights = "auto"
    bad_scans: BadScans = "leave-out"
    times: Annotated[
        Annotated[Text, Tag("text")] | Annotated[TimesTable, Tag("table")], Discriminator(_kind_of_times)
    ] = "header"
    allow: tuple[Literal["external-links", "hdf5-plugins"], ...] = ()

    @model_validator(mode="after")
    def _columns_and_spans_make_sense(self) -> Self:
        refuse(column_problems(self.columns))
        spans = [("range", self.range)] if self.range else []
        spans += [(f"exclude[{i}]", span) for i, span in enumerate(self.exclude)]
        refuse(problem for where, span in spans for problem in _span_problems(where, span, self.range))
        return self


def column_problems(columns: tuple[str, ...] | None) -> Iterator[Problem]:
    """Columns of a text file that make no pattern."""
    for name in ("two_theta", "intensity", "sigma"):
        count = 1 if columns is None else columns.count(name)
        if count > 1 or (count == 0 and name != "sigma"):
            yield mistake(
                Code.MISSING_KEY if count == 0 else Code.CONFLICT,
                f"{name} is missing" if count == 0 else f"two columns are {name}",
                where="columns",
                found=f"found {', '.join(columns or ())} against two_theta, intensity and perhaps sigma, each once",
                todo='name the columns from left to right, with "-" for one that is not wanted',
            )


def _span_problems(where: str, span: Span, limits: Span | None) -> Iterator[Problem]:
    low, high = span
    if not low < high:
        todo = f"write [{high:g}, {low:g}]" if high < low else "give two different angles"
        yield mistake(
            Code.OUT_OF_RANGE,
            "limits are reversed",
            where=where,
            found=f"found [{low:g}, {high:g}] against low, high",
            todo=todo,
        )
    elif low < 0.0 or high > 180.0:
        yield mistake(
            Code.OUT_OF_RANGE,
            "limits are no 2theta",
            where=where,
            found=f"found [{low:g}, {high:g}] against 0 to 180 deg",
            todo="give 2theta in deg",
        )
    elif limits and limits[0] < limits[1] and (high <= limits[0] or low >= limits[1]):
        yield mistake(
            Code.OUT_OF_RANGE,
            "excluded part lies outside the range",
            where=where,
            found=f"found [{low:g}, {high:g}] against [{limits[0]:g}, {limits[1]:g}]",
            todo="remove or correct it",
        )


class ProfileTable(Table):
    """``[instrument.profile]``: deg^2 and deg."""

    u: Number
    v: Number
    w: Number
    lorentz_size: Number = Field(default=0.0, ge=0)
    lorentz_strain: Number = Field(default=0.0, ge=0)
    axial_sample: Number = Field(default=0.0, ge=0, le=0.2)
    axial_detector: Number = Field(default=0.0, ge=0, le=0.2)
    axial_soller: Number = Field(default=0.0, ge=0, le=10)


class InstrumentTable(Table):
    """``[instrument]``."""

    geometry: Geometry = "bragg-brentano"
    radiation: Radiation | None = None
    wavelength: Number | None = None
    emission: Emission = "doublet"
    contaminants: tuple[ContaminantName, ...] = ()
    goniometer_radius_mm: Number = Field(default=217.5, gt=0)
    equatorial_divergence: Number = Field(default=0.0, ge=0, le=5)
    monochromator_two_theta: Annotated[Number, Field(gt=0, lt=180)] | None = None
    polarization: Annotated[Number, Field(ge=0, le=1)] | None = None
    detector: Detector | None = None
    file: Text | None = None
    use: Literal["fixed", "prior"] = "fixed"
    profile: ProfileTable | None = None

    @model_validator(mode="after")
    def _one_source_one_polarization_one_profile(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        tubes = ", ".join(K_ALPHA)
        if self.use == "prior" and self.file is None:
            yield mistake(
                Code.CONFLICT,
                "a prior comes from a calibration",
                where="use",
                found="found 'prior' without file",
                todo='add file = "instrument.toml" from xrdfit calibrate',
            )
        if self.wavelength is not None:
            for key in ("emission", "contaminants"):
                if key in self.model_fields_set:
                    yield mistake(
                        Code.CONFLICT,
                        f"{key} belongs to a tube",
                        where=key,
                        found="found it with wavelength",
                        todo="remove it, or give radiation",
                    )
        if self.emission == "hoelzer" and self.radiation is not None and self.radiation not in HOELZER_ELEMENTS:
            yield mistake(
                Code.NOT_A_CHOICE,
                "no measured emission profile",
                where="emission",
                found=f"found {self.radiation} against {', '.join(HOELZER_ELEMENTS)}",
                todo='write emission = "doublet"',
            )
        if self.radiation is None and self.wavelength is None and self.file is None:
            yield mistake(
                Code.MISSING_KEY,
                "the radiation is missing",
                where="radiation",
                found="neither radiation nor wavelength",
                todo=f"add radiation (one of {tubes}) or wavelength in Å",
            )
        if self.wavelength is not None and not 0.05 <= self.wavelength <= 3.0:
            yield mistake(
                Code.OUT_OF_RANGE,
                "implausible wavelength",
                where="wavelength",
                found=f"found {self.wavelength:g} against 0.05 to 3 Å",
                todo="give it in Å (12.398 / energy in keV)",
            )
        for one, other in (
            ("radiation", "wavelength"),
            ("monochromator_two_theta", "polarization"),
            ("file", "profile"),
        ):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                yield mistake(
                    Code.CONFLICT,
                    f"{one} and {other} exclude each other",
                    where=other,
                    found="found both against one of them",
                    todo="remove one",
                )
