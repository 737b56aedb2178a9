"""What a run settled by itself and the reader must know."""

from __future__ import annotations

import numpy as np

from xrdfit.data import Drift
from xrdfit.model import PatternModel
from xrdfit.series.joint.drift import n_coefficients
from xrdfit.series.joint.intensities import StructureIntensities
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.sequential.series import SequentialSeries
from xrdfit.series.words import count_of_scans

# Parameters that shift all lines in nearly the same way.
_COLLINEAR = ("zero_shift", "sample_displacement", "transparency")


def sequential_notes(series: SequentialSeries) -> list[str]:
    """Of scans refined one after the other."""
    model, scopes = series.fitter.model, series.fitter.scopes
    notes = [
        f"esds: marginal covariance, intensities and background included; scaling: {series.settings.esd_scaling}",
        "fractions: not determined in sequential mode; apparent_share is a ratio of free Le Bail sums, not a fraction",
    ]
    assert series.seen is not None
    for spec, value, once in zip(model.table, series.seen.start, scopes.series, strict=True):
        if once:
            notes.append(f"{spec.name} = {value:.6g} {spec.unit}: refined once, on the best scans, and held")
    if scopes.series.any():
        notes.append("esds do not include the error of what was refined once; sizes feel it, cells hardly")
    free = [name for name in _COLLINEAR if name in model.table.names]
    free = [name for name in free if (scopes.scan | scopes.series)[model.table.index(name)]]
    return notes + _of_both(series, model, free)


def joint_notes(series: JointSeries) -> list[str]:
    """Of scans refined together."""
    layout, errors, solution = series.chain.layout, series.errors, series.solution
    model = layout.model
    notes = [
        f"{count_of_scans(len(series.chain.scans))} refined together: {solution.iterations} iterations, intensities: "
        f"{series.settings.intensities}",
        "esds: marginal covariance of the whole series, what the scans share included; scaling: "
        f"{series.settings.esd_scaling}",
    ]
    for i, row in enumerate(layout.series):
        spec = model.table.specs[row]
        value = f"{solution.state.shared[i]:.6g} {spec.unit}"
        notes.append(f"{spec.name} = {value}: one value for the series, {_certainty(series, i)}")
    if isinstance(layout.intensities, StructureIntensities):
        for i, name in enumerate(layout.intensities.names, start=layout.intensity.start):
            notes.append(f"{name} = {solution.state.shared[i]:.4g}: one value for the series, {_certainty(series, i)}")
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        spec = model.table.specs[row]
        course = basis @ solution.state.shared[where]
        wanted, found = n_coefficients(series.settings.drift.get(spec.name, Drift())), basis.shape[1]
        if found < wanted:
            fewer = "a constant" if found == 1 else f"a drift with {found} coefficients"
            notes.append(
                f"{spec.name}: a drift with {wanted} coefficients is more than the times of "
                f"{count_of_scans(len(basis))} can tell; {fewer} in its place"
            )
        word = ""
        if errors.blind_shared[where].any():
            word = ", not determined by the series"
        elif not solution.free_shared[where].all():
            word = ", at its limit"
        notes.append(
            f"{spec.name}: drifts with {found} coefficients, {course[0]:.4g} to {course[-1]:.4g} {spec.unit}{word}"
        )
    moving = {model.table.names[row] for row in layout.rows}
    return notes + _of_both(series.sequential, model, [name for name in _COLLINEAR if name in moving])


def _certainty(series: JointSeries, variable: int) -> str:
    """How well the series knows one of the shared variables."""
    if series.errors.blind_shared[variable]:
        return "not determined by the series"
    if not series.solution.free_shared[variable]:
        return "at its limit"
    return f"esd {np.sqrt(series.errors.shared[variable, variable]):.2g}"


def _of_both(series: SequentialSeries, model: PatternModel, shifting: list[str]) -> list[str]:
    notes = [
        f"{model.phases[number].name}: not established in any scan (see docs: Le Bail); taken as absent"
        for number in series.unproven
    ]
    if len(shifting) > 1:
        notes.append(f"{' and '.join(shifting)} are refined together: nearly collinear over a short range")
    if model.instrument.profile is None:
        notes.append("instrument resolution unknown: u, v, w refined; sizes and strains are not sample properties")
    return notes
