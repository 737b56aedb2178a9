"""What a joint fit minimises, and its normal equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xrdfit.series.joint.layout import Layout, SeriesState
from xrdfit.series.joint.run import fill_run, runs
from xrdfit.series.joint.scan import JointScan
from xrdfit.series.threads import ONE_THREAD, Threads

# Called with a run of scans, its normal matrices (R, n_rows, n_rows) and right sides (R, n_rows).
Filled = Callable[[slice, NDArray[np.float64], NDArray[np.float64]], None]

# How much firmer than the data the conventions hold that the intensities of a phase sum to 1.
_GAUGE = 1e4


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Normal equations of a series of N scans: see `xrdfit.kernels.block_arrow`.

    merit : (N,) of each scan; quasi_deviance: the part of their sum that the patterns make.
    """

    diagonal: NDArray[np.float64]
    below: NDArray[np.float64]
    border: NDArray[np.float64]
    corner: NDArray[np.float64]
    right: NDArray[np.float64]
    right_corner: NDArray[np.float64]
    merit: NDArray[np.float64]
    merit_shared: float
    quasi_deviance: float

    @property
    def total(self) -> float:
        return float(self.merit.sum()) + self.merit_shared

    def without_equations(self) -> Blocks:
        """The merits alone: equations are large, and it is between a fit and its errors that they are wanted."""
        of_scans, of_pairs, of_one = np.empty((0, 0, 0)), np.empty((0, 0)), np.empty(0)
        return replace(
            self,
            diagonal=of_scans,
            below=of_scans,
            border=of_scans,
            corner=of_pairs,
            right=of_pairs,
            right_corner=of_one,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Gaussian knowledge from outside the patterns: mean and weight (1 / variance, 0 for none) of every variable.

    local, local_weight : (n_local,), the same in every scan. shared, shared_weight : (n_shared,). coupling : (n_shared,
    n_shared) inverse covariance where several are known together, beside shared_weight.
    """

    local: NDArray[np.float64]
    local_weight: NDArray[np.float64]
    shared: NDArray[np.float64]
    shared_weight: NDArray[np.float64]
    coupling: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointProblem:
    """What is minimised, and over which variables.

    Attributes
    ----------
    free : (N, n_local), free_shared (n_shared,): what moves. limits : as `Layout.limits` gives them.
    longest : (n_local,) and longest_shared (n_shared,): longest step of each variable. threads : fill the equations.
    """

    layout: Layout
    scans: Sequence[JointScan]
    free: NDArray[np.bool_]
    free_shared: NDArray[np.bool_]
    limits: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    longest: NDArray[np.float64]
    longest_shared: NDArray[np.float64]
    priors: Priors
    threads: Threads = ONE_THREAD


def assemble(
    problem: JointProblem, state: SeriesState, part: slice | None = None, *, filled: Filled | None = None
) -> Blocks:
    """The normal equations at `state`, scan after scan.

    part : of these successive scans alone, with all that their neighbours say of them; of all by default. filled : gets
    what each run of scans has its say with, as `fill_run` gives it; in a part, the neighbours' too.
    """
    layout, scans = problem.layout, problem.scans
    part = slice(0, len(scans)) if part is None else part
    n, size, shared = part.stop - part.start, layout.n_local, layout.n_shared
    n_phases, scale = layout.n_phases, layout.scale
    swept = n > 0 and scans[part.start].share.shape[0] == 3
    diagonal = np.zeros((n, size, size))
    below = np.zeros((n - 1 if swept else 0, size, size))
    border = np.zeros((n, size, shared))
    corner = np.zeros((shared, shared))
    right = np.zeros((n, size))
    right_corner = np.zeros(shared)
    merit = np.zeros(n)
    edge = size + (2 * n_phases if swept else 0)
    beyond = 1 if swept else 0
    asked = list(runs(scans, slice(max(part.start - beyond, 0), min(part.stop + beyond, len(scans)))))
    given = problem.threads.map(partial(fill_run, layout, scans, state), asked)
    for run, (gram, gradient, deviance) in zip(asked, given, strict=True):
        if filled is not None:
            filled(run, gram, gradient)
        here, own = within(run, part), within(part, run)
        diagonal[here] += gram[own, :size, :size]
        border[here] += gram[own, :size, edge:]
        # What lies in a row is added up several times as fast.
        corner += gram[own].sum(axis=0)[edge:, edge:]
        right[here] += gradient[own, :size]
        right_corner += gradient[own, edge:].sum(axis=0)
        merit[here] = deviance[own]
        if swept:
            # What a scan says of the scales of the scan before it, and of the scan after it.
            for step, first in ((-1, size), (1, size + n_phases)):
                told = slice(run.start + step, run.stop + step)
                near, own = within(told, part), within(part, told)
                there = slice(first, first + n_phases)
                diagonal[near, scale, scale] += gram[own, there, there]
                border[near, scale] += gram[own, there, edge:]
                right[near, scale] += gradient[own, there]
                # Between a scan of the part and the next.
                pairs = slice(part.start, part.stop - 1)
                first_told = told if step < 0 else run
                pair, own = within(first_told, pairs), within(pairs, first_told)
                if step < 0:
                    below[pair, :, scale] += gram[own, :size, there]
                else:
                    below[pair, scale, :] += gram[own, there, :size]
    quasi_deviance = float(merit.sum())
    for s, scan in enumerate(scans[part] if layout.deviations else ()):
        merit[s] += scan.bind(state, (diagonal[s], border[s], corner, right[s], right_corner))
    priors = problem.priors
    index = np.arange(size)
    diagonal[:, index, index] += priors.local_weight
    right += priors.local_weight * (priors.local - state.local[part])
    merit += ((state.local[part] - priors.local) ** 2) @ priors.local_weight
    _add_gauge(problem, state, corner, right_corner)
    corner += np.diag(priors.shared_weight) + priors.coupling
    apart = priors.shared - state.shared
    right_corner += priors.shared_weight * apart + priors.coupling @ apart
    return Blocks(
        diagonal=diagonal,
        below=below,
        border=border,
        corner=corner,
        right=right,
        right_corner=right_corner,
        merit=merit,
        quasi_deviance=quasi_deviance,
        merit_shared=float(apart**2 @ priors.shared_weight + apart @ priors.coupling @ apart),
    )


def within(run: slice, part: slice) -> slice:
    """Where scans of a run that are in a part stand in it."""
    first = min(max(run.start, part.start), part.stop)
    return slice(first - part.start, max(min(run.stop, part.stop), first) - part.start)


def _add_gauge(
    problem: JointProblem, state: SeriesState, corner: NDArray[np.float64], right: NDArray[np.float64]
) -> None:
    """The convention that a phase's intensities sum to 1, as an observation far firmer than any in the data.

    The scale of the phase takes up whatever the sum is, so that nothing resists and the merit does not change.
    """
    where, gauge = problem.layout.intensity, problem.layout.intensities.gauge
    if not gauge.size:
        return
    known = np.where(gauge > 0.0, np.diag(corner)[where], 0.0).max(axis=1)
    weighted = _GAUGE * np.maximum(known, 1e-300)[:, None] * gauge
    corner[where, where] += weighted.T @ gauge
    right[where] += (1.0 - gauge @ state.shared[where]) @ weighted
