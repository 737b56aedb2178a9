"""Weights of the wavelengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import inlined_kernel
from xrdfit.kernels.problem import Problem


@inlined_kernel
def emission_weight(problem: Problem, slots: NDArray[np.float64], e: int) -> float:
    """Weight of an emission line: given, or for a contaminating line refined."""
    if problem.weight_slot[e] < 0:
        return problem.weight[e]
    return problem.weight[e] * slots[problem.weight_slot[e]]


@inlined_kernel
def unit_weight(problem: Problem, row_of_slot: NDArray[np.int64], e: int) -> float:
    """What the weight of an emission line would be at a factor of one, if that is refined, else zero.

    A contaminating line without weight still answers to it.
    """
    own = problem.weight_slot[e]
    return problem.weight[e] if own >= 0 and row_of_slot[own] >= 0 else 0.0
