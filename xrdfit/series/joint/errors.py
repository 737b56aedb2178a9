"""What the errors of a joint fit are: the full marginal covariance, what the scans share included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xrdfit.data import RefineSettings
from xrdfit.fit import Agreement, agreement, esd_factor
from xrdfit.kernels import problem as slot
from xrdfit.kernels.block_arrow import invert_block_arrow
from xrdfit.series.joint.chain import Chain
from xrdfit.series.joint.run import run_patterns, runs
from xrdfit.series.joint.solver import JointSolution


@dataclass(slots=True, kw_only=True)
class JointErrors:
    """Covariance of a joint fit of N scans, scaled as the settings say.

    ``cov(x_s, x_s') = delta_ss' local_s + response_s shared response_s'^T``, and between a scan and the next of a
    sweeping series also ``neighbour_s``.

    Attributes
    ----------
    local : (N, n_local, n_local), neighbour (N - 1 or 0, n_local, n_local), response (N, n_local, n_shared).
    shared : (n_shared, n_shared). Zero rows for what did not move; ``blind`` (N, n_local) and ``blind_shared`` mark
        what the data do not determine.
    scale_esd : (N, P) of the scales.
    factor : (N,) by which the counting esds of each scan are multiplied. factor_shared : the same for the series.
    agreement : of each scan.
    """

    local: NDArray[np.float64]
    neighbour: NDArray[np.float64]
    response: NDArray[np.float64]
    shared: NDArray[np.float64]
    blind: NDArray[np.bool_]
    blind_shared: NDArray[np.bool_]
    scale_esd: NDArray[np.float64]
    factor: NDArray[np.float64]
    factor_shared: float
    agreement: tuple[Agreement, ...]

    def covariance(self, position: int) -> NDArray[np.float64]:
        """(n_local, n_local) marginal covariance of one scan's variables."""
        response = self.response[position]
        return self.local[position] + response @ self.shared @ response.T

    def forget_covariances(self) -> None:
        """Let go of the covariances of scans when nobody will ask for them again: they are large."""
        self.local, self.neighbour, self.response = np.empty((3, 0, 0, 0))


def joint_errors(
    chain: Chain, solution: JointSolution, settings: RefineSettings, given: JointErrors | None = None
) -> JointErrors:
    """Covariance and agreement of a joint fit at its solution.

    given : errors of the fit from which the shared variables were taken as they are.
    """
    blocks = solution.blocks
    local, neighbour, response, shared, blind, blind_shared = invert_block_arrow(
        blocks.diagonal, blocks.below, blocks.border, blocks.corner, solution.free, solution.free_shared
    )
    each_has = float(np.count_nonzero(solution.free_shared)) / max(len(chain.scans), 1)
    found, asked = [], list(runs(chain.scans))
    calculated = chain.threads.map(partial(run_patterns, chain.layout, chain.scans, solution.state), asked)
    for run, patterns in zip(asked, calculated, strict=True):
        for row, position in enumerate(range(run.start, run.stop)):
            found.append(
                agreement(
                    observed=chain.scans[position].kept.intensity,
                    calculated=patterns.model[row],
                    background=patterns.background[row],
                    weight=patterns.weight[row],
                    n_parameters=int(np.count_nonzero(solution.free[position]) + round(each_has)),
                )
            )
    if given is not None:
        response, blind_shared = local @ blocks.border, given.blind_shared
    factor = np.array(
        [
            esd_factor(fit, scaling=settings.esd_scaling, regime=scan.kept.regime)
            for fit, scan in zip(found, chain.scans, strict=True)
        ]
    )
    factor_shared = float(np.sqrt(np.mean(factor**2)))
    local *= factor[:, None, None] ** 2
    shared = given.shared if given is not None else shared * factor_shared**2
    scale = np.arange(chain.layout.n_local)[chain.layout.scale]
    variance = local[:, scale, scale] + ((response[:, scale] @ shared) * response[:, scale]).sum(axis=2)
    return JointErrors(
        local=local,
        neighbour=neighbour * (factor[1:] * factor[:-1])[: len(neighbour), None, None],
        response=response,
        shared=shared,
        blind=blind,
        blind_shared=blind_shared,
        scale_esd=np.sqrt(np.maximum(variance, 0.0)),
        factor=factor,
        factor_shared=factor_shared,
        agreement=tuple(found),
    )


def parameter_covariance(
    chain: Chain, position: int, solution: JointSolution, errors: JointErrors
) -> NDArray[np.float64]:
    """(n_parameters, n_parameters) of a scan, expressions included; zero for what did not move, NaN for the blind."""
    return parameter_covariances(chain, slice(position, position + 1), solution, errors)[0]


def parameter_covariances(
    chain: Chain, run: slice, solution: JointSolution, errors: JointErrors
) -> NDArray[np.float64]:
    """(R, n_parameters, n_parameters) the same of a run of scans."""
    layout = chain.layout
    size, n_parameters, n_own = run.stop - run.start, len(layout.model.table), layout.local.size
    moving = np.flatnonzero(layout.touched)
    derivative = layout.run_derivative(solution.state.run_values(layout, run), run)[:, moving]
    by_local = np.zeros((size, moving.size, layout.n_local))
    by_shared = np.zeros((size, moving.size, layout.n_shared))
    by_local[:, :, :n_own] = derivative[:, :, :n_own]
    by_shared[:, :, : derivative.shape[2] - n_own] = derivative[:, :, n_own:]
    # cov(x_s, shared) = -response shared.
    through = by_shared - by_local @ errors.response[run]
    own, shared = by_local.transpose(0, 2, 1), through.transpose(0, 2, 1)
    found = by_local @ errors.local[run] @ own + through @ errors.shared @ shared
    blind = ((by_local != 0.0) & errors.blind[run, None, :]).any(axis=2)
    blind |= ((by_shared != 0.0) & errors.blind_shared).any(axis=2)
    found[blind[:, :, None] | blind[:, None, :]] = np.nan
    covariances = np.zeros((size, n_parameters, n_parameters))
    covariances[:, moving[:, None], moving] = found
    return covariances


def blur(chain: Chain, position: int, solution: JointSolution, covariance: NDArray[np.float64], phase: int) -> float:
    """How far the error of a phase's cell in a scan moves its lines, in their FWHM: RMS weighted by intensity.

    covariance : (n_parameters, n_parameters) of the scan. Infinite without intensity or with a cell that does not move,
    unless it is known.
    """
    layout = chain.layout
    table = layout.model.table
    scan = chain.scans[position]
    scan.pattern(solution.state)
    work = scan.work
    lines = layout.lines.phase == phase
    intensity = scan.relative(solution.state)[lines]
    cell = np.flatnonzero(table.where("cell") & layout.model.of_phase(phase) & layout.touched)
    if not intensity.sum() > 0.0:
        return np.inf
    if not cell.size:
        return 0.0 if layout.model.phases[phase].fixed_cell else np.inf
    first = slot.N_GLOBAL + slot.N_PHASE * phase
    on_cell = slice(slot.N_GLOBAL, slot.N_GLOBAL + slot.LORENTZ_SIZE)
    by_cell = work.by_slot[lines, 0, on_cell] * work.by_theta[lines, 0, :1]
    motion = by_cell @ table.slot_mapping[first : first + slot.LORENTZ_SIZE][:, cell]
    known = np.nan_to_num(covariance[np.ix_(cell, cell)])
    variance = np.einsum("ij,jk,ik->i", motion, known, motion)
    fwhm = work.gauss[lines, 0] + work.lorentz[lines, 0]
    return float(np.sqrt(np.sum(intensity * variance / fwhm**2) / intensity.sum()))
