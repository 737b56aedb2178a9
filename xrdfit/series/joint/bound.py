"""The smallest errors that the counts of a whole series allow: the Cramér-Rao bound of the joint fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import Pattern, RefineSettings, ScanTimes
from xrdfit.fit import PreparedScan, TiedParameters
from xrdfit.kernels.block_arrow import invert_block_arrow
from xrdfit.model import LineChoice, NoiseModel, PatternModel, select_points
from xrdfit.series.joint.chain import Chain, SeriesModel, first_state, list_lines, make_problem, mid_times
from xrdfit.series.joint.intensities import ExtractedIntensities, geometry_factors
from xrdfit.series.joint.layout import SeriesState
from xrdfit.series.joint.problem import assemble
from xrdfit.series.kept import KeptScan
from xrdfit.series.scopes import settle_joint_scopes

# How much firmer than the data the amounts of a phase are held against its intensities.
_FIRM = 1e4

# Of a scan, the areas (m,) of these lines, counts deg.
Areas = Callable[[int, LineChoice], NDArray[np.float64]]


def joint_bound(
    model: PatternModel,
    *,
    values: NDArray[np.float64],
    areas: Areas,
    expected: NDArray[np.float64],
    two_theta: NDArray[np.float64],
    times: ScanTimes | None,
    settings: RefineSettings | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Bound on the standard error of every parameter of a joint fit with shared intensities, (n_scans,) by name.

    The inverse of the Fisher information ``J^T diag(1 / mu) J`` at the truth, mu being the expected counts. Free are
    what the settings' scopes say, the scales of all phases in all scans, and the shared intensities. A cell is free
    wherever its phase diffracts at all; in a scan where the areas of a phase are all zero it is held.

    Parameters
    ----------
    model : its instrument's detector says whether scans sweep (``point``) or read all angles at once (``area``).
    values : (n_scans, n_parameters) true values in the table's order, the cell of an absent phase included.
    areas : called with the number of a scan and lines; returns their true areas.
    expected : (n_scans, n_points) expected counts at `two_theta` (n_points,) in deg.
    settings : whose scopes, drifts, priors and range hold; by default those of a recipe that says nothing of them.

    Returns
    -------
    dict
        Every parameter that moves by its name, and ``<P>_scale_relative``, the bound of the scale over the scale: of
        the amount against the other scans, without the error that all scans have in common and no fraction feels.
        NaN where a phase is absent and for what the counts do not determine.
    """
    settings = RefineSettings() if settings is None else settings
    prepared = [KeptScan(_noiseless(two_theta, counts, settings)) for counts in expected]
    n_phases = len(model.phases)
    lines = list_lines(model, list(values), prepared, [True] * n_phases)
    area = np.array([areas(s, lines) for s in range(len(values))]) / geometry_factors(model, lines, np.array(values))
    amounts = area @ (lines.phase[:, None] == np.arange(n_phases))
    somewhere = (amounts > 0.0).any(axis=0)
    seen = somewhere[lines.phase]
    lines = LineChoice(hkl=lines.hkl[seen], phase=lines.phase[seen])
    absent = np.zeros(len(model.table), dtype=np.bool_)
    for phase in range(n_phases):
        absent |= model.of_phase(phase) & ~somewhere[phase]
    intensities = ExtractedIntensities.of(lines, model.phases, area[:, seen].sum(axis=0))
    middle = mid_times(times, len(expected))
    scopes = settle_joint_scopes(model, settings, absent=absent)
    moving = scopes.moving(len(model.table))
    series = SeriesModel(
        model=model,
        scopes=scopes,
        lines=lines,
        intensities=replace(intensities, gauge=np.zeros((0, lines.phase.size))),
        prepared=dict(enumerate(prepared)),
        times=times,
        middle=middle,
        span=(float(middle[0]), float(middle[-1])),
        tied=TiedParameters.of(model.table, settings.overrides, moving),
        may_spread=any(model.may_spread(own, moving) for own in values),
    )
    chain = series.chain(range(len(expected)))
    state = first_state(chain, list(values), amounts, values.mean(axis=0))
    state.fixed = values
    return _bounds(chain, state, amounts > 0.0, settings)


