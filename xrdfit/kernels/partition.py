"""The Le Bail partition: observed net intensity shared out among overlapping lines.

Source: Le Bail, Duroy & Fourquet (1988), Mater. Res. Bull. 23, 447, doi:10.1016/0025-5408(88)90019-0, with one inner
denominator over the lines of all phases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import vector_kernel


@vector_kernel
def partition_cycle(
    profiles: NDArray[np.float64], net: NDArray[np.float64], area: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """One partition: ``I_k <- I_k [sum_i P_ik net_i / sum_m I_m P_im] / sum_i P_ik``, then ``I_k >= 0``.

    Parameters
    ----------
    profiles : (m, n) unit-area profiles at the used points; uneven steps and lines partly in range need no care,
        since every sum runs over the same points.
    net : (n,) intensity above background; signed, for clipping it would push weak lines upwards.
    area : (m,) intensities before, all phases.
    out : (m,) intensities after.
    """
    m, n = profiles.shape
    ratio = np.zeros(n)
    for k in range(m):
        for i in range(n):
            ratio[i] += area[k] * profiles[k, i]
    for i in range(n):
        ratio[i] = net[i] / ratio[i] if ratio[i] > 0.0 else 0.0
    for k in range(m):
        shared = 0.0
        total = 0.0
        for i in range(n):
            shared += profiles[k, i] * ratio[i]
            total += profiles[k, i]
        out[k] = max(area[k] * shared / total, 0.0) if total > 0.0 else 0.0
