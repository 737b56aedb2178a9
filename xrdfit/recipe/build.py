"""From the tables of a recipe to the objects that a refinement works with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from xrdfit.crystal import Phase, SpaceGroup, cell_from_values, read_cif
from xrdfit.data import Drift, ParameterOverride, RefineSettings, ScanStack
from xrdfit.errors import InputError, Problem, RecipeError
from xrdfit.io import RegularTimes, check_files, open_stack, read_pattern
from xrdfit.model import Background, Hump, Instrument, MeasuredBackground, parameter_table
from xrdfit.recipe.cycler import electrochemistry
from xrdfit.recipe.fit_check import (
    fit_problems,
    left_out_problems,
    peak_warnings,
    unseen_inert_phases,
    without_parameters,
)
from xrdfit.recipe.fractions import FractionsTable
from xrdfit.recipe.instrument import InstrumentChoice, choose_instrument, with_prior
from xrdfit.recipe.job import Job
from xrdfit.recipe.load import Recipe
from xrdfit.recipe.lock import locked_tables
from xrdfit.recipe.measurement import DataTable, TimesTable
from xrdfit.recipe.mistakes import located
from xrdfit.recipe.phase import PhaseTable
from xrdfit.recipe.refinement import BackgroundTable, RefineTable, ScopeTable
from xrdfit.recipe.setting_check import setting_warnings
from xrdfit.recipe.survey import Survey

# Colours that stay apart for colour-blind eyes (Okabe & Ito 2008), after the red and blue of LFP and FP.
COLORS = ("red", "blue", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000")

_T = TypeVar("_T")


def build_job(recipe: Recipe, *, beside_writer: bool = False) -> Job:
    """Open what a recipe names and make the objects of a refinement.

    Every text file is read once, so that a mistake in the last scan is told before the first is refined.

    beside_writer : another program is writing the HDF5 stack; see `xrdfit.io.Hdf5Stack`.

    Raises
    ------
    InputError
        With one problem for every mistake in files, CIFs and their agreement with each other.
    """
    tables, base = recipe.tables, recipe.directory
    errors: list[InputError] = []
    of_the_rest: list[InputError] = []
    choice, phases, background = _sample_and_instrument(recipe, of_the_rest)
    instrument = None if choice is None else choice.instrument
    survey = Survey()
    stack = _attempt(errors, partial(_stack, tables.data, instrument, base, survey, beside_writer))
    errors += of_the_rest
    cycler = None
    if stack is not None and tables.cycler is not None:
        cycler = _attempt(errors, partial(electrochemistry, tables.cycler, base, stack))
    settings = _settings(tables.data, tables.refine, tables.fractions)
    if choice is not None:
        settings = with_prior(settings, choice)
    warnings: list[Problem] = []
    if stack is not None and instrument is not None and background is not None and not errors:
        problems = fit_problems(stack, instrument, phases, background, settings)
        errors += [RecipeError(*problems)] if problems else []
    if stack is not None and instrument is not None and background is not None and not errors:
        warnings += survey.warnings(stack, instrument, settings.two_theta_range)
        warnings += setting_warnings(phases)
        warnings += peak_warnings(stack, instrument, phases, background, settings)
        unseen = unseen_inert_phases(stack, instrument, phases, settings)
        warnings += unseen.values()
        if unseen:
            seen = tuple(phase for phase in phases if phase.name not in unseen)
            of_all, of_seen = (set(parameter_table(instrument, some, background).names) for some in (phases, seen))
            problems = list(left_out_problems(settings, unseen, of_all - of_seen))
            errors += [RecipeError(*problems)] if problems else []
            phases, settings = seen, without_parameters(settings, of_all - of_seen)
    if errors or stack is None or instrument is None or background is None:
        raise _as_one(errors)
    return Job(
        stack=stack,
        instrument=instrument,
        phases=phases,
        background=background,
        settings=settings,
        recipe_text=recipe.text,
        recipe_hash=recipe.hash,
        locked=locked_tables(recipe, stack, instrument, phases, background, settings),
        directory=base,
        warnings=tuple(warnings),
        electrochemistry=cycler,
    )


def instrument_before_scans(recipe: Recipe) -> Instrument:
    """The instrument of a recipe whose scans are still to come; what else it names is looked at, too.

    Raises
    ------
    InputError
        With one problem for every mistake in instrument, CIFs and background.
    """
    errors: list[InputError] = []
    choice, _, _ = _sample_and_instrument(recipe, errors)
    if errors or choice is None:
        raise _as_one(errors)
    return choice.instrument


def _sample_and_instrument(
    recipe: Recipe, errors: list[InputError]
) -> tuple[InstrumentChoice | None, tuple[Phase, ...], Background | None]:
    tables, base = recipe.tables, recipe.directory
    choice = _attempt(errors, partial(choose_instrument, tables.instrument, base))
    instrument = None if choice is None else choice.instrument
    attempts = [
        _attempt(errors, partial(_phase, table, index, color, base))
        for index, (table, color) in enumerate(zip(tables.phase, _colors(tables.phase), strict=True))
    ]
    phases = tuple(phase for phase in attempts if phase is not None)
    background = _attempt(
        errors, partial(_background, tables.background, None if instrument is None else instrument.lines[0][0], base)
    )
    return choice, phases, background


def _attempt(errors: list[InputError], make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except InputError as error:
        errors.append(error)
        return None


def _as_one(errors: list[InputError]) -> InputError:
    """One exception with all problems; of the one kind if there is but one."""
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    return kind(*(problem for error in errors for problem in error.problems))


def _stack(
    data: DataTable, instrument: Instrument | None, base: Path, survey: Survey, beside_writer: bool
) -> ScanStack:
    said = data.times if isinstance(data.times, TimesTable) else TimesTable(source=data.times)
    times: str | RegularTimes = said.source or "header"
    if said.start is not None and said.interval_s is not None:
        times = RegularTimes(start=said.start, interval_s=said.interval_s)
    stack = open_stack(
        data.files,
        base=base,
        dataset=data.dataset,
        times=times,
        time_zone=said.time_zone,
        dates=said.dates,
        columns=data.columns,
        wavelength=None if instrument is None else instrument.lines[0][0],
        allow=data.allow,
        beside_writer=beside_writer,
    )
    check_files(stack, look=survey.look)
    return stack


def _phase(table: PhaseTable, index: int, color: str | None, base: Path) -> Phase:
    structure = None
    try:
        if table.cif is not None:
            group, cell, structure = read_cif(base / table.cif)
        else:
            group = SpaceGroup.from_name(table.space_group or "")
            cell = cell_from_values(group, table.cell or ())
        reference = table.reference
        return Phase(
            name=table.name,
            group=group,
            cell=cell,
            formula=table.formula,
            reference_cell=None if reference is None else cell_from_values(group, reference.cell),
            reference_source=None if reference is None else reference.source,
            role=table.role,
            color=color,
            structure=structure,
            march_dollase=_hkl(table.march_dollase),
            fixed_cell=table.fixed_cell,
            own_displacement=table.own_displacement,
            strain=table.strain,
            size=table.size,
        )
    except InputError as error:
        raise RecipeError(*(located(f"phase[{index}]", problem) for problem in error.problems)) from None


def _hkl(indices: list[int] | None) -> tuple[int, int, int] | None:
    return None if indices is None else (indices[0], indices[1], indices[2])


def _colors(phases: list[PhaseTable]) -> list[str | None]:
    """The user's colours, and for the other active phases the next of `COLORS` that is free."""
    taken = {phase.color for phase in phases}
    free = iter([color for color in COLORS if color not in taken])
    return [phase.color or (next(free, None) if phase.role == "active" else None) for phase in phases]


