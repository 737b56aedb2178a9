"""Is the phase there? A test that does not let the scan under test choose its own evidence.

Cell, widths and relative intensities come from the other scans; what is left is one amplitude, bounded at zero, whose
null distribution is half chi2_0, half chi2_1 (Self & Liang 1987, doi:10.1080/01621459.1987.10478472). It is tested by
its score at the fit without the phase, everything that fit refined being projected out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xrdfit.fit import PreparedScan, ScanFit
from xrdfit.kernels.evaluation import calculate, make_workspace
from xrdfit.kernels.normal_equations import eliminated
from xrdfit.model import PatternModel
from xrdfit.series.sequential.selection import DECOYS, MISFIT, scaled_cell
from xrdfit.series.state import Hkl

# One-sided 1 % point of the standard normal: the nominal rate of false alarms.
Z_PRESENT = 2.3263478740408408
# One-sided 95 % point, for upper limits.
Z_UPPER = 1.6448536269514722
# Below this the free intensities of a phase follow noise as much as signal, and its cell with them.
Z_CELL = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceTest:
    """Amplitude of a phase, in units of its reference intensities, with esd; z = amplitude / esd."""

    amplitude: float
    esd: float

    @property
    def z(self) -> float:
        return self.amplitude / self.esd if self.esd > 0.0 else 0.0

    @property
    def upper95(self) -> float:
        return max(self.amplitude, 0.0) + Z_UPPER * self.esd


def phase_template(
    model: PatternModel,
    scan: PreparedScan,
    *,
    values: NDArray[np.float64],
    phase: int,
    reference: Mapping[Hkl, float],
) -> NDArray[np.float64]:
    """(n,) pattern of a phase with its reference intensities at the points of a scan."""
    only = [number == phase for number in range(len(model.phases))]
    lines = model.choose_lines(values, scan.points.two_theta, only)
    problem = model.problem(scan.points, scan.noise, lines, may_spread=model.may_spread(values))
    work = make_workspace(problem, 0)
    work.area[:] = [reference.get(_key(hkl), 0.0) for hkl in lines.hkl]
    calculate(problem, model.table.slots(values), work, False)
    return work.model - work.background


def presence_test(
    model: PatternModel,
    fit: ScanFit,
    *,
    values: NDArray[np.float64],
    phase: int,
    reference: Mapping[Hkl, float],
) -> PresenceTest:
    """Test a phase, with cell and widths from `values` and reference intensities, against a fit without it.

    The residual's variance and serial correlation widen the esd. Where misfit, not noise, makes the residual, the
    same template with the cell stretched and squeezed, where the phase is not, shows what misfit alone scores: the
    esd is widened until those scores have root mean square 1.
    """

    def score(factor: float) -> PresenceTest:
        moved = scaled_cell(model, values, phase, factor)
        return score_test(fit, phase_template(model, fit.prepared, values=moved, phase=phase, reference=reference))

    test = score(1.0)
    if fit.agreement.chi2_reduced <= MISFIT or not np.isfinite(test.esd):
        return test
    decoys = [decoy for decoy in map(score, DECOYS) if np.isfinite(decoy.esd)]
    spread = np.sqrt(np.mean([decoy.z**2 for decoy in decoys])) if decoys else 1.0
    return PresenceTest(amplitude=test.amplitude, esd=test.esd * max(1.0, float(spread)))


def score_test(fit: ScanFit, template: NDArray[np.float64]) -> PresenceTest:
    """Score test of a template (n,) against the fit of a scan without it.

    Where the template is a combination of what the fit already has, the esd is infinite.
    """
    objective = fit.objective
    objective.calculate(fit.values)
    work = objective.work
    slots = objective.model.table.slots(fit.values)
    _, _, active = eliminated(objective.problem, slots, objective.row_of_slot, work)
    root = np.sqrt(objective.at_points(work.weight))
    lines = objective.profiles(fit.values)[active]
    known = np.concatenate([objective.at_points(lines), objective.at_points(work.jacobian)]) * root
    wanted = template * root
    basis = _orthonormal_rows(known)
    new = wanted - basis.T @ (basis @ wanted)
    strength = float(new @ new)
    if strength <= 1e-10 * float(wanted @ wanted):
        return PresenceTest(amplitude=0.0, esd=np.inf)
    residual = root * objective.at_points(work.residual)
    amplitude = float(new @ residual) / strength
    rest = residual - amplitude * new
    n_free = max(rest.size - basis.shape[0] - 1, 1)
    return PresenceTest(amplitude=amplitude, esd=float(np.sqrt(_inflation(rest, new, n_free) / strength)))


def _inflation(residual: NDArray[np.float64], template: NDArray[np.float64], n_free: int) -> float:
    """Variance of the template's score against that under independent unit noise."""
    n = residual.size
    gamma0 = float(residual @ residual) / n_free
    norm = float(template @ template)
    total = gamma0
    noise = 2.0 / np.sqrt(n)
    reach = 0
    for lag in range(1, n // 4):
        # Autocovariance up to the first lag at which it is lost in its own noise.
        gamma = float(residual[lag:] @ residual[:-lag]) / n_free
        if gamma < noise * gamma0:
            break
        total += 2.0 * gamma * float(template[lag:] @ template[:-lag]) / norm
        reach = lag
    if gamma0 > MISFIT:
        # Where misfit, not noise, makes the residual, it sits under the strong lines: what counts is the residual
        # where the template is (Newey & West 1987, doi:10.2307/1913610).
        score = template * residual
        local = float(score @ score)
        for lag in range(1, reach + 1):
            local += 2.0 * (1.0 - lag / (reach + 1.0)) * float(score[lag:] @ score[:-lag])
        total = max(total, local / norm)
    return max(total, 1e-12)


def _orthonormal_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(rows, axis=1)
    kept = rows[norm > 0.0] / norm[norm > 0.0][:, None]
    if kept.shape[0] == 0:
        return kept
    strength, direction = np.linalg.eigh(kept @ kept.T)
    seen = strength > 1e-10 * strength[-1]
    return (direction[:, seen] / np.sqrt(strength[seen])).T @ kept


def _key(hkl: NDArray[np.int32]) -> Hkl:
    return int(hkl[0]), int(hkl[1]), int(hkl[2])