def _noiseless(two_theta: NDArray[np.float64], counts: NDArray[np.float64], settings: RefineSettings) -> PreparedScan:
    """A scan that measured what was expected, each point weighing what Poisson's law gives it."""
    pattern = Pattern(
        two_theta=two_theta,
        intensity=counts,
        sigma=None,
        mask=np.ones(counts.size, dtype=np.bool_),
        source="expected counts",
        start_s=None,
        end_s=None,
    )
    points = select_points(pattern, two_theta_range=settings.two_theta_range, exclude=settings.exclude)
    noise = NoiseModel(constant=points.intensity, slope=0.0, floor=0.0, regime="poisson")
    return PreparedScan(pattern=pattern, points=points, noise=noise, variance=points.intensity)


def _bounds(
    chain: Chain, state: SeriesState, there: NDArray[np.bool_], settings: RefineSettings
) -> dict[str, NDArray[np.float64]]:
    """there : (N, P) whether a phase diffracts in a scan."""
    layout = chain.layout
    phases = layout.model.phases
    free = np.ones((len(chain.scans), layout.n_local), dtype=np.bool_)
    for number in range(len(phases)):
        free[np.ix_(~there[:, number], layout.of_phase(number))] = False
        free[:, layout.local.size + number] = there[:, number].any()
    free_shared = np.ones(layout.n_shared, dtype=np.bool_)
    free_shared[layout.intensity] = layout.intensities.start > 0.0
    chain.settle(state)
    blocks = assemble(make_problem(chain, settings, free=free, free_shared=free_shared), state)
    _fix_amounts(chain, blocks.corner, state.shared)
    local, _, response, shared, blind, blind_shared = invert_block_arrow(
        blocks.diagonal, blocks.below, blocks.border, blocks.corner, free, free_shared
    )
    variance = np.diagonal(local, axis1=1, axis2=2) + np.einsum("sik,kl,sil->si", response, shared, response)
    variance = np.where(free & ~blind, variance, np.nan)
    of_series = np.where(blind_shared, np.nan, np.diag(shared))

    names = layout.model.table.names
    bound = {names[row]: np.sqrt(variance[:, i]) for i, row in enumerate(layout.local)}
    for i, row in enumerate(layout.series):
        bound[names[row]] = np.full(len(free), np.sqrt(of_series[i]))
    for (row, basis), where in zip(layout.drifts, layout.drift_slices, strict=True):
        known = np.einsum("si,ij,sj->s", basis, shared[where, where], basis)
        bound[names[row]] = np.sqrt(known + 0.0 * of_series[where].sum())
    for number, phase in enumerate(phases):
        column = layout.local.size + number
        relative = np.full(len(free), np.nan)
        np.divide(np.sqrt(variance[:, column]), state.local[:, column], out=relative, where=there[:, number])
        bound[f"{phase.name}_scale_relative"] = relative
        for row in np.flatnonzero(layout.model.of_phase(number)):
            if names[row] in bound:
                bound[names[row]] = np.where(there[:, number], bound[names[row]], np.nan)
    return bound


def _fix_amounts(chain: Chain, corner: NDArray[np.float64], shared: NDArray[np.float64]) -> None:
    """Hold the intensities of each phase against their scale where the series as a whole knows them best.

    Under the convention that they sum to 1, every scale would have the error of the least known line.
    """
    layout = chain.layout
    for phase in range(layout.n_phases):
        own = layout.intensity.start + np.flatnonzero(layout.lines.phase == phase)
        if own.size:
            known = corner[np.ix_(own, own)]
            row = known @ shared[own]
            corner[np.ix_(own, own)] += _FIRM * float(np.diag(known).max()) / float(row @ row) * np.outer(row, row)