def _background(table: BackgroundTable, wavelength: float | None, base: Path) -> Background:
    humps = tuple(Hump(position=hump.position, fwhm=hump.fwhm) for hump in table.humps)
    if table.file is None:
        return Background(terms=table.terms, humps=humps)
    pattern = read_pattern(base / table.file, wavelength=wavelength)
    used = pattern.mask & np.isfinite(pattern.intensity)
    measured = MeasuredBackground.of(
        pattern.two_theta[used],
        pattern.intensity[used],
        None if pattern.sigma is None else pattern.sigma[used],
    )
    return Background(terms=table.terms, humps=humps, measured=measured)


def _settings(data: DataTable, refine: RefineTable, fractions: FractionsTable) -> RefineSettings:
    return RefineSettings(
        mode=refine.mode,
        intensities=refine.chosen_intensities,
        extraction=refine.extraction,
        solver=refine.solver,
        direction=refine.direction,
        weights=data.weights,
        bad_scans=data.bad_scans,
        esd_scaling=refine.esd_scaling,
        unresolved=refine.unresolved,
        two_theta_range=data.range,
        exclude=data.exclude,
        scope={name: entry.scope for name, entry in refine.scope.items()},
        drift={name: _drift(entry) for name, entry in refine.scope.items() if entry.scope == "drift"},
        overrides={name: ParameterOverride(**entry.model_dump()) for name, entry in refine.parameters.items()},
        fractions=fractions.method,
        anchors=fractions.anchor,
        amount=fractions.amount,
    )


def _drift(entry: ScopeTable) -> Drift:
    said = {"order": entry.order, "knots": entry.knots}
    return Drift(**{key: value for key, value in said.items() if value is not None})
