"""The instrument of a recipe: its table, and the file of a calibration that stands behind it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from xrdfit.data import JointPrior, ParameterOverride, RefineSettings, ScopeName
from xrdfit.errors import Problem, RecipeError
from xrdfit.io import small_file
from xrdfit.model import Contaminant, Instrument, InstrumentProfile
from xrdfit.model.emission import ContaminantName, Emission
from xrdfit.model.instrument import Geometry
from xrdfit.recipe.basics import Number, Table, Text
from xrdfit.recipe.measurement import InstrumentTable, ProfileTable, Radiation
from xrdfit.recipe.mistakes import Code, mistake, problems_of
from xrdfit.recipe.toml_text import parse_toml

# What a recipe may say differently from its instrument file.
_TAKEN_OVER = (
    "geometry",
    "radiation",
    "wavelength",
    "emission",
    "contaminants",
    "goniometer_radius_mm",
    "equatorial_divergence",
)
# What a calibration finds of the sample, and not of the instrument.
_OF_THE_SAMPLE = ("sample_displacement", "capillary_parallel", "standard_")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentChoice:
    """The instrument, and what is known of its parameters if they are to be refined."""

    instrument: Instrument
    prior: JointPrior | None = None


class _CalibratedTable(BaseModel):
    """``[instrument]`` of an instrument file; what other versions write beside it is passed over."""

    geometry: Geometry = "bragg-brentano"
    radiation: Radiation | None = None
    wavelength: Annotated[Number, Field(ge=0.05, le=3.0)] | None = None
    emission: Emission = "doublet"
    contaminants: tuple[ContaminantName, ...] = ()
    goniometer_radius_mm: Number = Field(default=217.5, gt=0)
    equatorial_divergence: Number = Field(default=0.0, ge=0, le=5)
    zero_shift: Annotated[Number, Field(ge=-1, le=1)] = 0.0
    profile: ProfileTable


class _CovarianceTable(Table):
    names: list[Text]
    matrix: list[list[Number]]


class _ParameterTable(Table):
    value: Number
    unit: str = ""
    esd: Number | None = Field(default=None, ge=0)


def choose_instrument(table: InstrumentTable, base: Path) -> InstrumentChoice:
    """The instrument that a recipe describes; what it leaves out, its instrument file says.

    Raises
    ------
    RecipeError
        If the file cannot be read or contradicts the recipe.
    """
    if table.file is None:
        return InstrumentChoice(instrument=_instrument(table, table.profile, 0.0))
    path = base / table.file
    raw = _read(path)
    file = _calibrated(raw, path)
    _refuse_contradictions(table, file, path)
    said = {
        key: getattr(file, key)
        for key in _TAKEN_OVER
        if key in file.model_fields_set and key not in table.model_fields_set
    }
    whole = table.model_copy(update=said)
    if whole.radiation is None and whole.wavelength is None:
        raise RecipeError(
            mistake(
                Code.MISSING_KEY,
                "the radiation is missing",
                where="instrument.radiation",
                found=f"neither in the recipe nor in {path.name}",
                todo="add radiation, or wavelength in Å",
            )
        )
    instrument = _instrument(whole, file.profile, file.zero_shift)
    return InstrumentChoice(instrument=instrument, prior=_prior(raw, path) if table.use == "prior" else None)


def with_prior(settings: RefineSettings, choice: InstrumentChoice) -> RefineSettings:
    """Settings under which what the prior speaks of is refined once for the series, unless the recipe says otherwise.

    Raises
    ------
    RecipeError
        In sequential mode, which has no priors.
    """
    prior = choice.prior
    if prior is None:
        return settings
    if settings.mode == "sequential":
        raise RecipeError(
            mistake(
                Code.CONFLICT,
                "a prior needs the joint fit of the series",
                where="instrument.use",
                found="found 'prior' in sequential mode",
                todo='write mode = "series", or use = "fixed"',
            )
        )
    scope: dict[str, ScopeName] = {name: "series" for name in prior.names}
    scope.update(settings.scope)
    overrides = dict(settings.overrides)
    if "axial_sample" in prior.names and "axial_detector" not in prior.names:
        # The calibration had them tied.
        overrides.setdefault("axial_detector", ParameterOverride(expr="axial_sample"))
    return replace(settings, joint_prior=prior, scope=scope, overrides=overrides)


def _instrument(table: InstrumentTable, profile: ProfileTable | None, zero_shift: float) -> Instrument:
    rest: dict[str, Any] = {
        "geometry": table.geometry,
        "goniometer_radius_mm": table.goniometer_radius_mm,
        "equatorial_divergence": table.equatorial_divergence,
        "zero_shift": zero_shift,
        "profile": None if profile is None else InstrumentProfile(**profile.model_dump()),
        "monochromator_two_theta": table.monochromator_two_theta,
        "polarization": table.polarization,
        "detector": table.detector or ("point" if table.geometry == "bragg-brentano" else "area"),
    }
    if table.radiation is None:
        return Instrument(lines=((table.wavelength or 0.0, 1.0),), **rest)
    others = tuple(Contaminant.of(name, table.radiation) for name in table.contaminants)
    return Instrument.k_alpha(table.radiation, emission=table.emission, contaminants=others, **rest)


def _read(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(small_file(path).decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            mistake(
                Code.NOT_TOML,
                "the instrument file cannot be read",
                where=str(path),
                found=str(error.strerror if isinstance(error, OSError) else error),
                todo="give a file that xrdfit calibrate wrote",
            )
        ) from None


def _calibrated(raw: dict[str, Any], path: Path) -> _CalibratedTable:
    """The table ``[instrument]`` of the file, or the file as that table."""
    table = raw.get("instrument", raw)
    if not isinstance(table, dict) or not isinstance(table.get("profile"), dict):
        raise RecipeError(
            mistake(
                Code.MISSING_KEY,
                "the instrument file has no profile",
                where=str(path),
                found=f"{', '.join(raw) or 'nothing'} against [instrument.profile]",
                todo="add the table with u, v, w",
            )
        )
    try:
        return _CalibratedTable.model_validate(table)
    except ValidationError as error:
        raise _wrong(error, table, path) from None


def _wrong(error: ValidationError, table: dict[str, Any], path: Path) -> RecipeError:
    places: dict[str, type[BaseModel]] = {"": _CalibratedTable, "profile": ProfileTable}
    found: list[Problem] = []
    for details in error.errors():
        found += problems_of(details, table, places)
    return RecipeError(*(replace(problem, where=f"{path.name}: {problem.where}") for problem in found))


def _refuse_contradictions(table: InstrumentTable, file: _CalibratedTable, path: Path) -> None:
    found = []
    said = (
        ("radiation", (table.radiation, table.wavelength), (file.radiation, file.wavelength)),
        ("emission", _if_said(table, "emission"), _if_said(file, "emission")),
        ("geometry", _if_said(table, "geometry"), _if_said(file, "geometry")),
        # Its divergences and displacement are those over this radius.
        ("goniometer_radius_mm", _if_said(table, "goniometer_radius_mm"), _if_said(file, "goniometer_radius_mm")),
    )
    for key, here, there in said:
        if here != there and any(here) and any(there):
            one, other = (next(value for value in side if value) for side in (here, there))
            found.append(
                mistake(
                    Code.CONFLICT,
                    "recipe and instrument file differ",
                    where=f"instrument.{key}",
                    found=f"found {one!r} against {other!r} in {path.name}",
                    todo="remove it from the recipe, or calibrate again",
                )
            )
    if found:
        raise RecipeError(*found)


def _if_said(table: BaseModel, key: str) -> tuple[Any, ...]:
    return (getattr(table, key) if key in table.model_fields_set else None,)


def _prior(raw: dict[str, Any], path: Path) -> JointPrior:
    """What the calibration says of the instrument, the sample's own parameters integrated over."""
    calibration = raw.get("calibration", {})
    try:
        covariance = _CovarianceTable.model_validate(calibration.get("covariance", {}))
        listed = calibration.get("parameters", {})
        values = {name: _ParameterTable.model_validate(listed[name]).value for name in covariance.names}
        matrix = np.array(covariance.matrix, dtype=np.float64)
        own = [i for i, name in enumerate(covariance.names) if not name.startswith(_OF_THE_SAMPLE)]
        if matrix.shape != (len(covariance.names),) * 2 or not own:
            raise ValueError("names and matrix do not belong together")
        block = matrix[np.ix_(own, own)]
        np.linalg.cholesky(block)
    except (ValidationError, KeyError, AttributeError, ValueError, np.linalg.LinAlgError):
        raise RecipeError(
            mistake(
                Code.MISSING_KEY,
                "the instrument file has no covariance",
                where=str(path),
                found="none, or one changed by hand, against [calibration.covariance] with the names of "
                "[calibration.parameters] and a positive matrix",
                todo='calibrate again, or write use = "fixed"',
            )
        ) from None
    names = tuple(covariance.names[i] for i in own)
    return JointPrior(names=names, mean=np.array([values[name] for name in names]), covariance=block)
