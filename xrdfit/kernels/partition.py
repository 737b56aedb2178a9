"""The Le Bail partition: observed net intensity shared out among overlapping lines.

Source: Le Bail, Duroy & Fourquet (1988), Mater. Res. Bull. 23, 447, doi:10.1016/0025-5408(88)90019-0, with one inner
denominator over the lines of all phases.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrdfit.kernels.jit import vector_kernel

# Points that are taken at once, so that all profiles of a chunk stay in the cache.
_CHUNK = 512


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
    ratio = np.empty(min(n, _CHUNK))
    total = np.zeros(m)
    out[:] = 0.0
    for start in range(0, n, _CHUNK):
        here = ratio[: min(start + _CHUNK, n) - start]
        here[:] = 0.0
        for k in range(0, m, 4):
            k1, k2, k3 = min(k + 1, m - 1), min(k + 2, m - 1), min(k + 3, m - 1)
            a, b, c, d = area[k], area[k1], area[k2], area[k3]
            # The last line again and again counts once.
            b, c, d = b if k1 > k else 0.0, c if k2 > k1 else 0.0, d if k3 > k2 else 0.0
            p, q, r, s = profiles[k][start:], profiles[k1][start:], profiles[k2][start:], profiles[k3][start:]
            for i in range(here.size):
                here[i] += a * p[i] + b * q[i] + c * r[i] + d * s[i]
        for i in range(here.size):
            here[i] = net[start + i] / here[i] if here[i] > 0.0 else 0.0
        for k in range(m):
            shared = whole = 0.0
            row = profiles[k][start:]
            for i in range(here.size):
                shared += row[i] * here[i]
                whole += row[i]
            out[k] += shared
            total[k] += whole
    for k in range(m):
        out[k] = max(area[k] * out[k] / total[k], 0.0) if total[k] > 0.0 else 0.0
