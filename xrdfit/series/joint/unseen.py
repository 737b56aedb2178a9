"""Phases that no scan shows: how much of them could be there without being seen.

Where a phase has a structure, its pattern is known beforehand, cell and all, so that the test of every scan owes
nothing to the scan: amplitude 0 is exceeded at the nominal rate. Widths are those of the phase that is seen best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.intensities import calculated_intensities
from xrdfit.series.joint.scan_fit import JointScanFit
from xrdfit.series.joint.series import JointSeries
from xrdfit.series.presence import PresenceTest, phase_template

UnseenTests = dict[int, dict[int, PresenceTest]]


def tests_of_unseen(series: JointSeries) -> UnseenTests:
    """Of every scan, by number of the phase: the amplitude of each phase that is nowhere seen but has a structure."""
    model = series.model
    wanted = [phase for phase in series.sequential.unproven if model.phases[phase].structure is not None]
    return {index: {phase: _test(series, fit, phase) for phase in wanted} for index, fit in series.fits.items()}


def _test(series: JointSeries, fit: JointScanFit, phase: int) -> PresenceTest:
    layout = fit.chain.layout
    model = layout.model
    values = _with_cell_and_widths(series, fit, phase)
    only = [number == phase for number in range(len(model.phases))]
    lines = model.choose_lines(values, fit.kept.grid.chosen, only)
    if not lines.phase.size:
        return PresenceTest(amplitude=0.0, esd=np.inf)
    calculated = calculated_intensities(model.phases[phase], lines.hkl, model.instrument)
    reference = {
        (int(h), int(k), int(m)): float(part)
        for (h, k, m), part in zip(lines.hkl, calculated / calculated.sum(), strict=True)
    }
    template = phase_template(model, fit.kept.prepared, values=values, phase=phase, reference=reference)
    scan = fit.chain.scans[fit.position]
    scan.block(fit.solution.state)
    weight, residual = scan.work.weight, scan.work.residual
    own = np.flatnonzero(fit.solution.free[fit.position])
    rows = scan.work.rows[: layout.n_local][own]
    inner = scan.work.gram[np.ix_(own, own)]
    across = rows @ (weight * template)
    root = 1.0 / np.sqrt(np.maximum(np.diag(inner), 1e-300))
    through = np.linalg.solve(inner * np.outer(root, root) + 1e-12 * np.eye(own.size), across * root) * root
    # What the fit has not already taken up of the phase's pattern.
    strength = float(template @ (weight * template) - through @ across)
    if not strength > 1e-9 * float(template @ (weight * template)):
        return PresenceTest(amplitude=0.0, esd=np.inf)
    score = float(template @ (weight * residual) - through @ scan.work.right[own])
    factor = float(fit.errors.factor[fit.position])
    return PresenceTest(amplitude=score / strength, esd=factor / float(np.sqrt(strength)))


def _with_cell_and_widths(series: JointSeries, fit: JointScanFit, phase: int) -> NDArray[np.float64]:
    """(n_parameters,) of the scan; the phase with the cell it starts from, as broad as the strongest phase there."""
    model = fit.chain.layout.model
    assert series.sequential.seen is not None
    values = fit.values.copy()
    own = np.flatnonzero(model.of_phase(phase))
    values[own] = series.sequential.seen.start[own]
    cell = model.table.where("cell")
    values[own] = np.where(cell[own], series.sequential.start[own], values[own])
    strongest = int(np.argmax(fit.scales))
    for name in ("lorentz_size", "lorentz_strain", "gauss_strain"):
        mine, its = (f"{model.phases[number].name}_{name}" for number in (phase, strongest))
        if mine in model.table.names and its in model.table.names:
            values[model.table.index(mine)] = values[model.table.index(its)]
    return values
