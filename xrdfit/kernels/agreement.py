"""The sums that agreement factors are made of."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import lean_kernel


class AgreementSums(NamedTuple):
    """Sums over the points of a pattern, w being their weights and d observed - calculated.

    ``chi2``: w d^2. ``total``: w observed^2. ``net``: w (observed - background)^2. ``absolute``: |observed|.
    ``difference``: |d|. ``steps``: squared differences of sqrt(w) d between neighbours. ``runs``: squared sums of
    sqrt(w) d over runs of one sign.
    """

    chi2: float
    total: float
    net: float
    absolute: float
    difference: float
    steps: float
    runs: float


@lean_kernel
def agreement_sums(
    observed: NDArray[np.float64],
    calculated: NDArray[np.float64],
    background: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> AgreementSums:
    """All arrays (n,), over the used points."""
    chi2 = total = net = absolute = difference = steps = runs = 0.0
    run = before = 0.0
    for i in range(observed.size):
        apart = observed[i] - calculated[i]
        scaled = math.sqrt(weight[i]) * apart
        chi2 += scaled * scaled
        total += weight[i] * observed[i] * observed[i]
        above = observed[i] - background[i]
        net += weight[i] * above * above
        absolute += abs(observed[i])
        difference += abs(apart)
        if i > 0:
            steps += (scaled - before) ** 2
            if math.copysign(1.0, scaled) != math.copysign(1.0, before):
                runs += run * run
                run = 0.0
        run += scaled
        before = scaled
    return AgreementSums(chi2, total, net, absolute, difference, steps, runs + run * run)
