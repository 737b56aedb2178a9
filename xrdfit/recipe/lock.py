"""``recipe.lock.toml``: every default spelled out, what was read, and which versions computed."""

from __future__ import annotations

import hashlib
import os
import platform
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tomli_w

from xrdfit import __version__
from xrdfit.crystal import Phase
from xrdfit.data import Drift, RefineSettings, ScanStack
from xrdfit.echem import cycler_files
from xrdfit.errors import DataError, Problem
from xrdfit.io import TIMES_WORDS, expand_files
from xrdfit.model import Background, Instrument, ParameterSpec, default_scope, parameter_table
from xrdfit.recipe.job import Job
from xrdfit.recipe.load import Recipe
from xrdfit.recipe.measurement import TimesTable

LOCK = "recipe.lock.toml"
_PACKAGES = ("gemmi", "h5py", "lmfit", "numba", "numpy", "pydantic", "scipy")


def package_versions() -> dict[str, str]:
    """Versions of xrdfit, Python and the packages that results depend on."""
    packages = {name: version(name) for name in _PACKAGES}
    return {"xrdfit": __version__, "python": platform.python_version(), **packages}


def locked_tables(
    recipe: Recipe,
    stack: ScanStack,
    instrument: Instrument,
    phases: tuple[Phase, ...],
    background: Background,
    settings: RefineSettings,
) -> dict[str, Any]:
    """The recipe's tables with every default filled in, and under ``lock`` what they were applied to."""
    tables = recipe.tables.model_dump(exclude_none=True)
    tables["instrument"] |= {
        "detector": instrument.detector,
        "lines": [list(line) for line in instrument.lines],
        "goniometer_radius_mm": instrument.goniometer_radius_mm,
        "equatorial_divergence": instrument.equatorial_divergence,
    }
    if instrument.profile is not None:
        names = instrument.profile.__slots__
        tables["instrument"]["profile"] = {name: getattr(instrument.profile, name) for name in names}
    kept = {phase.name for phase in phases}
    tables["phase"] = [table for table in tables["phase"] if table["name"] in kept]
    for table, phase in zip(tables["phase"], phases, strict=True):
        table |= {"space_group": phase.group.name, "cell": phase.cell.lengths_angles.tolist()}
        table |= {} if phase.color is None else {"color": phase.color}
    specs = parameter_table(instrument, phases, background)
    said = tables["refine"]["parameters"]
    tables["refine"]["intensities"] = settings.intensities
    tables["refine"]["scope"] = {spec.name: _scope(spec, settings) for spec in specs}
    tables["refine"]["parameters"] = {
        spec.name: {"value": spec.default, "min": spec.lower, "max": spec.upper} | said.get(spec.name, {})
        for spec in specs
    }
    tables["lock"] = {
        "recipe_sha256": recipe.hash,
        "n_scans": len(stack),
        "versions": package_versions(),
        "inputs": {_relative(path, recipe.directory): _sha256(path) for path in _inputs(recipe)},
    }
    return tables


def _scope(spec: ParameterSpec, settings: RefineSettings) -> str | dict[str, str | int]:
    scope = settings.scope.get(spec.name, default_scope(spec, settings.mode))
    if scope != "drift":
        return scope
    drift = settings.drift.get(spec.name, Drift())
    return {"scope": scope, "knots": drift.knots} if drift.knots else {"scope": scope, "order": drift.order}


def lock_text(job: Job) -> str:
    """The text of ``recipe.lock.toml``."""
    return tomli_w.dumps(job.locked)


def parse_lock(text: str, *, path: Path) -> dict[str, Any]:
    """The tables of a ``recipe.lock.toml``.

    Raises
    ------
    DataError
        It is no TOML: cut short or edited.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(
            Problem(
                code="E116",
                what="the results are damaged",
                where=str(path),
                found=str(error),
                todo="refine again with --fresh",
            )
        ) from error


def _inputs(recipe: Recipe) -> list[Path]:
    tables, base = recipe.tables, recipe.directory
    named = [tables.instrument.file, tables.background.file, *(phase.cif for phase in tables.phase)]
    times = tables.data.times.source if isinstance(tables.data.times, TimesTable) else tables.data.times
    if isinstance(times, str) and times not in TIMES_WORDS:
        named.append(times)
    records = [] if tables.cycler is None else cycler_files(tables.cycler.file, base=base)
    return [*expand_files(tables.data.files, base=base), *(base / name for name in named if name is not None), *records]


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
