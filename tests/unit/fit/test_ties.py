"""Lines that a scan cannot tell apart, and what the other scans say of them."""

from __future__ import annotations

import numpy as np

from tests.scans import pattern, reference_scan, two_phase_model, usual
from xrdfit.data import RefineSettings
from xrdfit.fit import PreparedScan, fit_scan, prepare_scan
from xrdfit.fit.ties import SPREAD, UNRESOLVED, tie_unresolved
from xrdfit.model import PatternModel


def prepared_scan() -> tuple[PatternModel, PreparedScan, np.ndarray, np.ndarray]:
    scan = reference_scan()
    prepared = prepare_scan(pattern(scan.counts(11)), RefineSettings())
    return scan.model, prepared, scan.values, usual(scan.model)


def test_only_neighbours_within_half_their_width_are_tied() -> None:
    model = two_phase_model()
    values = model.table.defaults()
    two_theta = np.linspace(20.0, 38.0, 607)
    lines = model.choose_lines(values, two_theta, (True, True))
    placed = model.place(values, lines)
    areas = [{tuple(int(i) for i in hkl): 100.0 for hkl in lines.hkl[lines.phase == p]} for p in (0, 1)]
    ties = tie_unresolved(lines, placed, areas)
    assert ties.shape[1] > 0
    for tie in ties.T:
        first, second = np.flatnonzero(tie)
        assert lines.phase[first] == lines.phase[second]
        width = placed.gauss[first, 0] + placed.lorentz[first, 0]
        assert abs(placed.position[first, 0] - placed.position[second, 0]) <= UNRESOLVED * width
        # Equal expectations: the tie is half the difference, in units of a tenth of the sum.
        assert abs(tie[first]) == 0.5 / (SPREAD * 200.0)
        assert tie[first] == -tie[second]


def test_ties_that_agree_with_the_truth_leave_the_cell_and_narrow_its_error() -> None:
    model, prepared, values, vary = prepared_scan()
    free = fit_scan(model, prepared, RefineSettings(), start=values, present=(True, True), vary=vary)
    lines, area = free.objective.lines, free.objective.work.area
    expected = [
        {
            (int(h), int(k), int(m)): float(a)
            for (h, k, m), a in zip(lines.hkl[lines.phase == p], area[lines.phase == p], strict=True)
        }
        for p in (0, 1)
    ]
    tied = fit_scan(model, prepared, RefineSettings(), start=values, present=(True, True), vary=vary, expected=expected)
    cells = model.table.where("cell")
    np.testing.assert_allclose(tied.values[cells], free.values[cells], atol=0.02 * free.esd[cells].max())
    assert (tied.esd[cells] <= free.esd[cells] * 1.001).all()
    # Ties are not points of the pattern: they do not enter the agreement factors.
    assert tied.agreement.n_points == free.agreement.n_points
    assert tied.result.residual.size == prepared.points.two_theta.size


def test_both_drivers_agree_with_ties() -> None:
    model, prepared, values, vary = prepared_scan()
    lines = model.choose_lines(values, prepared.points.two_theta, (True, True))
    expected = [
        {(int(h), int(k), int(m)): 50.0 + 10.0 * i for i, (h, k, m) in enumerate(lines.hkl[lines.phase == p])}
        for p in (0, 1)
    ]
    one, other = (
        fit_scan(
            model,
            prepared,
            RefineSettings(solver=solver),
            start=values,
            present=(True, True),
            vary=vary,
            expected=expected,
        )
        for solver in ("compiled", "leastsq")
    )
    varied = np.isfinite(one.esd)
    assert (np.abs(one.values - other.values)[varied] / one.esd[varied] < 0.01).all()
